"""dlcli from Python: training on frames and mappings, and what a run gives."""

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dlcli
from dlcli.errors import DataError, RunError, SpecError, UsageError
from dlcli.runs import RunFolder

REPOSITORY = Path(__file__).parents[1]
CONFIG: dict[str, Any] = {
    "name": "flowers",
    "seed": 3,
    "data": {"target": "species", "split": {"test": 0.2, "stratify": True}, "scale": "standard"},
    "layers": [
        {"Dense": {"units": 8, "activation": "relu"}},
        {"Dense": {"units": 3, "activation": "softmax"}},
    ],
    "epochs": 3,
}


@pytest.fixture(scope="module")
def iris() -> pd.DataFrame:
    return pd.read_csv(REPOSITORY / "datasets" / "iris.csv")


@pytest.fixture(scope="module")
def flowers(iris: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dlcli.Run:
    return dlcli.train(CONFIG, iris, out=tmp_path_factory.mktemp("api") / "flowers")


@pytest.fixture(scope="module")
def concrete(trained_run: RunFolder) -> dlcli.Run:
    return dlcli.load(trained_run.path)


def test_importing_costs_nothing() -> None:
    code = "import sys, dlcli; print(len([name for name in sys.modules if 'numpy' in name]))"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert finished.stdout.strip() == "0"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = dlcli.nothing


def test_a_mapping_and_a_frame_train_what_a_file_and_a_config_would(
    flowers: dlcli.Run, tmp_path: Path
) -> None:
    (tmp_path / "iris.csv").write_bytes((REPOSITORY / "datasets" / "iris.csv").read_bytes())
    data = {**CONFIG["data"], "source": str(tmp_path / "iris.csv")}
    from_file = dlcli.train({**CONFIG, "data": data}, out=tmp_path / "run")
    assert from_file.metrics == flowers.metrics
    assert from_file.spec.layers == flowers.spec.layers
    (source,) = flowers.manifest["data"]["sources"]
    assert source["path"] == "memory:" and len(source["sha256"]) == 64


def test_a_run_predicts_frames_of_every_kind_alike(flowers: dlcli.Run, iris: pd.DataFrame) -> None:
    expected = flowers.predict(iris)
    assert set(expected) <= set(flowers.classes)
    columns = {name: iris[name].tolist() for name in iris.columns}
    for frame in (pl.DataFrame(columns), pa.table(columns), columns):
        np.testing.assert_array_equal(flowers.predict(frame), expected)
    shares = flowers.predict_proba(iris)
    assert shares.shape == (len(iris), 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(np.array(flowers.classes)[shares.argmax(axis=1)], expected)


def test_the_index_of_a_frame_is_no_column(
    flowers: dlcli.Run, iris: pd.DataFrame, tmp_path: Path
) -> None:
    shuffled = iris.sample(frac=1, random_state=1)
    run = dlcli.train(CONFIG, shuffled, overrides={"epochs": 1}, out=tmp_path / "run")
    assert run.predict(iris).shape == (len(iris),)
    expected = flowers.predict(iris)[shuffled.index]
    np.testing.assert_array_equal(flowers.predict(shuffled), expected)


def test_numbers_come_in_the_unit_of_the_target(concrete: dlcli.Run) -> None:
    frame = pd.read_csv(REPOSITORY / "datasets" / "concrete.csv")
    predicted = concrete.predict(frame)
    assert predicted.shape == (len(frame),)
    figures = concrete.evaluate(frame)["targets"]["compressive_strength"]
    errors = predicted - frame["compressive_strength"]
    assert figures["RootMeanSquaredError"] == pytest.approx(float((errors**2).mean() ** 0.5))


def test_stored_figures_history_and_config_are_at_hand(concrete: dlcli.Run) -> None:
    assert concrete.evaluate()["what"] == "test part"
    assert concrete.evaluate()["targets"] == concrete.metrics["parts"]["test"]["targets"]
    assert list(concrete.history.index) == [1, 2, 3]
    assert {"loss", "val_loss"} <= set(concrete.history.columns)
    assert concrete.spec.batch_size == 32
    assert concrete.path.name in repr(concrete)
    assert "compressive_strength" in concrete._repr_html_()


def test_the_model_is_keras_own(concrete: dlcli.Run) -> None:
    assert isinstance(concrete.model, keras.Model)
    assert concrete.model.count_params() == concrete.manifest["num_parameters"]


def test_rows_without_a_prediction_are_gaps(iris: pd.DataFrame, tmp_path: Path) -> None:
    config = {**CONFIG, "data": {**CONFIG["data"], "missing": "drop"}}
    run = dlcli.train(config, iris, overrides={"epochs": 1}, out=tmp_path / "run")
    holed = iris.copy()
    holed.loc[4, "petal_width_cm"] = None
    predicted = run.predict(holed)
    assert predicted[4] is None and None not in np.delete(predicted, 4).tolist()
    assert np.isnan(run.predict_proba(holed)[4]).all()


def test_categories_and_booleans_of_pandas_are_read(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "kind": pd.Categorical(["a", "b", "c", "a"] * 6),
            "wet": [True, False, True, True] * 6,
            "y": np.arange(24.0),
        }
    )
    config = {"data": {"target": "y"}, "layers": [{"Dense": 1}], "epochs": 1}
    run = dlcli.train(config, frame, out=tmp_path / "run")
    assert sum(run.manifest["data"]["split"]["sizes"].values()) == 24
    assert run.predict(frame).shape == (24,)


def test_problems_are_named_by_their_keys(iris: pd.DataFrame) -> None:
    config = {
        **CONFIG,
        "data": {"target": "species", "split": {"tset": 0.2}},
        "layers": [{"Dens": 8}],
    }
    with pytest.raises(SpecError) as caught:
        dlcli.train(config, iris)
    message = caught.value.message
    assert "data.split.tset: unknown key 'tset'" in message
    assert "layers.0.Dens" in message and "'Dense'" in message


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"data": {"target": object()}}, "data.target: expected a number, a text"),
        ({**CONFIG, "layers": [{(1, 2): 3}]}, "layers.0: expected names as keys"),
        ({**CONFIG, "name": "a\0"}, "name: character"),
        ({"extends": "nowhere.yaml"}, "extends 'nowhere.yaml', but there is no file"),
    ],
)
def test_what_yaml_cannot_hold_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message.replace(".", r"\.")):
        dlcli.train(config)


