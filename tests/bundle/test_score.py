"""Scoring an ONNX file: the right numbers, and a clear refusal of whatever does not fit."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dlcli.bundle.score import Scorer
from dlcli.errors import RunError

KERNEL = np.arange(6, dtype=np.float32).reshape(3, 2)


def write_network(path: Path, *, change: Any = None) -> Path:
    """Write y = features @ KERNEL, plus the sum of `steps` [rows, any, 2], as an ONNX file."""
    nodes = [
        helper.make_node("MatMul", ["features", "kernel"], ["product"]),
        helper.make_node("ReduceSum", ["steps", "axes"], ["total"], keepdims=0),
        helper.make_node("Add", ["product", "total"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", 3]),
            helper.make_tensor_value_info("steps", TensorProto.FLOAT, ["rows", "steps", 2]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2])],
        [
            numpy_helper.from_array(KERNEL, "kernel"),
            numpy_helper.from_array(np.array([1], np.int64), "axes"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    if change is not None:
        change(model)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_network(tmp_path / "model.onnx")


def inputs(rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {"features": rng.normal(size=(rows, 3)), "steps": rng.normal(size=(rows, 4, 2))}


@pytest.mark.parametrize("batch_rows", [1, 7, 10, 4096])
def test_batches_give_every_row_in_order(network: Path, batch_rows: int) -> None:
    taken = inputs(10)
    given = Scorer.open(network, threads=1).predict(taken, batch_rows=batch_rows)
    expected = taken["features"] @ KERNEL + taken["steps"].sum(axis=1)
    assert list(given) == ["y"]
    np.testing.assert_allclose(given["y"], expected, rtol=1e-5, atol=1e-5)


def test_no_rows_give_no_predictions(network: Path) -> None:
    assert Scorer.open(network).predict(inputs(0))["y"].shape == (0, 2)


def test_missing_input_is_named(network: Path) -> None:
    with pytest.raises(RunError, match=r"takes the inputs 'features', 'steps', received 'feature'"):
        Scorer.open(network).predict({"feature": np.zeros((2, 3))})


def test_wrong_width_is_named(network: Path) -> None:
    taken = {**inputs(2), "features": np.zeros((2, 5))}
    with pytest.raises(RunError, match=r"input 'features': .* takes \[rows, 3\], received \[rows"):
        Scorer.open(network).predict(taken)


def test_wrong_rank_is_named(network: Path) -> None:
    taken = {**inputs(2), "steps": np.zeros((2, 2))}
    with pytest.raises(RunError, match=r"input 'steps': the network takes \[rows, any, 2\]"):
        Scorer.open(network).predict(taken)


def test_unequal_numbers_of_rows_are_named(network: Path) -> None:
    taken = {**inputs(2), "features": np.zeros((3, 3))}
    with pytest.raises(RunError, match="different numbers of rows: features 3, steps 2"):
        Scorer.open(network).predict(taken)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"model\.onnx: no such file"):
        Scorer.open(tmp_path / "model.onnx")


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x00" * 64, b"\xff" * 64])
def test_other_content_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"model\.onnx: "):
        Scorer.open(path)


def test_every_cut_of_the_file_is_refused(network: Path) -> None:
    whole = network.read_bytes()
    for size in range(0, len(whole) - 2, 5):
        network.write_bytes(whole[:size])
        with pytest.raises(RunError):
            Scorer.open(network)


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        weights = model.graph.initializer[0]
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value="/etc/passwd")

    with pytest.raises(RunError, match="keeps weights in another file"):
        Scorer.open(write_network(tmp_path / "model.onnx", change=change))


def test_weights_in_another_file_are_refused_inside_attributes(tmp_path: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        tensor = TensorProto(name="hidden", data_type=TensorProto.FLOAT, dims=[1])
        tensor.external_data.add(key="location", value="weights.bin")
        model.graph.node.add(op_type="Constant", output=["c"]).attribute.append(
            helper.make_attribute("value", tensor)
        )

    with pytest.raises(RunError, match="keeps weights in another file"):
        Scorer.open(write_network(tmp_path / "model.onnx", change=change))


def test_operators_of_another_domain_are_refused(tmp_path: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node[0].domain = "com.example"

    with pytest.raises(RunError, match=r"domain 'com\.example' are refused"):
        Scorer.open(write_network(tmp_path / "model.onnx", change=change))


def test_graphs_nested_too_deep_are_refused(tmp_path: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        graph = model.graph
        for _ in range(20):
            attribute = graph.node.add(op_type="If").attribute.add(name="then_branch")
            graph = attribute.g

    with pytest.raises(RunError, match="nested more than 32 deep"):
        Scorer.open(write_network(tmp_path / "model.onnx", change=change))


def test_a_lookup_out_of_range_is_an_error_of_the_run(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "city"], ["y"])],
        "network",
        [helper.make_tensor_value_info("city", TensorProto.INT32, ["rows"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2])],
        [numpy_helper.from_array(KERNEL, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(RunError, match=r"fails on rows 1 to 2: indices element out of data bounds"):
        Scorer.open(path).predict({"city": np.array([1, 9])})


def test_scoring_imports_no_framework() -> None:
    code = (
        "import sys, dlcli.bundle.score;"
        "sys.exit(any(n in sys.modules for n in ('keras', 'tensorflow', 'jax', 'onnx')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
