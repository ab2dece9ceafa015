"""How many threads a training profits from, judged by its layers before Keras is loaded."""

from dlcli.data.dataset import Dataset
from dlcli.spec.layers import FEATURES
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
    features = dataset.preprocessing.input_specs.get(FEATURES)
    widths = [features.shape[0] if features is not None else 1]
    for layer in spec.layers:
        if layer.component.name == "Dense":
            widths.append(int(layer.argument("units")))
        elif layer.component.name not in _LIGHT:
            return None
    return int(spec.batch_size * max(widths) ** 2)
