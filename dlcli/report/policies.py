"""What the policies of a run did to how many of its rows, in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dlcli.report.figures import format_value

_DONE = {
    "filled": "missing, filled",
    "unreadable": "unreadable, taken as missing",
    "unseen": "unseen category, ignored",
}
_DROPPED = {"missing": "missing, row dropped", "unreadable": "unreadable, row dropped"}


@dataclass(frozen=True, kw_only=True)
class PolicyEffect:
    """What one policy did to one column."""

    column: str
    what: str
    """E.g. `missing, filled with the median, 30`."""
    rows: int
    by_part: Mapping[str, int]
    """Empty for rows that were dropped before the split."""


def policy_effects(counts: Mapping[str, Any]) -> Iterator[PolicyEffect]:
    """Yield what each policy did, from the `counts` of a manifest."""
    for column, kinds in counts.get("columns", {}).items():
        for kind, entry in kinds.items():
            if kind == "dropped":
                for reason, rows in entry.items():
                    what = _DROPPED.get(reason, f"{reason}, row dropped")
                    yield PolicyEffect(column=column, what=what, rows=rows, by_part={})
            elif isinstance(entry, dict) and isinstance(entry.get("cells"), dict):
                cells = entry["cells"]
                what = _DONE.get(kind, kind) + _with_value(kind, entry)
                rows = sum(cells.values())
                yield PolicyEffect(column=column, what=what, rows=rows, by_part=cells)


def _with_value(kind: str, entry: Mapping[str, Any]) -> str:
    if kind != "filled":
        return ""
    if entry.get("value") is None:
        return f" by `{entry['policy']}`"
    value = format_value(entry["value"])
    return (
        f" with {value}"
        if entry["policy"] == "constant"
        else f" with the {entry['policy']}, {value}"
    )
