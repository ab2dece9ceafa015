"""Datasets: the public sets that `source: dataset:NAME` knows."""

from dataclasses import dataclass
from typing import Any

from dlcli.data.download import dataset_names, load_entry
from dlcli.report import format_table


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The sets as text and as JSON values."""

    text: str
    values: list[dict[str, Any]]


def datasets() -> Listing:
    """List every public set with its file, size and licence."""
    entries = [load_entry(name) for name in dataset_names()]
    rows = [
        [entry.name, entry.file, f"{entry.num_bytes / 1e3:,.0f} kB", entry.licence]
        for entry in entries
    ]
    values = [
        {
            "name": e.name,
            "file": e.file,
            "licence": e.licence,
            "page": e.page,
            "citation": e.citation,
        }
        for e in entries
    ]
    return Listing(text=format_table(["name", "file", "size", "licence"], rows), values=values)
