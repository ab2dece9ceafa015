"""Validate: every problem of configs, and with their data of what they would train on."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dlcli.errors import DlcliError
from dlcli.spec.run import RunSpec, load_spec, resolve_objectives
from dlcli.spec.touches import Touched, touched_by


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One config with what came of checking it."""

    path: Path
    spec: RunSpec | None
    error: DlcliError | None
    rows: dict[str, int] | None = None
    unit: str = "rows"
    """What is counted: `windows` where the network reads sequences."""
    warnings: tuple[str, ...] = ()

    @property
    def touches(self) -> Touched | None:
        """What training this config reads, downloads, runs and writes."""
        return None if self.spec is None else touched_by(self.spec, self.path)

    def to_json(self) -> dict[str, Any]:
        """Return what was found as JSON values."""
        return {
            "config": str(self.path),
            "error": None if self.error is None else self.error.to_json(),
            "rows": self.rows,
            "warnings": list(self.warnings),
            "touches": None if self.touches is None else self.touches.to_json(),
        }


def validate(
    configs: tuple[Path, ...],
    overrides: tuple[str, ...] = (),
    *,
    with_data: bool = False,
    on_stage: Callable[[str], None] = lambda text: None,
) -> list[Checked]:
    """Check configs one by one; a config that fails does not keep the others from being checked."""
    return [_check(path, overrides, with_data, on_stage) for path in configs]


def _check(
    path: Path, overrides: tuple[str, ...], with_data: bool, on_stage: Callable[[str], None]
) -> Checked:
    spec = None
    try:
        spec = load_spec(path, overrides)
        if with_data:
            return _check_data(path, spec, on_stage)
    except DlcliError as error:
        return Checked(path=path, spec=spec, error=error)
    return Checked(path=path, spec=spec, error=None)


def _check_data(path: Path, spec: RunSpec, on_stage: Callable[[str], None]) -> Checked:
    # Arrow is needed for the data alone; a plain check stays without it.
    deciding: Any = import_module("dlcli.data.large.deciding")
    decision = deciding.decide(spec, budget_bytes=None, on_stage=on_stage)
    if decision.large is not None:
        with TemporaryDirectory(prefix="dlcli-") as folder:
            preparing: Any = import_module("dlcli.data.large.preparing")
            dataset = preparing.prepare_large(
                decision.large, folder=Path(folder) / "rows", seed=spec.seed, on_stage=on_stage
            )
            return _checked_data(path, spec, dataset)
    dataset_module: Any = import_module("dlcli.data.dataset")
    reading: Any = import_module("dlcli.commands.reading")
    read = reading.read_configured(spec, on_stage=on_stage)
    checked = _checked_data(path, spec, dataset_module.encode_parts(read, read.split))
    if spec.folds is not None:
        network_module: Any = import_module("dlcli.data.network_inputs")
        folds: Any = import_module("dlcli.data.folds")
        for each in folds.fold_datasets(read, spec.folds):
            network_module.check_network(spec, each.dataset)
    return checked


def _checked_data(path: Path, spec: RunSpec, dataset: Any) -> Checked:
    """Check the network against its data."""
    resolve_objectives(spec, {info.name: info.classes for info in dataset.preprocessing.targets})
    network_module: Any = import_module("dlcli.data.network_inputs")
    network_module.check_network(spec, dataset)
    parts = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    rows = {name: part.num_rows for name, part in parts.items() if part is not None}
    rows["train"] = dataset.num_train_rows
    advice: Any = import_module("dlcli.training.advice")
    return Checked(
        path=path,
        spec=spec,
        error=None,
        rows=rows,
        unit="rows" if spec.data.window is None else "windows",
        warnings=(*dataset.warnings, *advice.training_warnings(spec, dataset)),
    )
