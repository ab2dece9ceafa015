"""From a network's raw outputs to predictions: numbers in the target's unit, classes, probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from dlcli.data.preprocessing import Preprocessing
from dlcli.errors import RunError
from dlcli.spec.names import tensor_name

_SMALLEST = float(np.finfo(np.float64).tiny)

Task = Literal["regression", "binary", "multiclass"]
Link = Literal["identity", "sigmoid", "softmax", "exp", "margin"]
"""What turns an output into probabilities: `margin` is a hinge's, read as (1 + output) / 2."""

EVEN = 0.5
"""The threshold at which the more probable of two classes is predicted."""


@dataclass(frozen=True, kw_only=True)
class OutputReading:
    """How one output of the network is read."""

    output: str
    targets: tuple[str, ...]
    task: Task
    link: Link = "identity"
    steps: int = 1
    """How many values of each target it gives at once."""
    temperature: float = 1.0
    """What logits are divided by, so that probabilities are as sure as they are right."""
    thresholds: dict[str, float] = field(default_factory=dict)
    """The probability from which the second class is predicted, by target; 0.5 without it."""
    members: int | None = None
    """How many networks it gives the answers of; their mean is the prediction."""

    def threshold_of(self, target: str) -> float:
        """Return the probability from which the second class of a target is predicted."""
        return self.thresholds.get(target, EVEN)

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        state = asdict(self)
        if self.temperature == 1:
            del state["temperature"]
        if self.members is None:
            del state["members"]
        return state

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; raises RunError."""
        try:
            return cls(**{**state, "targets": tuple(state["targets"])})
        except (TypeError, KeyError) as error:
            raise RunError(f"preprocessing.json: an output cannot be read: {error}") from None


@dataclass(frozen=True, kw_only=True)
class TargetPrediction:
    """The predictions of one target: numbers in its unit, or probabilities with class names."""

    target: str
    values: NDArray[np.float64] | None = None
    """[rows], of several steps [rows, steps], in the target's unit; regression only."""
    probabilities: NDArray[np.float64] | None = None
    """[rows, classes]; classes only."""
    classes: tuple[str, ...] | None = None
    threshold: float = EVEN
    """The probability from which the second of two classes is predicted."""
    spread: NDArray[np.float64] | None = None
    """The standard deviation between the members of an ensemble, of `values` or `probabilities` and
    shaped like them; None for other networks."""

    @property
    def codes(self) -> NDArray[np.int64]:
        """The most probable class of every row; of two, the second from the threshold on."""
        assert self.probabilities is not None
        if self.probabilities.shape[1] == 2:
            return np.asarray(self.probabilities[:, 1] >= self.threshold, np.int64)
        return np.asarray(np.argmax(self.probabilities, axis=1), np.int64)

    @property
    def member_spread(self) -> NDArray[np.float64] | None:
        """`spread` as one number for each prediction: of classes, that of the one predicted."""
        if self.spread is None or self.probabilities is None:
            return self.spread
        return np.take_along_axis(self.spread, self.codes[:, None], axis=1)[:, 0]


def join_predictions(stretches: Sequence[TargetPrediction]) -> TargetPrediction:
    """Return the predictions of stretches of rows laid end to end."""

    def join(name: str) -> NDArray[np.float64] | None:
        found = [getattr(each, name) for each in stretches]
        return None if found[0] is None else np.concatenate(found)

    return replace(
        stretches[0],
        values=join("values"),
        probabilities=join("probabilities"),
        spread=join("spread"),
    )


def read_outputs(
    raw: Mapping[str, NDArray[Any]],
    readings: tuple[OutputReading, ...],
    preprocessing: Preprocessing,
) -> dict[str, TargetPrediction]:
    """Turn raw outputs by tensor name, [rows, units] each, into one prediction per target.

    Those of several steps are [rows, steps] or [rows, steps, targets]; those of an ensemble have
    their members second, and their mean is the prediction: of numbers in the target's unit, of
    probabilities for classes. Raises RunError for outputs of other members.
    """
    infos = {info.name: info for info in preprocessing.targets}
    read: dict[str, TargetPrediction] = {}
    for reading in readings:
        output = _laid_out(np.asarray(raw[tensor_name(reading.output)], np.float64), reading)
        for index, name in enumerate(reading.targets):
            if reading.task == "regression":
                restored = preprocessing.restore_target(name, output[..., index])
                values, spread = _over_members(restored, reading)
                read[name] = TargetPrediction(target=name, values=values, spread=spread)
            else:
                shares = output[..., index] if reading.task == "binary" else output
                probabilities, spread = _over_members(_each_probability(shares, reading), reading)
                read[name] = TargetPrediction(
                    target=name,
                    probabilities=soften(probabilities, reading.temperature),
                    classes=infos[name].classes,
                    threshold=reading.threshold_of(name),
                    spread=spread,
                )
    return read


def soften(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return the probabilities [rows, classes] whose logits are divided by `temperature`."""
    if temperature == 1:
        return probabilities
    logits = np.log(np.clip(probabilities, _SMALLEST, 1.0)) / temperature
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _laid_out(output: NDArray[np.float64], reading: OutputReading) -> NDArray[np.float64]:
    """Return an output as [rows, units] or [rows, steps, targets], members second if it has any."""
    lead = output.shape[:1] if reading.members is None else output.shape[:2]
    if reading.members is not None and lead[1:] != (reading.members,):
        raise RunError(
            f"the output {reading.output!r} has the shape {list(output.shape)}, and "
            f"preprocessing.json says that it has {reading.members} members",
            hint="preprocessing and network belong to different runs",
        )
    if reading.steps > 1:
        return output.reshape(*lead, reading.steps, len(reading.targets))
    return output.reshape(*lead, output.shape[-1] if output.ndim > len(lead) else 1)


def _over_members(
    answers: NDArray[np.float64], reading: OutputReading
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the mean and the standard deviation over the members, where there are any."""
    if reading.members is None:
        return answers, None
    return np.asarray(answers.mean(axis=1)), np.asarray(answers.std(axis=1))


def _each_probability(shares: NDArray[np.float64], reading: OutputReading) -> NDArray[np.float64]:
    """Return the probabilities [rows, classes], or [rows, members, classes]."""
    if reading.members is None:
        return _probabilities(shares, reading.link)
    flat = _probabilities(shares.reshape(-1, *shares.shape[2:]), reading.link)
    return flat.reshape(*shares.shape[:2], flat.shape[1])


def _probabilities(output: NDArray[np.float64], link: Link) -> NDArray[np.float64]:
    if output.ndim == 1:
        positive = np.clip(_SIGMOIDS[link](output), 0.0, 1.0)
        return np.stack([1.0 - positive, positive], axis=1)
    if link == "softmax":
        output = np.exp(output - output.max(axis=1, keepdims=True))
    elif link == "exp":
        output = np.exp(output)
    total = output.sum(axis=1, keepdims=True)
    # Sigmoid units, one for each class, need not sum to 1.
    even = np.full_like(output, 1 / output.shape[1])
    return np.asarray(np.divide(output, total, out=even, where=total > 0))


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    # The two-sided form never exponentiates a large positive number.
    small = np.exp(-np.abs(values))
    return np.asarray(np.where(values >= 0, 1.0, small) / (1.0 + small))


def _identity(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values


def _margin(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return (1.0 + values) / 2.0


_SIGMOIDS = {"identity": _identity, "sigmoid": _sigmoid, "margin": _margin}
