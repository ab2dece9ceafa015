"""The network as a picture: boxes in rows, and arrows that pass beside them."""

import importlib
import itertools
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.errors import UsageError
from dlcli.spec.training import snake_case

SUFFIXES = (".svg", ".png")

# Points of 1/72 inch, as in matplotlib.
_TITLE_SIZE = 13.0
_NAME_SIZE = 10.5
_DETAIL_SIZE = 8.5
_BOX_HEIGHT = 38.0
_ROW_GAP = 30.0
_COLUMN_GAP = 22.0
_PADDING = 12.0
_MARGIN = 20.0
_ARROW_LENGTH = 9.0
_SWEEPS = 40
_PNG_DPI = 144
_MOST_PIXELS = 30_000
"""A longer side than this is drawn with fewer dots per inch: viewers refuse larger pictures."""
_MOST_TEXT = 60
_TIMES = " \N{MULTIPLICATION SIGN} "

_DEJAVU = "DejaVu Sans"
_INK = "#1f2328"
_SOFT_INK = "#57606a"
_ARROW = "#8c959f"

_FILLS: Mapping[str, str] = {
    r"Input": "#eaeef2",
    r"Embedding|Hashing|Lookup|Category|Discretization|Vectorization": "#fbdff1",
    r"Dropout|Noise|ActivityRegularization": "#ffe2db",
    r"Normalization|Rescaling": "#fff1c2",
    r"Concatenate|Add|Multiply|Subtract|Average$|Maximum|Minimum|Dot": "#ffdfb8",
    r"Attention": "#e3ddff",
    r"LSTM|GRU|RNN|Bidirectional|TimeDistributed": "#e3ddff",
    r"Conv": "#cfeeda",
    r"Pooling|Flatten|Reshape|Permute|RepeatVector|Cropping|Padding|UpSampling": "#d3f0f0",
    r"Activation|ReLU|ELU|Softmax": "#f1f3c4",
    r"Dense": "#d5e7fb",
}
"""Box colour by what stands in the layer's name; the first that fits."""


@dataclass(kw_only=True, eq=False)
class _Node:
    """A box, or a bend of an arrow that passes a row (`layer` is None)."""

    layer: Mapping[str, Any] | None
    row: int
    width: float
    x: float = 0.0

    @property
    def y(self) -> float:
        return -self.row * (_BOX_HEIGHT + _ROW_GAP)


