"""A run as one ONNX model: the preprocessing, the run's own network, and the reading of its outputs."""

import json
from typing import Any

import onnx
from onnx import compose, helper

from dlcli.bundle.onnx_file import read_onnx_file
from dlcli.bundle.onnx_layers.graph import IR_VERSION, OPSET, Graph
from dlcli.bundle.store import Bundle
from dlcli.errors import RunError
from dlcli.exporting.columns import (
    NotInFormatError,
    RawColumn,
    probability_name,
    raw_columns,
    value_name,
)
from dlcli.exporting.onnx_steps import DATA_TYPES, OnnxSteps
from dlcli.exporting.steps import write_inputs, write_outputs
from dlcli.runs import RunFolder

NETWORK = "network/"
"""How the names of the run's own network begin, which keeps them apart from the others."""

ML_OPSET = 3


def build_raw_onnx(run: RunFolder, bundle: Bundle) -> bytes:
    """Return the file's bytes; raises NotInFormatError where ONNX cannot express the run."""
    record = run.load_manifest()["onnx"]
    if not record["written"]:
        raise NotInFormatError(
            f"the network has no ONNX form: {record['reason']}",
            "--format saved_model holds every network",
        )
    run.check_files(run.onnx)
    network = compose.add_prefix(
        onnx.load_model_from_string(read_onnx_file(run.onnx)), NETWORK, rename_functions=False
    )
    columns = raw_columns(bundle.preprocessing)
    graph = Graph()
    steps = OnnxSteps(graph)
    tensors, rows = write_inputs(steps, bundle.preprocessing, {c.name: c.name for c in columns})
    _check_fits(network, tensors)
    for taken in network.graph.input:
        name = tensors[taken.name.removeprefix(NETWORK)]
        graph.nodes.append(helper.make_node("Identity", [name], [taken.name]))
    graph.nodes.extend(network.graph.node)
    given = {each.name.removeprefix(NETWORK): each.name for each in network.graph.output}
    made = write_outputs(steps, given, bundle.readings, bundle.preprocessing, rows)
    for name, tensor in made.items():
        graph.nodes.append(helper.make_node("Identity", [tensor], [name]))
    proto = helper.make_graph(
        graph.nodes,
        "run",
        [_input(column) for column in columns],
        _outputs(bundle),
        [*graph.initializers, *network.graph.initializer],
        sparse_initializer=list(network.graph.sparse_initializer),
    )
    return _model(proto, network, run, bundle)


def _model(
    proto: onnx.GraphProto, network: onnx.ModelProto, run: RunFolder, bundle: Bundle
) -> bytes:
    opsets = {"": OPSET, "ai.onnx.ml": ML_OPSET}
    opsets |= {each.domain: each.version for each in network.opset_import}
    model = helper.make_model(
        proto,
        opset_imports=[helper.make_opsetid(domain, number) for domain, number in opsets.items()],
        ir_version=max(IR_VERSION, network.ir_version),
        producer_name="dlcli",
        functions=list(network.functions),
    )
    classes = {info.name: info.classes for info in bundle.preprocessing.targets if info.classes}
    manifest = run.load_manifest()
    properties = {"run": manifest["name"], "classes": json.dumps(classes, ensure_ascii=False)}
    helper.set_model_props(model, properties)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _check_fits(network: onnx.ModelProto, tensors: dict[str, str]) -> None:
    taken = {each.name.removeprefix(NETWORK) for each in network.graph.input}
    if taken != set(tensors):
        raise RunError(
            f"model.onnx takes {', '.join(sorted(taken))}, and preprocessing.json gives "
            f"{', '.join(sorted(tensors))}",
            hint="copy the run folder again, or train again",
        )


def _input(column: RawColumn) -> Any:
    kind = {"number": "float64", "text": "text", "moment": "int64"}.get(column.kind, column.dtype)
    return helper.make_tensor_value_info(column.name, DATA_TYPES[kind], ["rows", *column.shape])


def _outputs(bundle: Bundle) -> list[Any]:
    described = []
    for reading in bundle.readings:
        for target in reading.targets:
            kind = "float64" if reading.task == "regression" else "text"
            name = value_name(target)
            described.append(helper.make_tensor_value_info(name, DATA_TYPES[kind], ["rows"]))
            if kind == "text":
                infos = {info.name: info for info in bundle.preprocessing.targets}
                count = len(infos[target].classes or ())
                described.append(
                    helper.make_tensor_value_info(
                        probability_name(target), DATA_TYPES["float64"], ["rows", count]
                    )
                )
    return described
