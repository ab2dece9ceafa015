"""Where packed ensembles have their member axis, the second one of a tensor."""

from collections.abc import Sequence

from dlcli.spec.components import ComponentSpec
from dlcli.spec.shapes.tensor import Tensor

MEMBER_LAYERS = {
    *("CategoryEmbedding", "EnsembleDense", "FeatureScale", "PeriodicEmbedding"),
    "PiecewiseLinearEncoding",
}
"""Layers whose argument `members` puts the axis in where their input has none."""

# Layers that do the same to every member.
_KEEP_MEMBERS = {
    *("Activation", "ActivityRegularization", "AlphaDropout", "Dropout", "ELU", "GaussianDropout"),
    *("GaussianNoise", "Identity", "LeakyReLU", "PReLU", "ReLU", "Rescaling", "Softmax"),
    *("BatchNormalization", "LayerNormalization", "RMSNormalization", "UnitNormalization"),
    *("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"),
    *("Dense", *MEMBER_LAYERS),
}


def members_of(component: ComponentSpec, taken: Sequence[Tensor]) -> int | None:
    """Return how many members what a layer gives has; None where it has no member axis."""
    own = component.arguments.get("members") if component.name in MEMBER_LAYERS else None
    counts = {tensor.members for tensor in taken}
    if component.name not in _KEEP_MEMBERS or len(counts) != 1:
        return own
    if component.name == "Concatenate" and component.arguments.get("axis", -1) == 1:
        return None
    return own or counts.pop()
