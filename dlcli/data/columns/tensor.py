"""What one input tensor of the network looks like."""

from dataclasses import dataclass

FEATURES = "features"
"""The tensor that numbers, booleans, date parts and one-hot categories share."""


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """One input tensor; `shape` leaves out the rows."""

    shape: tuple[int, ...]
    """`(num_features,)` for `features`, or their `data.shape`; `()` for an ordinal category,
    `(length,)` for text, `(height, width, channels)` for images."""
    dtype: str
    """float32 or int32; uint8 for images, which become float32 in the network."""
    vocabulary_size: int | None = None
    """For int32 inputs: codes run from 0 to below this, as `Embedding(input_dim=...)` wants it."""
    scale: tuple[float, ...] = ()
    """What the network multiplies with, and then adds as `offset`: one number, or one a channel."""
    offset: tuple[float, ...] = ()
    columns: tuple[str, ...] = ()
    """Where columns share the tensor: the column of each number along the last axis."""
