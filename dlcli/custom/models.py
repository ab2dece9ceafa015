"""A network whose outputs carry a member axis: trained member by member, judged by their mean."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import keras
from keras import losses, ops
from keras.src.models.functional import Functional

from dlcli.custom.layers import PACKAGE

_WHOLE_BATCH = (losses.Dice, losses.Tversky)
_MEANS = {"sum_over_batch_size", "mean", "mean_with_sample_weight"}


@keras.saving.register_keras_serializable(package=PACKAGE)
class EnsembleModel(Functional):  # type: ignore[misc]
    """A functional model with outputs of [rows, members, units].

    The loss of a training step is the mean of the members' losses, as if each were trained alone;
    the loss of an evaluation and all metrics are those of the members' mean. `means` names what is
    averaged at each output that has members: its `values`, or probabilities, of which it gives the
    logits (`sigmoid`, `softmax`) or the logarithms (`log`).
    """

    means: Mapping[str, str] = MappingProxyType({})

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        if not training:
            return super().compute_loss(x, y, self._averaged(y_pred), sample_weight, training)
        if self._judges_row_by_row:
            # Each row once for every member, which a mean over rows makes a mean over members.
            return super().compute_loss(
                x,
                self._by_output(_repeated, y, y_pred),
                self._by_output(_as_rows, y_pred, y_pred),
                self._by_output(_repeated, sample_weight, y_pred),
                training,
            )
        losses_of_members = [
            super(EnsembleModel, self).compute_loss(
                x,
                y,
                self._by_output(partial(_of_member, member), y_pred, y_pred),
                sample_weight,
                training,
            )
            for member in range(self.num_members)
        ]
        return sum(losses_of_members) / self.num_members

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return super().compute_metrics(x, y, self._averaged(y_pred), sample_weight)

    @property
    def num_members(self) -> int:
        """How many members there are, the same at every output that has them."""
        given = self._outputs_struct
        tensor = given[next(iter(self.means))] if isinstance(given, dict) else self.outputs[0]
        return int(tensor.shape[1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "means": dict(self.means)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "EnsembleModel":
        kept = {key: value for key, value in config.items() if key != "means"}
        model: EnsembleModel = super().from_config(kept, custom_objects=custom_objects)
        model.means = config["means"]
        return model

    def _averaged(self, y_pred: Any) -> Any:
        means = self.means
        if isinstance(y_pred, dict):
            return {
                name: _MEAN_OF[means[name]](given) if name in means else given
                for name, given in y_pred.items()
            }
        (mean,) = means.values()
        return _MEAN_OF[mean](y_pred)

    def _by_output(self, change: Callable[[Any, Any], Any], values: Any, y_pred: Any) -> Any:
        """Change the value of each output that has members, given with its prediction."""
        if values is None:
            return None
        if not isinstance(y_pred, dict):
            return change(values, y_pred)
        return {
            name: change(own, given) if name in self.means else own
            for name, given in y_pred.items()
            for own in [values[name] if isinstance(values, dict) else values]
        }

    @property
    def _judges_row_by_row(self) -> bool:
        """Tell whether every loss is a mean over rows of what it finds at each of them."""
        return all(
            isinstance(loss, losses.Loss)
            and type(loss).__module__.startswith(("keras.", "dlcli."))
            and not isinstance(loss, _WHOLE_BATCH)
            and loss.reduction in _MEANS
            for loss in keras.tree.flatten(self.loss)
        )


def _repeated(values: Any, given: Any) -> Any:
    """Return the values of each row [rows, ...] once for every member [rows * members, ...]."""
    return ops.repeat(values, given.shape[1], axis=0)


def _of_member(member: int, _: Any, given: Any) -> Any:
    return given[:, member]


def _as_rows(_: Any, given: Any) -> Any:
    """Return [rows * members, ...] for [rows, members, ...]."""
    flat = ops.reshape(given, (-1, *given.shape[2:]))
    logits = getattr(given, "_keras_logits", None)
    if logits is not None:
        # From which Keras computes a crossentropy more exactly than from probabilities.
        flat._keras_logits = ops.reshape(logits, (-1, *given.shape[2:]))
    return flat


def _mean_of_values(given: Any) -> Any:
    return ops.mean(given, axis=1)


def _mean_of_logits(given: Any) -> Any:
    """Return the logit of the members' mean probability."""
    yes, no = (ops.logsumexp(ops.log_sigmoid(each), axis=1) for each in (given, -given))
    return yes - no


def _mean_of_softmax(given: Any) -> Any:
    return _mean_of_logarithms(ops.log_softmax(given, axis=-1))


def _mean_of_logarithms(given: Any) -> Any:
    """Return the logarithm of the members' mean probability."""
    return ops.logsumexp(given, axis=1) - math.log(given.shape[1])


_MEAN_OF: dict[str, Callable[[Any], Any]] = {
    "values": _mean_of_values,
    "sigmoid": _mean_of_logits,
    "softmax": _mean_of_softmax,
    "log": _mean_of_logarithms,
}
