"""A comparison says what two runs share, where they differ, and whether that is chance."""

import hashlib
import json
import re
import shutil

import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.commands.compare import compare
from dlcli.errors import RunError, UsageError

TARGET = "compressive_strength"


def _run(*arguments):
    return CliRunner().invoke(app, ["compare", *arguments], prog_name="dlcli")


@pytest.fixture
def values(runs_folder):
    return compare(["concrete/001", "concrete/002"]).values


def _edit(path, change):
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def test_keys_of_the_config_that_differ_are_told_and_no_others(values):
    found = {item["key"]: item["values"] for item in values["config"]}
    assert found.keys() == {"epochs", "layers.0.Dense.units", "optimizer", "checks"}
    assert found["epochs"] == [3, 4]
    assert found["layers.0.Dense.units"] == [128, 16]
    assert found["checks"] == [None, ["test.R2Score >= -10", "test.mae <= 0.5 * baseline.linear"]]
    assert list(found["optimizer"][0]) == ["Adam"]
    assert found["optimizer"][1] in ("SGD", {"SGD": {}})
    assert (values["data"], values["columns"], values["versions"]) == ([], [], [])


def test_differences_are_those_of_the_figures_with_paired_intervals(values):
    figures = values["scores"]["figures"][TARGET]["RootMeanSquaredError"]
    (found,) = [
        item for item in values["scores"]["differences"] if item["metric"] == "RootMeanSquaredError"
    ]
    assert found["difference"] == pytest.approx(figures[1] - figures[0])
    assert found["interval"]["low"] < found["difference"] < found["interval"]["high"]
    assert values["scores"]["notes"] == []
    certain = not found["interval"]["low"] <= 0 <= found["interval"]["high"]
    better = "better" if found["difference"] < 0 else "worse"
    assert found["verdict"] == (better if certain else "within chance")


def test_a_run_equals_its_own_copy(runs_folder):
    (runs_folder / "runs/concrete/001").rename(runs_folder / "runs/concrete/009")

    shutil.copytree(runs_folder / "runs/concrete/009", runs_folder / "runs/concrete/010")
    found = compare(["concrete/009", "concrete/010"]).values
    assert {item["verdict"] for item in found["scores"]["differences"]} == {"equal"}
    assert all(not found[key] for key in ("config", "data", "columns", "versions"))


def test_other_rows_have_no_intervals(runs_folder):
    def move(manifest):
        manifest["data"]["split"]["sha256"]["test"] = "0" * 64
        manifest["data"]["sources"][0]["sha256"] = "1" * 64
        manifest["data"]["counts"]["rows"]["read"] = 1031
        manifest["versions"]["keras"] = "3.14.0"

    _edit(runs_folder / "runs/concrete/002/manifest.json", move)
    found = compare(["concrete/001", "concrete/002"]).values
    assert {item["interval"] for item in found["scores"]["differences"]} == {None}
    assert "its test part has other rows" in found["scores"]["notes"][0]
    data = {item["key"]: item["values"] for item in found["data"]}
    assert data["rows read"] == ["1030", "1031"]
    assert data["file"][1] == "concrete.csv 111111111111"
    assert [item["key"] for item in found["versions"]] == ["keras"]


def test_columns_that_drifted_are_named(runs_folder):
    def drift(state):
        for column in state["table"]["columns"]:
            if column["settings"]["name"] == "water":
                column["maximum"] *= 2
                column["scaler"]["offset"] += column["scaler"]["scale"]
        state["table"]["columns"].pop(0)

    run = runs_folder / "runs/concrete/002"
    _edit(run / "preprocessing.json", drift)
    _edit(run / "manifest.json", lambda manifest: manifest["files"].pop("preprocessing.json"))
    columns = {item["column"]: item["change"] for item in compare(
        ["concrete/001", "concrete/002"]
    ).values["columns"]}  # fmt: skip
    assert columns["cement"] == "is not used"
    assert "maximum 237 -> 474" in columns["water"]
    assert "+1.00 standard deviations" in columns["water"]


def test_the_share_of_rows_that_lie_elsewhere_is_told(runs_folder):
    def shift(profile):
        for column in profile["columns"]:
            if column["name"] == "water":
                for key in ("minimum", "median", "maximum"):
                    column[key] += 20

    run = runs_folder / "runs/concrete/002"
    _edit(run / "profile.json", shift)
    changed = compare_error(["concrete/001", "concrete/002"])
    assert "profile.json is not the file that training wrote" in changed
    digest = hashlib.sha256((run / "profile.json").read_bytes()).hexdigest()
    _edit(
        run / "manifest.json", lambda manifest: manifest["files"].update({"profile.json": digest})
    )
    (found,) = compare(["concrete/001", "concrete/002"]).values["columns"]
    assert (found["column"], found["change"]) == ("water", "median 185 -> 205")
    assert 0.3 < found["moved"] < 0.6
    assert re.search(
        r"water +\d\d% +median 185 -> 205", _run("concrete/001", "concrete/002").stdout
    )
    _edit(run / "manifest.json", lambda manifest: manifest["files"].pop("profile.json"))
    assert compare(["concrete/001", "concrete/002"]).values["columns"] == []


def compare_error(runs):
    with pytest.raises(RunError) as caught:
        compare(runs)
    return str(caught.value)


def test_markdown_and_tables_hold_the_same(runs_folder):
    table, markdown = _run("concrete/001", "concrete/002"), _run(
        "concrete/001", "concrete/002", "--format", "md"
    )  # fmt: skip
    for word in ("RootMeanSquaredError", "layers.0.Dense.units", "concrete/002", "95 % interval"):
        assert word in table.stdout
        assert word in markdown.stdout
    assert "| --- |" in markdown.stdout
    json.loads(_run("concrete/001", "concrete/002", "--json").stdout)


def test_more_than_two_runs_are_held_against_the_first(runs_folder):

    shutil.copytree(runs_folder / "runs/concrete/001", runs_folder / "runs/concrete/003")
    found = compare(["concrete/002", "concrete/001", "concrete/003"]).values
    assert len(found["scores"]["figures"][TARGET]["R2Score"]) == 3
    runs = {item["run"] for item in found["scores"]["differences"]}
    assert runs == {"concrete/001", "concrete/003"}
    layers = next(i for i in found["config"] if i["key"] == "layers.0.Dense.units")
    assert layers["values"] == [16, 128, 128]


def test_what_cannot_be_compared_says_why(runs_folder):
    with pytest.raises(UsageError, match="needs two runs"):
        compare(["concrete"])
    with pytest.raises(UsageError, match="concrete/002 is named twice"):
        compare(["concrete", "concrete/002"])

    def rename(metrics):
        for part in metrics["parts"].values():
            part["targets"] = {"slump": part["targets"][TARGET]}

    run = runs_folder / "runs/concrete/002"
    _edit(run / "manifest.json", lambda manifest: manifest["files"].pop("metrics.json"))
    _edit(run / "metrics.json", rename)
    with pytest.raises(RunError, match="predict nothing in common: concrete/001 predicts"):
        compare(["concrete/001", "concrete/002"])
    (run / "metrics.json").write_text("{}")
    with pytest.raises(RunError, match=r"metrics\.json: 'parts' is missing"):
        compare(["concrete/001", "concrete/002"])
