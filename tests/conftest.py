"""Fixtures shared by the whole suite."""

import contextlib
import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.runs import RunFolder

os.environ["DLCLI_LANG"] = "en"  # whatever the locale of whoever runs the tests asks for

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_datasets() -> Path:
    """The folder of public data sets, read in place."""
    return Path(
        os.environ.get("DLCLI_DATASETS", REPOSITORY.parent / "shared" / "datasets")
    ).resolve()


@pytest.fixture(scope="session")
def concrete_config() -> Path:
    """The README's own config."""
    return REPOSITORY / "configs" / "concrete.yaml"


@pytest.fixture(scope="session")
def concrete_csv() -> Path:
    """1030 rows, 8 inputs, one numeric target."""
    return REPOSITORY / "datasets" / "concrete.csv"


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory, concrete_config: Path) -> RunFolder:
    """A real run of the concrete config, cut to 3 epochs; tests read it and leave it as it is."""
    out = tmp_path_factory.mktemp("runs") / "concrete"
    options = TrainOptions(overrides=("epochs=3",), out=out)
    return _train_at_home(concrete_config, options)


@pytest.fixture(scope="session")
def second_run(tmp_path_factory: pytest.TempPathFactory, concrete_config: Path) -> RunFolder:
    """The same rows and another network, with checks of which one is not met."""
    out = tmp_path_factory.mktemp("runs") / "concrete"
    checks = ("test.R2Score >= -10", "test.mae <= 0.5 * baseline.linear")
    overrides = ("epochs=4", "layers.0.Dense.units=16", "optimizer=SGD")
    options = TrainOptions(overrides=overrides, out=out, checks=checks)
    return _train_at_home(concrete_config, options)


def _train_at_home(config: Path, options: TrainOptions) -> RunFolder:
    """Train from the repository's root: a run records its files as seen from where it began."""
    with contextlib.chdir(REPOSITORY):
        return train(config, options, QuietDisplay()).run


@pytest.fixture
def runs_folder(
    tmp_path: Path,
    trained_run: RunFolder,
    second_run: RunFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A working directory with the runs concrete/001 and concrete/002."""
    for number, run in enumerate((trained_run, second_run), 1):
        shutil.copytree(run.path, tmp_path / "runs" / "concrete" / f"{number:03d}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real headless Chromium, a playwright Browser; loaded for the tests of pages alone."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.fail("these tests need Chromium: apt-get install -y chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Rewrite the golden files with what comes."
    )


@pytest.fixture(autouse=True, scope="module")
def _collect_less() -> None:
    """Take what earlier modules left out of every later collection, which Keras asks for often."""
    gc.freeze()


def pytest_unconfigure() -> None:
    gc.unfreeze()  # what compiled libraries hold would be told as leaked at the end
