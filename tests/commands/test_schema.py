"""The schema as a file, and in the settings of an editor's workspace."""

import json

import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.errors import ExitCode


def run(*words):
    return CliRunner().invoke(app, ["schema", *map(str, words)])


def read(path):
    return json.loads(path.read_text())


def test_schema_is_written_to_a_file_and_not_over_one(tmp_path):
    path = tmp_path / "dlcli.schema.json"
    assert run("--out", path).exit_code == 0
    assert read(path) == json.loads(run().stdout)
    assert run("--out", path).exit_code == ExitCode.USAGE
    assert run("--out", path, "--force").exit_code == 0


def test_setting_is_printed_for_whoever_adds_it_by_hand():
    printed = json.loads(run("--vscode", "--glob", "nets/*.yaml", "--glob", "a.yaml").stdout)
    assert printed == {"yaml.schemas": {"./.vscode/dlcli.schema.json": ["nets/*.yaml", "a.yaml"]}}


def test_settings_that_are_there_stay(tmp_path):
    folder = tmp_path / ".vscode"
    folder.mkdir()
    others = {"editor.rulers": [100], "yaml.schemas": {"https://x.org/ci.json": "ci.yaml"}}
    (folder / "settings.json").write_text(json.dumps(others))
    outcome = run("--vscode", "--out", folder)
    assert outcome.exit_code == 0
    merged = read(folder / "settings.json")
    assert merged["editor.rulers"] == [100]
    assert merged["yaml.schemas"] == {
        "https://x.org/ci.json": "ci.yaml",
        "./.vscode/dlcli.schema.json": ["configs/*.yaml"],
    }
    before = (folder / "settings.json").stat().st_mtime_ns
    assert "says so already" in run("--vscode", "--out", folder).stdout
    assert (folder / "settings.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "content", ['{"a": 1} // mine\n', "[1]", '{"yaml.schemas": ["a"]}', b"\xff\xfe\x00"]
)
def test_settings_that_cannot_be_added_to_are_left_as_they_are(tmp_path, content):
    folder = tmp_path / ".vscode"
    folder.mkdir()
    content = content if isinstance(content, bytes) else content.encode()
    (folder / "settings.json").write_bytes(content)
    outcome = run("--vscode", "--out", folder)
    assert outcome.exit_code == ExitCode.USAGE
    assert '"yaml.schemas": {"./.vscode/dlcli.schema.json"' in outcome.stderr
    assert (folder / "settings.json").read_bytes() == content
    assert not (folder / "dlcli.schema.json").exists()


def test_another_folder_is_none_that_an_editor_reads(tmp_path):
    outcome = run("--vscode", "--out", tmp_path)
    assert outcome.exit_code == ExitCode.USAGE
    assert f"--out {tmp_path / '.vscode'}" in outcome.stderr
    assert run("--glob", "*.yaml").exit_code == ExitCode.USAGE
