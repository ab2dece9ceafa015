"""Layers for tables of numbers: embeddings of single numbers and a learned scale."""

import math
from statistics import NormalDist
from typing import Any

import keras
from keras import ops

from dlcli.custom.members import check_count, count_members, for_each_member, penalty_of_a_member

PACKAGE = "dlcli"


@keras.saving.register_keras_serializable(package=PACKAGE)
class FeatureScale(keras.layers.Layer):  # type: ignore[misc]
    """Multiplies every feature by a learned number that starts at 1.

    Input and output: [..., features]. With a high learning rate of its own it selects features, as
    in RealMLP (Holzmüller, Grinsztajn, Steinwart 2024, arXiv:2407.04491). With `members` each
    member of an ensemble has its own numbers: [rows, features] or [rows, members, features] becomes
    [rows, members, features].
    """

    def __init__(
        self,
        initializer: Any = "ones",
        regularizer: Any = None,
        constraint: Any = None,
        members: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count(members)
        self.members = members
        self.initializer = keras.initializers.get(initializer)
        self.regularizer = keras.regularizers.get(regularizer)
        self.constraint = keras.constraints.get(constraint)

    def build(self, input_shape: Any) -> None:
        _check_members(self, self.members, input_shape)
        own = () if self.members is None else (self.members,)
        self.scale = self.add_weight(
            name="scale",
            shape=(*own, input_shape[-1]),
            initializer=self.initializer,
            regularizer=self.regularizer,
            constraint=self.constraint,
        )

    def call(self, inputs: Any) -> Any:
        if self.members is not None and len(inputs.shape) == 2:
            inputs = ops.expand_dims(inputs, 1)
        return inputs * ops.cast(self.scale, inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return _with_members(self.members, input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "members": self.members,
            "initializer": keras.initializers.serialize(self.initializer),
            "regularizer": keras.regularizers.serialize(self.regularizer),
            "constraint": keras.constraints.serialize(self.constraint),
        }


class NumberEmbedding(keras.layers.Layer):  # type: ignore[misc]
    """Turns every number of [rows, features] into several, each feature by weights of its own.

    A subclass encodes the numbers as [rows, features, codes]; a linear map per feature to `units`
    follows, and an activation; without `units` the codes are the output. `keep_numbers` puts the
    numbers themselves beside, which makes the embedding densely connected. Output: [rows,
    features * size], or [rows, features, size] with `flatten=False`. With `members` each member of
    an ensemble has its own weights: [rows, features] or [rows, members, features] becomes [rows,
    members, features * size].
    """

    def __init__(
        self,
        *,
        units: int | None,
        activation: Any,
        keep_numbers: bool,
        flatten: bool,
        kernel_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        members: int | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if units is not None and units < 1:
            raise ValueError(f"units must be 1 or more. Received: units={units}")
        check_count(members)
        self.members = members
        self.units = units
        self.activation = keras.activations.get(activation)
        self.keep_numbers = keep_numbers
        self.flatten = flatten
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    @property
    def num_codes(self) -> int:
        """Codes for each number, before the linear map."""
        raise NotImplementedError

    def encode(self, inputs: Any) -> Any:
        """Return [rows, features, codes] for [rows, features], with the members between."""
        raise NotImplementedError

    def build(self, input_shape: Any) -> None:
        if (self.members is None and len(input_shape) != 2) or input_shape[-1] is None:
            raise ValueError(
                f"{type(self).__name__} takes a tensor of shape (rows, features). "
                f"Received: shape={tuple(input_shape)}"
            )
        _check_members(self, self.members, input_shape)
        if self.units is not None:
            self._build_map(input_shape[-1], self.num_codes, self.units)

    def _build_map(self, features: int, codes: int, units: int) -> None:
        initializers = [self.kernel_initializer, self.bias_initializer]
        regularizer = self.kernel_regularizer
        own: tuple[int, ...] = ()
        if self.members is not None:
            own = (self.members,)
            initializers = [for_each_member(each) for each in initializers]
            regularizer = penalty_of_a_member(regularizer, self.members)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*own, features, codes, units),
            initializer=initializers[0],
            regularizer=regularizer,
        )
        self.bias = self.add_weight(
            name="bias", shape=(*own, features, units), initializer=initializers[1]
        )

    def call(self, inputs: Any) -> Any:
        if self.members is not None and len(inputs.shape) == 2:
            inputs = ops.repeat(ops.expand_dims(inputs, 1), self.members, axis=1)
        embedded = self.encode(inputs)
        if self.units is not None:
            embedded = ops.einsum(self.equation, embedded, self.kernel) + self.bias
            embedded = self.activation(embedded)
        if self.keep_numbers:
            embedded = ops.concatenate([ops.expand_dims(inputs, -1), embedded], axis=-1)
        if self.flatten:
            embedded = ops.reshape(embedded, (-1, *self._flat(embedded.shape)[1:]))
        return embedded

    @property
    def equation(self) -> str:
        """The linear map of each feature's codes: rows, members, features, codes to units."""
        return "rfc,fcu->rfu" if self.members is None else "rmfc,mfcu->rmfu"

    @staticmethod
    def _flat(shape: Any) -> Any:
        return (*shape[:-2], shape[-2] * shape[-1])

    @property
    def size(self) -> int:
        """Numbers that stand for each number of the input."""
        return (self.num_codes if self.units is None else self.units) + int(self.keep_numbers)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = (*_with_members(self.members, input_shape), self.size)
        return self._flat(shape) if self.flatten else shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "keep_numbers": self.keep_numbers,
            "flatten": self.flatten,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "members": self.members,
        }


