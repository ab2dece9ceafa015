"""The page in a real browser: sliders, selects, files, tokens, themes, a phone."""

import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from dlcli.runs import RunFolder, load_json, write_json
from dlcli.serving.server import address_of, listen

PHONE = {"width": 375, "height": 700}
DESK = {"width": 1280, "height": 900}
TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def address(ask_run) -> Iterator:
    """Serve runs, each in a thread of this process."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(run: RunFolder, **rest) -> str:
        app = ask_run(run, **rest).app
        listening = listen("127.0.0.1", 0)
        config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        servers.append((server, thread))
        told = address_of(listening)
        while not server.started:
            time.sleep(0.01)
        return told

    yield serve
    for server, _ in servers:
        server.should_exit = server.force_exit = True
    for _, thread in servers:
        thread.join()


@pytest.fixture(scope="module")
def mixed_address(address, mixed_run) -> str:
    return address(mixed_run)


class Opened:
    """A page with everything that its browser complained of."""

    def __init__(self, browser: Browser, address: str, *, viewport=DESK, scheme="light") -> None:
        self.page: Page = browser.new_page(viewport=viewport, color_scheme=scheme)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)

    def wait(self) -> Page:
        # The page's policy lets no text be run as a script, not even that of a test.
        self.page.wait_for_selector("html[data-ready]")
        return self.page


@pytest.fixture
def open_page(browser) -> Iterator:
    opened: list[Opened] = []

    def open_one(address: str, **rest) -> Opened:
        opened.append(Opened(browser, address, **rest))
        return opened[-1]

    yield open_one
    for each in opened:
        each.page.close()


def test_the_form_starts_in_the_middle_of_the_training_rows(mixed_address, open_page) -> None:
    opened = open_page(mixed_address)
    page = opened.wait()
    assert page.title() == "mixed"
    labels = page.locator("#inputs label").all_inner_texts()
    assert labels == ["size", "age", "colour", "new", "day", "note"]
    assert page.locator("input[type=range]").count() == 2
    assert page.locator("select").count() == 2
    slider = page.get_by_label("size, slider")
    low, high = float(slider.get_attribute("min")), float(slider.get_attribute("max"))
    assert low < float(slider.input_value()) < high
    assert page.locator("#problem").inner_text() == ""
    assert re.fullmatch(r"-?[\d.,]+", page.locator(".target .big").first.inner_text())
    assert opened.complaints == []
    assert all(url.startswith((mixed_address, "data:")) for url in opened.requests)


def test_the_prediction_follows_sliders_and_selects(mixed_address, open_page) -> None:
    opened = open_page(mixed_address)
    page = opened.wait()
    shown = page.locator(".target .big").first
    before = shown.inner_text()
    page.get_by_label("size, slider").fill(page.get_by_label("size, slider").get_attribute("max"))
    expect(shown).not_to_have_text(before)
    after = shown.inner_text()
    other = next(
        text for text in ("red", "green", "蓝") if text != page.get_by_label("colour").input_value()
    )
    page.get_by_label("colour").select_option(other)
    expect(shown).not_to_have_text(after)
    drawn = page.locator(".scale").get_attribute("aria-label")
    page.get_by_label("size, slider").fill(page.get_by_label("size, slider").get_attribute("min"))
    expect(page.locator(".scale")).not_to_have_attribute("aria-label", drawn)
    assert page.locator(".scale circle").count() == 1
    assert page.locator(".scale .reach").count() == 1
    told = page.locator(".interval").inner_text()
    assert re.fullmatch(r"-?[\d.,]+ to -?[\d.,]+, 90 % interval", told)
    assert page.locator(".classes progress").count() == 2
    shares = [float(text.split()[0]) for text in page.locator(".share").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=0.2)
    assert opened.complaints == []


def test_values_outside_the_training_range_are_taken_and_marked(mixed_address, open_page) -> None:
    page = open_page(mixed_address).wait()
    page.get_by_label("size", exact=True).fill("500")
    expect(page.locator(".beyond")).to_have_text(re.compile("outside the training range"))
    assert page.locator("#problem").inner_text() == ""


def test_what_the_server_refuses_stands_at_its_field(mixed_address, open_page) -> None:
    page = open_page(mixed_address).wait()
    page.get_by_label("day").fill("tomorrow")
    expect(page.locator("#problem")).to_contain_text("no date")
    expect(page.locator(".field[data-refused] label")).to_have_text("day")
    page.get_by_label("day").fill("2024-05-05")
    expect(page.locator("#problem")).to_have_text("")
    assert page.locator(".field[data-refused]").count() == 0
    # An empty number is a missing cell, for which this run has a policy.
    page.get_by_label("size", exact=True).fill("")
    expect(page.locator("#problem")).to_have_text("")


def test_a_file_comes_back_with_predictions(mixed_address, open_page, tmp_path) -> None:
    opened = open_page(mixed_address)
    page = opened.wait()
    header = "size,age,colour,new,day,note,who"
    line = '2.5,30,red,yes,2024-03-01,good thing,"Ada, 艾达"'
    file = tmp_path / "新 rows.csv"
    file.write_text("\n".join([header, *[line] * 30]), encoding="utf-8")
    page.set_input_files("#file", file)
    expect(page.locator("#preview tbody tr")).to_have_count(20)
    assert page.locator("#preview tbody tr").first.locator("td").nth(6).inner_text() == "Ada, 艾达"
    expect(page.locator("#state")).to_have_text("the first 20 rows of 新 rows.csv")
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "新 rows-predictions.csv"
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert len(text.splitlines()) == 31
    assert text.splitlines()[0].startswith(
        f"{header},predicted_price,lower_price,upper_price,predicted_sold"
    )
    file.write_text(f"{header}\n{line.replace('30', 'old')}\n", encoding="utf-8")
    page.set_input_files("#file", [])
    page.set_input_files("#file", file)
    expect(page.locator("#file-problem")).to_contain_text("request.csv, row 2: 'old'")
    expect(page.locator("#download")).to_be_hidden()
    assert [text for text in opened.complaints if "422" not in text] == []


def test_a_token_is_asked_for(address, open_page, trained_run) -> None:
    page = open_page(address(trained_run, token=TOKEN)).page
    expect(page.locator("#access")).to_be_visible()
    assert page.locator("#work").is_hidden()
    page.fill("#token", "not the right one")
    page.click("#access button")
    expect(page.locator("#refused")).to_contain_text("not the one that this server expects")
    page.fill("#token", TOKEN)
    page.click("#access button")
    expect(page.locator(".target .big")).to_be_visible()
    assert page.locator("#access").is_hidden()


def test_an_image_is_a_file(address, open_page, image_run, tmp_path) -> None:
    Image.new("L", (6, 6), 210).save(tmp_path / "square.png")
    page = open_page(address(image_run)).wait()
    assert page.locator("#row").is_hidden()
    page.set_input_files("#file", tmp_path / "square.png")
    expect(page.locator("#preview thead th").first).to_have_text("predicted_class")


def test_a_field_takes_an_image_beside_others(address, open_page, pictured_run, tmp_path) -> None:
    opened = open_page(address(pictured_run))
    page = opened.wait()
    expect(page.locator("#lacking")).to_have_text("choose an image for photo")
    assert page.locator(".target").count() == 0
    for level in (20, 210):
        Image.new("L", (6, 6), level).save(tmp_path / f"{level}.png")
    shown = page.locator(".target .big")
    page.get_by_label("photo").set_input_files(tmp_path / "20.png")
    expect(shown).to_have_count(1)
    expect(page.locator("#lacking")).to_have_text("")
    before = shown.inner_text()
    page.get_by_label("photo").set_input_files(tmp_path / "210.png")
    expect(shown).not_to_have_text(before)
    expect(page.locator("img.chosen")).to_be_visible()
    assert page.locator("img.chosen").get_attribute("alt") == "210.png"
    after = shown.inner_text()
    page.get_by_label("size, slider").fill(page.get_by_label("size, slider").get_attribute("max"))
    expect(shown).not_to_have_text(after)
    (tmp_path / "false.png").write_text("no image", encoding="utf-8")
    page.get_by_label("photo").set_input_files(tmp_path / "false.png")
    expect(page.locator("#problem")).to_contain_text("is no PNG")
    expect(page.locator(".field[data-refused] label")).to_have_text("photo")
    assert [text for text in opened.complaints if "422" not in text] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_in_one_direction_in_both_themes(mixed_address, open_page, scheme) -> None:
    opened = open_page(mixed_address, viewport=PHONE, scheme=scheme)
    page = opened.wait()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    brightness = (
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g)"
        ".slice(0, 3).reduce((sum, each) => sum + Number(each), 0) / 3"
    )
    assert (page.evaluate(brightness) < 60) == (scheme == "dark")
    page.click("#theme")
    assert (page.evaluate(brightness) > 220) == (scheme == "dark")
    assert opened.complaints == []


def test_hostile_names_are_shown_and_not_obeyed(address, open_page, mixed_run, tmp_path) -> None:
    shutil.copytree(mixed_run.path, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    name = "</script><img src=x onerror=\"document.title='owned'\">"
    state, manifest = load_json(run.preprocessing), load_json(run.manifest)
    state["table"]["columns"][0]["settings"]["name"] = name
    state["table"]["columns"][2]["categories"][0] = name
    write_json(run.preprocessing, state)
    manifest["files"].pop("preprocessing.json")
    write_json(run.manifest, manifest)
    opened = open_page(address(run))
    page = opened.wait()
    assert page.locator("#inputs label").first.inner_text() == name
    assert page.get_by_label("colour").locator("option").first.inner_text() == name
    assert page.locator("img").count() == 0
    assert page.title() == "mixed"
    assert page.locator(".target .big").count() == 2
    assert opened.complaints == []
