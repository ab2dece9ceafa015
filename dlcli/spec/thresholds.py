"""Thresholds of two-class targets: given, or chosen for a figure on the validation part."""

from collections.abc import Mapping

from dlcli.spec.containers import MapOf, OneOf
from dlcli.spec.fields import Choice, Number
from dlcli.spec.problems import KeyPath, Problems, suggest

Threshold = float | str
Written = Threshold | dict[str, Threshold] | None

FIGURES = ("F1Score", "BalancedAccuracy", "Accuracy")
_ONE = (Number(exclusive_minimum=0, exclusive_maximum=1), Choice(FIGURES))
THRESHOLD = OneOf((*_ONE, MapOf(OneOf(_ONE), "targets")))


def check_thresholds(
    written: Written, targets: tuple[str, ...], problems: Problems, *, has_validation: bool
) -> None:
    """Report what is wrong with thresholds before the data tell which targets have two classes."""
    for path, value in _each(written).items():
        name = path[-1]
        if len(path) == 2 and name not in targets:
            problems.add(
                path, f"no target is named {name!r}", hint=suggest(str(name), targets), on_key=True
            )
        elif isinstance(value, str) and not has_validation:
            problems.add(
                path,
                f"the threshold with the best {value} is chosen on the validation part, and there "
                "is none",
                hint="set data.split.validation, e.g. 0.1, or give the threshold as a number",
            )


def check_two_classes(
    written: Written, classes: Mapping[str, tuple[str, ...] | None], problems: Problems
) -> None:
    """Report thresholds of targets that turned out to have other than two classes."""
    if isinstance(written, dict):
        for name in written:
            if name in classes and not _has_two(classes[name]):
                problems.add(
                    ("threshold", name),
                    f"a threshold tells two classes apart, but target {name!r} {_what(classes[name])}",
                    hint="leave it out",
                    on_key=True,
                )
    elif written is not None and not any(map(_has_two, classes.values())):
        name, found = next(iter(classes.items()))
        problems.add(
            ("threshold",),
            f"a threshold tells two classes apart, but target {name!r} {_what(found)}",
            hint="leave it out",
            on_key=True,
        )


def thresholds_by_target(
    written: Written, classes: Mapping[str, tuple[str, ...] | None]
) -> dict[str, Threshold]:
    """Return the thresholds that were asked for, by target with two classes."""
    if written is None:
        return {}
    if isinstance(written, dict):
        return dict(written)
    return {name: written for name, found in classes.items() if _has_two(found)}


def _each(written: Written) -> dict[KeyPath, Threshold]:
    if isinstance(written, dict):
        return {("threshold", name): value for name, value in written.items()}
    return {} if written is None else {("threshold",): written}


def _has_two(classes: tuple[str, ...] | None) -> bool:
    return classes is not None and len(classes) == 2


def _what(classes: tuple[str, ...] | None) -> str:
    return "is a number" if classes is None else f"has {len(classes)}"
