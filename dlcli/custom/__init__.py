"""Layers, losses, models, optimizers and schedules that Keras lacks, as registered Keras classes.

`import dlcli.custom` before `keras.models.load_model` reads a network that uses one of them.
"""

from dlcli.custom.categories import CategoryEmbedding
from dlcli.custom.ensembles import EnsembleDense
from dlcli.custom.initializers import RandomSigns
from dlcli.custom.layers import FeatureScale, PeriodicEmbedding, PiecewiseLinearEncoding
from dlcli.custom.losses import SmoothedSparseCategoricalCrossentropy
from dlcli.custom.models import EnsembleModel
from dlcli.custom.optimizers import GroupedAdamW
from dlcli.custom.schedules import FlatCosineDecay, LogCosineDecay

__all__ = [
    "CategoryEmbedding",
    "EnsembleDense",
    "EnsembleModel",
    "FeatureScale",
    "FlatCosineDecay",
    "GroupedAdamW",
    "LogCosineDecay",
    "PeriodicEmbedding",
    "PiecewiseLinearEncoding",
    "RandomSigns",
    "SmoothedSparseCategoricalCrossentropy",
]
