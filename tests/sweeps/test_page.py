"""The page of a sweep in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from dlcli.spec.sweep import Axis
from dlcli.sweeps.page import SweepRecord, build_page
from dlcli.sweeps.trial import Trial

RATE, SCALE = "optimizer.Adam.learning_rate", "data.scale"


def page_of_trials() -> str:
    trials = [
        Trial(
            number=number,
            state="complete" if number % 3 else "pruned",
            values={RATE: 10.0 ** -(number + 1), SCALE: ("standard", "robust")[number % 2]},
            figure=1.0 / (number + 1),
            epochs=5,
            seconds=0.5,
        )
        for number in range(6)
    ]
    failed = Trial(
        number=6,
        state="failed",
        values={RATE: 1e30, SCALE: "robust"},
        error={"message": "training diverged: <script>alert(1)</script>"},
    )
    return build_page(
        SweepRecord(
            name="swept",
            created="2026-01-02 03:04 UTC",
            version="0.1.0",
            axes=[
                Axis(key=RATE, range="log", low=1e-6, high=1e-1),
                Axis(key=SCALE, choices=("standard", "robust")),
            ],
            trials=[*trials, failed],
            metric="val_loss",
            direction="minimize",
            shares={RATE: 0.7, SCALE: 0.1},
            best_run="runs/swept/sweep-001/best",
        )
    )


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 375)], ids=str
)
def test_a_sweeps_page_is_drawn_in_both_themes_and_on_a_phone(
    tmp_path: Path, browser: Browser, scheme: str, width: int
) -> None:
    path = tmp_path / "report.html"
    path.write_text(page_of_trials(), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_function("document.documentElement.dataset.ready !== undefined")
    assert complaints == []
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
    assert page.locator("figure.chart canvas").count() == 1
    assert page.locator(".parallel polyline").count() == 4  # the complete trials alone
    assert "training diverged: <script>" in page.locator("#errors").inner_text()
    page.close()
