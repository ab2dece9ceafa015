"""The earlier run that a config starts from: which one that is, and what is taken over of it."""

from dataclasses import replace

from dlcli.bundle.store import Bundle
from dlcli.data.preprocessing import Preprocessing
from dlcli.errors import RunError
from dlcli.runs import RunFolder, open_run
from dlcli.spec.run import RunSpec


def with_exact_start(spec: RunSpec) -> RunSpec:
    """Return the config with the folder of the run that `init_from` names; raises RunError."""
    if spec.init_from is None:
        return spec
    # The name of runs means its newest one now; the record says which that was.
    try:
        run = open_run(spec.init_from.run, packed=False).path.absolute()
    except RunError as error:
        raise RunError(f"init_from: {error.message}", hint=error.hint) from None
    return replace(spec, init_from=replace(spec.init_from, run=str(run)))


def start_of(spec: RunSpec) -> RunFolder | None:
    """Return the run whose weights a training starts with, whole; raises RunError."""
    if spec.init_from is None:
        return None
    run = open_run(spec.init_from.run)
    run.check_files(run.model)
    return run


def kept_preprocessing(spec: RunSpec) -> Preprocessing | None:
    """Return the preprocessing that is taken over, None where it is fitted to the data."""
    if spec.init_from is None or spec.init_from.preprocessing != "keep":
        return None
    return Bundle.load(open_run(spec.init_from.run)).preprocessing
