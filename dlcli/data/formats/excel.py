"""Excel and OpenDocument sheets through calamine."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import python_calamine

from dlcli.data.cells import cell_text, column_of
from dlcli.data.formats.header import column_names, given_names
from dlcli.data.formats.workbook import check_workbook, unshown_cells
from dlcli.data.readers import ReadOptions
from dlcli.data.table import Origin, Table
from dlcli.errors import DataError

HAS_TYPES = False
_LOOKED_THROUGH, _OPENED = 0.3, 0.7
"""The shares of the time that the file has taken when its text is looked through, and its cells read."""


def read(path: Path, options: ReadOptions) -> Table:
    """Read one sheet; rows above the first filled cell and below the last are no rows."""
    check_workbook(path)
    progress = _Progress(path, options.on_bytes)
    try:
        with python_calamine.CalamineWorkbook.from_path(path) as workbook:
            name = _sheet_name(workbook, path, options.sheet)
            unshown = unshown_cells(path, name, lambda share: progress.at(share * _LOOKED_THROUGH))
            sheet = workbook.get_sheet_by_name(name)
            progress.at(_OPENED)
            rows: list[list[object]] = [list(row) for row in sheet.to_python()]
            start = sheet.start or (0, 0)
    except python_calamine.PasswordError as error:
        raise DataError(
            f"{path.name} is protected by a password", hint="save a copy without a password"
        ) from error
    except python_calamine.CalamineError as error:
        raise DataError(
            f"{path.name} cannot be opened as a workbook: {error}",
            hint="it may be damaged, or another kind of file under an Excel name",
        ) from error
    for (row, number), text in unshown.items():
        _place(rows, row - start[0], number - start[1], text)
    while rows and all(cell == "" for cell in rows[-1]):
        rows.pop()
    if not rows:
        raise DataError(
            f"{path.name}: sheet {sheet.name!r} is empty",
            hint=f"set `sheet` to one of {', '.join(workbook.sheet_names)}",
        )
    return _build(rows, start[0] + 1, path, sheet.name, options, progress)


class _Progress:
    """Tells how much of a workbook is done as bytes of its file."""

    def __init__(self, path: Path, on_bytes: Callable[[int], None] | None) -> None:
        self._num_bytes = 0 if on_bytes is None else path.stat().st_size
        self._on_bytes = on_bytes
        self._told = 0

    def at(self, share: float) -> None:
        """Tell that a share of it is done."""
        if self._on_bytes is not None:
            done = round(share * self._num_bytes)
            self._on_bytes(done - self._told)
            self._told = done


def read_blocks(path: Path, options: ReadOptions, *, rows: int) -> Iterator[Table]:
    """Yield the sheet as one block: a workbook is read whole in any case."""
    yield read(path, options)


def _sheet_name(
    workbook: python_calamine.CalamineWorkbook, path: Path, wanted: str | int | None
) -> str:
    names: list[str] = workbook.sheet_names
    if not names:
        raise DataError(f"{path.name} has no sheets")
    if wanted is None:
        return _first_in_sight(workbook)
    if isinstance(wanted, int):
        if not 1 <= wanted <= len(names):
            raise DataError(
                f"{path.name} has no sheet number {wanted}",
                hint=f"sheets are counted from 1: {', '.join(names)}",
            )
        return names[wanted - 1]
    if wanted not in names:
        raise DataError(
            f"{path.name} has no sheet {wanted!r}", hint=f"its sheets are {', '.join(names)}"
        )
    return wanted


def _first_in_sight(workbook: python_calamine.CalamineWorkbook) -> str:
    """Return the first sheet of cells that whoever opens the file sees, else the first one."""
    shown = (
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.visible is python_calamine.SheetVisibleEnum.Visible
        and sheet.typ is python_calamine.SheetTypeEnum.WorkSheet
    )
    return next(shown, workbook.sheet_names[0])


def _place(rows: list[list[object]], row: int, number: int, text: str) -> None:
    # Cells outside the area that calamine returns hold no value in any row of the table.
    if 0 <= row < len(rows) and 0 <= number < len(rows[row]) and rows[row][number] == "":
        rows[row][number] = text


def _build(
    rows: list[list[object]],
    first_row: int,
    path: Path,
    sheet: str,
    options: ReadOptions,
    progress: _Progress,
) -> Table:
    first = rows[0]
    if options.header is not None:
        names = given_names(options.header, num_cells=len(first), file=path.name, row=first_row)
    else:
        names = column_names(
            [cell_text(cell) for cell in first], file=f"{path.name}, sheet {sheet}"
        )
        rows = rows[1:]
        first_row += 1
    cells = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    columns = []
    for number, values in enumerate(cells, 1):
        columns.append(_column(list(values)))
        progress.at(_OPENED + (1 - _OPENED) * number / len(cells))
    arrow = pa.Table.from_arrays(columns, names=names)
    origin = Origin(path=path, sheet=sheet, first_row=first_row, num_rows=len(rows))
    return Table.from_arrow(arrow, origin)


def _column(cells: list[object]) -> pa.ChunkedArray:
    kinds = {type(cell) for cell in cells if cell != ""}
    values = [None if cell == "" else cell for cell in cells]
    if kinds == {date}:
        return pa.chunked_array([pa.array(values, pa.date32())])
    if kinds and kinds <= {date, datetime}:
        return pa.chunked_array([pa.array(values, pa.timestamp("us"))])
    return column_of(values)
