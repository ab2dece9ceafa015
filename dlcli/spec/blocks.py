"""Blocks: lists of layers that are named once and used as one layer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dlcli.spec import catalog
from dlcli.spec.components import ComponentSpec
from dlcli.spec.layers import INPUT, Graph, LayerSpec, Scope, connect_list, layer_path
from dlcli.spec.own_names import SHARE
from dlcli.spec.problems import Problems

MOST_LAYERS = 2_000
"""Keras needs about a minute for as many; blocks within blocks soon say more than all memory holds."""

MOST_BLOCKS = 100
"""Each may hold the next one, and every level takes calls within calls to follow."""

_WRAPPER = ("TimeDistributed", "layer")
"""The one layer, and its argument, that may hold a block."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block's layers and how they connect."""

    layers: tuple[LayerSpec, ...]
    graph: Graph


Blocks = Mapping[str, Block]


def connect_blocks(
    blocks: Mapping[str, tuple[LayerSpec, ...]],
    layers: tuple[LayerSpec, ...],
    problems: Problems,
) -> dict[str, Block]:
    """Resolve the connections in every block; report names and uses that cannot be."""
    if len(blocks) > MOST_BLOCKS:
        message = f"{len(blocks):,} blocks; a config has at most {MOST_BLOCKS}"
        problems.add(("blocks",), message, hint="a block is for layers used twice", on_key=True)
        return {}
    for name in blocks:
        _check_name(name, problems)
    connected = {
        name: Block(layers=each, graph=_connect(name, each, problems))
        for name, each in blocks.items()
    }
    lists: dict[tuple[str, ...], tuple[LayerSpec, ...]] = {("layers",): layers}
    lists.update({("blocks", name): each for name, each in blocks.items()})
    used: dict[tuple[str, ...], set[str]] = {}
    for inside, listed in lists.items():
        used[inside] = set()
        for index, layer in enumerate(listed):
            used[inside].update(uses(layer.component, blocks))
            _check_wrapped(layer, blocks, layer_path(index, layer, inside=inside), problems)
    used_by = {name: used["blocks", name] for name in blocks}
    for name in blocks:
        if not any(name in names for inside, names in used.items() if inside != ("blocks", name)):
            problems.add(
                ("blocks", name),
                f"no layer uses the block {name!r}",
                hint=f"- {name} under layers, or leave the block out",
                on_key=True,
            )
        _check_no_cycle(name, used_by, problems)
    return connected


def check_size(
    blocks: Mapping[str, tuple[LayerSpec, ...]],
    layers: tuple[LayerSpec, ...],
    problems: Problems,
) -> None:
    """Report a network of more layers than can be built, counting each use of a block.

    No block may contain itself.
    """
    sizes: dict[str, int] = {}

    def size_of(listed: tuple[LayerSpec, ...]) -> int:
        total = len(listed)
        for layer in listed:
            for name in uses(layer.component, blocks):
                if name not in sizes:
                    sizes[name] = size_of(blocks[name])
                total += sizes[name]
        return total

    total = size_of(layers)
    if total > MOST_LAYERS:
        counted = "counting every use of a block" if blocks else "one after the other"
        problems.add(
            ("layers",),
            f"the network has {_about(total)} layers, {counted}; at most {MOST_LAYERS:,} are built",
            on_key=True,
        )


def _about(count: int) -> str:
    return f"{count:,}" if count < 10**12 else "more than 10^12"


def uses(component: ComponentSpec, blocks: Mapping[str, Any]) -> Iterator[str]:
    """Yield the blocks that a layer is or holds."""
    if component.name in blocks:
        yield component.name
    for value in component.arguments.values():
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, ComponentSpec):
                yield from uses(item, blocks)


def every_layer(
    layers: tuple[LayerSpec, ...], blocks: Mapping[str, tuple[LayerSpec, ...]]
) -> Iterator[LayerSpec]:
    """Yield the layers of the list and of every block, without uses of blocks and `share`."""
    for listed in (layers, *blocks.values()):
        for layer in listed:
            if layer.component.name != SHARE and layer.component.name not in blocks:
                yield layer


def final_layer(layer: LayerSpec, blocks: Mapping[str, tuple[LayerSpec, ...]]) -> LayerSpec:
    """Return the layer itself, or the one that a block ends in."""
    while layer.component.name in blocks:
        layer = blocks[layer.component.name][-1]
    return layer


def _check_name(name: str, problems: Problems) -> None:
    kinds = catalog.kinds_of(name)
    path = ("blocks", name)
    if name in (SHARE, INPUT) or "layer" in kinds:
        what = f"the Keras layer {name}" if "layer" in kinds else f"the word {name!r}"
        problems.add(
            path, f"a block cannot be called like {what}", hint="choose another", on_key=True
        )
    elif "/" in name:
        problems.add(path, f"a block's name has no '/', got {name!r}", on_key=True)


def _connect(name: str, layers: tuple[LayerSpec, ...], problems: Problems) -> Graph:
    scope = Scope(inside=("blocks", name), inputs=(INPUT,))
    outputs = {name: len(layers) - 1}
    return connect_list(layers, scope, outputs, problems, before=len(problems.found))


def _check_wrapped(
    layer: LayerSpec,
    blocks: Mapping[str, tuple[LayerSpec, ...]],
    path: tuple[str | int, ...],
    problems: Problems,
) -> None:
    for argument, value in layer.component.arguments.items():
        held = list(uses(value, blocks)) if isinstance(value, ComponentSpec) else []
        if held and (layer.component.name, argument) != _WRAPPER:
            problems.add(
                path,
                f"{layer.component.name} cannot hold the block {held[0]!r}",
                hint=f"TimeDistributed can; or use it as a layer: - {held[0]}",
                on_key=True,
            )


def _check_no_cycle(name: str, used: Mapping[str, set[str]], problems: Problems) -> None:
    seen: set[str] = set()
    waiting: list[tuple[str, tuple[str, ...]]] = [(name, (name,))]
    while waiting:
        current, way = waiting.pop()
        for inner in sorted(used[current]):
            if inner == name:
                problems.add(
                    ("blocks", name),
                    f"the block {name!r} contains itself: {' > '.join([*way, name])}",
                    hint="a block holds layers and other blocks",
                    on_key=True,
                )
                return
            if inner not in seen:
                seen.add(inner)
                waiting.append((inner, (*way, inner)))