def draw_network(layers: Sequence[Mapping[str, Any]], path: Path, *, title: str) -> None:
    """Draw the layers of a network, from its inputs at the top, to an .svg or .png file.

    Each layer has `name`, `layer` (its class), `output_shape`, `num_parameters`, `activation` and
    `inputs`, the names of layers before it. Raises UsageError for another suffix.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(
            f"cannot draw to {path}: expected a file name ending in .svg or .png, "
            f"received {suffix or 'no suffix'!r}",
            hint=f"e.g. {path.with_suffix('.svg')}",
        )
    if not path.parent.is_dir():
        raise UsageError(f"cannot draw to {path}: there is no folder {path.parent}")
    # Matplotlib takes half a second to import, which only a drawing should cost.
    matplotlib = importlib.import_module("matplotlib")
    settings = {
        "font.family": _DEJAVU,
        "svg.hashsalt": "dlcli",
        "svg.fonttype": "path",
        "text.usetex": False,
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # A column name in a script that the font lacks is drawn as empty boxes.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        _draw(layers, path, title=title)


def _draw(layers: Sequence[Mapping[str, Any]], path: Path, *, title: str) -> None:
    measure = _TextMeasure()
    rows, edges = _layout(layers, measure)
    nodes = [node for row in rows for node in row]
    title = _cut(title)
    left = min((node.x - node.width / 2 for node in nodes), default=0.0)
    right = max((node.x + node.width / 2 for node in nodes), default=0.0)
    width = max(right - left, measure.width(title, _TITLE_SIZE, bold=True)) + 2 * _MARGIN
    header = _TITLE_SIZE + 18
    height = header + len(rows) * (_BOX_HEIGHT + _ROW_GAP) - _ROW_GAP + 2 * _MARGIN
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(width / 72, height / 72))
    figure.patch.set_facecolor("white")
    axes = figure.add_axes((0, 0, 1, 1))
    middle = (left + right) / 2
    axes.set_xlim(middle - width / 2, middle + width / 2)
    axes.set_ylim(_BOX_HEIGHT / 2 + header + _MARGIN - height, _BOX_HEIGHT / 2 + header + _MARGIN)
    axes.axis("off")
    _write(axes, middle, _BOX_HEIGHT / 2 + header, title, _TITLE_SIZE, bold=True, valign="center")
    for edge in edges:
        _draw_edge(axes, edge)
    for node in nodes:
        if node.layer is not None:
            _draw_box(axes, node)
    _save(figure, path, points=max(width, height))


def _save(figure: Any, path: Path, *, points: float) -> None:
    # Dates and versions would make two drawings of one network differ.
    if path.suffix.lower() == ".svg":
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        return
    dpi = min(_PNG_DPI, int(_MOST_PIXELS * 72 / points))
    figure.savefig(path, format="png", dpi=dpi, metadata={"Software": None})


def _draw_box(axes: Any, node: _Node) -> None:
    layer = node.layer
    assert layer is not None
    patches = importlib.import_module("matplotlib.patches")
    fill = next(
        (colour for pattern, colour in _FILLS.items() if re.search(pattern, layer["layer"])),
        "#f6f8fa",
    )
    corner = (node.x - node.width / 2, node.y - _BOX_HEIGHT / 2)
    axes.add_patch(
        patches.FancyBboxPatch(
            corner,
            node.width,
            _BOX_HEIGHT,
            boxstyle="round,pad=0,rounding_size=6",
            facecolor=fill,
            edgecolor=_darker(fill),
            linewidth=1.0,
        )
    )
    heading, details = _texts(layer)
    _write(axes, node.x, node.y + 7.5, heading, _NAME_SIZE, bold=True, valign="center")
    _write(axes, node.x, node.y - 8.5, details, _DETAIL_SIZE, valign="center", colour=_SOFT_INK)


def _draw_edge(axes: Any, edge: Sequence[_Node]) -> None:
    """Draw one arrow from a box through its bends to another box."""
    path_module = importlib.import_module("matplotlib.path")
    patches = importlib.import_module("matplotlib.patches")
    half = _BOX_HEIGHT / 2
    points = [(edge[0].x, edge[0].y - half)]
    codes = [path_module.Path.MOVETO]
    for upper, lower in itertools.pairwise(edge):
        start = upper.y - half
        # The last stretch is straight, so that the head points down and not sideways.
        end = lower.y + half + (_ARROW_LENGTH if lower.layer is not None else 0.0)
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


def _texts(layer: Mapping[str, Any]) -> tuple[str, str]:
    """Return the two lines of a box."""
    kind, name = str(layer["layer"]), str(layer["name"])
    heading = kind
    if layer["activation"] not in (None, "", "linear"):
        heading += f" · {layer['activation']}"
    if kind == "InputLayer":
        heading = name
    elif not re.fullmatch(rf"{snake_case(kind)}(_\d+)?", name):
        heading += f" · “{name}”"
    details = _format_shape(layer["output_shape"])
    if layer["num_parameters"]:
        plural = "" if layer["num_parameters"] == 1 else "s"
        details += f" · {layer['num_parameters']:,} parameter{plural}"
    elif kind == "InputLayer":
        details = f"input · {details}"
    return _cut(heading), _cut(details)


def _format_shape(shape: Any) -> str:
    if isinstance(shape, Mapping):
        shape = list(shape.values())
    if shape and all(isinstance(part, list | tuple) for part in shape):
        return ", ".join(map(_format_shape, shape))
    return _TIMES.join("rows" if size is None else f"{size}" for size in shape or ["?"])


def _cut(text: str) -> str:
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown if len(shown) <= _MOST_TEXT else shown[: _MOST_TEXT - 1] + "…"


def _darker(colour: str) -> str:
    channels = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(f"{int(channel * 0.72):02x}" for channel in channels)


class _TextMeasure:
    """Widths of texts in points, without a canvas."""

    def __init__(self) -> None:
        self._fonts = importlib.import_module("matplotlib.font_manager")
        self._paths = importlib.import_module("matplotlib.textpath").TextToPath()

    def width(self, text: str, size: float, *, bold: bool = False) -> float:
        weight = "bold" if bold else "normal"
        font = self._fonts.FontProperties(family=_DEJAVU, size=size, weight=weight)
        return float(self._paths.get_text_width_height_descent(text, font, ismath=False)[0])

    def box(self, layer: Mapping[str, Any]) -> float:
        heading, details = _texts(layer)
        widest = max(self.width(heading, _NAME_SIZE, bold=True), self.width(details, _DETAIL_SIZE))
        return max(90.0, widest + 2 * _PADDING)


def _layout(
    layers: Sequence[Mapping[str, Any]], measure: _TextMeasure
) -> tuple[list[list[_Node]], list[list[_Node]]]:
    """Place every layer: K. Sugiyama, S. Tagawa, M. Toda, IEEE Trans. SMC 11(2), 1981.

    Rows by longest path, bends where an arrow passes a row, the order within rows by medians of
    the neighbours, positions as near to the neighbours as the widths allow.
    """
    numbers = _row_numbers(layers)
    boxes = {
        layer["name"]: _Node(layer=layer, row=numbers[layer["name"]], width=measure.box(layer))
        for layer in layers
    }
    rows: list[list[_Node]] = [[] for _ in range(max(numbers.values(), default=-1) + 1)]
    for node in boxes.values():
        rows[node.row].append(node)
    edges = []
    for layer in layers:
        for source in layer["inputs"]:
            edge = _bent(boxes[source], boxes[layer["name"]])
            for bend in edge[1:-1]:
                rows[bend.row].append(bend)
            edges.append(edge)
    links = [pair for edge in edges for pair in itertools.pairwise(edge)]
    _order(rows, links)
    _position(rows, links)
    return rows, edges


def _row_numbers(layers: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return each layer's row: below all its inputs; a data input directly above its first use."""
    numbers: dict[str, int] = {}
    for layer in layers:
        numbers[layer["name"]] = max((numbers[name] + 1 for name in layer["inputs"]), default=0)
    for layer in layers:
        if not layer["inputs"]:
            used = [numbers[each["name"]] for each in layers if layer["name"] in each["inputs"]]
            numbers[layer["name"]] = max(0, min(used, default=1) - 1)
    return numbers


