"""The steps of preprocessing in ONNX, held against the preprocessing itself."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pytest
import tensorflow as tf
from onnx import helper

from dlcli.bundle.onnx_layers.graph import OPSET, Graph
from dlcli.data.fitting import fit_preprocessing
from dlcli.data.scaling import fit_scaler
from dlcli.data.table import Origin, Table
from dlcli.exporting.columns import raw_arrays, raw_columns
from dlcli.exporting.onnx_steps import DATA_TYPES, OnnxSteps
from dlcli.exporting.steps import write_inputs, write_restored, write_scaled
from dlcli.exporting.tensorflow_steps import TensorFlowSteps
from dlcli.spec.data import DATE_PARTS, ColumnSpec, DataSpec

KINDS = {"number": "float64", "text": "text", "moment": "int64"}


def run_graph(graph: Graph, taken: dict[str, str], given: dict[str, str], feed: dict[str, Any]):
    """Run a graph on some arrays; both mappings are of names, to types and to tensors."""
    nodes = [helper.make_node("Identity", [tensor], [name]) for name, tensor in given.items()]
    describe = helper.make_tensor_value_info
    proto = helper.make_graph(
        [*graph.nodes, *nodes],
        "steps",
        [describe(name, DATA_TYPES[kind], ["rows"]) for name, kind in taken.items()],
        [onnx.ValueInfoProto(name=name) for name in given],
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(proto, opset_imports=opsets, ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return dict(zip(given, session.run(list(given), feed), strict=True))


@pytest.mark.parametrize("kind", ["standard", "minmax", "robust", "quantile"])
@pytest.mark.parametrize("seed", range(3))
def test_scaling_and_its_undoing_are_those_of_the_scaler(kind, seed):
    random = np.random.default_rng(seed)
    values = np.round(np.exp(random.normal(0, 2, 1500)), seed)  # with repeated ones
    scaler = fit_scaler(kind, values)
    graph = Graph()
    steps = OnnxSteps(graph)
    given = {
        "scaled": write_scaled(steps, scaler, "x"),
        "restored": write_restored(steps, scaler, "z"),
    }
    low, high = float(values.min()), float(values.max())
    feed = {
        "x": np.array([*values[:200], low - 1, high + 1, low, high, 0.0]),
        "z": np.linspace(-6, 6, 205),
    }
    found = run_graph(graph, {"x": "float64", "z": "float64"}, given, feed)
    np.testing.assert_allclose(found["scaled"], scaler.apply(feed["x"]), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found["restored"], scaler.restore(feed["z"]), atol=2e-6 * high)


@pytest.mark.parametrize("kind", ["robust", "quantile"])
def test_a_bound_bends_as_the_scaler_does(kind):
    values = np.maximum(np.random.default_rng(1).normal(size=50), -0.5)
    scaler = fit_scaler(kind, values, bound=1.5)
    graph = Graph()
    given = {"scaled": write_scaled(OnnxSteps(graph), scaler, "x")}
    feed = {"x": np.array([*values, 1e3, -1e300, 1e300])}
    found = run_graph(graph, {"x": "float64"}, given, feed)
    np.testing.assert_allclose(found["scaled"], scaler.apply(feed["x"]), rtol=1e-9)


@pytest.mark.parametrize("bound", [None, 3.0])
def test_float32_finds_the_ties_of_quantiles_that_rounding_has_parted(bound):
    # One decimal each: float32 has them all, but not the interpolated quantiles between two.
    values = np.random.default_rng(3).integers(40, 80, 90) / 10
    scaler = fit_scaler("quantile", values, bound=bound)
    quantiles = np.array(scaler.quantiles)
    assert len(set(scaler.quantiles)) > len(set(values)), "no quantile is parted from its tie"
    given = tf.constant([*values, 3.0, 5.25, 9.0], tf.float32)
    scaled = write_scaled(TensorFlowSteps("float32", None), scaler, given)
    expected = scaler.apply(np.array([*values, 3.0, 5.25, 9.0]))
    assert quantiles.min() < 5.25 < quantiles.max()
    np.testing.assert_allclose(scaled, expected, atol=1e-5)


def test_a_scaler_of_a_constant_column_only_shifts():
    scaler = fit_scaler("quantile", np.full(5, 3.0))
    graph = Graph()
    given = {"scaled": write_scaled(OnnxSteps(graph), scaler, "x")}
    found = run_graph(graph, {"x": "float64"}, given, {"x": np.array([3.0, 4.0])})
    assert found["scaled"].tolist() == [0.0, 1.0]


@pytest.fixture(scope="module")
def table() -> Table:
    random = np.random.default_rng(0)
    count = 300

    def holed(values: list[Any]) -> list[Any]:
        for row in random.choice(count, 9, replace=False):
            values[row] = None
        return values

    start = datetime(1890, 1, 1)
    seconds = random.integers(0, 70_000 * 86_400, count).tolist()
    arrow = pa.table(
        {
            "age": holed(random.normal(50, 10, count).tolist()),
            "mark": [-1.0 if row % 7 == 0 else float(row) for row in range(count)],
            "job": holed(random.choice(["cook", "pilot", "n\u00e9e"], count).tolist()),
            "zone": random.integers(1, 5, count).tolist(),
            "kind": random.choice(["a", "b"], count).tolist(),
            "smokes": holed(random.choice(["Yes", "no"], count).tolist()),
            "day": holed([start + timedelta(seconds=each) for each in seconds]),
            "y": random.normal(size=count).tolist(),
        }
    )
    return Table.from_arrow(arrow, Origin(path=Path("cells.csv"), first_row=2, num_rows=count))


SPEC = DataSpec(
    source="cells.csv",
    target="y",
    missing="drop",
    scale="standard",
    columns={
        "age": ColumnSpec(missing="mean", unreadable="missing", missing_indicator=True),
        "mark": ColumnSpec(missing_values=("-1",), missing="median", scale="quantile"),
        "job": ColumnSpec(missing="mode", unseen="ignore"),
        "zone": ColumnSpec(type="category"),
        "kind": ColumnSpec(encode="ordinal", unseen="ignore"),
        "smokes": ColumnSpec(type="boolean"),
        "day": ColumnSpec(parts=DATE_PARTS),
    },
)


def test_columns_of_every_kind_become_the_same_tensors(table):
    preprocessing = fit_preprocessing(SPEC, table, np.arange(150), frozenset())
    cells = preprocessing.read(table, with_targets=False)
    feed = raw_arrays(preprocessing, cells, np.arange(table.num_rows))
    graph = Graph()
    columns = raw_columns(preprocessing)
    tensors, rows = write_inputs(OnnxSteps(graph), preprocessing, {c.name: c.name for c in columns})
    given = {f"made_{name}": tensor for name, tensor in tensors.items()} | {"valid": rows.valid}
    taken = {column.name: KINDS[column.kind] for column in columns}
    found = run_graph(graph, taken, given, feed)
    expected = preprocessing.encode(cells, cells.kept, with_targets=False).inputs
    np.testing.assert_array_equal(np.flatnonzero(found["valid"]), cells.kept)
    assert 0 < len(cells.kept) < table.num_rows
    np.testing.assert_array_equal(found["made_features"][cells.kept], expected["features"])
    np.testing.assert_array_equal(found["made_kind"][cells.kept], expected["kind"])

    odd = {name: array[cells.kept[:6]].copy() for name, array in feed.items()}
    odd["job"][0] = "unheard of"
    odd["zone"][1] = 99
    odd["age"][2] = np.inf
    odd["mark"][3] = np.inf
    odd["smokes"][4] = "perhaps"
    odd["kind"][5] = "unheard of"
    found = run_graph(graph, taken, given, odd)
    assert found["valid"].tolist() == [True, False, True, False, False, True]
    names = preprocessing.feature_names
    jobs = [names.index(name) for name in names if name.startswith("job=")]
    assert found["made_features"][0, jobs].tolist() == [0, 0, 0]
    assert found["made_features"][2, 0] == 0  # the mean, scaled
    assert found["made_kind"][5] == 2
