"""What docs/ says of configs, commands and keys is what dlcli takes."""

import re
import runpy
from pathlib import Path

import pytest

from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay

REPOSITORY = Path(__file__).parents[1]
RATES = (REPOSITORY / "docs" / "learning-rates.md").read_text(encoding="utf-8")
SCHEDULES = [
    block for block in re.findall(r"```yaml\n(.*?)```", RATES, re.DOTALL) if block.startswith("#")
]


@pytest.mark.parametrize("number", range(len(SCHEDULES)))
def test_every_schedule_of_the_page_trains(number, tmp_path):
    config = tmp_path / "rate.yaml"
    config.write_text(
        f"extends: {REPOSITORY}/configs/concrete.yaml\nname: rate\n" + SCHEDULES[number],
        encoding="utf-8",
    )
    options = TrainOptions(overrides=("epochs=2",), out=tmp_path / "run")
    run = train(config, options, QuietDisplay()).run
    header, *rows = run.history.read_text(encoding="utf-8").splitlines()
    assert header.endswith(",learning_rate")
    assert len(rows) == 2


PAGES = runpy.run_path(str(REPOSITORY / "scripts" / "generate_reference.py"))["PAGES"]


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_the_one_of_today(name):
    written = (REPOSITORY / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "run `python scripts/generate_reference.py`"


GOLDEN = REPOSITORY / "tests" / "golden" / "errors"
ERRORS = (REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("shown", re.findall(r"```text\n(.*?)```", ERRORS, re.DOTALL))
def test_every_error_that_is_shown_is_told_in_these_words(shown):
    assert shown in {path.read_text(encoding="utf-8") for path in GOLDEN.rglob("*.txt")}
