"""Importance: a run to the inputs its predictions rest on, and how they answer to each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.bundle.own_rows import read_own_rows
from dlcli.bundle.store import Bundle, open_scorer
from dlcli.data.large.deciding import needed_bytes
from dlcli.data.readers import read_table
from dlcli.data.sources import resolve_source
from dlcli.drawing import Suffix
from dlcli.errors import DataError, RunError, UsageError
from dlcli.importance.charts import check_charts, draw_dependence, draw_importance
from dlcli.importance.dependence import Curve, measure_dependence
from dlcli.importance.permutation import (
    Correlation,
    TargetImportance,
    find_correlations,
    join_groups,
    measure_importance,
)
from dlcli.importance.rows import LabelledRows
from dlcli.importance.text import format_curves, format_importance, shown_classes
from dlcli.languages import translated
from dlcli.memory import available_bytes, show_bytes
from dlcli.runs import RunFolder, open_run
from dlcli.terminal_text import counted

FEW_ROWS = 30
"""Below this many rows an interval says little."""


@dataclass(frozen=True, kw_only=True)
class ImportanceOptions:
    """What the command line may ask for."""

    data: tuple[Path, ...] = ()
    repeats: int = 10
    curves: int = 5
    """Inputs with a dependence curve, for each target the most important ones."""
    rows: int = 10_000
    """Rows looked at; a seeded sample of more."""
    seed: int | None = None
    """The run's own without it."""
    plot: Path | None = None
    suffix: Suffix = "svg"
    force: bool = False
    """Whether pictures that are there may be replaced."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Importances and curves per target, with what was looked at."""

    run: RunFolder
    what: str
    rows: int
    repeats: int
    targets: tuple[TargetImportance, ...]
    curves: tuple[Curve, ...]
    correlations: tuple[Correlation, ...]
    plots: tuple[Path, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "run": str(self.run.path),
            "what": self.what,
            "rows": self.rows,
            "repeats": self.repeats,
            "targets": {
                each.target: {
                    "figure": each.figure,
                    "value": each.value,
                    "importance": [item.to_json() for item in each.inputs],
                    "together": [item.to_json() for item in each.groups],
                    "dependence": [
                        curve.to_json() for curve in self.curves if curve.target == each.target
                    ],
                }
                for each in self.targets
            },
            "correlations": [{"inputs": list(c.inputs), "r": c.r} for c in self.correlations],
            "plots": [str(path) for path in self.plots],
            "warnings": list(self.warnings),
        }

    def to_text(self) -> str:
        """Return everything as text for the terminal."""
        looked_at = f"{counted(self.rows, 'row')}, {counted(self.repeats, 'repeat')}"
        parts = [translated(f"{self.run.path} on {self.what}, {looked_at}")]
        for each in self.targets:
            parts.append(format_importance(each))
            own = [curve for curve in self.curves if curve.target == each.target]
            parts += format_curves(shown_classes(own))
        notes = [translated(f"warning: {text}") for text in self.warnings]
        notes += [translated(f"drawn: {path}") for path in self.plots]
        return "\n\n".join([*parts, *(["\n".join(notes)] if notes else [])])


def importance(
    run: str,
    options: ImportanceOptions,
    *,
    threads: int | None = None,
    on_stage: Callable[[str], None] = lambda text: None,
) -> Explanation:
    """Explain a run on its test part, or on the labelled files of `options.data`."""
    if options.repeats < 1:
        raise UsageError(f"--repeats: expected 1 or more, got {options.repeats}")
    folder = open_run(run)
    bundle = Bundle.load(folder)
    if bundle.preprocessing.window is not None:
        raise UsageError(
            f"{folder.path} reads sequences: an input is a row of a window there, and shuffling "
            "single rows would break up their order",
            hint="dlcli evaluate compares its windows with the seasonal and other baselines",
        )
    if options.plot is not None:
        names = [info.name for info in bundle.preprocessing.targets]
        check_charts(options.plot, names, suffix=options.suffix, force=options.force)
    on_stage("reading the data")
    what, rows = _read_rows(folder, bundle, options, threads=threads)
    seed = folder.load_manifest()["seed"] if options.seed is None else options.seed
    num_all = rows.num_rows
    if num_all > options.rows:
        rows = rows.take(np.sort(np.random.default_rng(seed).permutation(num_all)[: options.rows]))
    correlations = find_correlations(rows)
    targets = measure_importance(
        rows,
        join_groups(correlations),
        repeats=options.repeats,
        seed=seed,
        on_column=lambda name: on_stage(f"shuffling: {name}"),
    )
    curves = _dependence(rows, targets, options, seed=seed, on_stage=on_stage)
    return Explanation(
        run=folder,
        what=what,
        rows=rows.num_rows,
        repeats=options.repeats,
        targets=targets,
        curves=curves,
        correlations=correlations,
        plots=_draw(targets, curves, options),
        warnings=tuple(_warnings(rows, correlations, num_all=num_all)),
    )


