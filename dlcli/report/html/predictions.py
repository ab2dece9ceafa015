"""What the network predicts on the rows that judge it: charts, confusions, the worst rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.languages import spoken, spoken_each, translated
from dlcli.report.figures import DASH, format_value
from dlcli.report.html.charts import (
    Charts,
    calibration,
    lines,
    ranking_curves,
    residual_bars,
    scatter,
)
from dlcli.report.html.elements import (
    Markup,
    chart_grid,
    element,
    escape,
    join,
    note,
    section,
    table,
)
from dlcli.report.record import RunRecord
from dlcli.report.tested import TestedTarget
from dlcli.report.text import heading

MOST_CLASSES = 20
"""Classes of a whole confusion matrix; of more, the most frequent confusions are listed."""
_FEW_CLASSES = 4
MOST_STEPS = 1000
"""Predictions of a series that are drawn one by one."""
_HEAT_STEPS = 10
_MOST_CONFUSIONS = 20


def predictions_section(record: RunRecord, charts: Charts) -> Markup | None:
    """Return the charts of every target; None where no predictions were kept."""
    if not record.tested:
        return None
    blocks: list[Markup | None] = []
    for name, tested in record.tested.items():
        if not len(tested.actual):
            continue
        if len(record.tested) > 1:
            blocks.append(element("h3", name))
        if tested.classes is None:
            has_windows = "windows" in record.manifest["data"]
            blocks.append(_numbers(tested, charts, has_windows=has_windows))
            blocks.append(_by_step(record, name, charts))
        else:
            blocks.append(_classes(tested, charts, record.targets.get(name, {})))
    part = record.part or "training"
    return section("predictions", f"Predictions on the {part} rows", *blocks)


def worst_section(record: RunRecord) -> Markup | None:
    """Return the rows that were predicted worst, with what the network was given."""
    worst = (record.profile or {}).get("worst", {})
    targets = {name: rows for name, rows in worst.get("targets", {}).items() if rows}
    blocks: list[Markup | None] = []
    for name, rows in targets.items():
        tested = record.tested.get(name)
        if tested is None:
            continue
        blocks.append(element("h3", name) if len(targets) > 1 else None)
        blocks.append(_worst_table(tested, worst["columns"], rows))
    if not blocks:
        return None
    left = worst.get("left_out", 0)
    remark = note(f"{left:,} more input columns are in the data.") if left else None
    return section("worst", "Worst rows", *blocks, remark)


def _numbers(tested: TestedTarget, charts: Charts, *, has_windows: bool) -> Markup:
    against, about = scatter(tested, residuals=False)
    residuals, _ = scatter(tested, residuals=True)
    figures = [
        _over_time(tested, charts) if has_windows else None,
        charts.add("Actual against predicted", about, against),
        charts.add("Residuals", "positive where too much was predicted", residuals),
        charts.add("Residuals counted", "rows by how far off they are", residual_bars(tested)),
    ]
    return chart_grid(figures)


def _over_time(tested: TestedTarget, charts: Charts) -> Markup:
    """Draw the series beside its predictions, those of one step ahead where there are several."""
    first = np.arange(len(tested.actual)) if tested.steps is None else tested.steps == 1
    actual, predicted = tested.actual[first], tested.predicted[first]
    shown = slice(0, MOST_STEPS)
    series = [
        {"label": spoken("actual"), "values": actual[shown]},
        {"label": spoken("predicted"), "values": predicted[shown]},
    ]
    about = "one step ahead" if tested.steps is not None else "in the order of their windows"
    if len(actual) > MOST_STEPS:
        about += f"; the first {MOST_STEPS:,} of {len(actual):,}"
    numbers = np.arange(1, len(actual[shown]) + 1)
    chart = lines(numbers, series, labels=(spoken("prediction"), tested.target), wholeX=True)
    return charts.add("Step by step", about, chart)


def _by_step(record: RunRecord, target: str, charts: Charts) -> Markup | None:
    """Draw the error of every step ahead, the network's beside its baselines'."""
    columns = {"network": record.targets.get(target, {}), **record.baselines(target)}
    steps = {name: figures["Steps"] for name, figures in columns.items() if "Steps" in figures}
    if "network" not in steps:
        return None
    series = [
        {"label": heading(name), "values": [step["RootMeanSquaredError"] for step in listed]}
        for name, listed in steps.items()
    ]
    numbers = list(range(1, len(steps["network"]) + 1))
    labels = (spoken("steps ahead"), "RMSE")
    chart = lines(numbers, series, labels=labels, wholeX=True, points=True, canLog=True)
    return chart_grid([charts.add("Error by step", "the further ahead, the harder", chart)])


def _classes(tested: TestedTarget, charts: Charts, figures: Mapping[str, Any]) -> Markup:
    assert tested.classes is not None
    matrix = np.asarray(figures.get("ConfusionMatrix") or tested.confusion(), np.float64)
    is_small = len(tested.classes) <= MOST_CLASSES
    confusion = (_confusion_table if is_small else _confusions_table)(tested.classes, matrix)
    figure = element("figure", confusion, class_="chart confusion")
    curves = [
        _ranking(tested, charts, "roc", "ROC curve"),
        _ranking(tested, charts, "pr", "Precision and recall"),
        charts.add(
            "Calibration",
            "how often it was so, by the probability given; the band is 95 %",
            calibration(tested),
        ),
    ]
    if len(tested.classes) > _FEW_CLASSES * 2:
        return join([figure, chart_grid(curves)])
    return chart_grid([figure, *curves])


def _ranking(tested: TestedTarget, charts: Charts, kind: str, title: str) -> Markup | None:
    assert tested.classes is not None
    chart = ranking_curves(tested, kind=kind)
    if chart is None:
        return None
    shown = len(tested.judged_classes())
    if len(tested.classes) == 2:
        about = f"of class {tested.classes[1]}"
    elif shown == len(tested.classes):
        about = "of each class against the others"
    else:
        about = f"of the {shown} most frequent of {len(tested.classes):,} classes"
    return charts.add(title, about, chart)


def _confusion_table(classes: Sequence[str], matrix: NDArray[np.float64]) -> Markup:
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0)
    rows = [
        [
            name,
            *(_heat_cell(count, share, at == place) for place, (count, share) in enumerate(line)),
        ]
        for at, (name, line) in enumerate(
            zip(
                classes,
                (zip(*pair, strict=True) for pair in zip(matrix, shares, strict=True)),
                strict=True,
            )
        )
    ]
    caption = element(
        "figcaption",
        element("strong", spoken("Confusion matrix")),
        element("span", spoken("a line for each actual class, a column for each predicted one")),
    )
    corner = escape(spoken("actual \\ predicted")).replace(" ", "&nbsp;")
    header = [Markup(corner), *classes]
    size = "matrix few" if len(classes) <= _FEW_CLASSES else "matrix"
    listed = table(header, rows, class_=size)
    return join([caption, listed])


def _heat_cell(count: float, share: float, is_right: bool) -> Markup:
    heat = round(share * _HEAT_STEPS)
    kind = "right" if is_right else "wrong"
    return element(
        "span",
        f"{count:,.4g}",
        class_=f"heat {kind} heat-{heat}",
        title=translated(f"{share:.1%} of the actual class"),
    )


def _confusions_table(classes: Sequence[str], matrix: NDArray[np.float64]) -> Markup:
    wrong = matrix - np.diag(np.diag(matrix))
    places = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSIONS]
    rows = []
    for place in places.tolist():
        actual, predicted = divmod(place, len(classes))
        count = wrong[actual, predicted]
        if count > 0:
            share = count / matrix[actual].sum()
            rows.append([classes[actual], classes[predicted], f"{count:,.4g}", f"{share:.0%}"])
    about = f"of {len(classes):,} classes; predictions.csv has every row"
    caption = element(
        "figcaption",
        element("strong", spoken("Most frequent confusions")),
        element("span", translated(about)),
    )
    header = spoken_each("actual", "predicted", "rows", "of the actual class")
    return join([caption, table(header, rows, numeric=(2, 3))])


def _worst_table(
    tested: TestedTarget, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> Markup:
    known = [row for row in rows if row["at"] < len(tested.rows)]
    files, names = _split_places([str(row["place"]) for row in known])
    table_rows = [
        [
            translated(name),
            *_outcome(tested, row["at"]),
            *(DASH if cell is None else _cell(cell) for cell in row["cells"]),
        ]
        for name, row in zip(names, known, strict=True)
    ]
    is_number = tested.classes is None
    last = spoken("off by") if is_number else spoken("probability of actual")
    header = [*spoken_each("row", "actual", "predicted"), last, *columns]
    numeric = [1, 2, 3] if is_number else [3]
    numeric += [
        place
        for place in range(4, len(header))
        if all(_looks_numeric(row[place]) for row in table_rows)
    ]
    listed = table(header, table_rows, numeric=numeric, class_="worst")
    return join([listed, note(f"Rows of {files}.") if files else None])


def _split_places(places: Sequence[str]) -> tuple[str | None, list[str]]:
    """Take the file off places such as `a.csv, row 2` where all have the same one."""
    files = {place.rpartition(", ")[0] for place in places}
    if len(files) != 1 or "" in files:
        return None, list(places)
    return files.pop(), [place.rpartition(", ")[2] for place in places]


def _outcome(tested: TestedTarget, at: int) -> list[str]:
    if tested.classes is None or tested.probabilities is None:
        actual, predicted = float(tested.actual[at]), float(tested.predicted[at])
        off = f"{format_value(predicted - actual)}".replace("-", "\N{MINUS SIGN}")
        return [format_value(actual), format_value(predicted), off]
    actual, predicted = int(tested.actual[at]), int(tested.predicted[at])
    given = tested.probabilities[at, actual]
    return [tested.classes[actual], tested.classes[predicted], f"{given:.3f}"]


def _cell(text: str) -> str:
    """Return a number with four digits, other text as it is."""
    try:
        return format_value(float(text)) if "." in text and "_" not in text else text
    except ValueError:
        return text


def _looks_numeric(cell: str) -> bool:
    return cell == DASH or cell.lstrip("-\N{MINUS SIGN}")[:1].isdigit()
