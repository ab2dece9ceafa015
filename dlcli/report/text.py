"""Figures to text: tables for the terminal; strings only, nothing is written here."""

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dlcli.languages import spoken, spoken_each, translated
from dlcli.report.figures import (
    format_figures,
    is_larger_better,
    main_figure,
    shown_figures,
)
from dlcli.terminal_text import cell_width, counted, pad, printable


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows under a header: columns of numbers to the right, others to the left."""
    lines = [[printable(cell) for cell in line] for line in (header, *rows)]
    widths = [max(cell_width(line[index]) for line in lines) for index in range(len(header))]
    numeric = [all(_is_number(row[index]) for row in rows) for index in range(len(header))]

    def lay(line: Sequence[str]) -> str:
        cells = [
            pad(cell, size, right=right)
            for cell, size, right in zip(line, widths, numeric, strict=True)
        ]
        return "  ".join(cells).rstrip()

    ruled = "  ".join("-" * size for size in widths)
    return "\n".join([lay(lines[0]), ruled, *map(lay, lines[1:])])


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in GitHub's Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _is_number(cell: str) -> bool:
    return cell in ("", "-") or cell.lstrip("-")[:1].isdigit()


def format_figure(value: Any) -> str:
    """Format a figure with five significant digits; what is undefined is a dash."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-" if value is None else str(value)
    return f"{value:.5g}"


def from_disk_text(data: Mapping[str, Any]) -> str:
    """Say why a run read its rows from disk, and which figures are then of a sample of them."""
    record, rows = data["from_disk"], data["split"]["sizes"]["train"]
    sampled = record["sampled_train_rows"]
    of = f"{sampled:,} training rows of {rows:,}" if sampled < rows else "all training rows"
    return f"{record['reason']}; baselines and training figures are of {of}"


def refit_text(refit: dict[str, Any]) -> str:
    """Say how a network was trained anew, from a manifest's record of it."""
    rows = f"on all {refit['rows']:,} training and validation rows"
    if refit["chosen_of"] is None:
        return f"{rows}, for all {counted(refit['epochs'], 'epoch')}"
    return (
        f"{rows}, for the {refit['epochs']:,} epochs "
        f"chosen of {refit['chosen_of']:,} on the validation part"
    )


def format_scores(targets: dict[str, Any], baselines: dict[str, Any]) -> str:
    """Lay out every target's figures, the network's beside its baselines'."""
    return "\n\n".join(
        _format_target(name, figures, {key: part for key, part in baselines.items() if part})
        for name, figures in targets.items()
    )


def _format_target(name: str, figures: dict[str, Any], baselines: dict[str, Any]) -> str:
    columns = {key: part["targets"].get(name) for key, part in baselines.items()}
    columns = {"network": figures, **{key: item for key, item in columns.items() if item}}
    shown = shown_figures(figures)
    rows = [
        [key, *format_figures(key, [item.get(key) for item in columns.values()])] for key in shown
    ]
    main = main_figure(figures)
    differences = [
        baselines.get(key, {}).get("differences", {}).get(name, {}).get(main) for key in columns
    ]
    if any(differences) and main in shown:
        better_by = [translated(BETTER_BY), *(_better_by(main, each) for each in differences)]
        rows.insert(shown.index(main) + 1, better_by)
    text = format_table([name, *map(heading, columns)], rows)
    if "Steps" in figures:
        text += "\n\n" + _format_steps(columns)
    matrix = figures.get("ConfusionMatrix")
    if matrix is not None and len(matrix) <= 12:
        text += "\n\n" + _format_confusion(figures, matrix)
    return text


def _format_steps(columns: dict[str, dict[str, Any]]) -> str:
    """Lay out the error of every step ahead, the network's beside its baselines'."""
    key = "RootMeanSquaredError"
    steps = [[step[key] for step in item["Steps"]] for item in columns.values()]
    rows = [
        [str(step), *format_figures(key, values)]
        for step, values in enumerate(zip(*steps, strict=True), 1)
    ]
    return format_table([translated(f"{key}, step"), *map(heading, columns)], rows)


