"""Points of a sweep: its axes' values written into a config, and which points are tried."""

import copy
import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dlcli.errors import SpecError
from dlcli.spec.overrides import write_keys
from dlcli.spec.places import KeyPlace, Source
from dlcli.spec.problems import KeyPath, Problems
from dlcli.spec.report import raise_problems
from dlcli.spec.sweep import Axis, SweepSpec

Point = dict[str, Any]
"""Axis key to the label of its value."""


def with_point(source: Source, axes: Sequence[Axis], point: Mapping[str, Any]) -> Source:
    """Return the config of a trial: without its sweep, and with the point's values at their keys.

    A value's place is where the axis lists it. Raises SpecError for a key that cannot be there.
    """
    values = copy.deepcopy(source.values)
    values.pop("sweep", None)
    places = dict(source.places)
    problems = Problems()
    for axis in axes:
        if axis.key not in point:
            continue
        value, index = axis.value_of(point[axis.key])
        at: KeyPath = ("sweep", "axes", axis.key)
        place = KeyPlace(
            key=source.place(at, on_key=True),
            value=source.place(at if index is None else (*at, index)),
        )
        try:
            path = write_keys(values, axis.key, copy.deepcopy(value), label=axis.key)
        except SpecError as error:
            problems.add(at, error.message, hint=error.hint, on_key=True)
            continue
        for old in [each for each in places if each[: len(path)] == path]:
            del places[old]
        for size in range(1, len(path) + 1):
            places.setdefault(path[:size], place)
    raise_problems(problems, source)
    return replace(source, values=values, places=places)


def check_axes(source: Source, sweep: SweepSpec, build: Callable[[Source], Any]) -> None:
    """Build the config with every value of every axis, one at a time; raises SpecError."""
    axes = sweep.parsed_axes
    for axis in axes:
        for label in _probes(axis):
            build_trial(source, [axis], {axis.key: label}, build)


def build_trial(
    source: Source, axes: Sequence[Axis], point: Point, build: Callable[[Source], Any]
) -> Any:
    """Build the config of a trial; raises SpecError, which tells the trial's values."""
    made = with_point(source, axes, point)
    try:
        return build(made)
    except SpecError as error:
        error.message += f"\nin a trial with {describe_point(point)}"
        raise


def describe_point(point: Point) -> str:
    """Return a trial's values on one line."""
    return ", ".join(f"{key} = {show_label(label)}" for key, label in point.items())


def show_label(label: Any) -> str:
    """Write an axis's value short enough for a table: six digits of a number."""
    if isinstance(label, float) and not isinstance(label, bool):
        return f"{label:.6g}"
    return "none" if label is None else str(label)


def _probes(axis: Axis) -> Sequence[Any]:
    """Return the values that tell whether an axis fits: all of a list, the ends of a range."""
    if not axis.range:
        return axis.labels
    return axis.low, axis.high


def planned_points(sweep: SweepSpec, *, seed: int) -> list[Point | None]:
    """Return the point of every trial; None where the sampler chooses it when the trial begins."""
    axes = sweep.parsed_axes
    count = sweep.num_trials
    if sweep.sampler == "tpe":
        return [None] * count
    if sweep.sampler == "random":
        # Each trial has numbers of its own, so that more trials begin with the same ones.
        return [_drawn(axes, random.Random(f"{seed}/{number}")) for number in range(count)]
    return list(itertools.islice(_grid(axes, count, seed=seed), count))


def _grid(axes: Sequence[Axis], count: int, *, seed: int) -> Iterator[Point]:
    """Yield the grid's points: all in order, or so many in a random order."""
    points = [axis.points for axis in axes]
    size = math.prod(map(len, points))
    if count >= size:
        for labels in itertools.product(*points):
            yield {axis.key: label for axis, label in zip(axes, labels, strict=True)}
        return
    for number in random.Random(seed).sample(range(size), count):
        point = {}
        for axis, labels in zip(reversed(axes), reversed(points), strict=True):
            number, place = divmod(number, len(labels))
            point[axis.key] = labels[place]
        yield {axis.key: point[axis.key] for axis in axes}


def _drawn(axes: Sequence[Axis], rng: random.Random) -> Point:
    return {axis.key: _draw(axis, rng) for axis in axes}


def _draw(axis: Axis, rng: random.Random) -> Any:
    if axis.points:
        return rng.choice(axis.points)
    if axis.range == "log":
        return math.exp(rng.uniform(math.log(axis.low), math.log(axis.high)))
    return rng.uniform(axis.low, axis.high)
