"""What differs between two configs, key by key: lists are aligned, so that an item put in moves no other."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dlcli.spec.problems import KeyPath

ABSENT: Any = object()
"""The value of a key that one of the two does not have."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One key with its value on both sides, ABSENT where it is missing.

    The paths are where the value stands, or where it would stand, on each side.
    """

    left_path: KeyPath
    right_path: KeyPath
    left: Any
    right: Any

    @property
    def key(self) -> str:
        """The key as `--set` writes it."""
        return write_key(self.right_path if self.left is ABSENT else self.left_path)


def find_differences(
    left: Any, right: Any, left_path: KeyPath = (), right_path: KeyPath = ()
) -> Iterator[Difference]:
    """Yield what differs between two trees of plain values, in the order of the left one."""
    if isinstance(left, Mapping) and isinstance(right, Mapping) and _are_alike(left, right):
        for key in dict.fromkeys((*left, *right)):
            yield from find_differences(
                left.get(key, ABSENT), right.get(key, ABSENT), (*left_path, key), (*right_path, key)
            )
    elif isinstance(left, list) and isinstance(right, list) and _has_parts(left, right):
        yield from _list_differences(left, right, left_path, right_path)
    elif not _is_same(left, right):
        yield Difference(left_path=left_path, right_path=right_path, left=left, right=right)


def write_key(path: KeyPath) -> str:
    """Write a key path as `--set` takes it."""
    return ".".join(str(step) for step in path)


def _are_alike(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Tell two forms of one thing from two things, such as Adam and SGD with their arguments."""
    return bool(left.keys() & right.keys()) or not (len(left) == len(right) == 1)


def _has_parts(left: list[Any], right: list[Any]) -> bool:
    """Tell lists of things with keys from plain ones, which are compared whole."""
    return any(isinstance(item, dict) for item in (*left, *right))


def _list_differences(
    left: list[Any], right: list[Any], left_path: KeyPath, right_path: KeyPath
) -> Iterator[Difference]:
    matcher = difflib.SequenceMatcher(
        None, [_fingerprint(item) for item in left], [_fingerprint(item) for item in right],
        autojunk=False,
    )  # fmt: skip
    for tag, start, stop, other_start, other_stop in matcher.get_opcodes():
        if tag == "equal":
            continue
        yield from _block_differences(
            left, range(start, stop), right, range(other_start, other_stop), left_path, right_path
        )


def _block_differences(
    left: list[Any],
    lefts: range,
    right: list[Any],
    rights: range,
    left_path: KeyPath,
    right_path: KeyPath,
) -> Iterator[Difference]:
    """Pair the items of one kind in a stretch where two lists differ; the rest is put in or taken out."""
    matcher = difflib.SequenceMatcher(
        None, [_kind(left[i]) for i in lefts], [_kind(right[i]) for i in rights], autojunk=False
    )
    for tag, start, stop, other_start, other_stop in matcher.get_opcodes():
        pairs = zip(lefts[start:stop], rights[other_start:other_stop], strict=False)
        if tag == "equal":
            for i, j in pairs:
                yield from find_differences(left[i], right[j], (*left_path, i), (*right_path, j))
            continue
        for i in lefts[start:stop]:
            place = rights[other_start] if other_start < len(rights) else rights.stop
            yield Difference(
                left_path=(*left_path, i),
                right_path=(*right_path, place),
                left=left[i],
                right=ABSENT,
            )
        for j in rights[other_start:other_stop]:
            place = lefts[start] if start < len(lefts) else lefts.stop
            yield Difference(
                left_path=(*left_path, place),
                right_path=(*right_path, j),
                left=ABSENT,
                right=right[j],
            )


def _kind(item: Any) -> str:
    """Return what an item is, whatever its arguments."""
    return str(next(iter(item), "")) if isinstance(item, dict) else str(item)


def _fingerprint(item: Any) -> str:
    return json.dumps(item, sort_keys=True, default=str)


def _is_same(left: Any, right: Any) -> bool:
    if left is ABSENT or right is ABSENT:
        return left is right
    return bool(left == right)
