"""Fixtures shared by the whole suite."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_datasets() -> Path:
    """The folder of public data sets, read in place."""
    return Path(os.environ.get("DLCLI_DATASETS", REPOSITORY.parent / "shared" / "datasets")).resolve()
