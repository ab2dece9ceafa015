"""Diff: what differs between two configs once both are resolved."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dlcli.report.blocks import Block
from dlcli.spec import catalog
from dlcli.spec.differences import ABSENT, Difference, find_differences
from dlcli.spec.problems import KeyPath, show_flow
from dlcli.spec.run import RunSpec, load_spec
from dlcli.spec.writing import to_canonical


@dataclass(frozen=True, kw_only=True)
class Change:
    """One key with its values, and where each is written; None for a default or nothing."""

    difference: Difference
    left_place: str | None
    right_place: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the change as JSON values; a side without the key has no value."""
        sides = {}
        for side, value, place in (
            ("left", self.difference.left, self.left_place),
            ("right", self.difference.right, self.right_place),
        ):
            sides[side] = None if value is ABSENT else {"value": value, "place": place}
        return {"key": self.difference.key, **sides}


def diff(left: Path, right: Path, overrides: tuple[str, ...] = ()) -> list[Change]:
    """Return what differs between two configs; `overrides` apply to the second one."""
    specs = load_spec(left), load_spec(right, overrides)
    trees = to_canonical(specs[0], folder=Path()), to_canonical(specs[1], folder=Path())
    return [
        Change(
            difference=_with_defaults(item),
            left_place=_place(specs[0], item.left_path, item.left),
            right_place=_place(specs[1], item.right_path, item.right),
        )
        for item in find_differences(trees[0], trees[1])
    ]


def change_blocks(changes: list[Change], left: Path, right: Path) -> list[Block]:
    """Lay out changes as a table."""
    if not changes:
        return [Block(text=f"{left} and {right} say the same")]
    rows = [
        [
            change.difference.key,
            _side(change.difference.left, change.left_place, left),
            _side(change.difference.right, change.right_place, right),
        ]
        for change in changes
    ]
    return [Block(header=["key", str(left), str(right)], rows=rows)]


def _side(value: Any, place: str | None, config: Path) -> str:
    if value is ABSENT:
        return "-"
    text = show_flow(value)
    short = text if len(text) <= 60 else f"{text[:57]}..."
    if place is None:
        return f"{short}  (default)"
    # The column is headed by the file; a config that it extends is named.
    line = place.removeprefix(f"{config}:")
    return f"{short}  ({f'line {line}' if line.isdigit() else place})"


def _with_defaults(item: Difference) -> Difference:
    """Fill in Keras's default where one side leaves an argument of the same component out."""
    path = item.right_path if item.left is ABSENT else item.left_path
    if len(path) < 2 or (item.left is not ABSENT and item.right is not ABSENT):
        return item
    for kind in catalog.kinds_of(str(path[-2])):
        entry = catalog.find(kind, str(path[-2]))
        argument = None if entry is None else catalog.argument(entry, str(path[-1]))
        if argument is not None and item.left is ABSENT:
            return replace(item, left=argument.default)
        if argument is not None:
            return replace(item, right=argument.default)
    return item


def _place(spec: RunSpec, path: KeyPath, value: Any) -> str | None:
    """Return file and line of a key or of what holds it; None where nothing is written."""
    if value is ABSENT or spec.origin is None:
        return None
    for length in range(len(path), 0, -1):
        found = spec.origin.places.get(path[:length])
        # A section that is written says nothing about its other keys, a component in short form does.
        if found is not None and (length == len(path) or path[0] != "data"):
            place = found.value if length == len(path) else found.key
            return f"{place.file}:{place.line}" if place.line else place.file
    return None