def _read_rows(
    run: RunFolder, bundle: Bundle, options: ImportanceOptions, *, threads: int | None
) -> tuple[str, LabelledRows]:
    scorer = open_scorer(run, threads=threads)
    if options.data:
        files = resolve_source([str(path) for path in options.data], folder=Path())
        _check_room(files)
        table = read_table(files, bundle.preprocessing.read_options)
        cells = bundle.preprocessing.read(table, with_targets=True)
        if not len(cells.kept):
            raise DataError(f"{options.data[0]}: no row is left to look at")
        rows = LabelledRows(bundle=bundle, scorer=scorer, cells=cells, rows=cells.kept)
        return ", ".join(path.name for path in files), rows
    try:
        parts = read_own_rows(run, bundle.preprocessing)
    except RunError as error:
        hint = f"dlcli importance {run.path} --data FILE explains it on other rows"
        raise RunError(error.message, hint=hint) from None
    part = next((name for name in ("test", "validation") if name in parts), None)
    if part is None:
        raise RunError(
            f"{run.path} was trained on all its rows: it has no test part",
            hint=f"dlcli importance {run.path} --data FILE explains it on other rows",
        )
    own = parts[part]
    return f"{part} part", LabelledRows(
        bundle=bundle, scorer=scorer, cells=own.cells, rows=own.rows
    )


def _check_room(files: Sequence[Path]) -> None:
    needed, room = needed_bytes(files), available_bytes()
    if needed > room:
        raise DataError(
            f"{', '.join(path.name for path in files)}: the data take about {show_bytes(needed)} in "
            f"memory, and {show_bytes(room)} are free",
            hint="importance looks at a sample of --rows rows: give it a file of some of them",
        )


def _dependence(
    rows: LabelledRows,
    targets: Sequence[TargetImportance],
    options: ImportanceOptions,
    *,
    seed: int,
    on_stage: Callable[[str], None],
) -> tuple[Curve, ...]:
    wanted = {
        each.target: [item.inputs[0] for item in each.inputs if item.inputs[0] in rows.values][
            : options.curves
        ]
        for each in targets
    }
    every = list(dict.fromkeys(name for names in wanted.values() for name in names))
    curves = measure_dependence(
        rows, every, seed=seed, on_column=lambda name: on_stage(f"drawing curves: {name}")
    )
    return tuple(
        curve
        for target, names in wanted.items()
        for name in names
        for curve in curves
        if (curve.target, curve.input) == (target, name)
    )


def _draw(
    targets: Sequence[TargetImportance], curves: Sequence[Curve], options: ImportanceOptions
) -> tuple[Path, ...]:
    if options.plot is None:
        return ()
    drawn: list[Path] = []
    for each in targets:
        drawn.append(draw_importance(each, options.plot, suffix=options.suffix))
        own = shown_classes([curve for curve in curves if curve.target == each.target])
        path = draw_dependence(own, each.target, options.plot, suffix=options.suffix)
        drawn += [] if path is None else [path]
    return tuple(drawn)


def _warnings(
    rows: LabelledRows, correlations: Sequence[Correlation], *, num_all: int
) -> list[str]:
    texts = []
    if num_all > rows.num_rows:
        texts.append(f"{rows.num_rows:,} of {num_all:,} rows were looked at; --rows takes more")
    if rows.num_rows < FEW_ROWS:
        texts.append(f"{counted(rows.num_rows, 'row')}: too few for narrow intervals")
    if correlations:
        listed = ", ".join(
            f"{c.inputs[0]} and {c.inputs[1]} (r = {c.r:.2f})" for c in correlations[:5]
        )
        more = f" and {len(correlations) - 5} more pairs" if len(correlations) > 5 else ""
        texts.append(
            f"strongly correlated: {listed}{more}; such inputs share their importance, so see what "
            "they come to together, and their curves leave the data"
        )
    return texts
