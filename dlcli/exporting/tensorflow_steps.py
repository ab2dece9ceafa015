"""The operators of preprocessing in TensorFlow: float64 for SavedModels, float32 for LiteRT."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dlcli.data.columns.text import FIRST_WORD, OTHER_WORD, PADDING, TextInput
from dlcli.exporting.columns import NotInFormatError
from dlcli.exporting.steps import UNSEEN

KINDS: dict[str, Callable[..., Any]] = {
    "add": tf.add,
    "sub": tf.subtract,
    "mul": tf.multiply,
    "div": tf.divide,
    "min": tf.minimum,
    "floor_div": tf.math.floordiv,
    "floor_mod": tf.math.floormod,
    "exp": tf.exp,
    "log": tf.math.log,
    "sqrt": tf.sqrt,
    "abs": tf.abs,
    "equal": tf.equal,
    "less_equal": tf.less_equal,
    "and": tf.logical_and,
    "or": tf.logical_or,
    "not": tf.logical_not,
    "where": tf.where,
}

# Letters and digits of any script, as in `split_words`; two apostrophes in a row part words.
_BETWEEN_WORDS = r"[^\p{L}\p{N}'\x{2019}]+|['\x{2019}]{2,}"
_EDGES = r"(^|\s)['\x{2019}]|['\x{2019}](\s|$)"


class TensorFlowSteps:
    """Computes with tensors; `module` keeps the tables that texts are looked up in."""

    def __init__(self, real: str, module: tf.Module | None) -> None:
        self.real = real
        self._module = module

    def constant(self, values: Any) -> Any:
        array = np.asarray(values)
        if array.dtype.kind == "O":
            return tf.constant(array.tolist(), tf.string)
        return tf.constant(array, "int64" if array.dtype.kind in "iu" else self.real)

    def op(self, kind: str, *values: Any) -> Any:
        tensors = [
            value if isinstance(value, tf.Tensor) else self.constant(value) for value in values
        ]
        if kind == "is_nan":
            # LiteRT lacks the operator itself; only NaN differs from itself.
            return tf.not_equal(tensors[0], tensors[0])
        return KINDS[kind](*tensors)

    def cast(self, value: Any, dtype: str) -> Any:
        return tf.cast(value, dtype)

    def gather(self, table: NDArray[Any], positions: Any) -> Any:
        return tf.gather(self.constant(table), positions)

    def lookup(self, texts: Any, words: Mapping[str, int]) -> Any:
        same = tf.equal(self.widen(texts), self.constant(np.array(list(words), object)))
        # Codes from 1 on, so that 0 is left for every other text.
        codes = self.constant(np.array(list(words.values())) + 1)
        found = tf.where(same, codes, tf.constant(0, tf.int64))
        known = tf.reduce_any(same, axis=1)
        code = tf.reduce_sum(found, axis=1) - tf.constant(1, tf.int64)
        return tf.where(known, code, tf.constant(UNSEEN, tf.int64))

    def widen(self, value: Any) -> Any:
        return tf.expand_dims(value, 1)

    def join(self, values: Sequence[Any]) -> Any:
        return tf.concat(list(values), axis=1)

    def pick(self, value: Any, index: int) -> Any:
        return value[:, index]

    def reduce(self, kind: str, value: Any) -> Any:
        if kind == "argmax":
            return tf.argmax(value, axis=1)
        return {"sum": tf.reduce_sum, "max": tf.reduce_max}[kind](value, axis=1)

    def reshape(self, value: Any, shape: Sequence[int]) -> Any:
        return tf.reshape(value, [-1, *shape])

    def product(self, value: Any, matrix: NDArray[Any]) -> Any:
        return tf.matmul(value, tf.constant(matrix))

    def words(self, texts: Any, column: TextInput) -> Any:
        settings = column.settings
        if self._module is None:
            raise NotInFormatError(
                f"the column {settings.name!r} is text, and LiteRT has no operator that cuts text "
                "into words",
                "--format saved_model holds it",
            )
        if settings.lower:
            texts = tf.strings.lower(texts, encoding="utf-8")
        parted = tf.strings.regex_replace(texts, _BETWEEN_WORDS, " ")
        parted = tf.strings.strip(tf.strings.regex_replace(parted, _EDGES, " "))
        split = tf.strings.split(parted)[:, : settings.length]
        table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(list(column.words), tf.string),
                tf.range(FIRST_WORD, FIRST_WORD + len(column.words), dtype=tf.int64),
            ),
            OTHER_WORD,
        )
        # A SavedModel holds the tables that it can reach as attributes.
        self._module.tables = [*getattr(self._module, "tables", []), table]
        codes = tf.ragged.map_flat_values(table.lookup, split)
        padded = codes.to_tensor(PADDING, shape=[None, settings.length])
        if settings.padding == "pre":
            padded = _to_the_end(padded, codes.row_lengths(), settings.length)
        return tf.cast(padded, tf.int32)


def _to_the_end(padded: Any, lengths: Any, length: int) -> Any:
    """Move each row's padding to its front."""
    places = tf.range(length, dtype=tf.int64) - (length - tf.expand_dims(lengths, 1))
    moved = tf.gather(padded, tf.maximum(places, 0), batch_dims=1)
    return tf.where(places < 0, tf.constant(PADDING, tf.int64), moved)
