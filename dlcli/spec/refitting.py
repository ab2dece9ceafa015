"""Refitting: what of a config takes part in it, and what does not fit it."""

from dlcli.spec import catalog
from dlcli.spec.components import ComponentSpec
from dlcli.spec.experiment import RunSpec
from dlcli.spec.problems import KeyPath, Problems
from dlcli.spec.refit import RefitSpec, shortens, takes_all_epochs, tolerance_of

CHOOSES = "EarlyStopping"
"""The callback that says which epoch is the best; its work is done when all rows train."""

VALIDATION = "val_"
VALIDATION_LOSS = "val_loss"


def callbacks_of_refit(callbacks: tuple[ComponentSpec, ...]) -> tuple[ComponentSpec, ...]:
    """Return the callbacks of the training on all rows."""
    return tuple(callback for callback in callbacks if callback.name != CHOOSES)


def check_refit(spec: RunSpec, problems: Problems) -> None:
    """Report a refit without rows to choose epochs on, or with callbacks that would miss them."""
    if not spec.refit:
        return
    if not spec.has_validation:
        what = "chooses the number of epochs on the validation part"
        if takes_all_epochs(spec.refit):
            what = "trains anew on the rows of the validation part too"
        problems.add(
            ("refit",),
            f"refit {what}, and there is none",
            hint="set data.split.validation, e.g. 0.1",
            on_key=True,
        )
        return
    if spec.data.split.validation == "test":
        problems.add(
            ("refit",),
            "refit would train on the test part, which split.validation watches",
            hint="set data.split.validation to a share of the rows, e.g. 0.1",
            on_key=True,
        )
    _check_all_epochs(spec.refit, problems)
    for index, callback in enumerate(spec.callbacks):
        _check_callback(
            callback, ("callbacks", index), problems, takes_all=takes_all_epochs(spec.refit)
        )
    watched = {watched_by(callback) for callback in spec.callbacks if callback.name == CHOOSES}
    if tolerance_of(spec.refit) and watched - {VALIDATION_LOSS}:
        problems.add(
            ("refit", "tolerance"),
            f"tolerance is a share of {VALIDATION_LOSS}, and {CHOOSES} watches "
            f"{min(watched - {VALIDATION_LOSS})!r}",
            hint=f"monitor: {VALIDATION_LOSS}, or leave tolerance out",
        )


def _check_all_epochs(refit: bool | RefitSpec, problems: Problems) -> None:
    """Report settings that say which epochs are good enough, where all of them are taken."""
    if not takes_all_epochs(refit):
        return
    for key, is_set in (("tolerance", tolerance_of(refit) > 0), ("schedule", shortens(refit))):
        if is_set:
            problems.add(
                ("refit", key),
                f"refit takes all epochs, and {key} is about taking fewer",
                hint="leave it out, or refit: {epochs: best}",
                on_key=True,
            )


def watched_by(callback: ComponentSpec) -> str:
    """Return the figure that a callback watches."""
    return str(callback.arguments.get("monitor", VALIDATION_LOSS))


def _check_callback(
    callback: ComponentSpec, path: KeyPath, problems: Problems, *, takes_all: bool
) -> None:
    entry = catalog.find("callback", callback.name)
    argument = catalog.argument(entry, "monitor") if entry is not None else None
    is_unused = callback.name == "ModelCheckpoint" and not callback.arguments.get("save_best_only")
    if argument is None or is_unused:
        return
    monitor = str(callback.arguments.get("monitor", argument.default))
    watches = monitor.startswith(VALIDATION)
    place = (*path, callback.alias or callback.name)
    if callback.name == CHOOSES and takes_all:
        problems.add(
            place,
            f"refit takes all epochs, and {callback.name} would end the training before it early",
            hint="leave it out, or refit: {epochs: best}",
            on_key=True,
        )
    elif callback.name == CHOOSES and not watches:
        problems.add(
            place,
            f"refit chooses the epoch that {callback.name} finds best, and it watches {monitor!r}, "
            "a figure of the rows that train",
            hint="monitor: val_loss",
            on_key=True,
        )
    elif callback.name != CHOOSES and watches:
        problems.add(
            place,
            f"{callback.name} watches {monitor!r}, which the training on all rows does not have",
            hint="leave it out, or refit",
            on_key=True,
        )
