"""A whole config: every problem at once, and none that another one causes."""

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.errors import SpecError
from dlcli.spec.data import ColumnSpec, DataSpec, SplitSpec
from dlcli.spec.experiment import RunSpec
from dlcli.spec.places import Source
from dlcli.spec.run import build_spec, load_spec
from dlcli.spec.sections import Section

REPOSITORY = Path(__file__).parents[2]
CONFIGS = sorted((REPOSITORY / "configs").glob("*.yaml"))
TEN_MISTAKES = REPOSITORY / "tests" / "golden" / "errors" / "configs" / "ten_mistakes.yaml"


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_shipped_config_is_valid(config: Path) -> None:
    spec = load_spec(config)
    assert spec.name == config.stem or spec.name
    assert spec.layers


def test_name_is_the_files_own_without_one(build) -> None:
    assert build().name == "plants"
    assert build(name="tall plants").name == "tall plants"


@pytest.mark.parametrize(
    "name",
    ["a/b", "..", ".", "-a", "a:b", "a ", "x" * 101, "a\nb", " ", "con", "NUL.v2", "Com1", "lpt9"],
)
def test_names_that_cannot_be_folders_are_refused(complaints, name: str) -> None:
    (message,) = complaints(name=name)
    assert "cannot name a folder of runs" in message


def test_file_name_that_cannot_be_a_folder_is_told_so() -> None:
    values = {"data": {"source": "a", "target": "b"}, "layers": ["Flatten"], "epochs": 1}
    with pytest.raises(SpecError, match=r"write `name:` with"):
        build_spec(Source(values=values, places={}, file=Path("-odd-.yaml")))


def test_problems_are_told_in_file_order_all_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(TEN_MISTAKES)
    heads = [text.partition(" ")[0] for text in caught.value.message.split("error: ")]
    lines = [int(head.split(":")[1]) for head in heads]
    assert len(lines) >= 10
    assert lines == sorted(lines)


def test_ten_mistakes_are_found_fast() -> None:
    with pytest.raises(SpecError):
        load_spec(TEN_MISTAKES)  # reads the catalogue
    started = time.perf_counter()
    with pytest.raises(SpecError):
        load_spec(TEN_MISTAKES)
    assert time.perf_counter() - started < 0.3


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        # A misspelt required key is not missing as well.
        ("data: {source: a, target: b}\nlayers: [Dense: 1]\nepoch: 5\n", ["unknown key 'epoch'"]),
        # Nor is one that stands in the wrong section.
        ("data: {source: a, target: b, epochs: 5}\nlayers: [Dense: 1]\n",
         ["unknown key 'epochs' in data"]),
        # A wrong loss is no reason to judge the head.
        ("data: {source: a, target: b}\nlayers: [Dense: 3]\nepochs: 5\nloss: mes\n",
         ["unknown loss 'mes'"]),
        # A wrong layer is no reason to judge names and outputs.
        (("data: {source: a, target: [b, c]}\nlayers: [Dens: {units: 1, name: x}, Dense: 1]\n"
         "epochs: 5\n"), ["unknown layer 'Dens'"]),
        # Sections that are right are judged beside ones that are wrong.
        ("data: {source: a, target: b}\nlayers: [Dense: 2]\nepochs: many\n",
         ["the output has 2 units for the target 'b', expected 1",
          "epochs: expected a whole number of at least 1, got 'many'"]),
        ("layers: [Dense: 2]\nepochs: 1\n", ["'data' is missing"]),
        ("version: 3\nnovelty: 1\n", [("this config is written for version 3 of the grammar, and "
         "this dlcli reads up to 1")]),
    ],
)  # fmt: skip
def test_one_mistake_is_one_problem(complaints, text: str, messages: list[str]) -> None:
    found = complaints(text)
    assert [each or "'data' is missing" for each in found] == messages


@pytest.mark.parametrize("section", [RunSpec, DataSpec, SplitSpec, ColumnSpec])
def test_every_key_has_a_reference_text(section: type) -> None:
    for name, setting in Section(section).settings().items():
        assert setting.help.endswith("."), name


keys = st.sampled_from(
    ["data", "layers", "epochs", "loss", "metrics", "optimizer", "callbacks", "name", "version",
     "class_weight", "loss_weights", "source", "target", "columns", "split", "test", "inputs",
     "Dense", "Adam", "EarlyStopping", "units", "missing", "<<", ""]
)  # fmt: skip
atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=4),
    keys,
    st.sampled_from(["mse", "relu", "Concatenate", "test", "features", 1, 0.5, 10**400, -1]),
)
values = st.recursive(
    atoms,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=15,
)
whole = st.fixed_dictionaries(
    {},
    optional={name: values for name in Section(RunSpec).settings()},
)
likely = st.builds(
    lambda config, layers, split, metrics, callbacks: {
        "data": {"source": "a.csv", "target": ["y", "z"], "split": split},
        "layers": [*layers, {"Dense": 2}],
        "epochs": 1,
        "metrics": metrics,
        "callbacks": callbacks,
        **config,
    },
    st.dictionaries(keys, values, max_size=1),
    st.lists(
        st.dictionaries(keys, values, min_size=1, max_size=1) | st.just("Flatten"), max_size=2
    ),
    st.fixed_dictionaries({}, optional={"test": atoms, "validation": atoms, "time": atoms}),
    st.lists(atoms, max_size=1),
    st.lists(st.dictionaries(keys, values, max_size=1), max_size=1),
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(values, whole, likely))
def test_any_values_give_a_spec_or_a_spec_error(given_values: Any) -> None:
    source = Source(values=given_values, places={}, file=Path("a.yaml"))
    try:
        spec = build_spec(source)
    except SpecError as error:
        assert error.message
        assert "Problem(" not in error.message
    else:
        assert isinstance(spec, RunSpec)
