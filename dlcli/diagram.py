"""The network as a picture: boxes in rows, and arrows that pass beside them."""

import importlib
import itertools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlcli.drawing import font_families, with_labels
from dlcli.errors import UsageError
from dlcli.files import check_output, writing, written_whole
from dlcli.network_layout import (
    ARROW_LENGTH,
    BOX_HEIGHT,
    DETAIL_SIZE,
    NAME_SIZE,
    ROW_GAP,
    Node,
    cut_text,
    lay_out,
    layer_kind,
    layer_texts,
)

SUFFIXES = (".svg", ".png")

# Points of 1/72 inch, as in matplotlib.
_TITLE_SIZE = 13.0
_MARGIN = 20.0
_PNG_DPI = 144
_MOST_PIXELS = 30_000
"""A longer side than this is drawn with fewer dots per inch: viewers refuse larger pictures."""

_INK = "#1f2328"
_SOFT_INK = "#57606a"
_ARROW = "#8c959f"
_FILLS = {
    "input": "#eaeef2",
    "embedding": "#fbdff1",
    "noise": "#ffe2db",
    "normalization": "#fff1c2",
    "merge": "#ffdfb8",
    "sequence": "#e3ddff",
    "convolution": "#cfeeda",
    "shape": "#d3f0f0",
    "activation": "#f1f3c4",
    "dense": "#d5e7fb",
    "other": "#f6f8fa",
}


