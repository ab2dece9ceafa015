import pytest

from dlcli.commands.summarize import run_text, summarize
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.errors import UsageError


def test_a_run_shows_its_figures_and_layers(trained_run):
    summary = summarize(str(trained_run.path))
    assert "test part, 206 rows" in summary.text
    assert "parameters" in summary.text
    assert summary.values["manifest"]["name"] == "concrete"


def test_a_config_shows_the_network_it_would_train(concrete_config, tmp_path):
    summary = summarize(
        str(concrete_config), overrides=("layers=[Dense: 3, Dense: 1]",), plot=tmp_path / "net.svg"
    )
    assert [layer["layer"] for layer in summary.values["layers"]] == [
        "InputLayer",
        "Dense",
        "Dense",
    ]
    assert "31 parameters" in summary.text  # 8 * 3 + 3, and 3 + 1
    assert (tmp_path / "net.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_weights_are_shown_by_name(concrete_config):
    overrides = ("layers=[Dense: {units: 1, kernel_initializer: {Constant: 0.25}}]",)
    summary = summarize(str(concrete_config), overrides=overrides, weights=True)
    (kernel, bias) = summary.values["weights"].values()
    assert kernel == [[0.25]] * 8
    assert bias == [0.0]
    assert "0.25" in summary.text


def test_weights_near_zero_are_counted(concrete_config):
    value = "value: [[0.0], [-0.0009], [0.001], [0.2], [0.1], [0.3], [0.4], [0.149780716]]"
    overrides = (f"layers=[Dense: {{units: 1, kernel_initializer: {{Constant: {{{value}}}}}}}]",)
    summary = summarize(str(concrete_config), overrides=overrides, weights=True)
    assert summary.values["near_zero"] == {
        "below": 0.001,
        "counts": {"compressive_strength/kernel": 2, "compressive_strength/bias": 1},
    }
    assert "kernel [8, 1], 2 of 8 within 0.001 of 0" in summary.text
    assert "0.14978072" in summary.text


def test_a_data_file_is_profiled(concrete_csv):
    summary = summarize(str(concrete_csv))
    assert "1030 rows" in summary.text.replace(",", "")
    assert "compressive_strength" in summary.text


def test_weights_of_a_data_file_are_refused(concrete_csv):
    with pytest.raises(UsageError, match="is a data file"):
        summarize(str(concrete_csv), weights=True)


@pytest.mark.parametrize(("columns", "text"), [(2, "in x1: median with"), (8, "in 8 columns")])
def test_what_policies_did_is_told(tmp_path, columns, text):
    names = [f"x{index}" for index in range(columns)]
    rows = [",".join([*(["" if row == 3 else str(row)] * columns), str(row)]) for row in range(30)]
    table = "\n".join([",".join([*names, "y"]), *rows])
    (tmp_path / "data.csv").write_text(table, encoding="utf-8")
    (tmp_path / "net.yaml").write_text(
        "data: {source: data.csv, target: y, missing: median}\nlayers: [Dense: 1]\nepochs: 1\n",
        encoding="utf-8",
    )
    run = train(tmp_path / "net.yaml", TrainOptions(out=tmp_path / "run"), QuietDisplay()).run
    assert text in run_text(run)
