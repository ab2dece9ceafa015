"""A table in pictures: every column's values, correlations, and where cells are missing."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.cells import missing_mask, parse_dates, parse_numbers
from dlcli.data.column_profile import ColumnProfile
from dlcli.data.profile import TableProfile
from dlcli.data.table import Table
from dlcli.drawing import BAR, FAINT, INK, Picture, plain
from dlcli.languages import spoken, translated

PER_PICTURE = 12
"""Columns of one picture; more columns take more pictures."""
MOST_CORRELATED = 40
"""Number columns of the heat map, the first ones of the table."""
MOST_WRITTEN = 12
"""Columns up to which a heat map's figures are written into it."""
MOST_BARS = 12
_STRIPS = 200
"""Stretches of rows in the picture of missing cells."""
_LIGHTEST = 0.35
_ACROSS = 3

Array = NDArray[np.float64]


def table_pictures(
    table: Table, profile: TableProfile, *, decimal: str = ".", thousands: str | None = None
) -> list[Picture]:
    """Return the pictures of a table: its columns, correlations, and missing cells if it has some."""
    values = {
        column.name: _numbers(table, column, decimal=decimal, thousands=thousands)
        for column in profile.columns
    }
    known = {name: each for name, each in values.items() if each is not None}
    pictures = _column_pictures(profile.columns, known)
    varied = [
        column.name
        for column in profile.columns
        if column.type == "number" and column.name in known and column.minimum != column.maximum
    ]
    if len(varied) > 1:
        pictures.append(_correlations({name: known[name] for name in varied[:MOST_CORRELATED]}))
    if any(column.missing for column in profile.columns):
        pictures.append(_missing(table, profile.columns))
    return pictures


