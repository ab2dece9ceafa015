"""The report of one run: `report.html` in its folder."""

from pathlib import Path

from dlcli.errors import RunError
from dlcli.files import writing, written_whole
from dlcli.languages import spoken, translated
from dlcli.report.html.charts import Charts
from dlcli.report.html.data import data_section
from dlcli.report.html.document import document
from dlcli.report.html.elements import Markup, element, join
from dlcli.report.html.intervals import intervals_section
from dlcli.report.html.predictions import predictions_section, worst_section
from dlcli.report.html.provenance import config_section, network_section, versions_section
from dlcli.report.html.scores import folds_section, scores_section, verdict_section
from dlcli.report.html.training import training_section
from dlcli.report.record import RunRecord, find_previous, load_record
from dlcli.report.verdict import judge
from dlcli.runs import RunFolder

_TITLES = {
    "scores": "Figures",
    "folds": "Folds",
    "predictions": "Predictions",
    "intervals": "Intervals",
    "worst": "Worst rows",
    "training": "Training",
    "data": "Data",
    "network": "Network",
    "config": "Config",
    "versions": "Versions",
}


def write_report(run: RunFolder) -> Path:
    """Write the report of a run into its folder; raises RunError where that cannot be done."""
    text = build_report(load_record(run))
    with written_whole(run.report) as path, writing(run.report, RunError):
        path.write_text(text, encoding="utf-8")
    return run.report


def build_report(record: RunRecord) -> str:
    """Return the page of one run."""
    charts = Charts()
    previous = find_previous(record)
    verdicts = judge(record, previous)
    sections = {
        "verdict": verdict_section(record, verdicts),
        "scores": scores_section(record, verdicts),
        "folds": folds_section(record),
        "predictions": predictions_section(record, charts),
        "intervals": intervals_section(record),
        "worst": worst_section(record),
        "training": training_section(record, charts),
        "data": data_section(record),
        "network": network_section(record),
        "config": config_section(record),
        "versions": versions_section(record),
    }
    shown = {name: content for name, content in sections.items() if content is not None}
    created = str(record.manifest["created"]).replace("T", " ").split("+")[0]
    about = f"trained {created} UTC, dlcli {record.manifest.get('dlcli', '')}"
    head = header(record.label, translated(about))
    names = {name: spoken(_TITLES[name]) for name in shown if name in _TITLES}
    main = element("main", *shown.values())
    return document(record.label, head, navigation(names), main, charts=charts)


def header(title: str, about: str) -> Markup:
    """Return the head of a page with its switch of colours."""
    switch = spoken("Switch between light and dark")
    button = element("button", spoken("Dark"), type="button", id="theme", aria_label=switch)
    named = element("div", element("h1", title), element("p", about, class_="soft"))
    return element("header", named, button)


def navigation(names: dict[str, str]) -> Markup:
    """Return links to the sections, by their ids."""
    links = [element("a", title, href=f"#{name}") for name, title in names.items()]
    return element("nav", join(links), aria_label=spoken("Sections"))
