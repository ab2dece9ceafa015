"""Scalers of numeric columns: float64 statistics, an inverse, JSON state."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dlcli.spec.data import ScaleName

Floats = NDArray[np.float64]

MOST_QUANTILES = 1000
# The outermost probability of a quantile scaler: keeps the normal quantile finite, at ±5.2.
EDGE = 1e-7


@dataclass(frozen=True, kw_only=True)
class Scaler:
    """A fitted scaler: linear, `(x - offset) / scale`, unless it has `quantiles`."""

    kind: ScaleName
    offset: float = 0.0
    scale: float = 1.0
    quantiles: tuple[float, ...] | None = None
    """The training quantiles at evenly spaced probabilities, for kind quantile."""
    bound: float | None = None
    """How far from 0 scaled values come at most: x becomes x / sqrt(1 + (x / bound)^2), and what
    has `quantiles` is cut off there."""

    def apply(self, values: NDArray[Any]) -> Floats:
        """Return the scaled `values`; any shape."""
        floats = np.asarray(values, dtype=np.float64)
        if self.kind == "none":
            return floats
        if self.quantiles is not None:
            return _to_normal(floats, np.array(self.quantiles), self.bound)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (floats - self.offset) / self.scale
            return scaled if self.bound is None else scaled / np.hypot(1, scaled / self.bound)

    def restore(self, scaled: NDArray[Any]) -> Floats:
        """Undo `apply`; any shape."""
        floats = np.asarray(scaled, dtype=np.float64)
        if self.kind == "none":
            return floats
        if self.quantiles is not None:
            return _from_normal(floats, np.array(self.quantiles))
        if self.bound is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                floats = floats / np.sqrt(1 - (floats / self.bound) ** 2)
        return floats * self.scale + self.offset

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        if self.kind == "none":
            return {"kind": "none"}
        if self.quantiles is not None:
            quantiles = {"kind": self.kind, "quantiles": list(self.quantiles)}
            return quantiles if self.bound is None else {**quantiles, "bound": self.bound}
        state = {"kind": self.kind, "offset": self.offset, "scale": self.scale}
        return state if self.bound is None else {**state, "bound": self.bound}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "Scaler":
        """Read what `to_json` wrote."""
        quantiles = state.get("quantiles")
        return cls(
            kind=state["kind"],
            offset=state.get("offset", 0.0),
            scale=state.get("scale", 1.0),
            quantiles=None if quantiles is None else tuple(quantiles),
            bound=None if state.get("bound") is None else float(state["bound"]),
        )


class Distribution(Protocol):
    """What a scaler is fitted on: numbers, finite and not none, by their figures."""

    size: int
    low: float
    high: float

    def mean(self) -> float: ...

    def deviation(self) -> float:
        """Return the standard deviation of the population."""

    def percentiles(self, percents: Sequence[float] | Floats) -> Floats:
        """Return percentiles, between two numbers the line from one to the other."""


class Values:
    """The distribution of an array [rows]."""

    def __init__(self, values: Floats) -> None:
        assert values.ndim == 1 and values.size, "a scaler needs values"
        self._values = values
        self.size = values.size
        self.low, self.high = float(values.min()), float(values.max())

    def mean(self) -> float:
        return float(self._values.mean())

    def deviation(self) -> float:
        return float(self._values.std())

    def percentiles(self, percents: Sequence[float] | Floats) -> Floats:
        return np.asarray(np.percentile(self._values, percents), dtype=np.float64)


def fit_scaler(
    kind: ScaleName, values: Floats | Distribution, *, bound: float | None = None
) -> Scaler:
    """Fit on `values` [rows], finite and not empty; a constant column is only shifted to 0.

    `bound` is how far from 0 those of a robust or a quantile scaler come at most.
    """
    # Numbers near the end of float64 overflow here; what comes of them is refused when encoded.
    with np.errstate(over="ignore", invalid="ignore"):
        found = Values(values) if isinstance(values, np.ndarray) else values
        fitted = SCALERS[kind](found)
        if bound is None or kind == "quantile":
            return replace(fitted, bound=None if fitted.quantiles is None else bound)
        return _bounded(fitted, found, bound)


def _fit_none(values: Distribution) -> Scaler:
    return Scaler(kind="none")


def _fit_standard(values: Distribution) -> Scaler:
    if values.low == values.high:
        return Scaler(kind="standard", offset=values.low)
    return Scaler(kind="standard", offset=values.mean(), scale=_usable(values.deviation()))


def _fit_minmax(values: Distribution) -> Scaler:
    return Scaler(kind="minmax", offset=values.low, scale=_usable(values.high - values.low))


def _fit_robust(values: Distribution) -> Scaler:
    low, median, high = values.percentiles((25, 50, 75)).tolist()
    return Scaler(kind="robust", offset=median, scale=_usable(high - low))


def _fit_quantile(values: Distribution) -> Scaler:
    if values.low == values.high:
        return Scaler(kind="quantile", offset=values.low)
    percents = np.linspace(0, 1, min(MOST_QUANTILES, values.size)) * 100
    # Interpolation may round a quantile below the one before it.
    quantiles = np.maximum.accumulate(values.percentiles(percents))
    return Scaler(kind="quantile", quantiles=tuple(quantiles.tolist()))


SCALERS: dict[str, Callable[[Distribution], Scaler]] = {
    "none": _fit_none,
    "standard": _fit_standard,
    "minmax": _fit_minmax,
    "robust": _fit_robust,
    "quantile": _fit_quantile,
}


def _bounded(fitted: Scaler, values: Distribution, bound: float) -> Scaler:
    """Return a robust scaler that bends; where half of the values are one, by half their range.

    Else a few values beside a constant, which its quartiles do not see, would all be outliers.
    """
    low, high = values.percentiles((25, 75)).tolist()
    scale = fitted.scale if high > low else _usable((values.high - values.low) / 2)
    return replace(fitted, scale=scale, bound=bound)


def _usable(scale: float) -> float:
    return scale if math.isfinite(scale) and scale > 0 else 1.0


def _to_normal(values: Floats, quantiles: Floats, bound: float | None) -> Floats:
    ranks = quantile_ranks(values, quantiles)
    if bound is None:
        # As in scikit-learn, whatever share of the values is the smallest or the largest one.
        ranks[values >= quantiles[-1]] = 1
        ranks[values <= quantiles[0]] = 0
    scaled = normal_quantile(np.clip(ranks, EDGE, 1 - EDGE))
    return scaled if bound is None else np.clip(scaled, -bound, bound)


def quantile_ranks(values: Floats, quantiles: Floats) -> Floats:
    """Return the probabilities of `values`, any shape, in a distribution with these quantiles."""
    probabilities = np.linspace(0, 1, len(quantiles))
    # A value that several quantiles share gets the middle of their probabilities.
    upward = np.interp(values, quantiles, probabilities)
    downward = -np.interp(-values, -quantiles[::-1], -probabilities[::-1])
    return np.asarray(0.5 * (upward + downward), np.float64)


def _from_normal(scaled: Floats, quantiles: Floats) -> Floats:
    ranks = _normal_probability(scaled)
    ranks = np.where(ranks < EDGE * (1 + 1e-6), 0.0, ranks)
    ranks = np.where(ranks > 1 - EDGE * (1 + 1e-6), 1.0, ranks)
    return np.interp(ranks, np.linspace(0, 1, len(quantiles)), quantiles)


def _normal_probability(values: Floats) -> Floats:
    flat = (math.erfc(-value * math.sqrt(0.5)) / 2 for value in values.ravel().tolist())
    return np.fromiter(flat, dtype=np.float64, count=values.size).reshape(values.shape)


# M. J. Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37, 1988: numerator and denominator,
# highest power first, for the centre and for the two stretches of each tail.
CENTRE = (
    (
        2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
        4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
        1.3314166789178437745e2, 3.3871328727963666080e0,
    ),
    (
        5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
        2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
        4.2313330701600911252e1, 1.0,
    ),
)  # fmt: skip
NEAR_TAIL = (
    (
        7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
        1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
        4.63033784615654529590e0, 1.42343711074968357734e0,
    ),
    (
        1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
        1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
        2.05319162663775882187e0, 1.0,
    ),
)  # fmt: skip
FAR_TAIL = (
    (
        2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
        2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
        5.46378491116411436990e0, 6.65790464350110377720e0,
    ),
    (
        2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
        7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
        5.99832206555887937690e-1, 1.0,
    ),
)  # fmt: skip


def normal_quantile(probabilities: Floats) -> Floats:
    """Return the standard normal quantiles of `probabilities`, strictly between 0 and 1."""
    distance = probabilities - 0.5
    centre = np.abs(distance) <= 0.425
    quantiles = np.empty_like(probabilities)
    near_half = distance[centre]
    quantiles[centre] = near_half * _ratio(CENTRE, 0.180625 - near_half * near_half)
    outer = probabilities[~centre]
    depth = np.sqrt(-np.log(np.minimum(outer, 1 - outer)))
    tails = np.where(depth <= 5, _ratio(NEAR_TAIL, depth - 1.6), _ratio(FAR_TAIL, depth - 5))
    quantiles[~centre] = np.copysign(tails, distance[~centre])
    return quantiles


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Floats) -> Floats:
    numerator, denominator = coefficients
    return np.polyval(numerator, x) / np.polyval(denominator, x)
