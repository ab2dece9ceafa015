"""Runs written for other runtimes, opened there, and held against the run."""

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from typer.testing import CliRunner

import dlcli.sklearn
from dlcli.cli import app
from dlcli.commands.export import MOST_ROWS, export
from dlcli.commands.init import init
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.errors import DataError, RunError, UsageError
from dlcli.exporting.agreement import compare
from dlcli.runs import RunFolder, write_json

REPOSITORY = Path(__file__).parents[2]

ROW: dict[str, Any] = {
    "age": 44.0, "net worth": 3.5, "score": 20.0, "job": "cook", "zone": 2.0, "kind": "b",
    "smokes": "YES",
}  # fmt: skip
"""One of the people."""


def rows(**changes: Any) -> dict[str, np.ndarray]:
    """The row as it is, and once more with each of the changes."""
    made: dict[str, list[Any]] = {name: [value] for name, value in ROW.items()}
    for name, value in changes.items():
        for other, values in made.items():
            values.append(value if other == name else ROW[other])
    return {
        name: np.array(values, object if isinstance(values[0], str) else np.float64)
        for name, values in made.items()
    }


CHANGES = {"job": "unheard of", "zone": 9.0, "smokes": "", "score": -1.0, "age": np.nan}
# The third and the fourth row have what no policy covers: an unseen zone, a dropped gap.
REFUSED = [False, False, True, True, False, False]


def check_rows(values: Any, names: Any, shares: Any) -> None:
    """Check what comes of the row and its changes."""
    assert np.isnan(values).tolist() == REFUSED
    assert [not name for name in names] == REFUSED
    assert np.isnan(shares).any(axis=1).tolist() == REFUSED
    fine = ~np.array(REFUSED)
    np.testing.assert_allclose(np.asarray(shares)[fine].sum(axis=1), 1, rtol=1e-6)
    assert set(np.asarray(names)[fine]) <= {"never", "often"}
    assert len(set(np.asarray(values)[fine].round(6))) > 1


def test_onnx_takes_raw_columns_and_gives_units(people_run: RunFolder, tmp_path: Path) -> None:
    exported = export(str(people_run.path), "onnx", tmp_path / "people.onnx")
    assert exported.agreement is not None and 50 < exported.agreement.rows <= 60
    assert exported.agreement.largest < 1e-3 and exported.compared_on == "its test part"
    assert set(exported.inputs) == set(ROW) and "cook" in exported.inputs["job"]
    session = onnxruntime.InferenceSession(exported.path)
    feed = {name: array for name, array in rows(**CHANGES).items()}
    given = dict(zip(exported.outputs, session.run(list(exported.outputs), feed), strict=True))
    assert set(given) == {"predicted_income", "predicted_buys", "probability_buys"}
    check_rows(given["predicted_income"], given["predicted_buys"], given["probability_buys"])
    properties = {p.key: p.value for p in onnx.load(exported.path).metadata_props}
    assert json.loads(properties["classes"]) == {"buys": ["never", "often"]}


@pytest.mark.slow
def test_a_saved_model_serves_raw_columns(people_run: RunFolder, tmp_path: Path) -> None:
    exported = export(str(people_run.path), "saved_model", tmp_path / "served")
    assert exported.agreement is not None and exported.agreement.largest < 1e-3
    serve = tf.saved_model.load(str(exported.path)).signatures["serving_default"]
    renamed = next(name for name in exported.inputs if name.startswith("net_worth_"))
    feed = {
        renamed if name == "net worth" else name: tf.constant(
            array.tolist(), tf.string if array.dtype == object else tf.float64
        )
        for name, array in rows(**CHANGES).items()
    }
    given = {name: tensor.numpy() for name, tensor in serve(**feed).items()}
    names = [name.decode() for name in given["predicted_buys"]]
    check_rows(given["predicted_income"], names, given["probability_buys"])
    classes = json.loads((exported.path / "assets.extra" / "classes.json").read_text("utf-8"))
    assert classes == {"buys": ["never", "often"]}
    with pytest.raises(UsageError, match="exists already"):
        export(str(people_run.path), "saved_model", tmp_path / "served")
    again = export(str(people_run.path), "saved_model", tmp_path / "served", force=True)
    assert again.outputs == exported.outputs
    assert [item.name for item in tmp_path.iterdir()] == ["served"]


@pytest.mark.slow
def test_litert_takes_raw_columns(people_run: RunFolder, tmp_path: Path) -> None:
    exported = export(str(people_run.path), "litert", tmp_path / "people.tflite")
    assert exported.agreement is not None and exported.agreement.largest < 1e-2
    assert exported.path.read_bytes()[4:8] == b"TFL3"


