"""What a training starts from: the weights of an earlier run, and layers that stay as they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from dlcli.spec.abbreviated import Abbreviated
from dlcli.spec.containers import ListOf, OneOf
from dlcli.spec.fields import Choice, Text
from dlcli.spec.problems import KeyPath, Problems, join_names, suggest
from dlcli.spec.sections import Section, setting


@dataclass(frozen=True, kw_only=True)
class InitFrom:
    """An earlier run whose weights a network starts with."""

    run: str = setting(
        Text("a run"),
        "A run folder, relative to this config, or the name of runs for the newest of them.",
    )
    preprocessing: Literal["keep", "refit"] = setting(
        Choice(("keep", "refit")),
        "Whether columns are scaled and encoded as that run does it, or anew from these data.",
        default="keep",
    )


INIT_FROM = Abbreviated(InitFrom, "run", Text("a run"))
"""A run, or a run with how its preprocessing is taken over."""


@dataclass(frozen=True, kw_only=True)
class AllBut:
    """Every layer except some."""

    all_but: tuple[str, ...] = setting(
        ListOf(Text("a layer's name"), 1), "The layers that are trained, by name or pattern."
    )


FREEZE = OneOf((ListOf(Text("a layer's name"), 1), Section(AllBut)))
"""Layers by name or pattern, or all but some."""

Freeze = tuple[str, ...] | AllBut | None


def frozen_layers(freeze: Freeze, names: Iterable[str]) -> tuple[str, ...]:
    """Return which of the layers are frozen, in their order."""
    if freeze is None:
        return ()
    if isinstance(freeze, AllBut):
        return tuple(name for name in names if not _matches(name, freeze.all_but))
    return tuple(name for name in names if _matches(name, freeze))


def check_freeze(freeze: Freeze, names: list[str], problems: Problems) -> None:
    """Report patterns that name no layer, and a network of which nothing is left to train."""
    if freeze is None:
        return
    is_all_but = isinstance(freeze, AllBut)
    patterns = freeze.all_but if isinstance(freeze, AllBut) else freeze
    path: KeyPath = ("freeze", "all_but") if is_all_but else ("freeze",)
    unknown = [
        (place, pattern)
        for place, pattern in enumerate(patterns)
        if not any(fnmatchcase(name, pattern) for name in names)
    ]
    for place, pattern in unknown:
        problems.add(
            (*path, place),
            f"no layer is named {pattern!r}",
            hint=suggest(pattern, names) or f"the layers are {join_names(names, most=10)}",
        )
    if not unknown and len(frozen_layers(freeze, names)) == len(names):
        problems.add(
            ("freeze",),
            "every layer is frozen: there is nothing to train",
            hint=f"leave one out, e.g. freeze: {{all_but: [{names[-1]}]}}",
            on_key=True,
        )


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
