"""The shell completes commands, runs, keys and names, without loading what is slow."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.cli.completion import complete_name, complete_override, complete_run

REPOSITORY = Path(__file__).parents[1]


def _complete(line: str) -> list[str]:
    words = line.split(" ")
    environment = {
        "_DLCLI_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    outcome = CliRunner().invoke(app, [], prog_name="dlcli", env=environment)
    return outcome.stdout.split()


@pytest.fixture
def _runs(tmp_path, monkeypatch):
    for name in ("concrete/001", "concrete/012", "ccpp/001", "concrete/.partial-x"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)


def test_commands_are_completed():
    assert _complete("dlcli val") == ["validate"]
    assert {"list", "show", "best", "rm"} <= set(_complete("dlcli runs "))


@pytest.mark.usefixtures("_runs")
def test_runs_are_completed_name_first_then_number():
    assert _complete("dlcli evaluate c") == ["ccpp", "concrete"]
    assert _complete("dlcli compare concrete/") == ["concrete/001", "concrete/012"]
    assert complete_run("nothing/") == []


def test_keys_and_names_are_completed():
    assert "data.split.test=" in complete_override("data.spl")
    assert "optimizer.Adam.learning_rate=" in complete_override("optimizer.Adam")
    assert complete_name("Dens") == ["Dense"]
    assert _complete("dlcli explain EarlySt") == ["EarlyStopping"]
    assert "layer" in _complete("dlcli explain --list la")


def test_without_runs_nothing_is_proposed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert _complete("dlcli evaluate c") == []


def test_completion_loads_no_arrays_or_frameworks():
    code = (
        "import sys\nfrom dlcli.cli.completion import *\ncomplete_name('D'); complete_override('d')\n"
        "complete_run('')\n"
        "print(sorted({'numpy', 'pyarrow', 'keras', 'tensorflow', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert done.stdout == "[]\n"
