"""The commands of the README and of docs/ run, in order, in a copy of the repository."""

import re
import runpy
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.errors import ExitCode

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


PAGES = sorted((REPOSITORY / "docs").glob("*.md"))


def _console_commands(text: str) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of what the pages name, with the run that every page but the tutorial begins with."""
    folder = tmp_path_factory.mktemp("copied")
    for name in ("configs", "datasets"):
        shutil.copytree(REPOSITORY / name, folder / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert CliRunner().invoke(app, ["train", "configs/concrete.yaml", "-q"]).exit_code == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        page
        for page in (REPOSITORY / "README.md", *PAGES)
        if _console_commands(page.read_text("utf-8"))
    ],
    ids=lambda page: page.stem,
)
def test_every_command_block_works_in_a_copy_of_the_repository(page, copied, tmp_path, monkeypatch):
    told = _console_commands(page.read_text(encoding="utf-8"))
    ignored = shutil.ignore_patterns("runs") if page.name == "tutorial.md" else None
    shutil.copytree(copied, tmp_path, ignore=ignored, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for command in told:
        program, *arguments = shlex.split(command)
        assert program == "dlcli"
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, f"{command}\n{result.output}"


def test_every_exit_code_is_in_the_table():
    rows = re.findall(r"^\| (\d+) \| ", README, re.MULTILINE)
    assert [int(row) for row in rows] == [int(code) for code in ExitCode]


def test_every_command_is_mentioned():
    names = [command.callback.__name__.replace("_", "-") for command in app.registered_commands]
    documentation = README + "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name in names:
        assert f"dlcli {name}" in documentation, name


def test_the_file_tree_is_the_one_that_is_there():
    script = REPOSITORY / "scripts" / "list_modules.py"
    tree = runpy.run_path(str(script))["list_modules"]()
    assert tree in README, "run scripts/list_modules.py and paste what it prints"
