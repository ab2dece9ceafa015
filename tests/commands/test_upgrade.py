"""Configs are upgraded in place, all or none."""

import json

import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.errors import ExitCode

OLD = "random_state: 7  # \u00fc\ndata: {file: a.csv}\n"
NEW = "version: 1\nseed: 7  # \u00fc\ndata: {source: a.csv}\n"


def run(*words):
    return CliRunner().invoke(app, ["upgrade", *map(str, words)])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_upgraded_in_its_encoding(tmp_path, encoding):
    path = tmp_path / "net.yaml"
    path.write_bytes(OLD.encode(encoding))
    path.chmod(0o640)
    outcome = run(path)
    assert outcome.exit_code == 0
    assert path.read_bytes() == NEW.encode(encoding)
    assert path.stat().st_mode & 0o777 == 0o640
    assert outcome.stdout.splitlines() == [
        f"{path}:1: version: 1 added",
        f"{path}:2: random_state is called seed",
        f"{path}:3: file is called source",
    ]
    assert run(path, "--check").exit_code == 0
    assert "nothing to change" in run(path).stdout


def test_check_writes_nothing_and_ends_in_7(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(OLD, encoding="utf-8")
    outcome = run(path, "--check", "--json")
    assert outcome.exit_code == ExitCode.CHECK
    assert path.read_text(encoding="utf-8") == OLD
    (told,) = json.loads(outcome.stdout)
    assert told["config"] == str(path)
    assert told["changes"][0] == {"line": 1, "change": "version: 1 added"}


def test_where_one_cannot_be_upgraded_none_is(tmp_path):
    good, newer = tmp_path / "good.yaml", tmp_path / "newer.yaml"
    good.write_text(OLD, encoding="utf-8")
    newer.write_text("version: 99\n")
    outcome = run(good, newer)
    assert outcome.exit_code == ExitCode.SPEC
    assert "update dlcli" in outcome.stderr
    assert good.read_text(encoding="utf-8") == OLD


def test_a_link_stays_a_link(tmp_path):
    path, link = tmp_path / "net.yaml", tmp_path / "link.yaml"
    path.write_text(OLD, encoding="utf-8")
    link.symlink_to(path)
    assert run(link).exit_code == 0
    assert link.is_symlink()
    assert path.read_text(encoding="utf-8") == NEW