def _numbers(
    table: Table, column: ColumnProfile, *, decimal: str, thousands: str | None
) -> Array | None:
    """Return a number or date column [rows] with NaN for what it lacks; None for other types."""
    if column.minimum is None:
        return None
    if column.type == "date":
        dates, _ = parse_dates(table.column(column.name), column.date_format)
        found = dates.astype("datetime64[us]").astype(np.float64)
        return np.where(np.isnat(dates), np.nan, found)
    numbers, _ = parse_numbers(table.column(column.name), decimal=decimal, thousands=thousands)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _column_pictures(
    columns: Sequence[ColumnProfile], values: Mapping[str, Array]
) -> list[Picture]:
    shown = [each for each in columns if each.name in values or each.top]
    pages = [shown[at : at + PER_PICTURE] for at in range(0, len(shown), PER_PICTURE)]
    return [
        Picture(
            stem="columns" if len(pages) == 1 else f"columns-{number}",
            size=(3.4 * min(_ACROSS, len(page)), 2.5 * -(-len(page) // _ACROSS)),
            draw=partial(_draw_columns, page=page, values=values),
        )
        for number, page in enumerate(pages, 1)
    ]


def _draw_columns(
    figure: Any, *, page: Sequence[ColumnProfile], values: Mapping[str, Array]
) -> None:
    across = min(_ACROSS, len(page))
    down = -(-len(page) // across)
    cells = figure.subfigures(down, across, squeeze=False).ravel()
    for cell, column in zip(cells, page, strict=False):
        if column.name in values:
            _draw_numbers(cell, column, values[column.name])
        else:
            _draw_categories(cell, column)


def _draw_numbers(cell: Any, column: ColumnProfile, values: Array) -> None:
    """Draw a box plot over a histogram, both along the same axis."""
    box, bars = cell.subplots(2, 1, sharex=True, height_ratios=(1, 5))
    known = values[np.isfinite(values)]
    if column.type == "date":
        known = known.astype("datetime64[us]").astype("datetime64[s]").astype(object)
        bars.hist(known, bins=20, color=BAR)
        box.set_visible(False)
        bars.tick_params(axis="x", labelrotation=30)
    else:
        _draw_histogram(bars, known)
        box.boxplot(
            known,
            orientation="horizontal",
            widths=0.6,
            patch_artist=True,
            boxprops={"facecolor": FAINT, "edgecolor": INK},
            medianprops={"color": INK},
            flierprops={"marker": ".", "markersize": 3, "markeredgecolor": INK, "alpha": 0.4},
        )
        box.axis("off")
    _finish(bars, column)


def _draw_histogram(axes: Any, values: Array) -> None:
    distinct, counts = np.unique(values, return_counts=True)
    is_whole = not (distinct % 1).any()
    if is_whole and len(distinct) <= MOST_BARS and distinct[-1] - distinct[0] <= MOST_BARS:
        axes.bar(distinct, counts, 0.8, color=BAR)
        return
    extent = float(distinct[-1] - distinct[0])
    num_bins = int(np.clip(2 * float(len(values)) ** (1 / 3), 5, 40))
    if is_whole:
        # A bar of whole numbers holds as many of them as the next one.
        width = max(1.0, np.ceil((extent + 1) / num_bins))
        edges = np.arange(distinct[0] - 0.5, distinct[-1] + width, width)
    else:
        edges = np.linspace(distinct[0], distinct[-1], num_bins + 1)
        edges = edges if extent else np.array([distinct[0] - 0.5, distinct[0] + 0.5])
    heights = np.histogram(values, edges)[0]
    axes.bar(edges[:-1], heights, np.diff(edges), align="edge", color=BAR, edgecolor="white")


def _draw_categories(cell: Any, column: ColumnProfile) -> None:
    axes = cell.subplots()
    top = list(column.top)[:MOST_BARS][::-1]
    places = range(len(top))
    axes.barh(places, [count for _, count in top], color=BAR)
    axes.set_yticks(places, [plain(value, 18) for value, _ in top], fontsize=7)
    more = column.distinct - len(top)
    text = translated(f"rows; {more:,} more values") if more > 0 else spoken("rows")
    axes.set_xlabel(text, fontsize=7)
    _finish(axes, column)


def _finish(axes: Any, column: ColumnProfile) -> None:
    axes.figure.suptitle(plain(column.name, 34), fontsize=9)
    axes.tick_params(labelsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _correlations(values: Mapping[str, Array]) -> Picture:
    size = max(4.0, 1.6 + 0.42 * len(values))
    return Picture(
        stem="correlations",
        size=(size + 1.0, size),
        draw=partial(_draw_correlations, names=list(values), columns=list(values.values())),
    )


def _draw_correlations(figure: Any, *, names: Sequence[str], columns: Sequence[Array]) -> None:
    matrix = pairwise_correlations(columns)
    axes = figure.subplots()
    image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
    labels = [plain(name, 24) for name in names]
    places = range(len(labels))
    axes.set_xticks(places, labels, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(places, labels, fontsize=8)
    if len(names) <= MOST_WRITTEN:
        for row, column in np.ndindex(matrix.shape):
            value = matrix[row, column]
            colour = "white" if abs(value) > 0.6 else "black"
            text = f"{value:.2f}" if np.isfinite(value) else ""
            axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label(spoken("Pearson's r over the rows that have both"), fontsize=8)
    bar.ax.tick_params(labelsize=7)


def pairwise_correlations(columns: Sequence[Array]) -> Array:
    """Return Pearson's r of every pair, over the rows that have both; NaN where one is constant."""
    values = np.stack(columns)
    known = np.isfinite(values).astype(np.float64)
    spread = np.nanstd(values, axis=1, keepdims=True)
    centred = values - np.nanmean(values, axis=1, keepdims=True)
    filled = np.nan_to_num(centred / np.where(spread > 0, spread, np.nan))
    count = known @ known.T
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = filled @ known.T / count
        square = np.square(filled) @ known.T / count
        variance = square - np.square(mean)
        product = filled @ filled.T / count - mean * mean.T
        return np.asarray(np.clip(product / np.sqrt(variance * variance.T), -1.0, 1.0))


def _missing(table: Table, columns: Sequence[ColumnProfile]) -> Picture:
    width = max(4.5, 1.8 + 0.32 * len(columns))
    draw = partial(_draw_missing, table=table, columns=columns)
    return Picture(stem="missing", size=(min(width, 30.0), 4.6), draw=draw)


def _draw_missing(figure: Any, *, table: Table, columns: Sequence[ColumnProfile]) -> None:
    """Draw the share of missing cells per column, and along the rows."""
    strips = min(_STRIPS, table.num_rows)
    edges = np.linspace(0, table.num_rows, strips + 1).astype(np.int64)
    masks = np.stack(
        [np.asarray(missing_mask(table.column(column.name)), np.float64) for column in columns]
    )
    shares = np.add.reduceat(masks, edges[:-1], axis=1) / np.diff(edges)
    # One missing cell among thousands is to be seen too.
    shades = np.where(shares > 0, np.maximum(shares, _LIGHTEST), 0.0)
    bars, rows = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
    places = np.arange(len(columns))
    bars.bar(places, 100 * masks.mean(axis=1), color=BAR)
    bars.set_ylabel(spoken("% missing"), fontsize=8)
    extent = (-0.5, len(columns) - 0.5, table.num_rows + 0.5, 0.5)
    rows.imshow(
        shades.T, aspect="auto", cmap="Blues", vmin=0, vmax=1, extent=extent, interpolation="none"
    )
    rows.set_ylabel(spoken("row"), fontsize=8)
    labels = [plain(column.name, 24) for column in columns]
    rows.set_xticks(places, labels, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    for axes in (bars, rows):
        axes.tick_params(axis="y", labelsize=7)
