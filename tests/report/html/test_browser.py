"""Reports in a real browser: charts drawn, nothing refused, phone, paper, both themes."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from dlcli.commands.report import report
from dlcli.runs import RunFolder

PHONE = {"width": 375, "height": 800}
DESK = {"width": 1280, "height": 900}
RUNS = ["trained_run", "multiclass_run", "two_outputs_run", "hostile_run", "wide_run"]

PAINTED = """() => [...document.querySelectorAll(".plot canvas")].map((canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let painted = 0;
  for (let at = 3; at < data.length; at += 32) if (data[at] > 0) painted += 8;
  return painted;
})"""


class Opened:
    """A page with everything that its browser complained of."""

    def __init__(self, browser: Browser, path: Path, *, viewport: dict, scheme: str) -> None:
        self.page: Page = browser.new_page(viewport=viewport, color_scheme=scheme)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_function("document.documentElement.dataset.ready !== undefined")


@pytest.fixture
def open_page(browser: Browser) -> Iterator:
    opened: list[Opened] = []

    def open_one(run: RunFolder, viewport: dict = DESK, scheme: str = "light") -> Opened:
        opened.append(Opened(browser, run.report, viewport=viewport, scheme=scheme))
        return opened[-1]

    yield open_one
    for each in opened:
        each.page.close()


@pytest.mark.parametrize("name", RUNS)
def test_every_chart_is_drawn_and_nothing_is_refused(name, open_page, request) -> None:
    run = request.getfixturevalue(name)
    opened = open_page(run)
    painted = opened.page.evaluate(PAINTED)
    assert len(painted) == opened.page.locator("figure.chart .plot").count()
    assert min(painted) > 2000
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [run.report.as_uri()]


@pytest.mark.parametrize(
    ("name", "scheme"),
    [("two_outputs_run", "light"), ("hostile_run", "dark"), ("wide_run", "light")],
)
def test_a_phone_scrolls_in_one_direction(name, scheme, open_page, request) -> None:
    opened = open_page(request.getfixturevalue(name), PHONE, scheme)
    width, painted = opened.page.evaluate("document.documentElement.scrollWidth"), PAINTED
    assert width == PHONE["width"]
    assert min(opened.page.evaluate(painted)) > 1000
    assert opened.complaints == []


def test_a_comparison_is_drawn(trained_run, browser, tmp_path, monkeypatch) -> None:
    for number in ("001", "002"):
        shutil.copytree(trained_run.path, tmp_path / "runs" / "concrete" / number)
    monkeypatch.chdir(tmp_path)
    path, _ = report(["concrete/001", "concrete/002"])
    opened = Opened(browser, path.resolve(), viewport=PHONE, scheme="light")
    painted = opened.page.evaluate(PAINTED)
    assert len(painted) >= 2
    assert min(painted) > 1000
    assert opened.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert opened.complaints == []
    opened.page.close()


def test_names_are_shown_and_not_obeyed(hostile_run, open_page) -> None:
    opened = open_page(hostile_run)
    assert opened.page.title() == "hostile (run)"
    text = opened.page.inner_text("body")
    for name in ("<script>document.title='owned'</script>", "温度 °C", "<i>no</i>"):
        assert name in text
    opened.page.hover("#chart-1 .u-over", position={"x": 60, "y": 60})
    assert opened.page.title() == "hostile (run)"


def test_the_policy_stops_a_script_that_gets_in(trained_run, open_page) -> None:
    opened = open_page(trained_run)
    opened.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'document.title = 1';"
        " document.body.append(s); }"
    )
    assert opened.page.title() != "1"
    assert any("Content Security Policy" in text for text in opened.complaints)


def brightness(page: Page) -> float:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


def test_the_theme_follows_the_system_until_it_is_switched(trained_run, open_page) -> None:
    dark = open_page(trained_run, scheme="dark").page
    assert brightness(dark) < 60
    dark.click("#theme")
    assert brightness(dark) > 220
    light = open_page(trained_run).page
    assert brightness(light) > 220
    light.click("#theme")
    assert brightness(light) < 60


def test_hovering_shows_values_and_the_legend_hides_a_line(trained_run, open_page) -> None:
    page = open_page(trained_run).page
    page.locator("#chart-1 .u-over").scroll_into_view_if_needed()
    chart = "document.querySelector('#chart-1 .plot')"
    box = page.locator("#chart-1 .u-over").bounding_box()
    for share in range(20, 80, 4):
        page.mouse.move(
            box["x"] + box["width"] * share / 100, box["y"] + box["height"] * (1 - share / 100)
        )
        if page.locator("#chart-1 .tip").is_visible():
            break
    assert re.match(r"row [\d,]+", page.inner_text("#chart-1 .tip"))
    assert page.evaluate(f"{chart} !== null")
    curve = page.locator("figure", has_text="on training and validation rows").first
    before = curve.locator("canvas").evaluate("canvas => canvas.toDataURL()")
    button = curve.locator(".legend button", has_text="validation")
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert curve.locator("canvas").evaluate("canvas => canvas.toDataURL()") != before


def test_dragging_zooms_and_a_button_goes_back(trained_run, open_page) -> None:
    page = open_page(trained_run).page
    over = page.locator("#chart-1 .u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    reset = page.locator("#chart-1 .tool")
    whole = page.locator("#chart-1 canvas").evaluate("canvas => canvas.toDataURL()")
    assert not reset.is_visible()
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 160, steps=5)
    page.mouse.up()
    assert page.locator("#chart-1 canvas").evaluate("canvas => canvas.toDataURL()") != whole
    reset.click()
    page.mouse.move(0, 0)
    assert not reset.is_visible()
    assert page.locator("#chart-1 canvas").evaluate("canvas => canvas.toDataURL()") == whole


def test_a_loss_can_be_seen_in_logarithms(trained_run, open_page) -> None:
    page = open_page(trained_run).page
    curve = page.locator("figure", has_text="on training and validation rows").first
    before = curve.locator("canvas").evaluate("canvas => canvas.toDataURL()")
    curve.locator("button", has_text="log").click()
    assert curve.locator("canvas").evaluate("canvas => canvas.toDataURL()") != before


def test_paper_is_light_and_has_every_chart(binary_run, open_page, tmp_path) -> None:
    opened = open_page(binary_run, scheme="dark")
    opened.page.emulate_media(media="print")
    opened.page.wait_for_selector(".plot > img", state="attached")
    assert opened.page.locator(".plot > img").count() == opened.page.locator(".plot").count()
    assert brightness(opened.page) > 220
    assert opened.page.locator("details:not([open])").count() == 0
    opened.page.emulate_media(media="screen")
    opened.page.wait_for_selector(".plot > img", state="detached")
    assert brightness(opened.page) < 60
    opened.page.emulate_media(media="null")
    content = opened.page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert content.startswith(b"%PDF")
    assert content.count(b"/Subtype /Image") + content.count(b"/Subtype/Image") >= 3
    assert opened.complaints == []


def test_a_page_opens_within_a_second(wide_run, open_page) -> None:
    loaded = "performance.getEntriesByType('navigation')[0].loadEventEnd"
    assert min(open_page(wide_run).page.evaluate(loaded) for _ in range(3)) < 1000
