"""What an ONNX file from someone else may not do, checked before a runtime opens it.

Reads the protobuf encoding itself: importing the onnx package would cost more than scoring.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dlcli.errors import RunError
from dlcli.files import reading

# A protobuf message cannot be larger.
MOST_BYTES = 2**31 - 1
MOST_DEPTH = 32

# Operators of the standard; anything else would have to come from a library of their own.
DOMAINS = frozenset({b"", b"ai.onnx", b"ai.onnx.ml"})

# Field numbers of onnx.proto (IR 3 to 13) that lead to tensors, by message.
NESTED: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
NODE_DOMAIN = 7
TENSOR_EXTERNAL_DATA = 13
TENSOR_DATA_LOCATION = 14


def read_onnx_file(path: Path) -> bytes:
    """Return the bytes of one complete ONNX file that refers to nothing outside it, or RunError."""
    if not path.is_file():
        raise RunError(f"{path}: no such file", hint="the run holds no ONNX network; was it moved?")
    size = path.stat().st_size
    if not 0 < size <= MOST_BYTES:
        raise RunError(f"{path}: not an ONNX file: {size} bytes, expected 1 to {MOST_BYTES}")
    with reading(path, RunError):
        content = path.read_bytes()
    try:
        _check_message(path, memoryview(content), "model", 0)
    except (IndexError, ValueError) as error:
        raise RunError(
            f"{path}: not a readable ONNX file",
            hint="the file is damaged or incomplete; train again, or copy the run again",
        ) from error
    return content


def _check_message(path: Path, message: memoryview, kind: str, depth: int) -> None:
    if depth > MOST_DEPTH:
        raise RunError(f"{path}: graphs nested more than {MOST_DEPTH} deep are refused")
    nested = NESTED[kind]
    for number, value in _fields(message):
        if kind == "tensor" and _is_outside(number, value):
            raise RunError(
                f"{path}: the network keeps weights in another file, which is refused",
                hint="write it as one file, without external data",
            )
        if kind == "node" and number == NODE_DOMAIN and bytes(value) not in DOMAINS:
            name = bytes(value).decode(errors="replace")
            raise RunError(f"{path}: operators of the domain {name!r} are refused")
        if number in nested and isinstance(value, memoryview):
            _check_message(path, value, nested[number], depth + 1)


def _is_outside(number: int, value: Any) -> bool:
    return number == TENSOR_EXTERNAL_DATA or (number == TENSOR_DATA_LOCATION and value != 0)


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Yield each field's number with its integer, or its bytes; ValueError where it is cut off."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        if kind == 0:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if kind == 2:
            size, place = _varint(message, place)
        elif kind in {1, 5}:
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if place + size > len(message):
            raise ValueError("cut off")
        yield key >> 3, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 127) << shift
        place += 1
        if byte < 128:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("number too long")
