"""Image columns: a tensor of pixels of their own."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.reading import ReadColumn
from dlcli.data.columns.settings import ColumnSettings
from dlcli.data.columns.tensor import InputSpec
from dlcli.data.whitening import Whitening, fit_whitening
from dlcli.errors import DataError

CHUNK_BYTES = 2**25
"""Pixels brought to float64 at a time."""


@dataclass(frozen=True, kw_only=True)
class ImageInput:
    """A fitted image column; `pixels * scale + offset` is computed by the network itself.

    So that pixels stay bytes in memory until a batch of them is used.
    """

    settings: ColumnSettings
    dtype: str
    """uint8, or float32 for arrays of other numbers."""
    scale: tuple[float, ...] = ()
    """One for all pixels, or one a channel; none where pixels are taken as they are."""
    offset: tuple[float, ...] = ()
    whitening: Whitening | None = None

    feature_names: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        assert self.settings.expected is not None
        return self.settings.expected

    @property
    def tensor(self) -> InputSpec:
        dtype = "float32" if self.whitening is not None else self.dtype
        return InputSpec(shape=self.shape, dtype=dtype, scale=self.scale, offset=self.offset)

    @classmethod
    def fit(cls, settings: ColumnSettings, read: ReadColumn) -> "ImageInput":
        """Fit the scale on the training images."""
        pixels = read.values[read.valid] if not read.valid.all() else read.values
        if not len(pixels):
            raise DataError(
                f"column {settings.name!r} has no image in the training part",
                hint="leave it out with `drop`",
            )
        column = cls(
            settings=replace(settings, expected=tuple(pixels.shape[1:])),
            dtype=str(pixels.dtype),
        )
        if settings.scale == "zca":
            whitening = fit_whitening(settings.name, pixels, epsilon=settings.epsilon)
            return replace(column, whitening=whitening)
        if settings.scale == "none":
            return column
        low, spread = _FITS[settings.scale](pixels)
        return replace(
            column,
            scale=tuple((1 / spread).tolist()),
            offset=tuple((-low / spread).tolist()),
        )

    def encode(self, read: ReadColumn) -> NDArray[Any]:
        """Return the pixels as they are stored [rows, ...]."""
        return read.values

    def prepare(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return what the network takes: the pixels, or float32 whitened ones; also of windows."""
        if self.whitening is None:
            return pixels
        return self.whitening.apply(pixels.reshape(-1, *self.shape)).reshape(pixels.shape)

    def to_json(self) -> dict[str, Any]:
        return {
            "settings": self.settings.to_json(),
            "dtype": self.dtype,
            "scale": list(self.scale),
            "offset": list(self.offset),
            "whitening": None if self.whitening is None else self.whitening.to_json(),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "ImageInput":
        whitening = state["whitening"]
        return cls(
            settings=ColumnSettings.from_json(state["settings"]),
            dtype=state["dtype"],
            scale=tuple(state["scale"]),
            offset=tuple(state["offset"]),
            whitening=None if whitening is None else Whitening.from_json(whitening),
        )


def _fit_standard(pixels: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and deviation of each channel over all images and places."""
    total = sum(part.sum(axis=0) for part in _channels(pixels))
    count = pixels.size // pixels.shape[-1]
    mean = total / count
    squares = sum(np.square(part - mean).sum(axis=0) for part in _channels(pixels))
    return mean, _positive(np.sqrt(squares / count))


def _fit_minmax(pixels: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and the range of all pixels, whatever their channel."""
    low, high = float(pixels.min()), float(pixels.max())
    return np.array([low]), _positive(np.array([high - low]))


_FITS = {"standard": _fit_standard, "minmax": _fit_minmax}


def _positive(spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the spread with 1 for a channel that is the same everywhere."""
    return np.where(spread > 0, spread, 1.0)


def _channels(pixels: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    """Yield [places, channels] of some images at a time."""
    size = max(1, CHUNK_BYTES // (8 * int(np.prod(pixels.shape[1:]))))
    for start in range(0, len(pixels), size):
        yield pixels[start : start + size].reshape(-1, pixels.shape[-1]).astype(np.float64)