def test_what_is_no_table_is_refused(flowers: dlcli.Run) -> None:
    with pytest.raises(DataError, match="expected a table, got list"):
        flowers.predict([1, 2, 3])
    with pytest.raises(DataError, match="the table cannot be taken"):
        flowers.predict({"sepal_length_cm": [1.0], "sepal_width_cm": [1.0, 2.0]})
    with pytest.raises(DataError, match="petal_width_cm"):
        flowers.predict(
            {"sepal_length_cm": [1.0], "sepal_width_cm": [1.0], "petal_length_cm": [2.0]}
        )


def test_runs_say_what_they_cannot_do(flowers: dlcli.Run, concrete: dlcli.Run) -> None:
    frame = {"a": [1.0]}
    with pytest.raises(UsageError, match="does not predict the classes"):
        concrete.predict_proba(frame)
    with pytest.raises(UsageError, match="forecasts nothing"):
        flowers.forecast(frame)
    with pytest.raises(RunError, match="there is no such run"):
        dlcli.load("nothing-of-that-name")


def test_a_run_from_memory_says_so_where_its_rows_are_asked_for(flowers: dlcli.Run) -> None:
    from dlcli.bundle.own_rows import read_own_rows
    from dlcli.bundle.store import Bundle

    folder = RunFolder(flowers.path)
    with pytest.raises(RunError, match="given in Python"):
        read_own_rows(folder, Bundle.load(folder).preprocessing)


@pytest.mark.slow
def test_every_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("configs", "datasets"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    page = (REPOSITORY / "docs" / "python.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(examples) > 1
    (tmp_path / "examples.py").write_text("\n".join(examples), encoding="utf-8")
    names = runpy.run_path("examples.py")
    assert names["run"].path == Path("runs/flowers/001")


def test_intervals_come_as_three_numbers_a_row(concrete: dlcli.Run, concrete_csv: Path) -> None:
    table = pd.read_csv(concrete_csv).head(5)
    found = concrete.predict(table, interval=0.9)
    assert found.shape == (5, 3)
    np.testing.assert_allclose(found[:, 0], concrete.predict(table))
    assert (found[:, 1] < found[:, 0]).all() and (found[:, 0] < found[:, 2]).all()
    with pytest.raises(UsageError, match="a share between 0 and 1"):
        concrete.predict(table, interval=95)


def test_classes_have_no_intervals(flowers: dlcli.Run, iris: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="predicts classes"):
        flowers.predict(iris, interval=0.9)
