"""Model cards: a head for hubs, and sections that say no more than the run's files hold."""

import re
import shutil

import pytest
import yaml
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.commands.card import card
from dlcli.data.download import load_entry
from dlcli.errors import RunError, UsageError
from dlcli.runs import RunFolder, load_json, write_json


def parts(text):
    """Return the head as values, and the sections by their headings."""
    _, head, body = text.split("---\n", 2)
    sections = re.split(r"^## ", body, flags=re.MULTILINE)
    return yaml.safe_load(head), {each.partition("\n")[0]: each for each in sections}


def test_the_head_is_what_hubs_read(trained_run):
    head, _ = parts(card(str(trained_run.path), license="apache-2.0"))
    assert head["license"] == "apache-2.0"
    assert head["library_name"] == "keras"
    assert head["pipeline_tag"] == "tabular-regression"
    assert {"dlcli", "keras", "onnx"} <= set(head["tags"])
    (result,) = head["model-index"][0]["results"]
    assert result["dataset"] == {"name": "concrete.csv", "type": "tabular", "split": "test"}
    figures = trained_run.load_metrics()["parts"]["test"]["targets"]["compressive_strength"]
    found = {each["type"]: each["value"] for each in result["metrics"]}
    assert found["rmse"] == figures["RootMeanSquaredError"]
    assert found["r_squared"] == figures["R2Score"]


def test_the_sections_tell_what_the_run_holds(trained_run):
    _, sections = parts(card(str(trained_run.path)))
    assert list(sections)[1:] == [
        "Figures", "Use", "Inputs", "Predictions", "Training data", "Training", "Limits",
    ]  # fmt: skip
    assert "| cement | number | 102 to 540 | is refused |" in sections["Inputs"]
    assert "compressive\\_strength" in sections["Predictions"]
    assert "721 train, 103 validation, 206 test" in sections["Training data"]
    assert "not known to dlcli" in sections["Training data"]
    assert "extrapolated" in sections["Limits"]
    # Three epochs are not enough.
    assert re.search(r"it is (no better|worse) than the baseline `linear`", sections["Limits"])
    config = re.search(r"```yaml\n(.*?)```", sections["Training"], re.DOTALL)[1]
    assert config.strip() == trained_run.config.read_text(encoding="utf-8").strip()


def test_licence_and_citation_come_from_the_registry(trained_run, tmp_path):
    shutil.copytree(trained_run.path, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    manifest = load_json(run.manifest)
    entry = load_entry("ccpp")
    manifest["data"]["sources"][0]["sha256"] = entry.sha256
    write_json(run.manifest, manifest)
    head, sections = parts(card(str(run.path)))
    assert "| Combined cycle power plant | CC BY 4.0 |" in sections["Training data"]
    assert "P. Tüfekci" in sections["Citation"]
    assert entry.page in sections["Citation"]
    assert head["model-index"][0]["results"][0]["dataset"]["name"] == entry.title


def test_folders_of_the_one_who_trained_stay_out(trained_run):
    text = card(str(trained_run.path))
    source = trained_run.load_manifest()["data"]["sources"][0]["path"]
    # The config as it ran names its source as it was written.
    body = text.replace(trained_run.config.read_text(encoding="utf-8").strip(), "")
    assert source.rpartition("/")[0] not in body


def test_classes_are_told_with_their_rows(classes_run):
    head, sections = parts(card(str(classes_run.path)))
    assert head["pipeline_tag"] == "tabular-classification"
    assert "one of 3 classes" in sections["Predictions"]
    assert re.search(
        r"The rarest class of kind, \w+, has \d+ of 200 training rows", sections["Limits"]
    )


def test_names_neither_format_nor_bring_html(trained_run, tmp_path):
    shutil.copytree(trained_run.path, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    state, manifest = load_json(run.preprocessing), load_json(run.manifest)
    state["table"]["columns"][0]["settings"]["name"] = "<img src=x>|*bold*"
    write_json(run.preprocessing, state)
    del manifest["files"]["preprocessing.json"]
    write_json(run.manifest, manifest)
    text = card(str(run.path))
    assert "<img" not in text
    assert "&lt;img src=x&gt;\\|\\*bold\\*" in text


def test_a_card_is_written_and_never_over_a_file(trained_run, tmp_path):
    out = tmp_path / "README.md"
    command = ["card", str(trained_run.path), "--out", str(out)]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert out.read_text(encoding="utf-8").startswith("---\nlibrary_name: keras\n")
    with pytest.raises(UsageError, match="exists already"):
        card(str(trained_run.path), out=out)
    assert CliRunner().invoke(app, [*command, "--force"]).exit_code == 0
    with pytest.raises(RunError):
        card(str(tmp_path / "none"))
