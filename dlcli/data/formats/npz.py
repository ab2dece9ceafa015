"""NumPy's .npz files: every array is a column, those of several dimensions hold an array a row."""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlcli.data.arrays import to_array_column
from dlcli.data.formats.header import column_names, given_names
from dlcli.data.readers import ReadOptions
from dlcli.data.table import Origin, Table
from dlcli.errors import DataError

HAS_TYPES = True
_DAMAGES = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
    UnicodeDecodeError,
)


def read(path: Path, options: ReadOptions) -> Table:
    """Read every array; nothing in the file is ever unpickled."""
    arrays = _arrays(path)
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length:,}" for name, length in list(lengths.items())[:6])
        raise DataError(
            f"{path.name}: its arrays have different numbers of rows: {listed}",
            hint="the first axis of every array is the rows; write one file for each part and "
            "name the others under `split`, e.g. np.savez('train.npz', image=x, label=y)",
        )
    names = list(arrays)
    if options.header is not None:
        names = given_names(options.header, num_cells=len(names), file=path.name, row=1)
    names = column_names(names, file=path.name)
    columns = [_column(array, name, path) for name, array in arrays.items()]
    origin = Origin(path=path, first_row=1, num_rows=next(iter(lengths.values())))
    return Table.from_arrow(pa.Table.from_arrays(columns, names=names), origin)


def read_blocks(path: Path, options: ReadOptions, *, rows: int) -> Iterator[Table]:
    """Yield `rows` rows of the arrays at a time, which are read as a whole."""
    table = read(path, options)
    for start in range(0, max(table.num_rows, 1), rows):
        yield table.slice(start, start + rows)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.endswith(".npy")]
            arrays = {name.removesuffix(".npy"): _array(archive, name, path) for name in members}
    except _DAMAGES as error:
        raise DataError(
            f"{path.name} cannot be read as .npz: {str(error).rstrip('.')}",
            hint="it may be cut off, or another kind of file under this name",
        ) from error
    if not arrays:
        raise DataError(
            f"{path.name} holds no array",
            hint="np.savez('data.npz', image=x, label=y) writes one",
        )
    return arrays


def _array(archive: zipfile.ZipFile, member: str, path: Path) -> NDArray[Any]:
    name = member.removesuffix(".npy")
    try:
        with archive.open(member) as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    except ValueError as error:
        if "pickle" in str(error) or "Object arrays" in str(error):
            raise DataError(
                f"{path.name}: the array {name!r} holds Python objects, which are never loaded: "
                "they can run code",
                hint="write numbers or text instead: np.array(values, dtype='float32'), or "
                "dtype=str",
            ) from None
        raise DataError(f"{path.name}: the array {name!r} is damaged: {error}") from None
    if array.ndim == 0:
        raise DataError(
            f"{path.name}: the array {name!r} is a single value; its first axis must be the rows",
            hint="leave it out of the file",
        )
    return array


def _column(array: NDArray[Any], name: str, path: Path) -> pa.ChunkedArray:
    kind = array.dtype.kind
    if kind not in "biufUSM" or (array.ndim > 1 and kind not in "biuf"):
        raise DataError(
            f"{path.name}: the array {name!r} holds values of type {array.dtype}",
            hint="arrays hold numbers; arrays of one dimension may also hold text or dates",
        )
    if array.ndim > 1:
        if 0 in array.shape[1:]:
            raise DataError(
                f"{path.name}: the array {name!r} of shape {list(array.shape)} holds no value a row"
            )
        return to_array_column(_numbers(array))
    if kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "U":
        return pa.chunked_array([pa.array([text or None for text in array.tolist()], pa.string())])
    if kind == "M":
        return pa.chunked_array([pa.array(array.astype("datetime64[us]"))])
    if kind == "b":
        return pa.chunked_array([pa.array(array)])
    if array.dtype == np.uint64 and array.size and array.max() >= 2**63:
        return pa.chunked_array([pa.array([str(value) for value in array.tolist()])])
    return pa.chunked_array([pa.array(array.astype(np.float64 if kind == "f" else np.int64))])


def _numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Keep bytes as they are, and make the numbers of all others float32."""
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    return array if array.dtype == np.uint8 else array.astype(np.float32)
