"""Verdicts as JUnit XML, which CI servers show beside tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from dlcli.checks.judging import Verdict
from dlcli.checks.text import describe
from dlcli.errors import DlcliError, UsageError


@dataclass(frozen=True, kw_only=True)
class Suite:
    """The checks of one run, or the error that kept them from being judged."""

    name: str
    verdicts: tuple[Verdict, ...] = ()
    seconds: float = 0.0
    properties: tuple[tuple[str, str], ...] = ()
    error: DlcliError | None = None


def write_junit(path: Path, suites: Sequence[Suite]) -> None:
    """Write suites to a file; raises UsageError where it cannot be written."""
    root = ElementTree.Element("testsuites", name="dlcli")
    for suite in suites:
        root.append(_suite(suite))
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode", xml_declaration=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--junit {path}: cannot be written: {error.strerror}") from None


def _suite(suite: Suite) -> ElementTree.Element:
    failures = sum(verdict.is_met is False for verdict in suite.verdicts)
    skipped = sum(verdict.is_met is None for verdict in suite.verdicts)
    element = ElementTree.Element(
        "testsuite",
        name=suite.name,
        tests=str(len(suite.verdicts) + (suite.error is not None)),
        failures=str(failures),
        errors=str(int(suite.error is not None)),
        skipped=str(skipped),
        time=f"{suite.seconds:.3f}",
    )
    if suite.properties:
        properties = ElementTree.SubElement(element, "properties")
        for name, value in suite.properties:
            ElementTree.SubElement(properties, "property", name=name, value=value)
    for verdict in suite.verdicts:
        _case(element, suite.name, verdict)
    if suite.error is not None:
        case = ElementTree.SubElement(element, "testcase", classname=suite.name, name="run")
        failed = ElementTree.SubElement(case, "error", message=suite.error.message.splitlines()[0])
        failed.text = suite.error.message
    return element


def _case(suite: ElementTree.Element, name: str, verdict: Verdict) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=name, name=verdict.check, time="0.000"
    )
    if verdict.is_met is False:
        failure = ElementTree.SubElement(
            case, "failure", type="CheckError", message=describe(verdict)
        )
        failure.text = describe(verdict)
    elif verdict.is_met is None:
        ElementTree.SubElement(case, "skipped", message=verdict.note or "")
