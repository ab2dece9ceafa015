"""What a report holds, read without a browser."""

import html
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dlcli.languages import speaking
from dlcli.report.html.page import build_report, write_report
from dlcli.report.record import load_record
from dlcli.runs import RunFolder

VOID = {"meta", "link", "img", "br"}


class Outline(HTMLParser):
    """Tags that are open, elements counted, and the texts of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.counts: dict[str, int] = {}
        self.ids: list[str] = []
        self.handlers: list[str] = []
        self.styles = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name.startswith("on"):
                self.handlers.append(name)
            self.styles += name == "style"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(run: RunFolder) -> str:
    return build_report(load_record(run))


def chart_data(page: str) -> list[dict]:
    found = re.search(r'<script type="application/json" id="chart-data">(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])


RUNS = [
    "trained_run", "binary_run", "multiclass_run", "two_outputs_run", "hostile_run", "wide_run",
]  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_every_run_ends_with_a_whole_page(name: str, request: pytest.FixtureRequest) -> None:
    run: RunFolder = request.getfixturevalue(name)
    page = run.report.read_text(encoding="utf-8")
    outline = Outline(page)
    assert outline.open == []
    assert outline.counts["script"] == 2
    assert outline.handlers == []
    assert outline.styles == 0
    assert len(outline.ids) == len(set(outline.ids))
    assert len(chart_data(page)) >= 2
    for identity in ("verdict", "scores", "predictions", "worst", "training", "data", "versions"):
        assert identity in outline.ids
    assert len(page.encode()) < 500_000


def test_the_page_names_nothing_elsewhere(trained_run: RunFolder) -> None:
    page = page_of(trained_run)
    assert not re.findall(r'(?:src|href)="(?!#|data:)', page)
    assert "default-src &#x27;none&#x27;" in page
    assert "@import" not in page
    assert not re.findall(r"url\(", page)


def test_the_policy_names_the_hashes_of_what_is_inside(trained_run: RunFolder) -> None:
    import base64
    import hashlib

    page = page_of(trained_run)
    policy = html.unescape(re.search(r'Security-Policy" content="([^"]*)"', page)[1])
    script = re.search(r"<script>(.*)</script>\n</body>", page, re.DOTALL)[1]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    for kind, text in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_the_verdict_is_one_line_against_the_baselines(trained_run: RunFolder) -> None:
    page = page_of(trained_run)
    verdict = re.search(r'class="verdict">(.*?)</p>', page)[1]
    assert re.match(r"RMSE [\d.]+ on 206 test rows; .* (above|below) linear \([\d.]+\)", verdict)
    assert "95 % interval" in page


def test_what_the_policies_did_is_told_in_rows(
    binary_run: RunFolder, multiclass_run: RunFolder
) -> None:
    assert "missing, filled with the median" in page_of(binary_run)
    dropped = page_of(multiclass_run)
    assert "missing, row dropped" in dropped
    assert re.search(r"dropped by policies</th><td[^>]*>14</td>", dropped)


def test_names_and_cells_are_text_wherever_they_stand(hostile_run: RunFolder) -> None:
    page = hostile_run.report.read_text(encoding="utf-8")
    assert page.count("<script") == 2
    assert page.count("</script") == 2
    assert "<img" not in page
    assert "<b>" not in page
    assert "<i>no" not in page
    assert "温度 °C" in page
    labels = [each["label"] for chart in chart_data(page) for each in chart.get("series", [])]
    assert "<i>no</i>" in labels


def test_many_columns_and_classes_are_cut_and_say_so(wide_run: RunFolder) -> None:
    page = page_of(wide_run)
    assert "The 30 of 200 classes with the lowest F1" in page
    assert "Most frequent confusions" in page
    assert "of the 8 most frequent of 200 classes" in page
    assert "60 more input columns" in page
    assert "101 columns" in page


def test_the_same_run_gives_the_same_page(binary_run: RunFolder) -> None:
    assert page_of(binary_run) == page_of(binary_run)


def test_a_report_takes_little_time(trained_run: RunFolder) -> None:
    page_of(trained_run)
    started = time.process_time()
    for _ in range(3):
        page_of(trained_run)
    # About 40 ms on a quiet machine.
    assert (time.process_time() - started) / 3 < 0.25


def test_sections_without_their_file_are_left_out(trained_run: RunFolder, tmp_path: Path) -> None:
    kept = ("manifest.json", "metrics.json", "preprocessing.json")
    for name in kept:
        (tmp_path / name).write_bytes((trained_run.path / name).read_bytes())
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["files"] = {
        name: manifest["files"][name] for name in kept if name in manifest["files"]
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    outline = Outline(write_report(RunFolder(tmp_path)).read_text(encoding="utf-8"))
    assert outline.open == []
    assert "scores" in outline.ids
    assert not {"training", "predictions", "worst", "config"} & set(outline.ids)


def test_what_intervals_hold_is_shown_for_numbers_alone(
    trained_run: RunFolder, binary_run: RunFolder
) -> None:
    page = page_of(trained_run)
    levels = trained_run.load_metrics()["coverage"]["targets"]["compressive_strength"]
    assert "intervals" in Outline(page).ids
    assert f">{levels['0.9']['covered']:.1%}<" in page
    assert "errors on 103 validation rows" in page
    assert "intervals" not in Outline(page_of(binary_run)).ids


def test_epochs_are_numbered_in_whole_numbers_in_every_language(trained_run: RunFolder) -> None:
    with speaking("zh"):
        chinese = page_of(trained_run)
    for page in (page_of(trained_run), chinese):
        curves = [chart for chart in chart_data(page) if chart.get("canLog")]
        assert curves
        assert all(chart["wholeX"] for chart in curves)
