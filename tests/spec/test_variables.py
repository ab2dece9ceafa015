"""Environment variables stand in data paths, and nowhere else."""

from pathlib import Path

import pytest

from dlcli.errors import SpecError
from dlcli.spec.places import Place
from dlcli.spec.run import load_spec
from dlcli.spec.variables import escape_variables, fill_variables
from dlcli.spec.writing import to_yaml

PLACE = Place(file="a.yaml")
ENVIRONMENT = {"DATA": "/d", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "filled", "names"),
    [
        ("plain.csv", "plain.csv", ()),
        ("${DATA}/a.csv", "/d/a.csv", ("DATA",)),
        ("${DATA:-x}/${B:-y}.csv", "/d/y.csv", ("DATA", "B")),
        ("${EMPTY:-x}", "x", ("EMPTY",)),
        ("${B:-}a", "a", ("B",)),
        ("$${DATA} costs $5", "${DATA} costs $5", ()),
    ],
)
def test_variables_are_filled_in(text, filled, names):
    assert fill_variables(text, PLACE, ENVIRONMENT) == (filled, names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${B}/a.csv", "the environment variable B is not set"),
        ("${EMPTY}", "EMPTY is empty"),
        ("${}", "names no environment variable"),
        ("${a-b}", "names no environment variable"),
        ("${DATA", "names no environment variable"),
        ("${AWS_SECRET_KEY}", "looks like a secret"),
        ("${MY_TOKEN:-x}", "looks like a secret"),
    ],
)
def test_what_cannot_be_filled_in_says_why(text, message):
    with pytest.raises(SpecError) as caught:
        fill_variables(text, PLACE, ENVIRONMENT)
    assert message in caught.value.message


CONFIG = "data: {source: '${DATA}/a.csv', target: y, split: {test: '${TEST:-t.csv}'}}\nepochs: 1\n"


def _write(tmp_path: Path, text: str, name: str = "a.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text + "layers: [Dense: 1]\n")
    return path


def test_a_config_names_its_variables_and_its_bases(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA", "tables")
    base = _write(tmp_path, CONFIG)
    config = _write(tmp_path, "extends: a.yaml\nloss: mse\n", "b.yaml")
    spec = load_spec(config)
    assert spec.data.source == str(tmp_path / "tables" / "a.csv")
    assert spec.data.split.test == str(tmp_path / "t.csv")
    assert spec.origin is not None
    assert (spec.origin.variables, spec.origin.bases) == (("DATA", "TEST"), (base,))
    overridden = load_spec(config, ("data.source=${DATA}/b.csv",))
    assert overridden.data.source == str(Path.cwd() / "tables" / "b.csv")


def test_an_unset_variable_is_told_at_its_place(tmp_path, monkeypatch):
    monkeypatch.delenv("DATA", raising=False)
    with pytest.raises(SpecError, match=r"a\.yaml:1:16: the environment variable DATA is not set"):
        load_spec(_write(tmp_path, CONFIG))
    with pytest.raises(SpecError, match=r"--set data\.source: the environment variable X is not"):
        load_spec(_write(tmp_path, CONFIG.replace("${DATA}", ".")), ("data.source=${X}",))


def test_a_path_that_looks_like_a_variable_is_written_so_that_it_stays(tmp_path):
    config = _write(tmp_path, CONFIG.replace("${DATA}", "$${DATA}"))
    spec = load_spec(config)
    assert spec.data.source == str(tmp_path / "${DATA}" / "a.csv")
    again = tmp_path / "again.yaml"
    again.write_text(to_yaml(spec, folder=tmp_path))
    assert load_spec(again).data.source == spec.data.source
    assert escape_variables("a${b}") == "a$${b}"


def test_other_keys_take_no_variables(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA", "x")
    config = _write(tmp_path, CONFIG + "name: '${DATA}'\n")
    with pytest.raises(SpecError, match="cannot name a folder of runs"):
        load_spec(config)
