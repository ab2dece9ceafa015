"""Fixtures shared by the whole suite."""

import os
from pathlib import Path

import pytest

from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.runs import RunFolder

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
    return train(concrete_config, options, QuietDisplay()).run


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Rewrite the golden files with what comes."
    )
