"""A run that reads sequences, from its figures to forecasts of what comes after a table."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.commands.evaluate import evaluate
from dlcli.commands.predict import predict
from dlcli.commands.train import TrainedRun, TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.errors import DataError, UsageError

DAYS = 60
CONFIG = """
name: levels
data:
  source: levels.csv
  target: level
  window: {time: day, group: place, length: 5, horizon: 3, season: 4, static: height}
  scale: standard
  target_scale: standard
layers:
  - Conv1D: {filters: 4, kernel_size: 2, activation: relu, inputs: window}
  - Bidirectional: {layer: {GRU: {units: 4, return_sequences: true}}}
  - TimeDistributed: {layer: {Dense: 2}}
  - Flatten: {name: past}
  - Concatenate: {inputs: [past, features]}
  - RepeatVector: 3
  - SimpleRNN: {units: 4, return_sequences: true}
  - LSTM: {units: 4, return_sequences: true}
  - TimeDistributed: {layer: {Dense: 1}}
epochs: 3
"""


def cells(count=DAYS, places=("hill", "lake"), start="2024-01-01"):
    """Rows of a table: day, place, height, rain, level."""
    days = np.datetime64(start) + np.arange(count)
    return [
        [str(day), place, str(100 * (place == "hill")), str(n % 5), f"{np.sin(n) + 10:.4f}"]
        for n, day in enumerate(days)
        for place in places
    ]


def write(path: Path, rows):
    header = ["day", "place", "height", "rain", "level"]
    path.write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n")
    return path


def read(path: Path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> TrainedRun:
    folder = tmp_path_factory.mktemp("levels")
    write(folder / "levels.csv", cells())
    (folder / "levels.yaml").write_text(CONFIG)
    return train(folder / "levels.yaml", TrainOptions(out=folder / "run"), QuietDisplay())


@pytest.fixture
def run(trained) -> str:
    return str(trained.run.path)


def test_it_trains_compiled_and_is_scored_without_keras(trained):
    assert trained.manifest["training"]["path"] == "compiled", trained.manifest["training"]
    assert trained.manifest["onnx"]["written"], trained.manifest["onnx"]
    assert trained.manifest["onnx"]["max_difference"] < 1e-5
    assert trained.manifest["data"]["windows"]["windows"] == {"train": 82, "test": 10}


def test_figures_stand_beside_the_past_repeated_step_by_step(trained):
    assert list(trained.metrics["baselines"]) == ["mean", "linear", "naive", "seasonal_naive"]
    of_run = trained.metrics["parts"]["test"]["targets"]["level"]
    assert len(of_run["Steps"]) == 3
    rows = read(trained.run.predictions)
    assert list(rows[0]) == ["row", "place", "day", "step", "level", "predicted_level"]
    assert [row["step"] for row in rows[:4]] == ["1", "2", "3", "1"]
    actual, predicted = (
        np.array([float(row[key]) for row in rows]) for key in ("level", "predicted_level")
    )
    rmse = np.sqrt(np.mean((actual - predicted) ** 2))
    assert of_run["RootMeanSquaredError"] == pytest.approx(rmse)
    first = np.sqrt(np.mean((actual[::3] - predicted[::3]) ** 2))
    assert of_run["Steps"][0]["RootMeanSquaredError"] == pytest.approx(first)


def test_predictions_name_the_rows_they_predict(trained):
    table = cells()
    for row in read(trained.run.predictions):
        day, place, _, _, level = table[int(row["row"]) - 1]
        assert (row["day"], row["place"]) == (day, place)
        assert float(row["level"]) == pytest.approx(float(level))


def test_summary_says_what_a_window_is(trained, run):
    text = CliRunner().invoke(app, ["summarize", run]).stdout
    assert "windows     5 rows by 1 day, 3 predicted, in 2 series; left out 14 across parts" in text
    assert "82 train, 10 test windows" in text
    assert "RootMeanSquaredError, step" in text


def test_every_window_is_predicted_and_the_days_go_on(run, tmp_path):
    data = write(tmp_path / "new.csv", cells(12, start="2025-02-20"))
    predicted = predict(run, data, tmp_path / "out.csv")
    rows = read(tmp_path / "out.csv")
    assert predicted.windows == 16
    assert predicted.rows == len(rows) == 48
    hill = [row for row in rows if row["place"] == "hill"]
    assert [row["day"] for row in hill[:3]] == ["2025-02-25", "2025-02-26", "2025-02-27"]
    assert [row["day"] for row in hill[-3:]] == ["2025-03-04", "2025-03-05", "2025-03-06"]
    assert [row["step"] for row in hill[-3:]] == ["1", "2", "3"]
    assert hill[0]["rain"] == "0"
    assert hill[-1]["rain"] == ""


def test_latest_is_what_comes_after_the_table(run, tmp_path):
    data = write(tmp_path / "new.csv", cells(12))
    predict(run, data, tmp_path / "all.csv", ids=("rain",))
    predict(run, data, tmp_path / "latest.csv", ids=("rain",), latest=True)
    every, latest = read(tmp_path / "all.csv"), read(tmp_path / "latest.csv")
    assert list(latest[0]) == ["day", "place", "rain", "step", "predicted_level"]
    assert latest == [row for row in every if row["day"] > "2024-01-12" and row in latest]
    assert len(latest) == 6


def test_forecasts_in_chunks_are_those_made_at_once(run, tmp_path, monkeypatch):
    data = write(tmp_path / "new.csv", cells(30))
    predict(run, data, tmp_path / "whole.csv")
    monkeypatch.setattr("dlcli.commands.forecast.CHUNK_WINDOWS", 7)
    predict(run, data, tmp_path / "chunks.csv")
    whole, chunks = read(tmp_path / "whole.csv"), read(tmp_path / "chunks.csv")
    levels = [[float(row.pop("predicted_level")) for row in rows] for rows in (whole, chunks)]
    assert whole == chunks
    assert levels[0] == pytest.approx(levels[1], rel=1e-5)


def test_a_forecast_is_the_one_that_training_wrote(trained, run, tmp_path):
    data = write(tmp_path / "same.csv", cells())
    predict(run, data, tmp_path / "out.csv")
    made = {
        (row["place"], row["day"], row["step"]): float(row["predicted_level"])
        for row in read(tmp_path / "out.csv")
    }
    for row in read(trained.run.predictions):
        key = (row["place"], row["day"], row["step"])
        assert made[key] == pytest.approx(float(row["predicted_level"]), abs=1e-5)


def test_rows_of_the_future_keep_their_cells(run, tmp_path):
    rows = cells(12)
    for row in rows[-4:]:
        row[4] = ""
    predict(run, write(tmp_path / "new.csv", rows), tmp_path / "out.csv", latest=True)
    ahead = [row for row in read(tmp_path / "out.csv") if row["place"] == "lake"]
    assert [row["day"] for row in ahead] == ["2024-01-11", "2024-01-12", "2024-01-13"]
    assert [row["rain"] for row in ahead] == ["0", "1", ""]


def test_a_hole_in_the_past_is_an_error(run, tmp_path):
    rows = cells(12)
    rows[6][4] = ""
    with pytest.raises(DataError, match=r"column 'level' has 1 missing cell:\n  new.csv, row 8"):
        predict(run, write(tmp_path / "new.csv", rows), tmp_path / "out.csv")


def test_too_little_history_is_an_error(run, tmp_path):
    data = write(tmp_path / "new.csv", cells(4))
    with pytest.raises(DataError, match="no series of 'place' has more than 4 rows in a row, but "):
        predict(run, data, tmp_path / "out.csv")
    uneven = [*cells(12), *cells(3, places=("moor",))]
    with pytest.raises(DataError, match=r"1 of 3 series of 'place' has fewer than 5 rows"):
        predict(run, write(tmp_path / "new.csv", uneven), tmp_path / "out.csv")


def test_a_missing_day_is_an_error(run, tmp_path):
    rows = cells(12)
    data = write(tmp_path / "new.csv", rows[:10] + rows[12:])
    with pytest.raises(DataError, match="does not go on by 1 day at 2 places"):
        predict(run, data, tmp_path / "out.csv")


def test_a_table_without_its_time_or_group_is_an_error(run, tmp_path):
    data = tmp_path / "new.csv"
    data.write_text("day,height,rain,level\n2024-01-01,1,1,1\n")
    with pytest.raises(DataError, match="has no column 'place'"):
        predict(run, data, tmp_path / "out.csv")


def test_typed_files_get_typed_days(run, tmp_path):
    data = write(tmp_path / "new.csv", cells(12))
    predict(run, data, tmp_path / "out.parquet", latest=True)
    made = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert pa.types.is_temporal(made.schema.field("day").type)
    assert str(made.column("day")[0].as_py()).startswith("2024-01-13")
    assert made.column("step").to_pylist() == [1, 2, 3] * 2


def test_standard_input_is_read_whole(run, tmp_path):
    data = write(tmp_path / "new.csv", cells(12))
    outcome = CliRunner().invoke(
        app, ["predict", run, "--data", "-", "--latest"], input=data.read_text()
    )
    assert outcome.exit_code == 0, outcome.output
    assert len(list(csv.DictReader(io.StringIO(outcome.stdout)))) == 6


def test_another_series_is_scored_beside_its_own_past(run, tmp_path):
    data = write(tmp_path / "new.csv", cells(20, start="2025-01-01"))
    evaluation = evaluate(run, (data,))
    assert evaluation.rows == 26
    assert len(evaluation.targets["level"]["Steps"]) == 3
    assert set(evaluation.baselines) == {"naive", "seasonal_naive"}
    outcome = CliRunner().invoke(app, ["evaluate", run, "--data", str(data), "--json"])
    assert json.loads(outcome.stdout)["baselines"]["naive"]["targets"]["level"]["Steps"]


def test_a_series_too_short_to_score_is_an_error(run, tmp_path):
    with pytest.raises(DataError, match=r"new.csv has at most 6 rows of a 'place' in a row"):
        evaluate(run, (write(tmp_path / "new.csv", cells(6)),))


@pytest.mark.parametrize("arguments", [["importance"], ["optimize", "--maximize", "level"]])
def test_what_looks_at_single_rows_is_refused(run, arguments):
    command, *options = arguments
    outcome = CliRunner().invoke(app, [command, run, *options])
    assert outcome.exit_code == 2, outcome.output
    assert "reads sequences" in outcome.stderr


def test_latest_needs_a_run_that_reads_sequences(trained_run, concrete_csv, tmp_path):
    with pytest.raises(UsageError, match="reads single rows"):
        predict(str(trained_run.path), concrete_csv, tmp_path / "out.csv", latest=True)


def test_a_network_without_the_steps_is_refused_with_its_shape(trained, tmp_path):
    config = trained.run.path.parent / "levels.yaml"
    layers = "layers=[{LSTM: {units: 4, inputs: window, return_sequences: true}}, {Dense: 1}]"
    override = (layers, "data.window.static=[]", "data.drop=[height]")
    with pytest.raises(
        Exception, match=r"needs \(rows, 3\) or \(rows, 3, 1\) for 3 steps .*, got \(rows, 5, 1\)"
    ):
        train(config, TrainOptions(overrides=override, out=tmp_path / "run"), QuietDisplay())
