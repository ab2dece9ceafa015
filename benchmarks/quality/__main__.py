"""python -m benchmarks.quality: measure what is not measured yet, and print the tables."""

import argparse
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.machine import format_facts, machine_facts
from benchmarks.processes import say
from benchmarks.quality.defaults import NAME, default_version, measure_default
from benchmarks.quality.peers import PEERS, Task, find_peer
from benchmarks.quality.records import Result, append_result, read_results
from benchmarks.quality.sets import QualitySet, find_sets
from benchmarks.quality.splits import random_split
from benchmarks.quality.tables import format_results

RECORDS = Path(__file__).with_name("records.jsonl")
RESULTS = Path(__file__).with_name("results.md")
SPLITS = 20


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--sets", metavar="A,B", help="only these sets; all of them")
    parser.add_argument("--splits", type=int, default=SPLITS, help=f"splits of each; {SPLITS}")
    parser.add_argument(
        "--tools", metavar="A,B", help="only tools whose name has one of these parts; all of them"
    )
    parser.add_argument(
        "--records",
        type=Path,
        default=RECORDS,
        metavar="FILE",
        help=f"results, gone on with; {RECORDS.name} beside this module",
    )
    parser.add_argument(
        "--tables", action="store_true", help="measure nothing; print what there is"
    )
    parser.add_argument(
        "--write", action="store_true", help="also write benchmarks/quality/results.md"
    )
    options = parser.parse_args(arguments)
    if options.splits < 1:
        parser.error("--splits: expected 1 or more")
    try:
        options.sets, options.tools = find_sets(options.sets), find_tools(options.tools)
    except ValueError as error:
        parser.error(str(error))
    return options


def main() -> None:
    """Measure what the options ask for, split by split, so that every set has some early."""
    options = read_options()
    if not options.tables:
        measure(options.sets, options.tools, splits=options.splits, records=options.records)
    facts = format_facts(machine_facts())
    names = [each.name for each in options.sets]
    chosen = [
        each
        for each in read_results(options.records)
        if each.set in names and each.tool in options.tools
    ]
    kept = of_today(chosen, options.sets)
    if not kept:
        sys.exit(f"{options.records} holds no results of these sets and tools")
    text = f"# Measured\n\n{facts}\n\n{format_results(kept, names)}\n"
    sys.stdout.write(text)
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")


def of_today(results: list[Result], sets: tuple[QualitySet, ...]) -> list[Result]:
    """Return the results of the tools as they are installed, and of what `init` writes now."""
    judged = {each.name: each for each in sets}
    versions: dict[tuple[str, int, str], str | None] = {}
    for each in results:
        key = (each.set, each.split, each.tool)
        if each.tool != NAME:
            versions[key] = find_peer(each.tool).version
        elif key not in versions:
            versions[key] = default_version(make_task(judged[each.set], each.split))
    return [each for each in results if versions[each.set, each.split, each.tool] == each.version]


def find_tools(names: str | None) -> tuple[str, ...]:
    """Return the tools whose names have one of these parts, or all; raises ValueError."""
    known = (NAME, *(peer.name for peer in PEERS))
    parts = [part.strip().lower() for part in (names or "").split(",")]
    for part in parts:
        if not any(part in name.lower() for name in known):
            raise ValueError(f"no tool is called {part!r}: expected some of {', '.join(known)}")
    return tuple(name for name in known if any(part in name.lower() for part in parts))


def measure(
    sets: tuple[QualitySet, ...], tools: tuple[str, ...], *, splits: int, records: Path
) -> None:
    """Measure every tool on every split of every set that has no result yet."""
    done = {each.key for each in read_results(records)}
    for peer in PEERS:
        if peer.name in tools and peer.version is None:
            say(f"{peer.name} is left out: {peer.package} is not installed")
    none = {peer.name for peer in PEERS if peer.version is None}
    not_for_classes = {peer.name for peer in PEERS if not peer.can_judge_classes}
    for number in range(splits):
        for each in sets:
            task = make_task(each, number)
            left_out = none | (not_for_classes if each.is_classes else set())
            for tool in (tool for tool in tools if tool not in left_out):
                version = default_version(task) if tool == NAME else str(find_peer(tool).version)
                if (each.name, number, tool, version) not in done:
                    say(f"quality: split {number + 1} of {splits}, {each.name}, {tool}")
                    append_result(records, _measure(each, task, number, tool, version))


def _measure(each: QualitySet, task: Task, number: int, tool: str, version: str) -> Result:
    started = time.process_time()
    figures = measure_default(task) if tool == NAME else find_peer(tool).measure(task)
    return Result(
        set=each.name,
        split=number,
        tool=tool,
        version=version,
        train_rows=len(task.train),
        test_rows=len(task.test),
        seconds=round(time.process_time() - started, 3),
        figures=figures,
    )


@cache
def _table(each: QualitySet) -> Any:
    return each.load()


def make_task(each: QualitySet, number: int) -> Task:
    """Return the rows of one split."""
    table = _table(each)
    split = random_split(table[each.target], number, is_classes=each.is_classes)
    return Task(
        train=table.iloc[split.train].reset_index(drop=True),
        test=table.iloc[split.test].reset_index(drop=True),
        target=each.target,
        is_classes=each.is_classes,
        seed=number,
    )


if __name__ == "__main__":
    main()