def check_drawable(path: Path, *, force: bool = False) -> None:
    """Raise UsageError where `draw_network` is bound to fail, or would replace a file."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(
            f"cannot draw to {path}: expected a file name ending in .svg or .png, "
            f"received {suffix or 'no suffix'!r}",
            hint=f"e.g. {path.with_suffix('.svg')}",
        )
    check_output(path, force=force)


@with_labels()
def draw_network(layers: Sequence[Mapping[str, Any]], path: Path, *, title: str) -> None:
    """Draw the layers of a network, from its inputs at the top, to an .svg or .png file.

    Each layer has `name`, `layer` (its class), `output_shape`, `num_parameters`, `activation` and
    `inputs`, the names of layers before it. Raises UsageError for another suffix.
    """
    check_drawable(path, force=True)
    suffix = path.suffix.lower()
    # Matplotlib takes half a second to import, which only a drawing should cost.
    matplotlib = importlib.import_module("matplotlib")
    settings = {
        "font.family": font_families(),
        "svg.hashsalt": "dlcli",
        "svg.fonttype": "path",
        "text.usetex": False,
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # A column name in a script that the font lacks is drawn as empty boxes.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        with writing(path), written_whole(path) as whole:
            _draw(layers, whole, suffix=suffix, title=title)


def _draw(layers: Sequence[Mapping[str, Any]], path: Path, *, suffix: str, title: str) -> None:
    measure = _TextMeasure()
    rows, edges = lay_out(layers, measure.width)
    nodes = [node for row in rows for node in row]
    title = cut_text(title)
    left = min((node.x - node.width / 2 for node in nodes), default=0.0)
    right = max((node.x + node.width / 2 for node in nodes), default=0.0)
    width = max(right - left, measure.width(title, _TITLE_SIZE, bold=True)) + 2 * _MARGIN
    header = _TITLE_SIZE + 18
    height = header + len(rows) * (BOX_HEIGHT + ROW_GAP) - ROW_GAP + 2 * _MARGIN
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(width / 72, height / 72))
    figure.patch.set_facecolor("white")
    axes = figure.add_axes((0, 0, 1, 1))
    middle = (left + right) / 2
    axes.set_xlim(middle - width / 2, middle + width / 2)
    axes.set_ylim(BOX_HEIGHT / 2 + header + _MARGIN - height, BOX_HEIGHT / 2 + header + _MARGIN)
    axes.axis("off")
    _write(axes, middle, BOX_HEIGHT / 2 + header, title, _TITLE_SIZE, bold=True, valign="center")
    for edge in edges:
        _draw_edge(axes, edge)
    for node in nodes:
        if node.layer is not None:
            _draw_box(axes, node)
    _save(figure, path, suffix=suffix, points=max(width, height))


def _save(figure: Any, path: Path, *, suffix: str, points: float) -> None:
    # Dates and versions would make two drawings of one network differ.
    if suffix == ".svg":
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        return
    dpi = min(_PNG_DPI, int(_MOST_PIXELS * 72 / points))
    figure.savefig(path, format="png", dpi=dpi, metadata={"Software": None})


def _draw_box(axes: Any, node: Node) -> None:
    layer = node.layer
    assert layer is not None
    patches = importlib.import_module("matplotlib.patches")
    fill = _FILLS[layer_kind(layer["layer"])]
    corner = (node.x - node.width / 2, node.y - BOX_HEIGHT / 2)
    axes.add_patch(
        patches.FancyBboxPatch(
            corner,
            node.width,
            BOX_HEIGHT,
            boxstyle="round,pad=0,rounding_size=6",
            facecolor=fill,
            edgecolor=_darker(fill),
            linewidth=1.0,
        )
    )
    heading, details = layer_texts(layer)
    _write(axes, node.x, node.y + 7.5, heading, NAME_SIZE, bold=True, valign="center")
    _write(axes, node.x, node.y - 8.5, details, DETAIL_SIZE, valign="center", colour=_SOFT_INK)


def _draw_edge(axes: Any, edge: Sequence[Node]) -> None:
    """Draw one arrow from a box through its bends to another box."""
    path_module = importlib.import_module("matplotlib.path")
    patches = importlib.import_module("matplotlib.patches")
    half = BOX_HEIGHT / 2
    points = [(edge[0].x, edge[0].y - half)]
    codes = [path_module.Path.MOVETO]
    for upper, lower in itertools.pairwise(edge):
        start = upper.y - half
        # The last stretch is straight, so that the head points down and not sideways.
        end = lower.y + half + (ARROW_LENGTH if lower.layer is not None else 0.0)
        if upper.layer is None:
            # A bend runs straight down past the boxes of its row.
            points.append((upper.x, start))
            codes.append(path_module.Path.LINETO)
        middle = (start + end) / 2
        points += [(upper.x, middle), (lower.x, middle), (lower.x, end)]
        codes += [path_module.Path.CURVE4] * 3
    points.append((edge[-1].x, edge[-1].y + half))
    codes.append(path_module.Path.LINETO)
    axes.add_patch(
        patches.FancyArrowPatch(
            path=path_module.Path(points, codes),
            arrowstyle="-|>,head_length=5,head_width=2.6",
            facecolor=_ARROW,
            edgecolor=_ARROW,
            linewidth=1.2,
            shrinkA=0,
            shrinkB=0,
            joinstyle="miter",
            capstyle="butt",
        )
    )


def _write(
    axes: Any,
    x: float,
    y: float,
    text: str,
    size: float,
    *,
    valign: str,
    bold: bool = False,
    colour: str = _INK,
) -> None:
    axes.text(
        x,
        y,
        text,
        size=size,
        weight="bold" if bold else "normal",
        color=colour,
        ha="center",
        va=valign,
        parse_math=False,
    )


def _darker(colour: str) -> str:
    channels = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(f"{int(channel * 0.72):02x}" for channel in channels)


class _TextMeasure:
    """Widths of texts in points, without a canvas."""

    def __init__(self) -> None:
        self._fonts = importlib.import_module("matplotlib.font_manager")
        self._paths = importlib.import_module("matplotlib.textpath").TextToPath()

    def width(self, text: str, size: float, bold: bool = False) -> float:
        weight = "bold" if bold else "normal"
        font = self._fonts.FontProperties(family=font_families(), size=size, weight=weight)
        return float(self._paths.get_text_width_height_descent(text, font, ismath=False)[0])
