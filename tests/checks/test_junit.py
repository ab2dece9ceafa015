"""The JUnit file is one that CI servers read."""

from xml.etree import ElementTree

import pytest

from dlcli.checks.judging import Verdict
from dlcli.checks.junit import Suite, write_junit
from dlcli.errors import DataError, UsageError

VERDICTS = (
    Verdict(check="test.mae < 1", is_met=False, value=2.0, symbol="<", limit=1.0),
    Verdict(check="test.R2Score > 0.5 & \"x\"", is_met=True, value=0.6, symbol=">", limit=0.5),
    Verdict(check="test.mae <= previous", is_met=None, note="there is no run before this one"),
)  # fmt: skip


def test_checks_are_cases_with_their_outcome(tmp_path):
    path = tmp_path / "reports" / "checks.xml"
    write_junit(path, [Suite(name="runs/x/001", verdicts=VERDICTS, seconds=1.25)])
    (suite,) = ElementTree.parse(path).getroot()
    counts = {key: suite.get(key) for key in ("tests", "failures", "skipped", "errors", "time")}
    assert counts == {
        "tests": "3", "failures": "1", "skipped": "1", "errors": "0", "time": "1.250",
    }  # fmt: skip
    failed, met, skipped = suite.findall("testcase")
    assert failed.find("failure").get("message") == "test.mae < 1: 2 is 1 above 1"
    assert (met.get("name"), list(met)) == (VERDICTS[1].check, [])
    assert skipped.find("skipped").get("message") == "there is no run before this one"


def test_an_error_is_a_case_too(tmp_path):
    write_junit(tmp_path / "a.xml", [Suite(name="a.yaml", error=DataError("x.csv is gone\nmore"))])
    (suite,) = ElementTree.parse(tmp_path / "a.xml").getroot()
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")
    assert suite.find("testcase/error").get("message") == "x.csv is gone"


def test_a_file_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"--junit .*cannot be written"):
        write_junit(tmp_path / "file" / "a.xml", [])