@pytest.mark.slow
def test_a_saved_model_cuts_text_into_words(texts_run: RunFolder, tmp_path: Path) -> None:
    exported = export(str(texts_run.path), "saved_model", tmp_path / "served")
    assert exported.agreement is not None and exported.agreement.largest < 1e-6
    for format, what in (("onnx", "ONNX"), ("litert", "LiteRT"), ("c", "C files")):
        with pytest.raises(RunError, match=f"'review' is .*text.*{what}") as raised:
            export(str(texts_run.path), format, tmp_path / "other")
        assert "--format saved_model holds it" in (raised.value.hint or "")
    assert not (tmp_path / "other").exists()


def test_a_keras_file_is_plain_layers_with_the_scaling_inside(
    linear_run: RunFolder, classes_run: RunFolder, tmp_path: Path
) -> None:
    for run in (linear_run, classes_run):
        path = tmp_path / f"{run.load_manifest()['name']}.keras"
        exported = export(str(run.path), "keras", path)
        assert exported.agreement is not None and exported.agreement.largest < 1e-3
        assert "features" in exported.inputs
    model = keras.saving.load_model(path)
    shares = model.predict(np.array([[0.5, 0.5, 0.1], [2.5, 2.5, 0.1]], np.float32), verbose=0)
    assert shares.shape == (2, 3) and shares.argmax(axis=1)[0] != shares.argmax(axis=1)[1]


def test_keras_has_no_quantile_scaling(people_run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="'net worth' has quantile scaling") as raised:
        export(str(people_run.path), "keras", tmp_path / "people.keras")
    assert raised.value.hint == "--format onnx or saved_model holds it"
    assert not list(tmp_path.iterdir())


SEVERAL = """
data:
  source: concrete.csv
  target: compressive_strength
  split: {test: 40, validation: 30}
  scale: standard
  target_scale: standard
layers: [{Dense: {units: 6, activation: relu}}, Dense: 1]
batch_size: 256
epochs: 2
"""


@pytest.fixture(scope="module")
def several_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunFolder]:
    """Two ensembles, and two runs of the preset `strong`, whose members are in the network."""
    folder = tmp_path_factory.mktemp("several")
    for name in ("concrete", "iris"):
        shutil.copy(REPOSITORY / "datasets" / f"{name}.csv", folder)
    (folder / "several.yaml").write_text(SEVERAL, encoding="utf-8")
    asked = {
        "seeds": ("several.yaml", ("ensemble=2",)),
        "folds": ("several.yaml", ("ensemble={members: 2, vary: folds}",)),
        "strong": (write_strong(folder, "concrete", "compressive_strength"), ()),
        "classes": (write_strong(folder, "iris", "species"), ()),
    }
    return {
        name: train(
            folder / config, TrainOptions(out=folder / name, overrides=overrides), QuietDisplay()
        ).run
        for name, (config, overrides) in asked.items()
    }


def write_strong(folder: Path, name: str, target: str) -> str:
    """Write what `init --preset strong` writes for a table, made small and short."""
    config = folder / f"{name}.yaml"
    init(folder / f"{name}.csv", (target,), config, preset="strong")
    text = config.read_text(encoding="utf-8")
    for found, small in (
        (r"\bepochs: \d+", "epochs: 2"),
        (r"\d+ epochs", "2 epochs"),
        (r"\bmembers: \d+", "members: 2"),
        (r"\bunits: \d{2,}", "units: 6"),
    ):
        text, count = re.subn(found, small, text)
        assert count, f"{found} is no part of the recipe any more"
    config.write_text(text, encoding="utf-8")
    return config.name


IN_C = "the run is an ensemble, whose members C files do not average"
NOT_HELD = {
    ("seeds", "c"): IN_C,
    ("folds", "c"): IN_C,
    ("strong", "c"): IN_C,
    ("classes", "c"): IN_C,
    ("strong", "keras"): "the column 'cement' has quantile scaling, which no Keras layer does",
    ("classes", "keras"): "the column 'sepal_length_cm' has outliers bent, which no Keras layer",
}


@pytest.mark.parametrize("name", ["seeds", "folds", "strong", "classes"])
@pytest.mark.parametrize(
    "format",
    [
        "onnx",
        pytest.param("saved_model", marks=pytest.mark.slow),
        pytest.param("litert", marks=pytest.mark.slow),
        "keras",
        "sklearn",
        "c",
    ],
)
def test_several_networks_are_one_in_every_format_that_holds_them(
    several_runs: dict[str, RunFolder], tmp_path: Path, name: str, format: str
) -> None:
    run, out = several_runs[name], tmp_path / "run"
    refusal = NOT_HELD.get((name, format))
    if refusal is None:
        exported = export(str(run.path), format, out)
        assert exported.agreement is not None and exported.compared_on == "its test part"
        # Of predictions that reach over some tens, added up in float32.
        assert exported.agreement.rows >= 30 and exported.agreement.largest < 1e-4
        assert len(exported.outputs) == (2 if name == "classes" else 1)
    else:
        with pytest.raises(RunError, match=f"cannot be exported as {format}: {refusal}") as raised:
            export(str(run.path), format, out)
        assert raised.value.hint is not None and "--format onnx" in raised.value.hint
        assert not out.exists()


