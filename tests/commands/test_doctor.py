"""The doctor tells what a bug report needs, and survives what is broken."""

import json

import pytest
from typer.testing import CliRunner

from dlcli import __version__
from dlcli.cli import app
from dlcli.commands.doctor import diagnose


def test_what_is_here_is_told():
    outcome = CliRunner().invoke(app, ["doctor", "--quick", "--json"])
    found = json.loads(outcome.stdout)
    assert found["facts"]["dlcli"].startswith(__version__)
    assert {"python", "system", "threads", "memory", "disk", "cache", "gpu"} <= found[
        "facts"
    ].keys()
    assert found["libraries"]["keras"] is not None
    assert found["problems"] == []
    assert "tensorflow devices" not in found["facts"]
    text = CliRunner().invoke(app, ["doctor", "--quick", "--format", "md"])
    assert "| keras |" in text.stdout


@pytest.mark.slow
def test_a_backend_that_does_not_start_is_a_problem_and_no_crash(monkeypatch, tmp_path):
    (tmp_path / "jax").mkdir()
    (tmp_path / "jax" / "__init__.py").write_text("raise ImportError('no such driver')")
    from pathlib import Path

    import dlcli.commands.doctor as module

    root = Path(module.__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{root}")
    monkeypatch.setattr(module, "_LIBRARIES", ("keras", "tensorflow", "jax"))
    found = diagnose()
    assert "CPU" in found.facts["tensorflow devices"]
    assert found.facts["jax devices"] == "unknown"
    assert any("jax does not start" in problem for problem in found.problems)
