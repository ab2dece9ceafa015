"""TensorBoard's event files, written record by record: neither TensorFlow nor TensorBoard is needed.

Events are protocol buffers within TFRecords; only the fields that scalars need are written.
"""

import struct
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from dlcli.errors import RunError
from dlcli.files import writing
from dlcli.runs import RunFolder
from dlcli.trackers.readings import read_epochs, read_figures, read_settings

FOLDER = "tensorboard"
_VERSION = b"brain.Event:2"
# CRC-32C (Castagnoli), reflected; TFRecords hold it rotated and shifted by a constant.
_POLYNOMIAL = 0x82F63B78
_SHIFT = 0xA282EAD8


def log_run(run: RunFolder) -> Path:
    """Write the figures of a run into `tensorboard/` in its folder."""
    manifest = run.load_manifest()
    ended = datetime.fromisoformat(manifest["created"]).timestamp()
    folder = run.path / FOLDER
    path = folder / f"events.out.tfevents.{int(ended)}.dlcli"
    with writing(path, RunError):
        folder.mkdir(exist_ok=True)
        path.write_bytes(b"".join(_record(event) for event in _events(run, ended)))
    return path


def _events(run: RunFolder, ended: float) -> Iterator[bytes]:
    yield _double(1, ended) + _bytes(3, _VERSION)
    settings = "\n".join(f"    {key}: {value}" for key, value in read_settings(run).items())
    yield _double(1, ended) + _bytes(5, _bytes(1, _text_value("config", settings)))
    step = 0
    for step, figures in enumerate(read_epochs(run), 1):
        yield _scalars(ended, step, {f"epoch/{name}": value for name, value in figures.items()})
    parts = {name.replace(".", "/", 1): value for name, value in read_figures(run).items()}
    yield _scalars(ended, step, parts)


def _scalars(time: float, step: int, figures: dict[str, float]) -> bytes:
    values = b"".join(
        _bytes(1, _bytes(1, name.encode()) + b"\x15" + struct.pack("<f", value))
        for name, value in figures.items()
    )
    return _double(1, time) + b"\x10" + _varint(step) + _bytes(5, values)


def _text_value(tag: str, text: str) -> bytes:
    """Return a summary value that the text plugin shows: a string tensor of one entry."""
    tensor = b"\x08\x07" + _bytes(2, _bytes(2, b"\x08\x01")) + _bytes(8, text.encode())
    plugin = _bytes(1, _bytes(1, b"text"))
    return _bytes(1, tag.encode()) + _bytes(9, plugin) + _bytes(8, tensor)


def _double(field: int, value: float) -> bytes:
    return bytes([field << 3 | 1]) + struct.pack("<d", value)


def _bytes(field: int, content: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _record(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    return length + _checksum(length) + content + _checksum(content)


def _checksum(content: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _SHIFT) & 0xFFFFFFFF)


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_TABLE = _table()