MAIN = r"""
#include <math.h>
#include <stdio.h>
int people_predict(const double *inputs, double *outputs);
int people_category(int input, const char *text);
int people_class_buys(const double *outputs);
extern const char *const people_class_buys_names[2];

int main(void)
{
    double inputs[7] = {44.0, 3.5, 20.0, 0.0, 1.0, 1.0, 1.0}, outputs[3];

    inputs[3] = people_category(3, "cook");
    if (people_category(3, "unheard of") != -1 || people_predict(inputs, outputs) != 0)
        return 1;
    printf("%.9f %.9f %s\n", outputs[0], outputs[2],
           people_class_buys_names[people_class_buys(outputs)]);
    inputs[4] = 7.0;
    if (people_predict(inputs, outputs) != 5)
        return 2;
    inputs[4] = 1.0;
    inputs[6] = NAN;
    return people_predict(inputs, outputs) == 7 ? 0 : 3;
}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_a_c_file_compiles_strictly_and_predicts_the_same(
    people_run: RunFolder, tmp_path: Path
) -> None:
    exported = export(str(people_run.path), "c", tmp_path / "people.c")
    assert exported.agreement is not None and exported.agreement.largest < 1e-3
    (tmp_path / "main.c").write_text(MAIN, encoding="utf-8")
    strict = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]
    command = ["cc", *strict, "main.c", "people.c", "-o", "people", "-lm"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run(
        [str(tmp_path / "people")], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    onnx_file = export(str(people_run.path), "onnx", tmp_path / "people.onnx").path
    names = ["predicted_income", "probability_buys", "predicted_buys"]
    income, shares, buys = onnxruntime.InferenceSession(onnx_file).run(names, rows())
    received = done.stdout.split()
    assert float(received[0]) == pytest.approx(income[0], rel=1e-4)
    assert float(received[1]) == pytest.approx(shares[0, 1], abs=1e-6)
    assert received[2] == buys[0]


def test_without_a_compiler_a_c_file_is_written_and_says_so(
    classes_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.chdir(tmp_path)
    exported = export(str(classes_run.path), "c")
    assert exported.path == Path("classes.c") and exported.path.is_file()
    assert "not compared with the run: there is no C compiler" in exported.to_text()


def test_c_files_hold_small_networks_of_plain_columns(
    linear_run: RunFolder, people_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for format, what in (
        ("c", "is of type date; C files take"),
        ("litert", "is a date, and LiteRT"),
    ):
        with pytest.raises(RunError, match=f"the column 'day' {what}") as raised:
            export(str(linear_run.path), format, tmp_path / "run")
        assert "--format onnx" in (raised.value.hint or "")
    monkeypatch.setattr("dlcli.exporting.c_network.MOST_WEIGHTS", 20)
    with pytest.raises(RunError, match="more than 20 weights, the most that a C file here holds"):
        export(str(people_run.path), "c", tmp_path / "run.c")


def test_dates_go_in_as_microseconds(linear_run: RunFolder, tmp_path: Path) -> None:
    exported = export(str(linear_run.path), "onnx", tmp_path / "run.onnx")
    assert exported.inputs["day"].startswith("microseconds since 1970 (UTC)")
    assert exported.agreement is not None and exported.agreement.largest < 1e-3


def test_sklearn_writes_a_pack_that_opens_as_an_estimator(
    people_run: RunFolder, classes_run: RunFolder, tmp_path: Path
) -> None:
    exported = export(str(classes_run.path), "sklearn", tmp_path / "classes.zip")
    assert exported.agreement is not None and exported.agreement.largest == 0
    estimator = dlcli.sklearn.load(exported.path)
    assert estimator.classes_.tolist() == ["large", "middle", "small"]
    with pytest.raises(RunError, match="of which some are classes"):
        export(str(people_run.path), "sklearn", tmp_path / "people.zip")
    assert [item.name for item in tmp_path.iterdir()] == ["classes.zip"]


def test_the_command_prints_what_it_compared(
    trained_run: RunFolder, tmp_path: Path, concrete_csv: Path
) -> None:
    out = tmp_path / "concrete.onnx"
    arguments = ["export", str(trained_run.path), "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--json", "--data", str(concrete_csv)])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["rows"] == 1030 <= MOST_ROWS and told["compared_on"] == "concrete.csv"
    assert 0 <= told["max_difference"] < 1e-3
    assert told["outputs"] == ["predicted_compressive_strength"]
    assert CliRunner().invoke(app, arguments).exit_code == 2
    result = CliRunner().invoke(app, [*arguments, "--force", "--quiet"])
    assert "compared with the run on 206 rows of its test part: largest difference" in result.stdout


def copied(run: RunFolder, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(run.path, tmp_path / "copy")))


def test_a_run_of_a_newer_version_is_named(trained_run: RunFolder, tmp_path: Path) -> None:
    run = copied(trained_run, tmp_path)
    write_json(run.manifest, {**run.load_manifest(), "format": 99})
    with pytest.raises(RunError, match="format 99; this dlcli reads up to 1"):
        export(str(run.path), "onnx", tmp_path / "run.onnx")


def test_rows_that_are_gone_are_asked_for(
    trained_run: RunFolder, tmp_path: Path, concrete_csv: Path
) -> None:
    run = copied(trained_run, tmp_path)
    manifest = run.load_manifest()
    manifest["data"]["sources"][0]["path"] = "memory:"
    write_json(run.manifest, manifest)
    with pytest.raises(RunError, match="given in Python") as raised:
        export(str(run.path), "onnx", tmp_path / "run.onnx")
    assert "--data FILE" in (raised.value.hint or "")
    empty = tmp_path / "empty.csv"
    header = concrete_csv.read_text(encoding="utf-8").splitlines()[0]
    empty.write_text(f"{header}\n", encoding="utf-8")
    with pytest.raises(DataError, match="no row"):
        export(str(run.path), "onnx", tmp_path / "run.onnx", data=empty)
    assert export(str(run.path), "onnx", tmp_path / "run.onnx", data=concrete_csv).agreement


def test_an_operator_that_onnx_lacks_is_named(trained_run: RunFolder, tmp_path: Path) -> None:
    run = copied(trained_run, tmp_path)
    manifest = run.load_manifest()
    manifest["onnx"] |= {"written": False, "reason": "the layer 'odd' (Odd) has no ONNX form here"}
    write_json(run.manifest, manifest)
    for format in ("onnx", "c"):
        with pytest.raises(RunError, match=r"'odd' \(Odd\) has no ONNX form") as raised:
            export(str(run.path), format, tmp_path / "run")
        assert raised.value.hint == "--format saved_model holds every network"


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_examples_of_the_page_run(
    trained_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (REPOSITORY / "docs" / "export.md").read_text(encoding="utf-8")
    shutil.copytree(REPOSITORY / "datasets", tmp_path / "datasets")
    monkeypatch.chdir(tmp_path)
    for format in ("onnx", "c"):
        export(str(trained_run.path), format, Path(f"concrete.{format}"))
    blocks = {
        language: "\n".join(re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL))
        for language in ("python", "c")
    }
    Path("page.py").write_text(blocks["python"], encoding="utf-8")
    strength = runpy.run_path("page.py")["strength"]
    source = f'#include <stdio.h>\n#include "concrete.c"\nint main(void)\n{{\n{blocks["c"]}\n'
    Path("page.c").write_text(f"{source}return 0;\n}}\n", encoding="utf-8")
    subprocess.run(["cc", "-std=c99", "page.c", "-o", "page", "-lm"], check=True)
    told = subprocess.run(["./page"], capture_output=True, text=True, check=True).stdout
    # The first row of the table is the one of the page.
    assert float(told.removesuffix(" MPa\n")) == pytest.approx(strength[0], rel=1e-4)


def test_what_predicts_something_else_is_refused() -> None:
    run = {"predicted_y": np.array([1.0, 2.0])}
    other = {"predicted_y": np.array([1.0, 2.01])}
    same = {"predicted_y": "predicted_y"}
    assert compare(run, run, names=same, what="f", thresholds={}).largest == 0
    with pytest.raises(RunError, match=r"f does not predict .* differs by up to 0.01"):
        compare(run, other, names=same, what="f", thresholds={})
    with pytest.raises(RunError, match="is nothing in place of"):
        compare(run, {}, names=same, what="f", thresholds={})
    classes = {
        "predicted_y": np.array(["a", "b"], object),
        "probability_y": np.array([[0.9, 0.1], [0.5001, 0.4999]]),
    }
    wrong = {**classes, "predicted_y": np.array(["a", "a"], object)}
    names = {name: name for name in classes}
    thresholds = {"predicted_y": 0.5}
    assert compare(classes, wrong, names=names, what="f", thresholds=thresholds).rows == 2
    wrong = {**classes, "predicted_y": np.array(["b", "b"], object)}
    with pytest.raises(RunError, match="is 'b' in row 1 where the run gives 'a'"):
        compare(classes, wrong, names=names, what="f", thresholds=thresholds)
