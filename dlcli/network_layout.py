"""Where the boxes and arrows of a network stand in a picture, and what is written in them."""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.languages import spoken, translated
from dlcli.spec.training import snake_case
from dlcli.terminal_text import counted

BOX_HEIGHT = 38.0
ROW_GAP = 30.0
ARROW_LENGTH = 9.0
NAME_SIZE = 10.5
DETAIL_SIZE = 8.5
"""Points, as all lengths here."""

_COLUMN_GAP = 22.0
_PADDING = 12.0
_LEAST_WIDTH = 90.0
_SWEEPS = 40
_LEAST_MOVE = 0.01
_MOST_TEXT = 60
_TIMES = " \N{MULTIPLICATION SIGN} "

_KINDS: Mapping[str, str] = {
    r"Input": "input",
    r"Embedding|Hashing|Lookup|Category|Discretization|Vectorization": "embedding",
    r"Dropout|Noise|ActivityRegularization": "noise",
    r"Normalization|Rescaling": "normalization",
    r"Concatenate|Add|Multiply|Subtract|Average$|Maximum|Minimum|Dot": "merge",
    r"Attention": "sequence",
    r"LSTM|GRU|RNN|Bidirectional|TimeDistributed": "sequence",
    r"Conv": "convolution",
    r"Pooling|Flatten|Reshape|Permute|RepeatVector|Cropping|Padding|UpSampling": "shape",
    r"Activation|ReLU|ELU|Softmax": "activation",
    r"Dense": "dense",
}
"""What a layer is coloured as, by what stands in its name; the first that fits."""

WidthOf = Callable[[str, float, bool], float]
"""The width of a text in points: the text, its size, and whether it is bold."""


@dataclass(kw_only=True, eq=False)
class Node:
    """A box, or a bend of an arrow that passes a row (`layer` is None)."""

    layer: Mapping[str, Any] | None
    row: int
    width: float
    x: float = 0.0

    @property
    def y(self) -> float:
        return -self.row * (BOX_HEIGHT + ROW_GAP)


def layer_kind(layer: str) -> str:
    """Return what a layer class is coloured as, e.g. `dense` or `merge`; `other` for the rest."""
    return next((kind for pattern, kind in _KINDS.items() if re.search(pattern, layer)), "other")


def layer_texts(layer: Mapping[str, Any]) -> tuple[str, str]:
    """Return the two lines of a layer's box."""
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
        details += f" · {translated(counted(layer['num_parameters'], 'parameter'))}"
    elif kind == "InputLayer":
        details = f"{spoken('input')} · {details}"
    return cut_text(heading), cut_text(details)


def _format_shape(shape: Any) -> str:
    if isinstance(shape, Mapping):
        shape = list(shape.values())
    if shape and all(isinstance(part, list | tuple) for part in shape):
        return ", ".join(map(_format_shape, shape))
    return _TIMES.join(spoken("rows") if size is None else f"{size}" for size in shape or ["?"])


def cut_text(text: str) -> str:
    """Return text that a picture can show: printable, and not endless."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown if len(shown) <= _MOST_TEXT else shown[: _MOST_TEXT - 1] + "…"


def lay_out(
    layers: Sequence[Mapping[str, Any]], width_of: WidthOf
) -> tuple[list[list[Node]], list[list[Node]]]:
    """Return the nodes row by row and the edges, each with its bends, in place.

    K. Sugiyama, S. Tagawa, M. Toda, IEEE Trans. SMC 11(2), 1981.

    Rows by longest path, bends where an arrow passes a row, the order within rows by medians of
    the neighbours, positions as near to the neighbours as the widths allow.
    """
    numbers = _row_numbers(layers)
    boxes = {
        layer["name"]: Node(
            layer=layer, row=numbers[layer["name"]], width=_box_width(layer, width_of)
        )
        for layer in layers
    }
    rows: list[list[Node]] = [[] for _ in range(max(numbers.values(), default=-1) + 1)]
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


def _box_width(layer: Mapping[str, Any], width_of: WidthOf) -> float:
    heading, details = layer_texts(layer)
    widest = max(width_of(heading, NAME_SIZE, True), width_of(details, DETAIL_SIZE, False))
    return max(_LEAST_WIDTH, widest + 2 * _PADDING)


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


def _bent(source: Node, target: Node) -> list[Node]:
    bends = [Node(layer=None, row=row, width=6.0) for row in range(source.row + 1, target.row)]
    return [source, *bends, target]


def _neighbours(
    links: Sequence[tuple[Node, Node]],
) -> tuple[dict[int, list[Node]], dict[int, list[Node]]]:
    above: dict[int, list[Node]] = {}
    below: dict[int, list[Node]] = {}
    for upper, lower in links:
        above.setdefault(id(lower), []).append(upper)
        below.setdefault(id(upper), []).append(lower)
    return above, below


def _order(rows: list[list[Node]], links: Sequence[tuple[Node, Node]]) -> None:
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


def _swap_neighbours(rows: list[list[Node]], links: Sequence[tuple[Node, Node]]) -> int:
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
    node: Node, neighbours: Mapping[int, Sequence[Node]], places: Mapping[int, int]
) -> float:
    found = [places[id(other)] for other in neighbours.get(id(node), [])]
    return float(np.mean(found)) if found else float(places[id(node)])


def _count_crossings(rows: list[list[Node]], links: Sequence[tuple[Node, Node]]) -> int:
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


def _position(rows: list[list[Node]], links: Sequence[tuple[Node, Node]]) -> None:
    above, below = _neighbours(links)
    for row in rows:
        _spread(row, np.zeros(len(row)), np.ones(len(row)))
    still = 0
    for sweep in range(_SWEEPS):
        downward = sweep % 2 == 0
        before = [node.x for row in rows for node in row]
        for row in rows if downward else rows[::-1]:
            pulls = [
                _pull(node, above.get(id(node), []), below.get(id(node), []), downward=downward)
                for node in row
            ]
            wanted, weights = np.array(pulls).T
            _spread(row, wanted, weights)
        moved = zip(before, (node.x for row in rows for node in row), strict=True)
        # A sweep down and one up that move nothing: neither will another one.
        still = still + 1 if max((abs(x - y) for x, y in moved), default=0.0) < _LEAST_MOVE else 0
        if still == 2:
            return


def _pull(
    node: Node, above: Sequence[Node], below: Sequence[Node], *, downward: bool
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


def _straightness(node: Node, other: Node, num_others: int) -> float:
    if node.layer is None and other.layer is None:
        return 8.0
    if node.layer is None or other.layer is None:
        return 1.0
    return 4.0 if num_others == 1 else 2.0


def _spread(row: Sequence[Node], wanted: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
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
