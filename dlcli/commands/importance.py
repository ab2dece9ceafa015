"""Importance: a run to the inputs its predictions rest on, and how they answer to each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.bundle.own_rows import read_own_rows
from dlcli.bundle.store import Bundle, open_scorer
from dlcli.data.readers import read_table
from dlcli.errors import DataError, RunError, UsageError
from dlcli.importance.charts import Suffix, draw_dependence, draw_importance
from dlcli.importance.dependence import Curve, measure_dependence
from dlcli.importance.permutation import (
    Correlation,
    Importance,
    TargetImportance,
    find_correlations,
    join_groups,
    measure_importance,
)
from dlcli.importance.rows import LabelledRows
from dlcli.report import format_figure, format_table
from dlcli.runs import RunFolder, open_run

BLOCKS = "▁▂▃▄▅▆▇█"

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
        parts = [f"{self.run.path} on {self.what}, {self.rows:,} rows, {self.repeats} repeats"]
        for each in self.targets:
            parts.append(_format_importance(each))
            own = [curve for curve in self.curves if curve.target == each.target]
            parts += _format_curves(_shown_classes(own))
        notes = [f"warning: {text}" for text in self.warnings]
        notes += [f"drawn: {path}" for path in self.plots]
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
        table = read_table(options.data, bundle.preprocessing.read_options)
        cells = bundle.preprocessing.read(table, with_targets=True)
        if not len(cells.kept):
            raise DataError(f"{options.data[0]}: no row is left to look at")
        rows = LabelledRows(bundle=bundle, scorer=scorer, cells=cells, rows=cells.kept)
        return ", ".join(path.name for path in options.data), rows
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
        own = _shown_classes([curve for curve in curves if curve.target == each.target])
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
        texts.append(f"{rows.num_rows} rows say little: the intervals are rough")
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


def _format_importance(found: TargetImportance) -> str:
    name = "RMSE" if found.figure == "RootMeanSquaredError" else "log loss"
    header = ["input shuffled", f"increase of {name}", "95 % interval", "repeats", ""]
    items = (*found.inputs, *found.groups)
    rows = [_importance_row(item) for item in items]
    if all(item.is_certain for item in items):
        header, rows = header[:-1], [row[:-1] for row in rows]
    title = f"{found.target}: {name} {format_figure(found.value)}"
    return f"{title}\n\n{format_table(header, rows)}"


def _importance_row(item: Importance) -> list[str]:
    together = " together" if len(item.inputs) > 1 else ""
    return [
        " + ".join(item.inputs) + together,
        format_figure(item.increase),
        _span(item.low, item.high),
        _span(min(item.repeats), max(item.repeats)),
        "" if item.is_certain else "within chance",
    ]


def _format_curves(curves: Sequence[Curve]) -> list[str]:
    """Lay curves out on one scale, so that their heights compare."""
    if not curves:
        return []
    bottom = min(value for curve in curves for value in curve.mean)
    top = max(value for curve in curves for value in curve.mean)
    numbers = [curve for curve in curves if curve.is_ordered]
    parts = []
    if numbers:
        header = ["prediction as", "goes from", "", "to", "falls to", "rises to", "80 % of rows"]
        parts.append(format_table(header, [_number_row(c, bottom, top) for c in numbers]))
    for curve in curves:
        if not curve.is_ordered:
            rows = [
                [
                    str(value).lower() if isinstance(value, bool) else str(value),
                    format_figure(mean),
                    _span(low, high),
                    _bar(mean, bottom, top),
                ]
                for value, mean, low, high in zip(
                    curve.values, curve.mean, curve.low, curve.high, strict=True
                )
            ]
            header = [_curve_name(curve), "prediction", "80 % of rows", ""]
            parts.append(format_table(header, rows))
    return parts


def _number_row(curve: Curve, bottom: float, top: float) -> list[str]:
    return [
        _curve_name(curve),
        format_figure(curve.values[0]),
        _blocks(curve.mean, bottom, top),
        format_figure(curve.values[-1]),
        format_figure(min(curve.mean)),
        format_figure(max(curve.mean)),
        _span(min(curve.low), max(curve.high)),
    ]


def _shown_classes(curves: Sequence[Curve]) -> list[Curve]:
    """Leave out the first of two classes, whose probability is what the other leaves."""
    labels = list(dict.fromkeys(curve.label for curve in curves))
    hidden = labels[0] if len(labels) == 2 else ""
    return [curve for curve in curves if curve.label != hidden]


def _curve_name(curve: Curve) -> str:
    return curve.input if curve.label is None else f"{curve.input} (p of {curve.label})"


def _blocks(values: Sequence[float], bottom: float, top: float) -> str:
    return "".join(_block(value, bottom, top) for value in values)


def _block(value: float, bottom: float, top: float) -> str:
    share = (value - bottom) / (top - bottom) if top > bottom else 0.5
    return BLOCKS[min(int(share * len(BLOCKS)), len(BLOCKS) - 1)]


def _bar(value: float, bottom: float, top: float) -> str:
    share = (value - bottom) / (top - bottom) if top > bottom else 0.5
    return BLOCKS[-1] * max(1, round(20 * share))


def _span(low: float, high: float) -> str:
    return f"{format_figure(low)} to {format_figure(high)}"
