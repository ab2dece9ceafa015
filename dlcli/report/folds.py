"""What the folds of a run have together, as tables."""

from collections.abc import Mapping
from typing import Any

from dlcli.languages import spoken_each, translated
from dlcli.report.blocks import Block
from dlcli.report.figures import format_figures, shown_figures

ABOUT = (
    "Mean, deviation and interval over the folds; the interval is Student's t with Nadeau and "
    "Bengio's correction for training parts that share rows."
)
_KINDS = {
    "random": "random rows",
    "stratified": "each class in its share",
    "grouped": "groups kept together",
    "time": "each judged by what was before it",
    "ordered": "rows in their order",
}


def folds_title(record: Mapping[str, Any]) -> str:
    """Say how many folds there were, and how they were cut."""
    repeats = record["n_repeats"]
    times = f", {repeats} times" if repeats > 1 else ""
    return f"{record['n_splits']} folds{times}, {_KINDS.get(record['kind'], record['kind'])}"


def folds_blocks(record: Mapping[str, Any]) -> list[Block]:
    """Return a table of every target's figures over the folds."""
    blocks = []
    for target, figures in record["targets"].items():
        rows = []
        for name in shown_figures(figures):
            found = figures[name]
            values = [found[key] for key in ("mean", "deviation", "low", "high")]
            mean, deviation, low, high = format_figures(name, values)
            rows.append([name, mean, deviation, translated(f"{low} to {high}")])
        header = [target, *spoken_each("mean", "deviation", "95 % interval")]
        blocks.append(Block(header=header, rows=rows))
    if blocks:
        blocks[0] = Block(title=folds_title(record), header=blocks[0].header, rows=blocks[0].rows)
    return blocks
