"""A diff names keys of resolved configs and where both are written."""

import json

import pytest
from typer.testing import CliRunner

from dlcli.cli import app

BASE = """\
data: {source: plants.csv, target: height}
layers:
  - Dense: 8
  - Dense: 1
optimizer: Adam
epochs: 2
"""


@pytest.fixture
def configs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(BASE)
    (tmp_path / "b.yaml").write_text(
        "extends: a.yaml\ndata:\n  scale: standard\nlayers:\n  - Dense: 8\n  - Dropout: 0.5\n"
        "  - Dense: 1\noptimizer: {Adam: {learning_rate: 0.01}}\n"
    )


def _diff(*arguments):
    return CliRunner().invoke(app, ["diff", *arguments])


def test_every_difference_has_its_place_on_both_sides(configs):
    changes = {each["key"]: each for each in json.loads(_diff("a.yaml", "b.yaml", "--json").stdout)}
    assert changes.keys() == {
        "name", "data.scale", "layers.1", "optimizer.Adam.learning_rate",
    }  # fmt: skip
    assert changes["data.scale"]["left"] == {"value": "none", "place": None}
    assert changes["data.scale"]["right"] == {"value": "standard", "place": "b.yaml:3"}
    assert changes["layers.1"]["left"] is None
    assert changes["layers.1"]["right"]["place"] == "b.yaml:6"
    rate = changes["optimizer.Adam.learning_rate"]
    assert rate["left"]["value"] == 0.001
    assert rate["right"] == {"value": 0.01, "place": "b.yaml:8"}


def test_the_table_says_default_and_line(configs):
    text = _diff("a.yaml", "b.yaml").stdout
    assert "none  (default)" in text
    assert "standard  (line 3)" in text


def test_spelling_is_no_difference(configs, tmp_path):
    (tmp_path / "c.yaml").write_text(
        BASE.replace("Dense: 8", "Dense: {units: 8}").replace("Adam", "adam") + "name: a\n"
    )
    assert _diff("a.yaml", "c.yaml").stdout == "a.yaml and c.yaml say the same\n"
    changed = _diff("a.yaml", "c.yaml", "--set", "epochs=3", "--json").stdout
    assert [each["right"]["place"] for each in json.loads(changed)] == ["--set epochs"]


def test_a_config_that_is_wrong_says_so(configs, tmp_path):
    (tmp_path / "c.yaml").write_text(BASE.replace("epochs", "epoch"))
    assert _diff("a.yaml", "c.yaml").exit_code == 3
