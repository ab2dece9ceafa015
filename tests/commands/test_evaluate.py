import pytest

from dlcli.commands.evaluate import evaluate
from dlcli.commands.summarize import run_text
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.errors import DataError, RunError


def test_without_data_the_stored_test_figures_come_back(trained_run):
    evaluation = evaluate(str(trained_run.path))
    assert evaluation.what == "test part"
    assert evaluation.rows == 206
    assert set(evaluation.baselines) == {"mean", "linear"}
    assert evaluation.keras["loss"] > 0


def test_scoring_the_whole_file_gives_figures_in_the_targets_unit(trained_run, concrete_csv):
    evaluation = evaluate(str(trained_run.path), (concrete_csv,))
    figures = evaluation.targets["compressive_strength"]
    assert evaluation.rows == 1030
    assert figures["RootMeanSquaredError"] == pytest.approx(figures["MeanSquaredError"] ** 0.5)


def test_rows_of_the_test_part_score_what_training_recorded(trained_run, concrete_csv, tmp_path):
    lines = concrete_csv.read_text(encoding="utf-8").splitlines()
    rows = [
        int(line.split(",")[0])
        for line in trained_run.predictions.read_text(encoding="utf-8").splitlines()[1:]
    ]
    part = tmp_path / "part.csv"
    part.write_text("\n".join([lines[0], *(lines[row] for row in rows)]), encoding="utf-8")
    again = evaluate(str(trained_run.path), (part,)).targets["compressive_strength"]
    stored = evaluate(str(trained_run.path)).targets["compressive_strength"]
    assert again["RootMeanSquaredError"] == pytest.approx(stored["RootMeanSquaredError"], rel=1e-6)


def test_data_without_the_target_is_refused(trained_run, concrete_csv, tmp_path):
    lines = concrete_csv.read_text(encoding="utf-8").splitlines()
    part = tmp_path / "unlabelled.csv"
    part.write_text("\n".join(line.rpartition(",")[0] for line in lines), encoding="utf-8")
    with pytest.raises(DataError, match="compressive_strength"):
        evaluate(str(trained_run.path), (part,))


def test_a_run_without_a_test_part_says_so(concrete_config, tmp_path):
    overrides = ("epochs=1", "data.split={test: 0}", "callbacks=[]")
    options = TrainOptions(overrides=overrides, out=tmp_path / "run")
    run = train(concrete_config, options, QuietDisplay()).run
    with pytest.raises(RunError, match="trained on all its rows"):
        evaluate(str(run.path))


def test_what_intervals_hold_is_told_of_the_test_part_and_of_new_rows(trained_run, concrete_csv):
    stored = evaluate(str(trained_run.path))
    covered = stored.coverage["targets"]["compressive_strength"]["0.9"]["covered"]
    assert f"hold {covered:.1%} of the test part" in stored.to_text()
    assert stored.to_json()["coverage"]["calibration"]["rows"] == {"compressive_strength": 103}
    again = evaluate(str(trained_run.path), (concrete_csv,))
    assert "of concrete.csv" in again.to_text()
    assert again.coverage["targets"]["compressive_strength"]["0.9"]["covered"] > 0.7


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ("{test: 0, validation: 0.1}", "there is no test part"),
        ("{test: 0.2, validation: test}", "made from the test part itself"),
    ],
)
def test_coverage_that_cannot_be_measured_says_why(split, said, concrete_config, tmp_path):
    overrides = ("epochs=1", f"data.split={split}", "callbacks=[]")
    options = TrainOptions(overrides=overrides, out=tmp_path / "run")
    trained = train(concrete_config, options, QuietDisplay())
    assert trained.metrics["coverage"]["targets"] == {}
    assert said in run_text(trained.run)
