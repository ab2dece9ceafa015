"""The operators of preprocessing as ONNX; numbers are float64, as in the run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from dlcli.bundle.onnx_layers.graph import TYPES, Graph
from dlcli.data.columns.text import TextInput
from dlcli.exporting.columns import NotInFormatError
from dlcli.exporting.steps import UNSEEN

DATA_TYPES = {**TYPES, "float64": TensorProto.DOUBLE, "text": TensorProto.STRING}

KINDS = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "min": "Min",
    "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "abs": "Abs", "is_nan": "IsNaN",
    "equal": "Equal", "less_equal": "LessOrEqual",
    "and": "And", "or": "Or", "not": "Not", "where": "Where", "floor_mod": "Mod",
}  # fmt: skip


class OnnxSteps:
    """Writes into a graph; a value is the name of a tensor."""

    real = "float64"

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._numbers: dict[tuple[type, float], str] = {}

    def constant(self, values: Any) -> str:
        array = np.asarray(values)
        return self.graph.constant(array.astype(np.int64) if array.dtype.kind in "iu" else array)

    def op(self, kind: str, *values: Any) -> str:
        names = [self._name(value) for value in values]
        if kind == "floor_div":
            # Div of whole numbers cuts off; without the rest there is nothing to cut.
            rest = self.graph.op("Mod", *names)
            return self.graph.op("Div", self.graph.op("Sub", names[0], rest), names[1])
        return self.graph.op(KINDS[kind], *names)

    def cast(self, value: str, dtype: str) -> str:
        return self.graph.op("Cast", value, to=DATA_TYPES[dtype])

    def gather(self, table: NDArray[Any], positions: str) -> str:
        return self.graph.op("Gather", self.constant(table), positions, axis=0)

    def lookup(self, texts: str, words: Mapping[str, int]) -> str:
        node = self.graph.op(
            "LabelEncoder",
            texts,
            domain="ai.onnx.ml",
            keys_strings=list(words),
            values_int64s=list(words.values()),
            default_int64=UNSEEN,
        )
        return node

    def widen(self, value: str) -> str:
        return self.graph.op("Unsqueeze", value, self.graph.integers(1))

    def join(self, values: Sequence[str]) -> str:
        return self.graph.op("Concat", *values, axis=1)

    def pick(self, value: str, index: int) -> str:
        place = self.graph.constant(np.array(index, np.int64), "index")
        return self.graph.op("Gather", value, place, axis=1)

    def reduce(self, kind: str, value: str) -> str:
        return REDUCTIONS[kind](self.graph, value)

    def reshape(self, value: str, shape: Sequence[int]) -> str:
        return self.graph.op("Reshape", value, self.graph.integers(-1, *shape))

    def product(self, value: str, matrix: NDArray[Any]) -> str:
        return self.graph.op("MatMul", value, self.graph.constant(matrix, "matrix"))

    def words(self, texts: str, column: TextInput) -> str:
        raise NotInFormatError(
            f"the column {column.settings.name!r} is text, and ONNX has no operator that cuts text "
            "into words as the run does",
            "--format saved_model holds it",
        )

    def _name(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        key = (type(value), value)
        if np.isnan(value) or key not in self._numbers:
            kind = np.int64 if isinstance(value, int) else np.float64
            self._numbers[key] = self.graph.constant(np.array(value, kind), "number")
        return self._numbers[key]


def _arg_max(graph: Graph, value: str) -> str:
    return graph.op("ArgMax", value, axis=1, keepdims=0)


def _sum(graph: Graph, value: str) -> str:
    return graph.op("ReduceSum", value, graph.integers(1), keepdims=0)


def _max(graph: Graph, value: str) -> str:
    return graph.op("ReduceMax", value, graph.integers(1), keepdims=0)


REDUCTIONS: dict[str, Callable[[Graph, str], str]] = {
    "argmax": _arg_max,
    "sum": _sum,
    "max": _max,
}
