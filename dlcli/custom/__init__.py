"""Layers, optimizers and schedules that Keras lacks, as registered Keras classes.

`import dlcli.custom` before `keras.models.load_model` reads a network that uses one of them.
"""

from dlcli.custom.layers import FeatureScale, PeriodicEmbedding, PiecewiseLinearEncoding
from dlcli.custom.optimizers import GroupedAdamW
from dlcli.custom.schedules import FlatCosineDecay, LogCosineDecay

__all__ = [
    "FeatureScale",
    "FlatCosineDecay",
    "GroupedAdamW",
    "LogCosineDecay",
    "PeriodicEmbedding",
    "PiecewiseLinearEncoding",
]
