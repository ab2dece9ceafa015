"""python -m benchmarks: measure, and print the tables as Markdown."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks.bars import Bar, Section, format_bars
from benchmarks.big import measure_big
from benchmarks.commands import measure_commands
from benchmarks.machine import format_facts, machine_facts
from benchmarks.problems import find_problems
from benchmarks.serving import measure_serving
from benchmarks.shipped import measure_shipped
from benchmarks.streaming import measure_streaming
from benchmarks.training import measure_training

RESULTS = Path(__file__).with_name("results")
SECTIONS = ("training", "shipped", "streaming", "commands", "serving")
ASKED_FOR = ("big",)
"""Sections that are measured by their name alone: 15 GB of disk, and half an hour."""


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=(*SECTIONS, *ASKED_FOR), help="measure one section")
    parser.add_argument("--pairs", type=int, default=5, help="paired runs of each row; 5")
    parser.add_argument("--problem", metavar="NAME", help="only problems whose name has this part")
    parser.add_argument("--large", action="store_true", help="also ten million rows: 2 GB of disk")
    parser.add_argument("--rows", type=int, metavar="N", help="of `big`; those of 5 GB without")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    parser.add_argument("--write", action="store_true", help="also write benchmarks/results/")
    options = parser.parse_args(arguments)
    if options.pairs < 1:
        parser.error("--pairs: expected 1 or more")
    try:
        options.problems = find_problems(options.problem)
    except ValueError as error:
        if options.only != "shipped":
            parser.error(str(error))
    return options


def main() -> None:
    """Measure what the options ask for."""
    options = read_options()
    measures: dict[str, Callable[[], Section]] = {
        "training": lambda: measure_training(options.problems, pairs=options.pairs),
        "shipped": lambda: measure_shipped(pairs=options.pairs, name=options.problem),
        "streaming": lambda: measure_streaming(pairs=options.pairs, large=options.large),
        "big": lambda: measure_big(rows=options.rows),
        "commands": lambda: measure_commands(pairs=options.pairs),
        "serving": lambda: measure_serving(pairs=options.pairs),
    }
    bars: list[Bar] = []
    facts: dict[str, str] = {}
    samples: dict[str, object] = {}
    for name in [options.only] if options.only else SECTIONS:
        facts = machine_facts()
        section = measures[name]()
        bars += section.bars
        samples[name] = section.samples
        page = format_page(name, section, facts, pairs=options.pairs)
        _show(page)
        if options.write:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{name}.md").write_text(page, encoding="utf-8")
    if options.json is not None:
        values = {"machine": facts, "samples": samples, "bars": [asdict(bar) for bar in bars]}
        options.json.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def format_page(name: str, section: Section, facts: dict[str, str], *, pairs: int) -> str:
    """Return what is printed of a section, and written into its file."""
    texts = [f"# Measured: {name}", f"Pairs of runs a row: {pairs}. {format_facts(facts)}"]
    texts.append(section.markdown)
    if section.bars:
        texts.append("## Bars\n\n" + format_bars(section.bars))
    return "\n\n".join(texts) + "\n"


def _show(text: str) -> None:
    sys.stdout.write("\n" + text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
