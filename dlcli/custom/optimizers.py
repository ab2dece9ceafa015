"""An AdamW whose weights learn and decay in groups."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import keras

from dlcli.custom.layers import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class GroupedAdamW(keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW with a learning rate per group of weights, and decay for some of them.

    `learning_rate_factors` maps patterns of weight paths, such as `frequencies`, `trunk/*` or
    `bias`, to what multiplies the learning rate there; the first that matches counts.
    `weight_decay_on` lists the patterns of the weights that decay, kernels without it. The decay is
    `weight_decay` times the group's learning rate at every step, as in Loshchilov, Hutter 2019
    (arXiv:1711.05101).
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        learning_rate_factors: Mapping[str, float] | None = None,
        weight_decay_on: Sequence[str] = ("kernel",),
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        name: str = "grouped_adamw",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            amsgrad=amsgrad,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            name=name,
            **kwargs,
        )
        self.learning_rate_factors = dict(learning_rate_factors or {})
        self.weight_decay_on = list(weight_decay_on)

    def build(self, variables: Any) -> None:
        for _, pattern in self.unmatched(variables):
            raise ValueError(
                f"the pattern {pattern!r} matches no weight; there are "
                f"{', '.join(sorted(variable.path for variable in variables))}"
            )
        super().build(variables)
        self._factors = [self._factor(variable.path) for variable in variables]

    def unmatched(self, variables: Any) -> list[tuple[str, str]]:
        """Return the patterns that match none of `variables`, each after its argument's name."""
        given = {
            "learning_rate_factors": self.learning_rate_factors,
            "weight_decay_on": self.weight_decay_on,
        }
        return [
            (argument, pattern)
            for argument, patterns in given.items()
            for pattern in patterns
            if not any(_matches(variable.path, pattern) for variable in variables)
        ]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        # Not by its path: on TensorFlow the variable is not Keras's own here.
        factor = self._factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * factor)

    def _apply_weight_decay(self, variables: Any) -> None:
        # Keras's own takes one rate for all.
        rate = self._get_current_learning_rate()
        for variable in variables:
            if any(_matches(variable.path, pattern) for pattern in self.weight_decay_on):
                share = rate * (self._factor(variable.path) * self.weight_decay)
                variable.assign(variable * (1 - keras.ops.cast(share, variable.dtype)))

    def _factor(self, path: str) -> float:
        for pattern, factor in self.learning_rate_factors.items():
            if _matches(path, pattern):
                return factor
        return 1.0

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "learning_rate_factors": self.learning_rate_factors,
            "weight_decay_on": self.weight_decay_on,
        }


def _matches(path: str, pattern: str) -> bool:
    """Tell whether a pattern fits a weight's path or what follows a slash in it."""
    return fnmatchcase(path, pattern) or fnmatchcase(path, f"*/{pattern}")
