"""The input tensors that a dataset gives, against the network that takes them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.tensor import FEATURES, InputSpec
from dlcli.data.dataset import Dataset
from dlcli.data.room import check_network_fits
from dlcli.spec.blocks import every_layer
from dlcli.spec.run import RunSpec
from dlcli.spec.shapes.check import check_shapes
from dlcli.spec.shapes.shape import ROWS
from dlcli.spec.shapes.tensor import Tensor

LOOKUPS = {"Embedding", "ReversibleEmbedding", "CategoryEncoding"}
"""Layers that look whole numbers up."""


def check_network(spec: RunSpec, dataset: Dataset) -> None:
    """Check the layers of `spec` against the shapes of the dataset's inputs and against memory.

    Raises SpecError.
    """
    tensors = input_tensors(dataset.preprocessing.input_specs)
    layers = every_layer(spec.layers, spec.blocks)
    takes_codes = any(layer.component.name in LOOKUPS for layer in layers)
    if takes_codes and FEATURES in tensors:
        parts = [part for part in (dataset.train, dataset.validation, dataset.test) if part]
        codes = _largest_code([part.inputs[FEATURES] for part in parts])
        tensors[FEATURES] = replace(tensors[FEATURES], codes=codes, is_whole=codes is not None)
    check_network_fits(spec, check_shapes(spec, tensors), rows=dataset.train.num_rows)


def input_tensors(inputs: Mapping[str, InputSpec]) -> dict[str, Tensor]:
    """Return what shape inference knows of the network's inputs."""
    return {
        name: Tensor(
            shape=(*ROWS, *item.shape),
            is_codes=item.vocabulary_size is not None,
            codes=item.vocabulary_size,
            columns=item.columns or None,
            origin=repr(name),
        )
        for name, item in inputs.items()
    }


def _largest_code(arrays: list[NDArray[Any]]) -> int | None:
    """Return how many codes from 0 numbers make use of, None where they are no whole numbers."""
    largest = 0
    for array in arrays:
        if np.any(array < 0) or np.any(array != np.floor(array)):
            return None
        largest = max(largest, int(array.max(initial=0)))
    return largest + 1
