from dlcli.report.text import format_figure, format_layers, format_scores, format_table


def test_columns_line_up_text_to_the_left_and_numbers_to_the_right():
    text = format_table(["name", "kind", "n"], [["a", "long word", "1"], ["bcd", "x", "1,000"]])
    assert text.splitlines() == [
        "name  kind           n",
        "----  ---------  -----",
        "a     long word      1",
        "bcd   x          1,000",
    ]


def test_figures_have_five_digits_and_undefined_ones_are_dashes():
    assert format_figure(0.123456789) == "0.12346"
    assert format_figure(None) == "-"


def test_the_network_stands_beside_its_baselines():
    figures = {"RootMeanSquaredError": 1.0, "MeanAbsoluteError": 0.5, "R2Score": 0.9}
    baselines = {"mean": {"targets": {"y": {"RootMeanSquaredError": 3.0, "R2Score": None}}}}
    text = format_scores({"y": figures}, baselines)
    assert text.splitlines()[0].split() == ["y", "network", "mean"]
    assert "R2Score                 0.900      -" in text


def test_unequal_classes_show_the_balanced_accuracy():
    figures = {"Accuracy": 0.9, "BalancedAccuracy": 0.6, "LogLoss": 0.3}
    unequal = {**figures, "Classes": {"no": {"Support": 90}, "yes": {"Support": 10}}}
    equal = {**figures, "Classes": {"no": {"Support": 11}, "yes": {"Support": 10}}}
    assert "BalancedAccuracy    0.600" in format_scores({"y": unequal}, {})
    assert "BalancedAccuracy" not in format_scores({"y": equal}, {})


def test_a_confusion_matrix_names_its_classes():
    figures = {
        "Accuracy": 0.75,
        "ConfusionMatrix": [[3, 1], [0, 4]],
        "Classes": {"no": {}, "yes": {}},
    }
    text = format_scores({"y": figures}, {})
    assert "actual \\ predicted  no  yes" in text
    assert "no                   3    1" in text


def test_layers_show_shape_parameters_and_sources():
    layer = {
        "name": "dense",
        "layer": "Dense",
        "output_shape": [None, 64],
        "num_parameters": 1234,
        "activation": "relu",
        "inputs": ["features"],
    }
    text = format_layers([layer])
    assert "(rows, 64)" in text
    assert text.endswith("1,234 parameters")