def _bent(source: _Node, target: _Node) -> list[_Node]:
    bends = [_Node(layer=None, row=row, width=6.0) for row in range(source.row + 1, target.row)]
    return [source, *bends, target]


def _neighbours(
    links: Sequence[tuple[_Node, _Node]],
) -> tuple[dict[int, list[_Node]], dict[int, list[_Node]]]:
    above: dict[int, list[_Node]] = {}
    below: dict[int, list[_Node]] = {}
    for upper, lower in links:
        above.setdefault(id(lower), []).append(upper)
        below.setdefault(id(upper), []).append(lower)
    return above, below


def _order(rows: list[list[_Node]], links: Sequence[tuple[_Node, _Node]]) -> None:
    """Sort every row by where the neighbours stand; keep the order with the fewest crossings."""
    above, below = _neighbours(links)
    best, fewest = [list(row) for row in rows], _count_crossings(rows, links)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        downward = sweep % 2 == 0
        places = {id(node): place for row in rows for place, node in enumerate(row)}
        for row in rows if downward else rows[::-1]:
            neighbours = above if downward else below
            row.sort(key=lambda node: _middle(node, neighbours, places))
            places.update({id(node): place for place, node in enumerate(row)})
        crossings = _swap_neighbours(rows, links)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    rows[:] = best


