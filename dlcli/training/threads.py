"""How many threads a training profits from, judged by its layers before Keras is loaded."""

import math

from dlcli.data.dataset import Dataset
from dlcli.spec.blocks import every_layer
from dlcli.spec.run import RunSpec

# Layers whose work grows with rows and units alone.
_LIGHT = {
    "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Dropout", "AlphaDropout",
    "GaussianNoise", "GaussianDropout", "BatchNormalization", "LayerNormalization", "Add",
    "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract", "Flatten", "Rescaling",
}  # fmt: skip


def largest_product(spec: RunSpec, dataset: Dataset) -> int | None:
    """Return an upper bound of the multiplications in one matrix product of a training step.

    None where the network has layers other than dense ones, whose work depends on more.
    """
    inputs = dataset.preprocessing.input_specs
    # Flatten may lay the rows of a window side by side.
    shared = [inputs[name].shape for name in dataset.preprocessing.shared_tensors]
    widths = [1, *(math.prod(shape) for shape in shared)]
    members = 1
    for layer in every_layer(spec.layers, spec.blocks):
        if layer.component.name in ("Dense", "EnsembleDense"):
            widths.append(int(layer.argument("units")))
            members = max(members, layer.argument("members") or 1)
        elif layer.component.name not in _LIGHT:
            return None
    return int(spec.batch_size * members * max(widths) ** 2)
