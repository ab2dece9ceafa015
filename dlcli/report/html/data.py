"""The data of a run: its rows, what the policies did to them, and its columns in figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from dlcli.languages import spoken, spoken_each, translated
from dlcli.report.figures import DASH, format_value
from dlcli.report.html.elements import (
    Markup,
    details,
    element,
    join,
    note,
    section,
    table,
)
from dlcli.report.policies import policy_effects
from dlcli.report.record import RunRecord
from dlcli.report.text import from_disk_text

_COLUMN_HEADER = ("column", "role", "type", "missing", "distinct", "min", "median", "max")
_OPEN_COLUMNS = 30
"""Columns of a table that is not folded away."""
_BAR_WIDTH, _BAR_HEIGHT = 96, 22


def data_section(record: RunRecord) -> Markup:
    """Return everything the run knows of its data."""
    data = record.manifest["data"]
    return section(
        "data",
        "Data",
        _rows_table(data),
        *([note(f"Read from disk: {from_disk_text(data)}.")] if "from_disk" in data else []),
        *(note(f"Warning: {text}") for text in data.get("warnings", [])),
        element("h3", spoken("Policies")),
        _policies(record),
        element("h3", spoken("Columns")),
        _columns(record),
    )


def _rows_table(data: Mapping[str, Any]) -> Markup:
    counts, split = data.get("counts", {}).get("rows", {}), data.get("split", {})
    read, dropped = counts.get("read"), counts.get("dropped", 0)
    rows = []
    if read is not None:
        rows.append([spoken("read"), f"{read:,}", ""])
        rows.append([spoken("dropped by policies"), f"{dropped:,}", _share(dropped, read)])
    for part, size in split.get("sizes", {}).items():
        rows.append([spoken(part), f"{size:,}", _share(size, read)])
    kind = split.get("kind", "given")
    how = f"{kind} split"
    if split.get("seed") is not None:
        how += f", seed {split['seed']}"
    return join([table([spoken("rows"), "", ""], rows, numeric=(1, 2), class_="facts"), note(how)])


def _share(count: int, of: int | None) -> str:
    return f"{count / of:.1%}" if of else ""


def _policies(record: RunRecord) -> Markup:
    counts = record.manifest["data"].get("counts", {})
    effects = sorted(policy_effects(counts), key=lambda effect: -effect.rows)
    if not effects:
        return note("No cell was missing, unreadable or unseen: the policies had nothing to do.")
    read = counts.get("rows", {}).get("read")
    rows = [
        [
            effect.column,
            translated(effect.what),
            f"{effect.rows:,}",
            _share(effect.rows, read),
            ", ".join(f"{rows:,} {spoken(part)}" for part, rows in effect.by_part.items()),
        ]
        for effect in effects
    ]
    header = spoken_each("column", "what was done", "rows", "of all", "in")
    listed = table(header, rows, numeric=(2, 3))
    return _folded(listed, len(rows), "columns that a policy changed")


def _columns(record: RunRecord) -> Markup:
    profile = record.profile
    roles = _roles(record)
    if not profile:
        known = [[name, spoken(role), spoken(kind)] for name, (role, kind) in roles.items()]
        text = "The table was too large to keep for a profile; dlcli summarize FILE makes one."
        return join([table(spoken_each("column", "role", "type"), known), note(text)])
    rows = [_column(column, roles) for column in profile["columns"]]
    header = [*spoken_each(*_COLUMN_HEADER), ""]
    listed = table(header, rows, numeric=(3, 4, 5, 6, 7), class_="columns")
    remarks = []
    if profile["profiled"] < profile["rows"]:
        text = f"From {profile['profiled']:,} of {profile['rows']:,} rows, evenly chosen."
        remarks.append(note(text))
    if profile["repeated"]:
        repeated = profile["repeated"]
        verb = "row repeats" if repeated == 1 else "rows repeat"
        remarks.append(note(f"{repeated:,} {verb} an earlier one in every cell."))
    return join([_folded(listed, len(rows), "columns"), *remarks])


def _folded(listed: Markup, size: int, what: str) -> Markup:
    return details(f"{size:,} {what}", listed) if size > _OPEN_COLUMNS else listed


def _roles(record: RunRecord) -> dict[str, tuple[str, str]]:
    """Return the role and the type of every column that the run knows."""
    state = (record.preprocessing or {}).get("table", {})
    weight = state.get("sample_weight")
    listed: list[tuple[str, Sequence[Mapping[str, Any]]]] = [
        ("input", [column["settings"] for column in state.get("columns", [])]),
        ("target", [column["settings"] for column in state.get("targets", [])]),
        ("weight", [weight["settings"]] if weight else []),
        ("filter", state.get("filters", [])),
    ]
    return {
        str(settings["name"]): (role, str(settings.get("type", "")))
        for role, every in listed
        for settings in every
    }


def _column(column: Mapping[str, Any], roles: Mapping[str, tuple[str, str]]) -> list[Any]:
    role, kind = roles.get(column["name"], ("not used", column["type"]))
    missing = f"{column['missing']:,}" if column["missing"] else DASH
    extent = [column["minimum"], column["median"], column["maximum"]]
    if extent[0] is None:
        top = ", ".join(f"{value} ({count:,})" for value, count in column["top"])
        more = ", …" if top and column["distinct"] > len(column["top"]) else ""
        last: Any = element("span", top + more, class_="soft")
        figures = ["", "", ""]
    else:
        last = _bars(column["histogram"])
        figures = [format_value(value) for value in extent]
    return [
        str(column["name"]),
        spoken(role),
        spoken(kind or column["type"]),
        missing,
        f"{column['distinct']:,}",
        *figures,
        last,
    ]


def _bars(counts: Sequence[int]) -> Markup:
    """Draw a histogram as small bars."""
    most, width = max(counts, default=0), _BAR_WIDTH / max(1, len(counts))
    bars = []
    for place, count in enumerate(counts):
        if count:
            height = max(1.0, count / most * _BAR_HEIGHT)
            bars.append(
                f"M{place * width:.1f} {_BAR_HEIGHT}v-{height:.1f}h{width - 1:.1f}v{height:.1f}z"
            )
    return element(
        "svg",
        element("path", d="".join(bars)),
        class_="histogram",
        viewBox=f"0 0 {_BAR_WIDTH} {_BAR_HEIGHT}",
        aria_hidden="true",
    )