def _swap_neighbours(rows: list[list[_Node]], links: Sequence[tuple[_Node, _Node]]) -> int:
    """Swap boxes side by side while that undoes crossings; return how many are left."""
    fewest = _count_crossings(rows, links)
    for row in rows if fewest else ():
        for place in range(len(row) - 1):
            row[place], row[place + 1] = row[place + 1], row[place]
            crossings = _count_crossings(rows, links)
            if crossings <= fewest:
                # A swap that changes nothing may make way for the next one.
                fewest = crossings
            else:
                row[place], row[place + 1] = row[place + 1], row[place]
    return fewest


def _middle(
    node: _Node, neighbours: Mapping[int, Sequence[_Node]], places: Mapping[int, int]
) -> float:
    found = [places[id(other)] for other in neighbours.get(id(node), [])]
    return float(np.mean(found)) if found else float(places[id(node)])


def _count_crossings(rows: list[list[_Node]], links: Sequence[tuple[_Node, _Node]]) -> int:
    places = {id(node): place for row in rows for place, node in enumerate(row)}
    crossings = 0
    by_row: dict[int, list[tuple[int, int]]] = {}
    for upper, lower in links:
        by_row.setdefault(upper.row, []).append((places[id(upper)], places[id(lower)]))
    for pairs in by_row.values():
        ends = np.array(pairs)
        left = ends[:, None, 0] < ends[None, :, 0]
        crossings += int((left & (ends[:, None, 1] > ends[None, :, 1])).sum())
    return crossings


def _position(rows: list[list[_Node]], links: Sequence[tuple[_Node, _Node]]) -> None:
    above, below = _neighbours(links)
    for row in rows:
        _spread(row, np.zeros(len(row)), np.ones(len(row)))
    for sweep in range(_SWEEPS):
        downward = sweep % 2 == 0
        for row in rows if downward else rows[::-1]:
            pulls = [
                _pull(node, above.get(id(node), []), below.get(id(node), []), downward=downward)
                for node in row
            ]
            wanted, weights = np.array(pulls).T
            _spread(row, wanted, weights)


def _pull(
    node: _Node, above: Sequence[_Node], below: Sequence[_Node], *, downward: bool
) -> tuple[float, float]:
    """Return where the neighbours want a node, and how much.

    What is alone on both ends of a link, a chain of layers or a long arrow, is kept straight.
    """
    weights = [
        *(_straightness(node, other, len(above)) * (2.0 if downward else 1.0) for other in above),
        *(_straightness(node, other, len(below)) * (1.0 if downward else 2.0) for other in below),
    ]
    if not weights:
        return node.x, 0.1
    return float(np.average([other.x for other in (*above, *below)], weights=weights)), sum(weights)


def _straightness(node: _Node, other: _Node, num_others: int) -> float:
    if node.layer is None and other.layer is None:
        return 8.0
    if node.layer is None or other.layer is None:
        return 1.0
    return 4.0 if num_others == 1 else 2.0


def _spread(
    row: Sequence[_Node], wanted: NDArray[np.float64], weights: NDArray[np.float64]
) -> None:
    """Move the nodes of a row as near to `wanted` as keeps them in order and apart.

    Least squares under minimum distances is isotonic regression of what is wanted, less the
    room that the nodes to the left take.
    """
    room = [(one.width + other.width) / 2 + _COLUMN_GAP for one, other in itertools.pairwise(row)]
    offsets = np.concatenate([[0.0], np.cumsum(room)])[: len(row)]
    for node, x in zip(row, _isotonic(wanted - offsets, weights) + offsets, strict=True):
        node.x = float(x)


def _isotonic(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rising sequence nearest to `values`, by pooling neighbours that fall."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        total, mass, count = float(value * weight), float(weight), 1
        while pools and pools[-1][0] / pools[-1][1] > total / mass:
            before = pools.pop()
            total, mass, count = total + before[0], mass + before[1], count + before[2]
        pools.append((total, mass, count))
    means = [total / mass for total, mass, _ in pools]
    return np.repeat(np.array(means), [count for _, _, count in pools])
