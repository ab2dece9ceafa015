"""In what the data of runs differ: files, rows, columns, and how far the columns have drifted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcli.comparison.records import RunRecord
from dlcli.comparison.settings import Variation
from dlcli.comparison.shares import chance_share, median_move, moved_share
from dlcli.report.figures import format_value
from dlcli.runs import RunFolder, load_json

SMALLEST_DRIFT = 0.05
"""Ranges that moved by less than this share of the first one are no news."""
MOST_NAMES = 5


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What has become of one column between the training parts of two runs."""

    run: str
    column: str
    change: str
    moved: float | None = None
    """The share of rows that lie elsewhere, 0 to 1; None where no profile tells."""

    def to_json(self) -> dict[str, Any]:
        """Return the change as JSON values."""
        return {
            "run": self.run,
            "column": self.column,
            "moved": self.moved,
            "change": self.change,
        }


def vary_data(records: Sequence[RunRecord]) -> tuple[Variation, ...]:
    """Return what the manifests tell of the data in which runs differ."""
    trees = [dict(_facts(record.manifest["data"])) for record in records]
    keys = dict.fromkeys(key for tree in trees for key in tree)
    varied = (
        Variation(key=key, values=tuple(tree.get(key, "-") for tree in trees)) for key in keys
    )
    return tuple(each for each in varied if len(set(each.values)) > 1)


def find_drift(records: Sequence[RunRecord]) -> tuple[Drift, ...]:
    """Compare the columns of every run with those of the first, as their training parts were."""
    first, *others = records
    columns, profile = load_columns(first.run), load_profile(first.run)
    return tuple(
        drift
        for record in others
        for drift in _drifts(
            record.label,
            dict(column_changes(columns, load_columns(record.run))),
            dict(_moves(profile, load_profile(record.run))),
        )
    )


def _drifts(
    run: str, changes: Mapping[str, str], moves: Mapping[str, tuple[float, str]]
) -> Iterator[Drift]:
    for name in dict.fromkeys((*changes, *moves)):
        moved, words = moves.get(name, (None, ""))
        change = "; ".join(filter(None, (changes.get(name), words)))
        yield Drift(run=run, column=name, change=change, moved=moved)


def _moves(
    old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, tuple[float, str]]]:
    """Yield the columns of which more rows lie elsewhere than chance makes, with share and words."""
    for name in old.keys() & new.keys():
        share = moved_share(old[name], new[name])
        rows = (int(old[name]["rows"]), int(new[name]["rows"]))
        if share is not None and share >= max(SMALLEST_DRIFT, chance_share(*rows)):
            yield name, (share, median_move(old[name], new[name]) or "spread otherwise")


def has_same_data(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell from two manifests whether the files are the same, byte by byte."""
    return _hashes(one) == _hashes(other)


def has_same_rows(one: Mapping[str, Any], other: Mapping[str, Any], part: str) -> bool:
    """Tell from two manifests whether a part holds the same rows of the same files."""
    splits = [each["data"]["split"]["sha256"].get(part) for each in (one, other)]
    return splits[0] == splits[1] and has_same_data(one, other)


def load_columns(run: RunFolder) -> dict[str, Mapping[str, Any]]:
    """Return the fitted state of every input and target column by name; raises RunError."""
    run.check_files(run.preprocessing)
    table = load_json(run.preprocessing)["table"]
    return {
        str(column["settings"]["name"]): column for column in (*table["columns"], *table["targets"])
    }


def load_profile(run: RunFolder) -> dict[str, Mapping[str, Any]]:
    """Return the profile of every column by name, with its `rows`; empty for a run without one."""
    if run.profile.name not in run.load_manifest().get("files", {}):
        return {}
    run.check_files(run.profile)
    values = load_json(run.profile)
    return {column["name"]: {**column, "rows": values["profiled"]} for column in values["columns"]}


def column_changes(
    old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Yield each column that is new, gone, of another type, or filled with other values."""
    for name in dict.fromkeys((*old, *new)):
        if name not in new:
            yield name, "is not used"
        elif name not in old:
            yield name, "is new"
        else:
            change = _change(old[name], new[name])
            if change is not None:
                yield name, change


def _change(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    types = [column["settings"].get("type") for column in (old, new)]
    if types[0] != types[1]:
        return f"was {types[0]}, is {types[1]}"
    words = list(_category_changes(old, new))
    for end in ("minimum", "maximum"):
        if old.get(end) is None or new.get(end) is None:
            continue
        spread = abs(old["maximum"] - old["minimum"]) or abs(old["maximum"]) or 1.0
        moved = (new[end] - old[end]) / spread
        if abs(moved) >= SMALLEST_DRIFT:
            words.append(
                f"{end} {format_value(old[end])} -> {format_value(new[end])}, "
                f"{moved:+.0%} of the range"
            )
    shift = _mean_shift(old, new)
    if shift is not None:
        words.append(shift)
    return "; ".join(words) or None


def _category_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    key = "classes" if "classes" in old else "categories"
    before, after = old.get(key) or [], new.get(key) or []
    for verb, names in (
        ("new", [name for name in after if name not in before]),
        ("gone", [name for name in before if name not in after]),
    ):
        if names:
            more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
            yield f"{verb}: {', '.join(map(str, names[:MOST_NAMES]))}{more}"
    yield from _share_changes(old, new)


def _share_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if not old.get("counts") or not new.get("counts"):
        return
    shares = [
        {name: count / max(1, sum(each["counts"])) for name, count in
         zip(each["classes"], each["counts"], strict=True)}
        for each in (old, new)
    ]  # fmt: skip
    for name in shares[0].keys() & shares[1].keys():
        if abs(shares[1][name] - shares[0][name]) >= SMALLEST_DRIFT:
            yield f"share of {name} {shares[0][name]:.0%} -> {shares[1][name]:.0%}"


def _mean_shift(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Tell how far the mean moved in standard deviations, where both were scaled by them."""
    scalers = [column.get("scaler") or {} for column in (old, new)]
    if any(scaler.get("kind") != "standard" for scaler in scalers):
        return None
    moved = (scalers[1]["offset"] - scalers[0]["offset"]) / (scalers[0]["scale"] or 1.0)
    if abs(moved) < SMALLEST_DRIFT:
        return None
    ends = " -> ".join(format_value(scaler["offset"]) for scaler in scalers)
    return f"mean {ends}, {moved:+.2f} standard deviations"


def _facts(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for number, source in enumerate(data["sources"], 1):
        label = "file" if len(data["sources"]) == 1 else f"file {number}"
        yield label, f"{Path(source['path']).name} {source['sha256'][:12]}"
    split = data["split"]
    yield "split", f"{split['kind']}, seed {split['seed']}" if "seed" in split else split["kind"]
    yield "rows read", format_value(data["counts"]["rows"]["read"])
    yield "rows dropped", format_value(data["counts"]["rows"]["dropped"])
    for part, size in split["sizes"].items():
        yield f"{part} part", f"{size:,} rows, {split['sha256'].get(part, '')[:12]}"
    for name, counts in data["counts"]["columns"].items():
        for kind in ("filled", "unreadable", "unseen"):
            if counts.get(kind):
                yield f"{name}: {kind}", f"{sum(counts[kind]['cells'].values()):,} cells"


def _hashes(manifest: Mapping[str, Any]) -> list[str]:
    return [source["sha256"] for source in manifest["data"]["sources"]]
