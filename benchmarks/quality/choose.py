"""python -m benchmarks.quality.choose: recipes beside each other, on the choosing half alone.

Cross-validation within the half of each table that no test part of the benchmark is drawn from.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from functools import partial
from math import exp, log
from operator import itemgetter
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.figures import format_number, format_table
from benchmarks.processes import say
from benchmarks.quality.choices import find_choices
from benchmarks.quality.defaults import measure_default
from benchmarks.quality.peers import Task, find_peer
from benchmarks.quality.sets import QualitySet
from benchmarks.quality.splits import folds
from benchmarks.quality.tables import MAIN
from dlcli.recipe import config as recipe
from dlcli.recipe.strong import Strong, choose_strong

RECORDS = Path("benchmarks-choice.jsonl")
PEER = "peer:"
Measure = Callable[[Task], dict[str, float]]
Pairs = list[tuple[dict[str, float], dict[str, float]]]
"""The figures of a recipe and of the first one, by fold."""
SETS = "diabetes,concrete,wine-red,bias-tmax,breast-cancer,pima,digits"


def read_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.choose", description=__doc__
    )
    parser.add_argument(
        "recipes",
        nargs="*",
        metavar="KEY=VALUE,...",
        help="what a recipe has other than the strong preset, as in sigma=0.1,dropout=0; '' for "
        "nothing; or small, fast, peer:CatBoost",
    )
    parser.add_argument("--sets", default=SETS, help=f"these sets; {SETS}")
    parser.add_argument("--folds", type=int, default=4, help="folds of each; 4")
    parser.add_argument("--first", type=int, help="only so many of the folds")
    parser.add_argument("--records", type=Path, default=RECORDS, metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        options.sets = find_choices(options.sets)
        options.recipes = [(text, find_measure(text)) for text in options.recipes or [""]]
    except ValueError as error:
        parser.error(str(error))
    return options


def find_measure(text: str) -> Measure:
    """Return what measures a recipe, a preset or a peer on a fold; raises ValueError."""
    if text in ("small", "fast"):
        return partial(measure_default, preset=text)
    if text.startswith(PEER):
        return find_peer(text.removeprefix(PEER)).measure
    return partial(measure_recipe, changes=parse_recipe(text))


def parse_recipe(text: str) -> dict[str, Any]:
    """Return the numbers of a recipe that `sigma=0.1,units=256x256` changes; raises ValueError."""
    known = asdict(choose_strong(1000, 8))
    changes: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, _, value = part.partition("=")
        if key not in known:
            raise ValueError(f"a recipe has no {key!r}: expected one of {', '.join(known)}")
        if key == "units":
            changes[key] = tuple(int(each) for each in value.split("x"))
        else:
            kind = type(known[key])
            changes[key] = value.lower() == "true" if kind is bool else kind(value)
    return changes


def main() -> None:
    """Train every recipe on every fold that has no result yet, and print how they compare."""
    options = read_options()
    results = _read(options.records)
    for each in options.sets:
        table = each.load()
        for number, fold in enumerate(
            folds(table[each.target], options.folds, is_classes=each.is_classes)
        ):
            if options.first is not None and number >= options.first:
                break
            task = Task(
                train=table.iloc[fold.train].reset_index(drop=True),
                test=table.iloc[fold.test].reset_index(drop=True),
                target=each.target,
                is_classes=each.is_classes,
                seed=number,
            )
            for text, measure in options.recipes:
                key = f"{text}|{each.name}|{number}/{options.folds}"
                if key in results:
                    continue
                say(f"choose: {key}")
                started = time.process_time()
                figures = measure(task)
                results[key] = {**figures, "seconds": round(time.process_time() - started, 2)}
                with options.records.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": key, **results[key]}) + "\n")
    texts = [text for text, _ in options.recipes]
    sys.stdout.write(format_choice(results, texts, options.sets, options.folds) + "\n")


def measure_recipe(task: Task, changes: dict[str, Any]) -> dict[str, float]:
    """Return the figures of what `init` would write with other numbers."""

    def chosen(num_rows: int, num_inputs: int, signal: float | None) -> Strong:
        return replace(choose_strong(num_rows, num_inputs, signal), **changes)

    try:
        recipe.choose_strong = chosen
        return measure_default(task, preset="strong")
    finally:
        recipe.choose_strong = choose_strong


def format_choice(
    results: dict[str, dict[str, float]],
    texts: Iterable[str],
    sets: Iterable[QualitySet],
    count: int,
) -> str:
    """Lay out each recipe's errors as shares of the first one's, and what its intervals hold.

    Recipes are compared on the folds that both have done.
    """
    texts, sets = list(texts), list(sets)
    errors, intervals = [], []
    for text in texts:
        pairs = {each.name: _pairs(results, text, texts[0], each.name, count) for each in sets}
        shares = {name: _share(found, _error) for name, found in pairs.items() if found}
        seconds = [own["seconds"] for found in pairs.values() for own, _ in found]
        overall = f"{exp(mean(map(log, shares.values()))):.4f}" if shares else ""
        cells = [f"{shares[name]:.3f}" if name in shares else "" for name in pairs]
        errors.append([text or "default", overall, *cells, format_number(mean(seconds or [0]))])
        held = {
            name: [both for both in found if "covered" in both[0]] for name, found in pairs.items()
        }
        intervals.append([text or "default", *(_interval_cell(found) for found in held.values())])
    names = [each.name for each in sets]
    tables = [format_table(["recipe", "all", *names, "seconds"], errors)]
    if any(any(row[1:]) for row in intervals):
        told = (
            "Intervals of 90 %: how much they hold, and their width as a share of the first one's"
        )
        tables.append(f"{told}\n\n{format_table(['recipe', *names], intervals)}")
    return "\n\n".join(tables)


def _pairs(
    results: dict[str, dict[str, float]], text: str, first: str, name: str, count: int
) -> Pairs:
    """Return the figures of two recipes on every fold of a set that both have done."""
    keys = [
        tuple(f"{each}|{name}|{number}/{count}" for each in (text, first))
        for number in range(count)
    ]
    return [(results[own], results[other]) for own, other in keys if {own, other} <= set(results)]


def _share(pairs: Pairs, figure: Callable[[dict[str, float]], float]) -> float:
    return exp(mean(log(figure(own) / figure(first)) for own, first in pairs))


def _interval_cell(pairs: Pairs) -> str:
    if not pairs:
        return ""
    covered = mean(own["covered"] for own, _ in pairs)
    return f"{covered:.1%}, {_share(pairs, itemgetter('width')):.2f}"


def _error(figures: dict[str, float]) -> float:
    return next(figures[figure] for figure in MAIN if figure in figures)


def _read(path: Path) -> dict[str, dict[str, float]]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = [json.loads(line) for line in lines if line.endswith("}")]
    return {each.pop("key"): each for each in found}


if __name__ == "__main__":
    main()
