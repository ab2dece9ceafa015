"""The workflows to copy: their shell steps run here, in order, as their servers would run them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlcli.spec.source import read_source

REPOSITORY = Path(__file__).parents[1]
GITHUB = read_source(REPOSITORY / "configs" / "ci" / "github.yaml").values
GITLAB = read_source(REPOSITORY / "configs" / "ci" / "gitlab.yaml").values["train"]
INSTALL = "python -m pip install dlcli"


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A checkout whose `dlcli` is this one, with a config that trains for a moment."""
    for folder in ("configs", "datasets"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    config = tmp_path / "configs" / "concrete.yaml"
    text = config.read_text().replace("epochs: 400", "epochs: 3")
    config.write_text(f"{text}\nchecks:\n  - run.epochs == 3\n  - test.mae <= 1.5 * previous\n")
    program = tmp_path / "bin" / "dlcli"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dlcli "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    # The package is found where this test found it.
    return tmp_path, {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY)}


def _shell(lines: list[str], folder: Path, environment: dict[str, str]) -> None:
    script = "set -euo pipefail\n" + "\n".join(lines)
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"


@pytest.mark.slow
def test_the_github_workflow_runs(place: tuple[Path, dict[str, str]]) -> None:
    folder, environment = place
    steps: list[dict[str, Any]] = GITHUB["jobs"]["train"]["steps"]
    lines = [step["run"] for step in steps if "run" in step]
    assert lines[0] == INSTALL
    environment |= {
        **GITHUB["env"],
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
    }
    _shell(lines[1:], folder, environment)
    assert (folder / "accepted.zip").is_file()
    assert "<testsuite " in (folder / "checks.xml").read_text()
    assert "run.epochs == 3" in (folder / "summary.md").read_text()
    # The next push compares with the run that was accepted, on another machine.
    shutil.rmtree(folder / "runs")
    _shell(lines[1:], folder, environment)
    assert {item.name for item in (folder / "runs" / "concrete").iterdir()} == {"001", "002"}
    assert "skipped" not in (folder / "summary.md").read_text().split("### ")[-1]


@pytest.mark.slow
def test_the_gitlab_job_runs(place: tuple[Path, dict[str, str]]) -> None:
    folder, environment = place
    assert GITLAB["before_script"] == [INSTALL]
    environment |= {
        **GITLAB["variables"],
        "CI_COMMIT_BRANCH": "main",
        "CI_DEFAULT_BRANCH": "main",
        "CI_PROJECT_DIR": str(folder),
    }
    _shell([*GITLAB["script"], *GITLAB["after_script"]], folder, environment)
    for name in (*GITLAB["artifacts"]["paths"], GITLAB["artifacts"]["reports"]["junit"]):
        assert (folder / name).is_file()
    assert (folder / "accepted.zip").read_bytes() == (folder / "run.zip").read_bytes()
