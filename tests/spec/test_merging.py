"""`extends`, `--set`, and file names made absolute."""

import re
from pathlib import Path
from typing import Any

import pytest

from dlcli.errors import SpecError
from dlcli.spec.run import load_spec

BASE = """\
name: base
data:
  source: plants.csv
  target: height
  split: {test: 0.3, validation: 0.1}
  scale: standard
layers: [Dense: 8, Dense: 1]
optimizer: {Adam: {learning_rate: 1e-3}}
metrics: [mae]
epochs: 5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def load(folder: Path, text: str = "extends: base.yaml\n", *overrides: str) -> Any:
    path = folder / "own.yaml"
    path.write_text(text)
    return load_spec(path, overrides)


def test_data_is_merged_key_by_key_and_the_rest_as_a_whole(folder: Path) -> None:
    spec = load(
        folder,
        "extends: base.yaml\ndata: {split: {test: 0.5}}\noptimizer: {SGD: {momentum: 0.9}}\n",
    )
    assert (spec.data.split.test, spec.data.split.validation) == (0.5, 0.1)
    assert spec.data.scale == "standard"
    assert (spec.optimizer.name, spec.optimizer.arguments) == ("SGD", {"momentum": 0.9})
    assert spec.epochs == 5


def test_null_takes_a_key_of_the_base_away(folder: Path) -> None:
    spec = load(folder, "extends: base.yaml\nmetrics: null\ndata: {scale: null}\n")
    assert spec.metrics == ()
    assert spec.data.scale == "none"


def test_files_are_relative_to_the_config_that_names_them(folder: Path) -> None:
    below = folder / "below"
    below.mkdir()
    spec = load(below, "extends: ../base.yaml\ndata: {split: {test: test.csv}}\n")
    assert spec.data.source == str(folder / "plants.csv")
    assert spec.data.split.test == str(below / "test.csv")


@pytest.mark.parametrize("source", ["dataset:iris-original", "https://example.org/a.csv"])
def test_sources_that_are_no_paths_stay(folder: Path, source: str) -> None:
    spec = load(folder, f"extends: base.yaml\ndata: {{source: '{source}'}}\n")
    assert spec.data.source == source


def test_validation_test_is_no_file(folder: Path) -> None:
    spec = load(folder, "extends: base.yaml\ndata: {split: {validation: test}}\n")
    assert spec.data.split.validation == "test"


def test_problem_of_the_base_is_placed_in_the_base(folder: Path) -> None:
    (folder / "base.yaml").write_text(BASE.replace("epochs: 5", "epochs: many"))
    with pytest.raises(SpecError, match=r"base\.yaml:10:9: epochs: expected a whole number"):
        load(folder)


def test_chain_of_configs_ends_in_an_error_where_it_loops(folder: Path) -> None:
    (folder / "base.yaml").write_text("extends: own.yaml\n")
    with pytest.raises(SpecError, match="extends this config in turn"):
        load(folder)


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("epochs=7", lambda spec: spec.epochs == 7),
        ("optimizer.Adam.learning_rate=3e-4",
         lambda spec: spec.optimizer.arguments == {"learning_rate": 3e-4}),
        ("optimizer.adam.learning_rate=3e-4",
         lambda spec: spec.optimizer.arguments == {"learning_rate": 3e-4}),
        ("optimizer=SGD", lambda spec: spec.optimizer.name == "SGD"),
        ("optimizer={SGD: {momentum: 0.9}}", lambda spec: spec.optimizer.name == "SGD"),
        ("layers.0.Dense.activation=relu",
         lambda spec: spec.layers[0].argument("activation").name == "relu"),
        ("layers.0=Flatten", lambda spec: spec.layers[0].component.name == "Flatten"),
        ("data.split.seed=3", lambda spec: spec.data.split.seed == 3),
        ("data.columns.age.missing=median",
         lambda spec: spec.data.columns["age"].missing == "median"),
        ("metrics=[mse, mae]", lambda spec: len(spec.metrics) == 2),
        ("name=on", lambda spec: spec.name == "on"),
        ("loss.Huber.delta=2", lambda spec: spec.loss.arguments == {"delta": 2.0}),
        ("metrics=", lambda spec: spec.metrics == ()),
        ("class_weight=null", lambda spec: spec.class_weight is None),
    ],
)  # fmt: skip
def test_overrides_replace_one_value(folder: Path, override: str, value: Any) -> None:
    assert value(load(folder, "extends: base.yaml\n", override))


def test_a_name_with_a_dot_is_quoted(folder: Path) -> None:
    override = "data.columns.'a.b'.missing=median"
    assert load(folder, "extends: base.yaml\n", override).data.columns["a.b"].missing == "median"


@pytest.mark.parametrize(
    ("override", "message", "hint"),
    [
        ("layers[0].Dense.units=3", "items of a list", "did you mean --set layers.0.Dense.units?"),
        (
            "data.columns.a.b.scale=none",
            "has no setting 'b'",
            '--set \'data.columns."a.b".scale=none',
        ),
        ("data..scale=none", "expected keys joined by dots", "needs quotes"),
        ('data."scale=none', "expected keys joined by dots", "needs quotes"),
    ],
)
def test_overrides_that_name_no_key(folder: Path, override: str, message: str, hint: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)) as caught:
        load(folder, "extends: base.yaml\n", override)
    assert hint in str(caught.value.hint)


def test_problems_of_an_override_are_told_at_the_override(folder: Path) -> None:
    for override, message in (
        ("data.columns.new.scala=none", "--set data.columns.new.scala: unknown key 'scala'"),
        ("epochs=", "--set epochs: 'epochs' is missing"),
    ):
        with pytest.raises(SpecError, match=re.escape(message)):
            load(folder, "extends: base.yaml\n", override)


def test_overrides_come_one_after_the_other(folder: Path) -> None:
    spec = load(
        folder, "extends: base.yaml\n", "loss=Huber", "loss.Huber.delta=3", "epochs=1", "epochs=2"
    )
    assert spec.loss.arguments == {"delta": 3.0}
    assert spec.epochs == 2


@pytest.mark.parametrize(
    "override", ["data.source=new.csv", "data={source: new.csv, target: height}"]
)
def test_overridden_files_are_relative_to_the_working_directory(
    folder: Path, override: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    assert load(folder, "extends: base.yaml\n", override).data.source == str(elsewhere / "new.csv")


def test_class_names_that_look_like_numbers_can_be_overridden(folder: Path) -> None:
    text = "extends: base.yaml\nlayers: [Dense: {units: 1, activation: sigmoid}]\nmetrics: []\n"
    spec = load(folder, text + "class_weight: {0: 1, 1: 2}\n", "class_weight.1=5")
    assert spec.class_weight == {"0": 1, "1": 5}