def heading(column: str) -> str:
    """Return what stands over figures; baselines are called as configs call them."""
    return spoken("network") if column == "network" else column


LAYER_HEADER = ("name", "layer", "shape", "parameters", "activation", "from")

BETTER_BY = "  better by, 95 % sure"
"""The row below the main figure: between which bounds the network is better than a baseline."""


def _better_by(figure: str, difference: dict[str, float] | None) -> str:
    if difference is None:
        return ""
    ends = [difference["low"], difference["high"]]
    if not is_larger_better(figure):
        ends = [-end for end in reversed(ends)]
    return translated(f"{ends[0]:.3g} to {ends[1]:.3g}")


def format_coverage(coverage: dict[str, Any]) -> list[str]:
    """Say how much of the judged rows the intervals of numbers hold, in a line for each target."""
    if not coverage:
        return []
    calibration, lines = coverage["calibration"], []
    level, needed = calibration["level"], calibration["rows_needed"]
    what = coverage.get("data") or f"the {coverage['part']} part"
    for name, rows in calibration["rows"].items():
        start = f"{name}: " if len(calibration["rows"]) > 1 else ""
        measured = coverage["targets"].get(name, {}).get(f"{level:g}")
        basis = f"made from {counted(rows, calibration['part'] + ' row')}"
        if measured is not None:
            width = format_figure(measured["width"])
            said = f"hold {measured['covered']:.1%} of {what}, {width} wide on average; {basis}"
        elif coverage.get("reason"):
            said = f"{basis}; how much they hold is not known: {coverage['reason']}"
        else:
            said = f"need {needed} validation rows; {basis}"
        lines.append(f"{start}those of level {level:g} {said}")
    return lines


def format_temperatures(temperatures: dict[str, float]) -> list[str]:
    """Say what the logits of each target are divided by."""
    return [
        f"{name}: logits divided by {value:.3g}, the best on the validation part"
        for name, value in temperatures.items()
    ]


def format_thresholds(thresholds: dict[str, Any]) -> list[str]:
    """Say from which probability on the second class of each target is predicted."""
    lines = []
    for name, threshold in thresholds.items():
        figure = threshold.get("chosen_by")
        why = f", the best {figure} of the validation part" if figure else ""
        lines.append(f"{name} from a probability of {format_figure(threshold['value'])}{why}")
    return lines


def _format_confusion(figures: dict[str, Any], matrix: list[list[float]]) -> str:
    classes = list(figures["Classes"])
    rows = [
        [name, *(f"{cell:g}" for cell in line)] for name, line in zip(classes, matrix, strict=True)
    ]
    return format_table([spoken("actual \\ predicted"), *classes], rows)


def format_layers(layers: Sequence[dict[str, Any]]) -> str:
    """Lay out the network layer by layer."""
    rows = [row for layer in layers for row in _layer_rows(layer, indent="")]
    total = sum(layer["num_parameters"] for layer in layers)
    table = format_table(spoken_each(*LAYER_HEADER), rows)
    return table + "\n" + translated(f"{total:,} parameters")


def _layer_rows(layer: dict[str, Any], *, indent: str) -> Iterator[list[str]]:
    """Yield a layer's row, and below a block's those of what is inside."""
    yield [
        indent + layer["name"],
        layer["layer"],
        format_shape(layer["output_shape"]),
        f"{layer['num_parameters']:,}",
        layer["activation"] or "",
        ", ".join(layer["inputs"]),
    ]
    for inner in layer.get("layers", ()):
        yield from _layer_rows(inner, indent=f"{indent}  ")


def format_shape(shape: Sequence[int | None]) -> str:
    """Write an output shape, e.g. (rows, 64)."""
    return "(" + ", ".join("rows" if size is None else str(size) for size in shape) + ")"


def markdown_text(text: str) -> str:
    """Escape text for Markdown: a column name must neither format nor bring HTML."""
    for character in "\\`*_[]":
        text = text.replace(character, f"\\{character}")
    return html.escape(text, quote=False)


def _cell(text: str) -> str:
    return markdown_text(text).replace("|", "\\|").replace("\n", " ")
