"""A dense layer whose weights carry a member axis: many networks trained as one."""

from typing import Any

import keras
from keras import ops

from dlcli.custom.initializers import RandomSigns
from dlcli.custom.layers import PACKAGE
from dlcli.custom.members import (
    check_count,
    count_members,
    for_each_member,
    penalty_of_a_member,
)


@keras.saving.register_keras_serializable(package=PACKAGE)
class EnsembleDense(keras.layers.Layer):  # type: ignore[misc]
    """A Dense layer for each member of an ensemble, all in one product.

    Input: [rows, numbers], which every member takes, or [rows, members, numbers]; output: [rows,
    members, units]. Members are independent networks; with `shared` they have one kernel and tell
    apart by factors of its inputs and outputs (BatchEnsemble, Wen, Tran, Ba 2020,
    arXiv:2002.06715; TabM, Gorishniy, Kotelnikov, Babenko 2025, arXiv:2410.24210). The factors start
    as random signs where members begin and as ones after, unless `factor_initializer` says.
    """

    def __init__(
        self,
        units: int,
        members: int | None = None,
        shared: bool = False,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        factor_initializer: Any = None,
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units must be 1 or more. Received: units={units}")
        check_count(members)
        self.units = units
        self.members = members
        self.shared = shared
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.factor_initializer = keras.initializers.get(factor_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: Any) -> None:
        members, size = self._count(input_shape), input_shape[-1]
        if self.shared:
            self._build_shared(members, size, begins=len(input_shape) == 2)
        else:
            self.kernel = self.add_weight(
                name="kernel",
                shape=(members, size, self.units),
                initializer=for_each_member(self.kernel_initializer),
                regularizer=penalty_of_a_member(self.kernel_regularizer, members),
            )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(members, self.units),
                initializer=for_each_member(self.bias_initializer),
            )

    def _build_shared(self, members: int, size: int, *, begins: bool) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(size, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        # Members that start the same and see the same rows would stay the same.
        given = self.factor_initializer
        self.input_factors = self.add_weight(
            name="input_factors",
            shape=(members, size),
            initializer=given or (RandomSigns() if begins else "ones"),
        )
        self.output_factors = self.add_weight(
            name="output_factors", shape=(members, self.units), initializer=given or "ones"
        )

    def call(self, inputs: Any) -> Any:
        begins = len(inputs.shape) == 2
        if self.shared:
            taken = ops.expand_dims(inputs, 1) if begins else inputs
            outputs = ops.matmul(taken * self.input_factors, self.kernel) * self.output_factors
        else:
            outputs = ops.einsum("ri,miu->rmu" if begins else "rmi,miu->rmu", inputs, self.kernel)
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], self._count(input_shape), self.units)

    def _count(self, shape: Any) -> int:
        if len(shape) not in (2, 3) or shape[-1] is None:
            raise ValueError(
                "EnsembleDense takes a tensor of shape (rows, numbers) or (rows, members, "
                f"numbers). Received: shape={tuple(shape)}"
            )
        members = count_members(self, self.members, shape)
        if members is None:
            raise ValueError(
                "EnsembleDense needs `members`, because its input has none. "
                f"Received: shape={tuple(shape)}"
            )
        return members

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "members": self.members,
            "shared": self.shared,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "factor_initializer": keras.initializers.serialize(self.factor_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
