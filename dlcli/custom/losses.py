"""Losses that Keras lacks."""

from typing import Any

import keras
from keras import ops

from dlcli.custom.layers import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class SmoothedSparseCategoricalCrossentropy(keras.losses.Loss):  # type: ignore[misc]
    """The crossentropy of whole class numbers whose labels are smoothed.

    What CategoricalCrossentropy with `label_smoothing` gives for the same classes one-hot: the
    share `label_smoothing` of each label is spread evenly over all classes.
    """

    def __init__(
        self,
        label_smoothing: float = 0.1,
        from_logits: bool = False,
        reduction: str = "sum_over_batch_size",
        name: str = "smoothed_sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                "label_smoothing must be 0 or more and below 1. "
                f"Received: label_smoothing={label_smoothing}"
            )
        self.label_smoothing = label_smoothing
        self.from_logits = from_logits

    def call(self, y_true: Any, y_pred: Any) -> Any:
        sharp = keras.losses.sparse_categorical_crossentropy(
            y_true, y_pred, from_logits=self.from_logits
        )
        if self.from_logits:
            logarithms = ops.log_softmax(y_pred, axis=-1)
        else:
            shares = y_pred / ops.sum(y_pred, axis=-1, keepdims=True)
            tiny = keras.config.epsilon()
            logarithms = ops.log(ops.clip(shares, tiny, 1 - tiny))
        even = -ops.mean(logarithms, axis=-1)
        return (1 - self.label_smoothing) * sharp + self.label_smoothing * even

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "label_smoothing": self.label_smoothing,
            "from_logits": self.from_logits,
        }
