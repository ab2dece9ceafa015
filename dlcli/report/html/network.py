"""The network as SVG that takes its colours from the page."""

import itertools
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from dlcli.languages import translated
from dlcli.network_layout import (
    ARROW_LENGTH,
    BOX_HEIGHT,
    DETAIL_SIZE,
    NAME_SIZE,
    Node,
    lay_out,
    layer_kind,
    layer_texts,
)
from dlcli.report.html.elements import Markup, element, join

MOST_LAYERS = 120
"""Layers that are drawn; of larger networks the table must do."""

_MARGIN = 8.0
_BROAD, _NARROW, _WIDE = 0.66, 0.36, 1.05
"""Widths of letters relative to their size, on the large side: the browser chooses the typeface."""


def draw_network(layers: Sequence[Mapping[str, Any]]) -> Markup | None:
    """Draw the layers from the inputs down; None where there are none or too many to see."""
    if not layers or len(layers) > MOST_LAYERS:
        return None
    rows, edges = lay_out(layers, _text_width)
    nodes = [node for row in rows for node in row]
    left = min(node.x - node.width / 2 for node in nodes) - _MARGIN
    right = max(node.x + node.width / 2 for node in nodes) + _MARGIN
    top = -BOX_HEIGHT / 2 - _MARGIN
    height = -min(node.y for node in nodes) + BOX_HEIGHT + 2 * _MARGIN
    drawn = join([*map(_arrow, edges), *(_box(node) for node in nodes if node.layer is not None)])
    return element(
        "svg",
        element("title", translated(f"The network: {len(layers)} layers, from its inputs down")),
        drawn,
        class_="network",
        role="img",
        viewBox=f"{left:.1f} {top:.1f} {right - left:.1f} {height:.1f}",
        width=f"{right - left:.0f}",
        height=f"{height:.0f}",
    )


def _text_width(text: str, size: float, bold: bool = False) -> float:
    widths = sum(_letter_width(letter) for letter in text)
    return widths * size * (1.06 if bold else 1.0)


def _letter_width(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return _WIDE
    return _NARROW if letter in "iljtfrI.,:;|!'()[] " else _BROAD


def _box(node: Node) -> Markup:
    layer = node.layer
    assert layer is not None
    heading, details = layer_texts(layer)
    x, y = node.x, -node.y
    return element(
        "g",
        element(
            "rect",
            x=f"{x - node.width / 2:.1f}",
            y=f"{y - BOX_HEIGHT / 2:.1f}",
            width=f"{node.width:.1f}",
            height=f"{BOX_HEIGHT:.0f}",
            rx="7",
        ),
        _text(heading, x, y - 4.0, NAME_SIZE, "heading"),
        _text(details, x, y + 11.0, DETAIL_SIZE + 0.5, "detail"),
        class_=f"layer {layer_kind(str(layer['layer']))}",
    )


def _text(text: str, x: float, y: float, size: float, class_: str) -> Markup:
    return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", font_size=f"{size}", class_=class_)


def _arrow(edge: Sequence[Node]) -> Markup:
    half = BOX_HEIGHT / 2
    path = [f"M{edge[0].x:.1f} {-edge[0].y + half:.1f}"]
    for upper, lower in itertools.pairwise(edge):
        start = -upper.y + half
        # The last stretch is straight, so that the head points down and not sideways.
        end = -lower.y - half - (ARROW_LENGTH if lower.layer is not None else 0.0)
        if upper.layer is None:
            path.append(f"L{upper.x:.1f} {start:.1f}")
        middle = (start + end) / 2
        path.append(
            f"C{upper.x:.1f} {middle:.1f} {lower.x:.1f} {middle:.1f} {lower.x:.1f} {end:.1f}"
        )
    x, y = edge[-1].x, -edge[-1].y - half
    path.append(f"V{y - 4:.1f}")
    head = f"M{x - 3.2:.1f} {y - 7:.1f}L{x:.1f} {y - 1:.1f}L{x + 3.2:.1f} {y - 7:.1f}Z"
    return element(
        "g",
        element("path", d="".join(path), class_="line"),
        element("path", d=head, class_="head"),
        class_="arrow",
    )
