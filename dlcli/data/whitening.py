"""ZCA whitening: pixels without the correlations between them, fitted on the training part."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.errors import DataError

MOST_PIXELS = 3072
"""32 x 32 in colour. Fitting takes the cube of it, some ten seconds here, and the file its square."""

CHUNK_ROWS = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class Whitening:
    """`(pixels / spread - mean) @ matrix`: each pixel with variance 1, and by itself.

    A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009, appendix A.
    """

    spread: float
    """The deviation of all pixels, by which they are divided first."""
    mean: NDArray[np.float32]
    """[pixels]"""
    matrix: NDArray[np.float32]
    """Symmetric [pixels, pixels]."""

    def apply(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Return float32 of the same shape [rows, ...]."""
        whitened = np.empty(pixels.shape, dtype=np.float32)
        for rows, part in _parts(pixels, self.spread):
            centred = part.astype(np.float32) - self.mean
            whitened[rows] = (centred @ self.matrix).reshape(whitened[rows].shape)
        return whitened

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON values; the upper half of the matrix is float32 in base64."""
        half = self.matrix[np.triu_indices(len(self.matrix))]
        return {
            "spread": self.spread,
            "mean": self.mean.astype(np.float64).tolist(),
            "matrix": base64.b64encode(half.astype("<f4").tobytes()).decode("ascii"),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "Whitening":
        """Read what `to_json` wrote."""
        mean = np.array(state["mean"], dtype=np.float32)
        half = np.frombuffer(base64.b64decode(state["matrix"], validate=True), dtype="<f4")
        matrix = np.zeros((len(mean), len(mean)), dtype=np.float32)
        matrix[np.triu_indices(len(mean))] = half
        matrix.T[np.triu_indices(len(mean))] = half
        return cls(spread=state["spread"], mean=mean, matrix=matrix)


def fit_whitening(name: str, pixels: NDArray[Any], *, epsilon: float) -> Whitening:
    """Fit on the training rows of `pixels` [rows, ...]; raises DataError for too many pixels."""
    size = int(np.prod(pixels.shape[1:]))
    if size > MOST_PIXELS:
        raise DataError(
            f"column {name!r}: zca computes with the square of the number of values in an image, "
            f"and there are {size:,}; {MOST_PIXELS:,} are the most (32 x 32 in colour)",
            hint="a smaller `size`, or scale: standard",
        )
    count, total, squares = 0, np.zeros(size), 0.0
    for _, part in _parts(pixels, 1.0):
        count += len(part)
        total += part.sum(axis=0)
    middle = total.mean() / count
    for _, part in _parts(pixels, 1.0):
        squares += float(np.square(part - middle).sum())
    spread = float(np.sqrt(squares / (count * size))) or 1.0
    mean = total / count / spread
    products = np.zeros((size, size))
    for _, part in _parts(pixels, spread):
        centred = part - mean
        products += centred.T @ centred
    variances, directions = np.linalg.eigh(products / count)
    scaled = directions / np.sqrt(np.maximum(variances, 0) + epsilon)
    matrix = (scaled @ directions.T).astype(np.float32)
    # Rounding leaves the halves a last bit apart, and the file holds one of them.
    matrix = np.triu(matrix) + np.triu(matrix, 1).T
    return Whitening(spread=spread, mean=mean.astype(np.float32), matrix=matrix)


def _parts(pixels: NDArray[Any], spread: float) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yield some rows at a time as float64 [rows, pixels], divided by `spread`."""
    for start in range(0, len(pixels), CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        part = pixels[rows].reshape(len(pixels[rows]), -1).astype(np.float64)
        yield rows, part / spread
