"""How the tests of the grammar read configs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlcli.errors import SpecError
from dlcli.spec.places import Source
from dlcli.spec.run import RunSpec, build_spec
from dlcli.spec.source import parse_source

PLANTS = {
    "data": {"source": "plants.csv", "target": "height"},
    "layers": [{"Dense": 4}, {"Dense": 1}],
    "epochs": 5,
}
FILE = Path("plants.yaml")

Build = Callable[..., RunSpec]
Complain = Callable[..., list[str]]


def source_of(given: str | dict[str, Any]) -> Source:
    # JSON is YAML whose text is always quoted.
    text = given if isinstance(given, str) else json.dumps(PLANTS | given, indent=1)
    return parse_source(text, file=FILE)


@pytest.fixture(scope="session")
def build() -> Build:
    """Build a spec from YAML text, or from a small config with some keys replaced."""

    def build_from(text: str | None = None, **replaced: Any) -> RunSpec:
        return build_spec(source_of(replaced if text is None else text))

    return build_from


@pytest.fixture(scope="session")
def complaints(build: Build) -> Complain:
    """List the messages of a config's problems, without their places; empty for a good config."""

    def list_complaints(text: str | None = None, **replaced: Any) -> list[str]:
        try:
            build(text, **replaced)
        except SpecError as error:
            heads = error.message.split("\nerror: ")
            return [head.partition("\n")[0].partition(": ")[2] for head in heads]
        return []

    return list_complaints
