"""Column names from the first row of a file, or from the config when it has none."""

from collections.abc import Sequence

from dlcli.data.readers import looks_headerless
from dlcli.errors import DataError

MOST_COLUMNS = 20_000
"""More of them take minutes to look through one by one, and each has settings of its own."""


def column_names(cells: Sequence[str], *, file: str) -> list[str]:
    """Return the names as written; a nameless column is `column N`. Raises on a repeated name."""
    check_width(len(cells), file=file)
    names = [cell or f"column {number}" for number, cell in enumerate(cells, start=1)]
    first: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if name in first:
            hint = (
                "the first row looks like data: list the column names under `header`"
                if looks_headerless(names)
                else "rename one of them in the file"
            )
            raise DataError(
                f"{file}: columns {first[name]} and {number} are both named {name!r}", hint=hint
            )
        first[name] = number
    return names


def check_width(num_columns: int, *, file: str) -> None:
    """Raise DataError for more columns than are read."""
    if num_columns > MOST_COLUMNS:
        raise DataError(
            f"{file} has {num_columns:,} columns; at most {MOST_COLUMNS:,} are read",
            hint="are rows and columns exchanged? long rows of numbers belong into a file of arrays, "
            "such as .npz",
        )


def given_names(header: Sequence[str], *, num_cells: int, file: str, row: int) -> list[str]:
    """Return the config's names for a file whose first row has `num_cells` cells."""
    if len(header) != num_cells:
        raise DataError(
            f"{file}: `header` lists {_names(len(header))}, but row {row} has {num_cells} cells",
            hint="give one name for each column, in the file's order",
        )
    return column_names(header, file="`header`")


def _names(count: int) -> str:
    return "1 name" if count == 1 else f"{count} names"
