"""Folders of images: one sub-folder for each class, or images alone."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from dlcli.data.formats.header import given_names
from dlcli.data.image_folder import IMAGE_SUFFIXES, class_folders, image_files
from dlcli.data.readers import ReadOptions
from dlcli.data.table import IMAGE_UNIT, Origin, Table
from dlcli.errors import DataError

HAS_TYPES = True
COLUMNS = ("image", "class")


def read(path: Path, options: ReadOptions) -> Table:
    """Return a row for every image: its path within the folder, and its class where there are any."""
    classes = class_folders(path)
    columns: dict[str, list[str]] = {"image": []}
    if classes:
        columns["class"] = []
        _check_no_strays(path, classes)
    for folder in classes or [path]:
        files = image_files(folder)
        if classes and not files:
            raise DataError(
                f"{path}: the class folder {folder.name!r} has no image",
                hint=f"put images into it ({_suffixes()}), or remove it",
            )
        columns["image"] += [file.relative_to(path).as_posix() for file in files]
        if classes:
            columns["class"] += [folder.name] * len(files)
    if not columns["image"]:
        raise DataError(
            f"{path} is a folder without images ({_suffixes()})",
            hint=f"tables in it are named with their files: {path.name}/*.csv",
        )
    names = list(columns)
    if options.header is not None:
        names = given_names(options.header, num_cells=len(names), file=path.name, row=1)
    arrays = [pa.chunked_array([pa.array(cells, pa.string())]) for cells in columns.values()]
    num_rows = len(columns["image"])
    origin = Origin(path=path, first_row=1, num_rows=num_rows, unit=IMAGE_UNIT)
    return Table.from_arrow(pa.Table.from_arrays(arrays, names=names), origin)


def read_blocks(path: Path, options: ReadOptions, *, rows: int) -> Iterator[Table]:
    """Yield `rows` images at a time."""
    table = read(path, options)
    for start in range(0, table.num_rows, rows):
        yield table.slice(start, start + rows)


def _check_no_strays(path: Path, classes: list[Path]) -> None:
    strays = sorted(
        each.name
        for each in path.iterdir()
        if each.suffix.lower() in IMAGE_SUFFIXES and each.is_file()
    )
    if strays:
        more = f" and {len(strays) - 1} more" if len(strays) > 1 else ""
        raise DataError(
            f"{path} holds images beside its class folders: {strays[0]}{more}",
            hint=f"move each into the folder of its class, such as {classes[0].name}/",
        )


def _suffixes() -> str:
    return ", ".join(IMAGE_SUFFIXES)
