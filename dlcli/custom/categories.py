"""An embedding of many categories at once."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import keras
from keras import ops

from dlcli.custom.layers import PACKAGE
from dlcli.custom.members import check_count


@keras.saving.register_keras_serializable(package=PACKAGE)
class CategoryEmbedding(keras.layers.Layer):  # type: ignore[misc]
    """Looks up a learned vector for the category of each of its inputs, side by side.

    Input: a tensor of whole numbers, or a list of them, all of one shape [rows, ...]; output: [rows,
    ..., inputs * units]. Every input has a table of its own, of as many vectors as
    `vocabulary_sizes` says; one weight holds them all, so that they are looked up at once. With
    `members` each member of an ensemble has tables of its own: one code a row, [rows], becomes
    [rows, members, inputs * units].
    """

    def __init__(
        self,
        units: int = 8,
        vocabulary_sizes: Sequence[int] | None = None,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        members: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count(members)
        self.members = members
        if units < 1:
            raise ValueError(f"units must be 1 or more. Received: units={units}")
        if vocabulary_sizes is not None and min(vocabulary_sizes, default=0) < 1:
            raise ValueError(
                "vocabulary_sizes must hold numbers of 1 or more. "
                f"Received: vocabulary_sizes={vocabulary_sizes}"
            )
        self.units = units
        self.vocabulary_sizes = None if vocabulary_sizes is None else list(vocabulary_sizes)
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.embeddings_regularizer = keras.regularizers.get(embeddings_regularizer)

    def build(self, input_shape: Any) -> None:
        first, *others = _shapes(input_shape)
        count = 1 + len(others)
        if self.members is not None and len(first) != 1:
            raise ValueError(
                "CategoryEmbedding with members takes one code a row, of shape (rows,). "
                f"Received: shape={tuple(first)}"
            )
        if self.vocabulary_sizes is None or len(self.vocabulary_sizes) != count:
            raise ValueError(
                f"CategoryEmbedding needs vocabulary_sizes, one for each of its {count} inputs. "
                f"Received: vocabulary_sizes={self.vocabulary_sizes}"
            )
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(sum(self.vocabulary_sizes), *self._own, self.units),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
        )

    @property
    def _own(self) -> tuple[int, ...]:
        """The axis of the members, where there are any."""
        return () if self.members is None else (self.members,)

    @property
    def offsets(self) -> list[int]:
        """The row at which each input's table begins."""
        return list(accumulate(self.vocabulary_sizes or [], initial=0))[:-1]

    def call(self, inputs: Any) -> Any:
        listed = inputs if isinstance(inputs, list | tuple) else [inputs]
        codes = ops.stack([ops.cast(each, "int32") for each in listed], axis=-1)
        vectors = ops.take(self.embeddings, codes + ops.convert_to_tensor(self.offsets), axis=0)
        if self.members is not None:
            vectors = ops.transpose(vectors, (0, 2, 1, 3))
        shape = (*self._own, *codes.shape[1:-1], len(listed) * self.units)
        return ops.reshape(vectors, (-1, *shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        first, *others = _shapes(input_shape)
        if any(tuple(other) != tuple(first) for other in others):
            raise ValueError(
                f"CategoryEmbedding takes inputs of one shape. Received: shapes={input_shape}"
            )
        return (*first, *self._own, (1 + len(others)) * self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "vocabulary_sizes": self.vocabulary_sizes,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": keras.regularizers.serialize(self.embeddings_regularizer),
            "members": self.members,
        }


def _shapes(input_shape: Any) -> list[Any]:
    """Return the shapes of several inputs, or that of the only one, in a list."""
    is_one = all(size is None or isinstance(size, int) for size in input_shape)
    return [input_shape] if is_one else list(input_shape)
