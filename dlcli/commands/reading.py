"""The data of a config, read as a training reads them."""

from collections.abc import Callable
from pathlib import Path

from dlcli.commands.starting import kept_preprocessing
from dlcli.data.dataset import ReadData, read_data
from dlcli.data.table import Table
from dlcli.spec.run import RunSpec, targets_as_classes


def read_configured(
    spec: RunSpec,
    *,
    given: Table | None = None,
    on_stage: Callable[[str], None] = lambda text: None,
) -> ReadData:
    """Read the data of a config, or `given` in their place, into memory; raises DlcliError."""
    return read_data(
        spec.data,
        folder=Path(),
        seed=spec.seed,
        class_targets=targets_as_classes(spec),
        given=given,
        keep=kept_preprocessing(spec),
        on_stage=on_stage,
    )
