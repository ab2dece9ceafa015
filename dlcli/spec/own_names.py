"""Names that a config brings itself: `share` and its blocks, read like entries of the catalogue."""

from collections.abc import Mapping
from typing import Any

from dlcli.spec.catalog import Argument, Entry
from dlcli.spec.imports import imported_entries
from dlcli.spec.problems import Problems

SHARE = "share"
"""What the layer list calls one more use of a layer above."""

OwnNames = Mapping[tuple[str, str], Entry]
"""Entries by kind and name."""

_NAME = Argument(
    name="name", type="text | null", description="The name of its output, for inputs: of others."
)
SHARE_ENTRY = Entry(
    kind="layer",
    name=SHARE,
    path=None,
    description="Use a layer or block of the list once more, with the same weights.",
    arguments=(
        Argument(
            name="layer",
            type="text",
            required=True,
            example="encoder",
            description="The name that the layer above was given with name:.",
        ),
        _NAME,
    ),
)


def own_names(values: Any, problems: Problems) -> OwnNames:
    """Return what a config's plain values bring; report files under `imports` that bring nothing."""
    blocks = values.get("blocks") if isinstance(values, dict) else None
    names = [str(name) for name in blocks] if isinstance(blocks, dict) else []
    files = values.get("imports") if isinstance(values, dict) else None
    listed = [str(file) for file in files] if isinstance(files, list) else []
    return {
        **imported_entries(tuple(listed), problems),
        ("layer", SHARE): SHARE_ENTRY,
        **{("layer", name): _block_entry(name) for name in names},
    }


def _block_entry(name: str) -> Entry:
    return Entry(
        kind="layer",
        name=name,
        path=None,
        description="A block of layers of this config.",
        arguments=(_NAME,),
    )
