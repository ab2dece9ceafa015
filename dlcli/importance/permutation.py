"""Permutation importance: how much worse predictions get when a column is shuffled.

L. Breiman, Machine Learning 45, 2001; here for whole raw columns, with intervals.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.category import CategoryInput
from dlcli.importance.rows import LabelledRows

CORRELATED = 0.8
"""Inputs with a correlation beyond this stand in for each other, and split their importance."""

RESAMPLES = 1000
COVERAGE = 0.95
_MOST_WEIGHTS = 2_000_000
"""Resampling weights held at a time."""


@dataclass(frozen=True, kw_only=True)
class Importance:
    """How much the figure grows when these columns are shuffled together."""

    inputs: tuple[str, ...]
    increase: float
    """Mean over the repeats."""
    low: float
    """95 % interval over rows drawn anew and over the repeats."""
    high: float
    repeats: tuple[float, ...]

    @property
    def is_certain(self) -> bool:
        """Tell whether the interval leaves 0 out."""
        return self.low > 0

    def to_json(self) -> dict[str, Any]:
        """Return the importance as JSON values."""
        return {
            "inputs": list(self.inputs),
            "increase": self.increase,
            "low": self.low,
            "high": self.high,
            "repeats": list(self.repeats),
        }


@dataclass(frozen=True, kw_only=True)
class TargetImportance:
    """The importances for one target."""

    target: str
    figure: str
    """RootMeanSquaredError in the target's unit, or LogLoss."""
    value: float
    """The figure as it is."""
    inputs: tuple[Importance, ...]
    """Single columns, the most important first."""
    groups: tuple[Importance, ...]
    """Correlated columns, shuffled together."""


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """Two number inputs that say much the same."""

    inputs: tuple[str, str]
    r: float


def measure_importance(
    rows: LabelledRows,
    groups: Sequence[tuple[str, ...]] = (),
    *,
    repeats: int,
    seed: int,
    on_column: Callable[[str], None] = lambda name: None,
) -> tuple[TargetImportance, ...]:
    """Shuffle every column, and every group of columns, `repeats` times."""
    random = np.random.default_rng(seed)
    # The same orders for all columns: what differs between them is then not the shuffling.
    orders = [random.permutation(rows.num_rows) for _ in range(repeats)]
    singles = [(column.settings.name,) for column in rows.columns]
    base = rows.losses(rows.applied.inputs)
    shuffled: dict[tuple[str, ...], dict[str, NDArray[np.float64]]] = {}
    for names in (*singles, *groups):
        on_column(" + ".join(names))
        each = [rows.losses(rows.replaced(names, order)) for order in orders]
        shuffled[names] = {target: np.stack([losses[target] for losses in each]) for target in base}
    return tuple(
        _target_importance(rows, target, base[target], shuffled, singles, groups, seed=seed)
        for target in base
    )


def find_correlations(rows: LabelledRows) -> tuple[Correlation, ...]:
    """Return the pairs of number or boolean inputs with |r| above CORRELATED, strongest first."""
    kinds = {column.settings.name: column for column in rows.columns}
    names = [
        name
        for name, values in rows.values.items()
        if not isinstance(kinds[name], CategoryInput) and np.ptp(values) > 0
    ]
    if len(names) < 2 or rows.num_rows < 3:
        return ()
    matrix: NDArray[np.float64] = np.asarray(
        np.corrcoef(np.stack([rows.values[name] for name in names]))
    )
    pairs = [
        Correlation(inputs=(names[i], names[j]), r=float(matrix[i, j]))
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if abs(matrix[i, j]) > CORRELATED
    ]
    return tuple(sorted(pairs, key=lambda pair: -abs(pair.r)))


def join_groups(correlations: Sequence[Correlation]) -> tuple[tuple[str, ...], ...]:
    """Return the sets of inputs that correlations link, directly or through others."""
    groups: list[set[str]] = []
    for pair in correlations:
        linked = [group for group in groups if group & set(pair.inputs)]
        joined = set(pair.inputs).union(*linked)
        groups = [group for group in groups if group not in linked] + [joined]
    return tuple(tuple(sorted(group)) for group in groups)


def _target_importance(
    rows: LabelledRows,
    target: str,
    base: NDArray[np.float64],
    shuffled: dict[tuple[str, ...], dict[str, NDArray[np.float64]]],
    singles: Sequence[tuple[str, ...]],
    groups: Sequence[tuple[str, ...]],
    *,
    seed: int,
) -> TargetImportance:
    infos = {info.name: info for info in rows.bundle.preprocessing.targets}
    is_root = infos[target].classes is None
    weights = rows.applied.sample_weight
    weighting = np.ones(rows.num_rows) if weights is None else weights.astype(np.float64)
    # Every column is resampled with the same draws, beside the unshuffled rows: a paired bootstrap.
    losses = [np.concatenate([base[None], shuffled[names][target]]) for names in shuffled]
    intervals = _bootstrap(losses, weighting, is_root=is_root, seed=seed)
    value = _figure(base[None], weighting[None], is_root=is_root)[0, 0]
    found = {}
    for names, (low, high) in zip(shuffled, intervals, strict=True):
        figures = _figure(shuffled[names][target], weighting[None], is_root=is_root)[0]
        found[names] = Importance(
            inputs=names,
            increase=float(figures.mean() - value),
            low=low,
            high=high,
            repeats=tuple((figures - value).tolist()),
        )
    return TargetImportance(
        target=target,
        figure="RootMeanSquaredError" if is_root else "LogLoss",
        value=float(value),
        inputs=tuple(sorted((found[names] for names in singles), key=lambda each: -each.increase)),
        groups=tuple(found[names] for names in groups),
    )


def _bootstrap(
    losses: Sequence[NDArray[np.float64]],
    weighting: NDArray[np.float64],
    *,
    is_root: bool,
    seed: int,
) -> list[tuple[float, float]]:
    """Return the interval of each increase; rows and repeats are both drawn with replacement."""
    random = np.random.default_rng(seed)
    num_rows, num_repeats = len(weighting), len(losses[0]) - 1
    increases: list[list[NDArray[np.float64]]] = [[] for _ in losses]
    block = max(1, min(RESAMPLES, _MOST_WEIGHTS // num_rows))
    for start in range(0, RESAMPLES, block):
        size = min(block, RESAMPLES - start)
        drawn = random.multinomial(num_rows, np.full(num_rows, 1 / num_rows), size) * weighting
        repeated = random.multinomial(num_repeats, np.full(num_repeats, 1 / num_repeats), size)
        for index, of_column in enumerate(losses):
            figures = _figure(of_column, drawn, is_root=is_root)
            mean = (figures[:, 1:] * repeated).sum(axis=1) / num_repeats
            increases[index].append(mean - figures[:, 0])
    edges = [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]
    quantiles = [np.quantile(np.concatenate(blocks), edges) for blocks in increases]
    return [(float(low), float(high)) for low, high in quantiles]


def _figure(
    losses: NDArray[np.float64], weights: NDArray[np.float64], *, is_root: bool
) -> NDArray[np.float64]:
    """Return the weighted mean of losses [repeats, rows], or its root, [weightings, repeats]."""
    total = weights.sum(axis=1, keepdims=True)
    # Rows of weight 0 alone give no figure; they count as no loss rather than as no number.
    means = weights @ losses.T / np.where(total > 0, total, 1.0)
    figures: NDArray[np.float64] = np.sqrt(means) if is_root else means
    return figures
