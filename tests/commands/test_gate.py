"""Checks end a command with exit code 7, and tell CI servers why."""

import json
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from dlcli.cli import app


def _run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments], prog_name="dlcli")


@pytest.fixture
def github(monkeypatch, tmp_path):
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    return summary


def test_checks_of_a_config_are_judged_again_at_evaluation(runs_folder):
    outcome = _run("evaluate", "concrete/002")
    assert outcome.exit_code == 7
    assert "not met" in outcome.stdout
    assert outcome.stderr.startswith("error: runs/concrete/002: 1 of 2 checks are not met\n  test.")
    assert _run("evaluate", "concrete/001").exit_code == 0


def test_checks_of_the_command_line_count_too(runs_folder):
    assert _run("evaluate", "concrete/001", "--check", "test.mae < 1000").exit_code == 0
    assert _run("evaluate", "concrete/001", "--check", "test.mae < 0.1").exit_code == 7
    unknown = _run("evaluate", "concrete/001", "--check", "test.mea < 1")
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert "has no metric 'mea'" in unknown.stderr


def test_a_condition_to_fail_is_a_check_from_its_other_side(runs_folder):
    assert _run("evaluate", "concrete/001", "--fail-if", "test.mae >= 1000").exit_code == 0
    short = _run("evaluate", "concrete/001", "--fail-if", "test.mae > 0.1")
    assert short.exit_code == 7
    assert "test.mae <= 0.1" in short.stderr
    chain = _run("evaluate", "concrete/001", "--fail-if", "0 < test.mae < 1")
    assert (chain.exit_code, chain.stdout) == (2, "")
    assert "--fail-if '0 < test.mae < 1': expected one comparison" in chain.stderr
    same = _run("evaluate", "concrete/001", "--fail-if", "test.mae == 1")
    assert same.exit_code == 2
    assert "expected <, <=, > or >=, got ==" in same.stderr


def test_the_run_before_is_the_one_with_the_next_lower_number(runs_folder):
    outcome = _run("evaluate", "concrete/002", "--check", "test.mae <= previous", "--json")
    own, before = (
        json.loads((runs_folder / f"runs/concrete/{number}/metrics.json").read_text())["parts"][
            "test"
        ]["targets"]["compressive_strength"]["MeanAbsoluteError"]
        for number in ("002", "001")
    )
    verdict = json.loads(outcome.stdout)["checks"][-1]
    assert (verdict["value"], verdict["limit"]) == (own, before)
    first = _run("evaluate", "concrete/001", "--check", "test.mae <= previous")
    assert "skipped: there is no run before this one" in first.stdout
    itself = _run(
        "evaluate", "concrete/001", "--check", "test.mae < previous", "--previous", "concrete/001"
    )
    assert itself.exit_code == 7


def test_new_data_have_figures_called_data(runs_folder, concrete_csv):
    arguments = ("evaluate", "concrete/001", "--data", concrete_csv, "--check")
    assert _run(*arguments, "data.mae < 1000").exit_code == 0
    assert _run(*arguments, "data.R2Score > 0.999").exit_code == 7
    refused = _run(*arguments, "data.mae < 1000", "--previous", "concrete/001")
    assert (refused.exit_code, "dlcli compare" in refused.stderr) == (2, True)


def test_junit_holds_the_verdicts_and_errors(runs_folder):
    _run("evaluate", "concrete/002", "--junit", "checks.xml")
    (suite,) = ElementTree.parse("checks.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    _run("evaluate", "no-such-run", "--junit", "checks.xml")
    (suite,) = ElementTree.parse("checks.xml").getroot()
    assert (suite.get("errors"), suite.get("name")) == ("1", "no-such-run")


def test_github_gets_annotations_and_a_summary(runs_folder, github):
    outcome = _run("evaluate", "concrete/002")
    assert "::error title=check not met::test.mae <= 0.5 * baseline.linear: " in outcome.stderr
    summary = github.read_text()
    assert summary.startswith("### runs/concrete/002: test part, 206 rows")
    assert "| RootMeanSquaredError |" in summary
    assert "| not met |" in summary


def test_github_marks_the_line_of_a_mistake(tmp_path, github):
    config = tmp_path / "net.yaml"
    config.write_text("data: {source: a.csv, target: b}\nlayers: [Dens: 1]\nepochs: 2\n")
    stderr = _run("validate", config).stderr
    assert f"::error file={config},line=2,col=10::unknown layer 'Dens'" in stderr


@pytest.mark.slow
def test_training_keeps_the_run_and_marks_the_check_in_its_config(tmp_path, monkeypatch, github):
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(f"{i},{i % 7}" for i in range(60))
    (tmp_path / "a.csv").write_text(f"x,y\n{rows}\n")
    (tmp_path / "net.yaml").write_text(
        "data: {source: a.csv, target: y}\nlayers: [Dense: 1]\nepochs: 2\n"
        "checks:\n  - test.mae < 1000\n  - test.R2Score > 0.99\n"
    )
    outcome = _run("train", "net.yaml", "--quiet", "--check", "run.epochs == 2")
    assert outcome.exit_code == 7
    assert (
        "::error file=net.yaml,line=6,col=5,title=check not met::test.R2Score > 0.99: "
    ) in outcome.stderr
    manifest = json.loads((tmp_path / "runs/net/001/manifest.json").read_text())
    assert [check["is_met"] for check in manifest["checks"]] == [True, False, True]
    config = (tmp_path / "runs/net/001/config.yaml").read_text()
    assert "run.epochs == 2" in config
