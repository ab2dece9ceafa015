"""Initializers that Keras lacks."""

from typing import Any

import keras
from keras import ops

from dlcli.custom.layers import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class RandomSigns(keras.initializers.RandomUniform):  # type: ignore[misc]
    """1 or -1, each as likely as the other: factors that tell the members of an ensemble apart."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(minval=-1.0, maxval=1.0, seed=seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        drawn = super().__call__(shape, dtype=dtype)
        return ops.where(drawn < 0, -ops.ones_like(drawn), ops.ones_like(drawn))

    def get_config(self) -> dict[str, Any]:
        return {"seed": super().get_config()["seed"]}
