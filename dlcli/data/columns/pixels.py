"""The cells of image columns: arrays, or paths of files, to pixels."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlcli.data.arrays import from_array_column, is_array_column
from dlcli.data.cells import missing_mask
from dlcli.data.columns.reading import ReadColumn, empty_missing
from dlcli.data.columns.settings import ColumnSettings, column_hint
from dlcli.data.readers import STDIN
from dlcli.data.sources import hash_files
from dlcli.data.table import IMAGE_UNIT, Table
from dlcli.errors import DataError

OnStage = Callable[[str], None]
MOST_SIZES_SHOWN = 4


def read_images(
    table: Table, settings: ColumnSettings, on_stage: OnStage = lambda text: None
) -> ReadColumn:
    """Read an image column; raises DataError where its images do not all have one shape."""
    column = table.column(settings.name)
    if is_array_column(column):
        return _read_arrays(column, settings)
    if not pa.types.is_string(column.type) and column.null_count < len(column):
        raise DataError(
            f"column {settings.name!r} is to hold images, but its cells are of type {column.type}",
            hint="an image column holds paths of files relative to the table's folder; for pixels "
            "in columns of their own write `shape` under `data`, e.g. shape: [28, 28, 1]",
        )
    return _read_files(table, settings, on_stage)


def image_paths(table: Table, name: str, rows: Sequence[int]) -> list[Path]:
    """Return the files that the cells of `rows` name, relative to the folder of their table."""
    texts = table.column(name).take(pa.array(rows, pa.int64())).to_pylist()
    ends = np.cumsum([origin.num_rows for origin in table.origins])
    which = np.searchsorted(ends, table.row_ids[list(rows)], side="right")
    folders = [_folder_of(origin.path) for origin in table.origins]
    return [folders[origin] / text for origin, text in zip(which.tolist(), texts, strict=True)]


def names_files(table: Table, name: str) -> bool:
    """Tell whether the column holds paths, of a table that is not itself a folder or an image."""
    is_bare = all(origin.unit == IMAGE_UNIT for origin in table.origins)
    return not is_bare and not is_array_column(table.column(name))


def fingerprint_images(tables: Sequence[Table], name: str) -> dict[str, Any]:
    """Return how many different files the column names, their bytes, and one sha256; JSON-ready."""
    files: dict[Path, None] = {}
    for table in tables:
        rows = np.flatnonzero(~missing_mask(table.column(name))).tolist()
        files.update(dict.fromkeys(image_paths(table, name, rows)))
    there = [file for file in files if file.is_file()]
    sha256, num_bytes = hash_files(there, within=_folder_of(tables[0].origins[0].path))
    return {"files": len(there), "bytes": num_bytes, "sha256": sha256}


def _folder_of(path: Path) -> Path:
    if path == STDIN:
        return Path()
    return path if path.is_dir() else path.parent


def _read_arrays(column: pa.ChunkedArray, settings: ColumnSettings) -> ReadColumn:
    values: NDArray[Any] = from_array_column(column)
    if settings.expected is None:
        _check_no_file_settings(settings)
    shape = settings.shape
    if shape is None:
        # Grey images are mostly stored without their one channel.
        shape = (*values.shape[1:], 1) if values.ndim == 3 else values.shape[1:]
    if np.prod(shape) != np.prod(values.shape[1:]):
        raise DataError(
            f"column {settings.name!r}: `shape: {list(shape)}` takes {np.prod(shape):,} values, and "
            f"its arrays of shape {list(values.shape[1:])} hold {np.prod(values.shape[1:]):,}",
            hint="the sizes of a shape multiply out to the number of values",
        )
    if settings.expected is not None and tuple(shape) != settings.expected:
        raise _other_shape(settings.name, tuple(shape), settings.expected)
    values = values.reshape(len(values), *shape)
    missing = np.zeros(len(values), dtype=bool)
    unreadable = missing.copy()
    reasons: dict[int, str] = {}
    if values.dtype.kind == "f":
        unreadable = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        reasons = dict.fromkeys(np.flatnonzero(unreadable).tolist(), "a value that is no number")
    return ReadColumn(values=values, missing=missing, unreadable=unreadable, reasons=reasons)


def _check_no_file_settings(settings: ColumnSettings) -> None:
    for key, value in (("size", settings.size), ("color", settings.color)):
        if value is not None:
            raise DataError(
                f"column {settings.name!r} holds arrays: {key!r} is a setting of image files",
                hint=f"leave {key!r} out; a Resizing layer resizes arrays",
            )


def _other_shape(name: str, found: tuple[int, ...], expected: tuple[int, ...]) -> DataError:
    return DataError(
        f"column {name!r} holds images of shape {list(found)}, and the network takes "
        f"{list(expected)}",
        hint="the last size is the channels: 1 for grey, 3 for colour",
    )


def _read_files(table: Table, settings: ColumnSettings, on_stage: OnStage) -> ReadColumn:
    # Pillow is loaded for files of images alone.
    images: Any = import_module("dlcli.data.images")
    _check_can_be_files(settings)
    column = empty_missing(table.column(settings.name), settings.missing_values)
    missing = missing_mask(column)
    rows = np.flatnonzero(~missing)
    paths = image_paths(table, settings.name, rows.tolist())

    def count(done: int) -> None:
        on_stage(f"reading images: {done:,} of {len(paths):,}")

    if settings.expected is not None:
        height, width, channels = settings.expected
    elif settings.size is not None and settings.color is not None:
        (height, width), channels = settings.size, images.CHANNELS[settings.color]
    else:
        looks = images.look_at_images(paths)
        height, width = settings.size or _one_size(settings.name, images.count_sizes(looks))
        channels = images.CHANNELS[settings.color or images.common_color(looks)]
    color = next(name for name, count in images.CHANNELS.items() if count == channels)
    decoding = images.Decoding(
        height=height,
        width=width,
        color=color,
        resizes=settings.size is not None,
        interpolation=settings.interpolation,
        aspect=settings.aspect,
    )
    pixels, found = images.decode_images(paths, decoding, count)
    reasons = {int(rows[place]): reason for place, reason in found.items()}
    reasons |= {
        row: f"{reason} (the path is relative to the folder of this table)"
        for row, reason in reasons.items()
        if reason == images.DOES_NOT_EXIST and names_files(table, settings.name)
    }
    unreadable = np.zeros_like(missing)
    unreadable[list(reasons)] = True
    if len(rows) < table.num_rows:
        spread = np.zeros((table.num_rows, *decoding.shape), dtype=np.uint8)
        spread[rows] = pixels
        pixels = spread
    return ReadColumn(values=pixels, missing=missing, unreadable=unreadable, reasons=reasons)


def _check_can_be_files(settings: ColumnSettings) -> None:
    if settings.shape is not None:
        raise DataError(
            f"column {settings.name!r} names image files: 'shape' is a setting of arrays",
            hint=f"write `{column_hint(settings.name, size=[64, 64])}` to resize the images",
        )
    expected = settings.expected
    if expected is not None and (len(expected) != 3 or expected[2] not in (1, 3, 4)):
        raise DataError(
            f"the network takes arrays of shape {list(expected)}, which no image file gives",
            hint="predict from an .npz file",
        )


def _one_size(name: str, sizes: Any) -> tuple[int, int]:
    """Return the one size that all images have; any will do where none can be read."""
    if len(sizes) > 1:
        common = sizes.most_common(MOST_SIZES_SHOWN)
        shown = ", ".join(f"{height} x {width} ({count:,})" for (height, width), count in common)
        more = f" and {len(sizes) - len(common):,} more" if len(sizes) > len(common) else ""
        smallest = min(min(size) for size in sizes)
        side = min(max(8, smallest // 8 * 8), 128)
        raise DataError(
            f"column {name!r} has images of {len(sizes):,} sizes (height x width): {shown}{more}",
            hint=f"let them be resized: `{column_hint(name, size=[side, side])}` under `data`",
        )
    return next(iter(sizes), (1, 1))
