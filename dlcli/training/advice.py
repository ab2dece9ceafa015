"""Warnings about a network and its data together: things that train, and seldom train well."""

from collections.abc import Iterator

import numpy as np

from dlcli.data.columns.number import NumberInput
from dlcli.data.columns.text import TextInput
from dlcli.data.dataset import Dataset
from dlcli.spec.run import RunSpec, resolve_network

LARGE_RATIO = 100.0
"""Between the largest and the smallest input: beyond it one of them decides every step."""
LARGE_INPUT = 1000.0
LARGE_TARGET = 100.0
"""On average: many more steps than an epoch has pass until an output gets there."""

_SCALES = {
    *("Normalization", "BatchNormalization", "LayerNormalization", "RMSNormalization"),
    *("UnitNormalization", "GroupNormalization", "Rescaling", "Discretization"),
}
"""Layers that bring numbers to one scale themselves."""
_TAKES_CODES = {
    *(
        "CategoryEmbedding",
        "Embedding",
        "ReversibleEmbedding",
        "CategoryEncoding",
        "IntegerLookup",
        "Masking",
    ),
    *("Lambda", "Reshape"),
}
"""Layers that words may enter as whole numbers."""


def training_warnings(spec: RunSpec, dataset: Dataset) -> tuple[str, ...]:
    """Return one sentence per thing worth a second look before a training."""
    consumers = _consumers(spec, dataset)
    return (
        *_input_warnings(dataset, consumers),
        *_target_warnings(spec, dataset),
        *_text_warnings(dataset, consumers),
        *_image_warnings(spec, dataset),
    )


def _consumers(spec: RunSpec, dataset: Dataset) -> dict[str, list[str]]:
    """Return the classes of the layers that take each data input."""
    inputs = dataset.preprocessing.input_specs
    found: dict[str, list[str]] = {name: [] for name in inputs}
    graph = resolve_network(spec).graph
    for layer, sources in zip(spec.layers, graph.sources, strict=True):
        for source in tuple(inputs) if sources is None else sources:
            if isinstance(source, str) and source in found:
                found[source].append(layer.component.name)
    return found


def _input_warnings(dataset: Dataset, consumers: dict[str, list[str]]) -> Iterator[str]:
    sizes = {
        column.settings.name: max(abs(column.minimum), abs(column.maximum))
        for column in dataset.preprocessing.input_columns
        if isinstance(column, NumberInput) and column.settings.scale == "none"
    }
    sizes = {name: size for name, size in sizes.items() if size > 0}
    shared = dataset.preprocessing.shared_tensors
    if not sizes or {layer for name in shared for layer in consumers[name]} <= _SCALES:
        return
    small, large = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    if sizes[large] >= LARGE_RATIO * sizes[small]:
        yield (
            f"inputs are not scaled, and {large!r} reaches {sizes[large]:.4g} where {small!r} "
            f"reaches {sizes[small]:.4g}: `scale: standard` lets both count"
        )
    elif sizes[large] >= LARGE_INPUT:
        yield (
            f"inputs are not scaled, and {large!r} reaches {sizes[large]:.4g}: "
            "`scale: standard` makes them easy to learn from"
        )


def _target_warnings(spec: RunSpec, dataset: Dataset) -> Iterator[str]:
    for info in dataset.preprocessing.targets:
        own = spec.data.columns.get(info.name)
        scale = (own and own.scale) or spec.data.target_scale
        if info.classes is not None or scale != "none":
            continue
        size = float(np.mean(np.abs(dataset.train.targets[info.name])))
        if size >= LARGE_TARGET:
            yield (
                f"target {info.name!r} is {size:.4g} on average and not scaled: "
                "`target_scale: standard` spares the network the way there"
            )


def _image_warnings(spec: RunSpec, dataset: Dataset) -> Iterator[str]:
    if any(layer.component.name in _SCALES for layer in spec.layers):
        return
    for column in dataset.preprocessing.image_columns:
        if column.settings.scale == "none" and column.dtype == "uint8":
            yield (
                f"the pixels of {column.settings.name!r} reach 255 and are not scaled: "
                "`scale: standard`, or a Rescaling layer, makes them easy to learn from"
            )


def _text_warnings(dataset: Dataset, consumers: dict[str, list[str]]) -> Iterator[str]:
    for column in dataset.preprocessing.input_columns:
        if not isinstance(column, TextInput):
            continue
        name = column.settings.name
        plain = [layer for layer in consumers.get(name, ()) if layer not in _TAKES_CODES]
        if plain:
            yield (
                f"the words of {name!r} enter {plain[0]} as plain numbers, whose order means "
                "nothing: an Embedding before it gives every word a vector"
            )