def _check_members(layer: keras.layers.Layer, members: int | None, shape: Any) -> None:
    if members is None:
        return
    if len(shape) not in (2, 3):
        raise ValueError(
            f"{type(layer).__name__} with members takes a tensor of shape (rows, features) or "
            f"(rows, members, features). Received: shape={tuple(shape)}"
        )
    count_members(layer, members, shape)


def _with_members(members: int | None, shape: Any) -> Any:
    """Return the shape with the member axis that a layer of `members` puts in."""
    return shape if members is None or len(shape) != 2 else (shape[0], members, shape[1])


@keras.saving.register_keras_serializable(package=PACKAGE)
class PeriodicEmbedding(NumberEmbedding):
    """Embeds every number through waves of learned frequency.

    The codes of x are sin and cos of 2*pi*f*x for each frequency f (PLR, Gorishniy, Rubachev,
    Babenko 2022, arXiv:2203.05556), or with `phase` cos(2*pi*f*x + b) with a learned b (the PBLD of
    RealMLP, arXiv:2407.04491, together with `keep_numbers`). Frequencies start normal with standard
    deviation `sigma`: numbers should come scaled.
    """

    def __init__(
        self,
        frequencies: int = 16,
        units: int | None = 8,
        sigma: float = 0.5,
        activation: Any = "relu",
        phase: bool = False,
        keep_numbers: bool = False,
        flatten: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        members: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units=units,
            activation=activation,
            keep_numbers=keep_numbers,
            flatten=flatten,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            members=members,
            **kwargs,
        )
        if frequencies < 1 or sigma <= 0:
            raise ValueError(
                "frequencies must be 1 or more and sigma above 0. "
                f"Received: frequencies={frequencies}, sigma={sigma}"
            )
        self.num_frequencies = frequencies
        self.sigma = sigma
        self.phase = phase

    @property
    def num_codes(self) -> int:
        return self.num_frequencies * (1 if self.phase else 2)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        own = () if self.members is None else (self.members,)
        shape = (*own, input_shape[-1], self.num_frequencies)
        self.frequencies = self.add_weight(
            name="frequencies",
            shape=shape,
            initializer=keras.initializers.RandomNormal(stddev=self.sigma),
        )
        if self.phase:
            self.phases = self.add_weight(
                name="phases",
                shape=shape,
                initializer=keras.initializers.RandomUniform(-math.pi, math.pi),
            )

    def encode(self, inputs: Any) -> Any:
        waves = 2 * math.pi * ops.expand_dims(inputs, -1) * self.frequencies
        if self.phase:
            return ops.cos(waves + self.phases)
        return ops.concatenate([ops.sin(waves), ops.cos(waves)], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "frequencies": self.num_frequencies,
            "sigma": self.sigma,
            "phase": self.phase,
        }


@keras.saving.register_keras_serializable(package=PACKAGE)
class PiecewiseLinearEncoding(NumberEmbedding):
    """Encodes every number by how far it fills each of a row of bins.

    The code of a bin is 0 below it, 1 above it and rises linearly within; the first and the last
    bin go on outside (PLE, Gorishniy, Rubachev, Babenko 2022, arXiv:2203.05556). The bins hold
    equal shares of a standard normal, so that with `scale: quantile` they are quantiles of the
    training data.
    """

    def __init__(
        self,
        bins: int = 16,
        units: int | None = None,
        activation: Any = "relu",
        keep_numbers: bool = False,
        flatten: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        members: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units=units,
            activation=activation,
            keep_numbers=keep_numbers,
            flatten=flatten,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            members=members,
            **kwargs,
        )
        if bins < 1:
            raise ValueError(f"bins must be 1 or more. Received: bins={bins}")
        self.bins = bins

    @property
    def num_codes(self) -> int:
        return self.bins

    @property
    def edges(self) -> list[float]:
        """The ends of the bins, one more than there are bins."""
        count = self.bins + 1
        return [NormalDist().inv_cdf((index + 0.5) / count) for index in range(count)]

    @property
    def limits(self) -> tuple[list[float], list[float]]:
        """The least and the greatest code of each bin; none at the outer ends."""
        inner = self.bins - 1
        return [-math.inf, *[0.0] * inner], [*[1.0] * inner, math.inf]

    def encode(self, inputs: Any) -> Any:
        low = ops.convert_to_tensor(self.edges[:-1], dtype=inputs.dtype)
        widths = [end - start for start, end in zip(self.edges, self.edges[1:], strict=False)]
        codes = (ops.expand_dims(inputs, -1) - low) / ops.convert_to_tensor(
            widths, dtype=inputs.dtype
        )
        least, greatest = (
            ops.convert_to_tensor(limit, dtype=inputs.dtype) for limit in self.limits
        )
        return ops.minimum(ops.maximum(codes, least), greatest)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bins": self.bins}
