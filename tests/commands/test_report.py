"""A report is written where it is asked for, as a page or in Markdown."""

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.report.markdown import markdown_report
from dlcli.report.record import load_record
from dlcli.runs import RunFolder


def invoke(*arguments: str):
    return CliRunner().invoke(app, ["report", *arguments], prog_name="dlcli")


@pytest.fixture
def runs(trained_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for number in ("001", "002"):
        shutil.copytree(trained_run.path, tmp_path / "runs" / "concrete" / number)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs" / "concrete"


def test_a_lost_report_is_written_again(runs: Path) -> None:
    page = runs / "001" / "report.html"
    page.unlink()
    result = invoke("concrete/001")
    assert result.exit_code == 0
    assert result.stdout == "written: runs/concrete/001/report.html\n"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_run_before_is_named(runs: Path) -> None:
    invoke("concrete")
    page = (runs / "002" / "report.html").read_text(encoding="utf-8")
    assert "the same as concrete 001" in page


def test_a_page_elsewhere_is_not_written_over_unasked(runs: Path) -> None:
    assert invoke("concrete", "--out", "mine.html").exit_code == 0
    assert Path("mine.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert invoke("concrete", "--out", "mine.html").exit_code == 2
    assert invoke("concrete", "--out", "mine.html", "--force").exit_code == 0


def test_markdown_goes_to_stdout_or_a_file(runs: Path) -> None:
    shown = invoke("concrete", "--format", "md")
    assert shown.exit_code == 0
    assert re.search(r"^\*\*RMSE [\d.]+ on 206 test rows; .*\*\*$", shown.stdout, re.MULTILINE)
    assert re.search(r"^\| RMSE \| [\d.]+ \| [\d.]+ to [\d.]+ \| ", shown.stdout, re.MULTILINE)
    assert invoke("concrete", "--out", "note.md").exit_code == 0
    assert Path("note.md").read_text(encoding="utf-8") == shown.stdout


def test_a_name_in_markdown_formats_nothing(concrete_config: Path, tmp_path: Path) -> None:
    options = TrainOptions(overrides=("epochs=1", "name=a_b_c"), out=tmp_path / "odd")
    train(concrete_config, options, QuietDisplay())
    text = invoke(str(tmp_path / "odd"), "--format", "md").stdout
    assert "## a\\_b\\_c (odd)" in text


def test_several_runs_are_compared(runs: Path) -> None:
    result = invoke("concrete/001", "concrete/002")
    assert result.exit_code == 0
    assert result.stdout == "written: comparison.html\n"
    page = Path("comparison.html").read_text(encoding="utf-8")
    assert "2 runs compared" in page
    assert page.count('class="chart"') >= 2
    assert "no difference" in page
    assert invoke("concrete/001", "concrete/002").exit_code == 2
    shown = invoke("concrete/001", "concrete/002", "--format", "md")
    assert "| RootMeanSquaredError |" in shown.stdout


def test_markdown_says_what_intervals_hold(trained_run: RunFolder) -> None:
    text = markdown_report(load_record(trained_run), None)
    assert "- intervals: those of level 0.9 hold " in text
