"""Importances and curves as text: tables with small curves of block characters."""

from collections.abc import Sequence

from dlcli.importance.dependence import Curve
from dlcli.importance.permutation import Importance, TargetImportance
from dlcli.languages import spoken, spoken_each, translated
from dlcli.report import format_figure, format_table

BLOCKS = "▁▂▃▄▅▆▇█"


def format_importance(found: TargetImportance) -> str:
    """Lay out the inputs of one target, and the groups that belong together."""
    name = "RMSE" if found.figure == "RootMeanSquaredError" else spoken("log loss")
    first, *others = spoken_each("input shuffled", "95 % interval", "repeats")
    header = [first, f"{spoken('increase of')} {name}", *others, ""]
    items = (*found.inputs, *found.groups)
    rows = [_importance_row(item) for item in items]
    if all(item.is_certain for item in items):
        header, rows = header[:-1], [row[:-1] for row in rows]
    title = f"{found.target}: {name} {format_figure(found.value)}"
    return f"{title}\n\n{format_table(header, rows)}"


def _importance_row(item: Importance) -> list[str]:
    together = f" {spoken('together')}" if len(item.inputs) > 1 else ""
    return [
        " + ".join(item.inputs) + together,
        format_figure(item.increase),
        _span(item.low, item.high),
        _span(min(item.repeats), max(item.repeats)),
        "" if item.is_certain else spoken("within chance"),
    ]


def format_curves(curves: Sequence[Curve]) -> list[str]:
    """Lay curves out on one scale, so that their heights compare."""
    if not curves:
        return []
    bottom = min(value for curve in curves for value in curve.mean)
    top = max(value for curve in curves for value in curve.mean)
    numbers = [curve for curve in curves if curve.is_ordered]
    parts = []
    if numbers:
        header = spoken_each(
            "prediction as", "goes from", "", "to", "falls to", "rises to", "80 % of rows"
        )
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
            header = [_curve_name(curve), *spoken_each("prediction", "80 % of rows", "")]
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


def shown_classes(curves: Sequence[Curve]) -> list[Curve]:
    """Leave out the first of two classes, whose probability is what the other leaves."""
    labels = list(dict.fromkeys(curve.label for curve in curves))
    hidden = labels[0] if len(labels) == 2 else ""
    return [curve for curve in curves if curve.label != hidden]


def _curve_name(curve: Curve) -> str:
    return curve.input if curve.label is None else f"{curve.input} ({spoken('p of')} {curve.label})"


def _blocks(values: Sequence[float], bottom: float, top: float) -> str:
    return "".join(_block(value, bottom, top) for value in values)


def _block(value: float, bottom: float, top: float) -> str:
    share = (value - bottom) / (top - bottom) if top > bottom else 0.5
    return BLOCKS[min(int(share * len(BLOCKS)), len(BLOCKS) - 1)]


def _bar(value: float, bottom: float, top: float) -> str:
    share = (value - bottom) / (top - bottom) if top > bottom else 0.5
    return BLOCKS[-1] * max(1, round(20 * share))


def _span(low: float, high: float) -> str:
    return translated(f"{format_figure(low)} to {format_figure(high)}")
