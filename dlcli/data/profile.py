"""What a table holds, column by column, and what in it deserves a second look."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dlcli.data.arrays import is_array_column
from dlcli.data.cells import missing_mask, to_text
from dlcli.data.column_profile import ColumnProfile, profile_column
from dlcli.data.image_profile import ImageProfile, format_image_profile, profile_images
from dlcli.data.readers import looks_headerless
from dlcli.data.table import Table
from dlcli.languages import spoken, spoken_each, translated
from dlcli.terminal_text import cell_width, counted, cut_middle, pad, printable

BARS = " ▁▂▃▄▅▆▇█"
MOST_CLASSES = 20
"""Classes of a folder that are listed."""
_FIGURES = ("missing", "distinct", "min", "median", "max")


@dataclass(frozen=True, kw_only=True)
class TableProfile:
    """A whole table."""

    files: tuple[str, ...]
    num_rows: int
    duplicates: int
    """Rows that repeat an earlier one in every cell."""
    columns: tuple[ColumnProfile, ...]
    """Those whose cells are single values."""
    images: tuple[ImageProfile, ...] = ()
    """Columns of image files, which are among `columns` too, and of arrays."""
    classes: tuple[tuple[str, int], ...] = ()
    """Of a folder of images: its sub-folders with their numbers of images."""
    has_header: bool = True
    """False where the column names look like a first row of data."""

    def column(self, name: str) -> ColumnProfile:
        """Return the profile of a column that is there."""
        return next(column for column in self.columns if column.name == name)

    def to_json(self) -> dict[str, Any]:
        """Return the profile as JSON values."""
        return asdict(self)


def profile_table(
    table: Table,
    *,
    decimal: str = ".",
    thousands: str | None = None,
    with_images: bool = True,
) -> TableProfile:
    """Profile every column; `decimal` and `thousands` say how text columns write numbers.

    `with_images` also opens the files that columns name, to see what images they are.
    """
    arrays = [name for name in table.names if is_array_column(table.column(name))]
    cells = table.select([name for name in table.names if name not in arrays])
    columns = tuple(
        profile_column(cells, name, decimal=decimal, thousands=thousands) for name in cells.names
    )
    files = [column.name for column in columns if column.type == "image"]
    return TableProfile(
        files=tuple(dict.fromkeys(origin.path.name for origin in table.origins)),
        num_rows=table.num_rows,
        duplicates=0 if arrays else _count_duplicates(table),
        columns=columns,
        images=profile_images(table, [*files, *arrays]) if with_images else (),
        classes=_class_counts(table),
        has_header=not lacks_header(cells),
    )


def _class_counts(table: Table) -> tuple[tuple[str, int], ...]:
    """Count the images of each class of a folder, in the order of the classes."""
    if not table.origins or not table.origins[0].path.is_dir() or len(table.names) < 2:
        return ()
    counted = table.column(table.names[1]).value_counts()
    names, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    return tuple(zip(names, counts, strict=True))


def lacks_header(table: Table) -> bool:
    """Tell whether the names are cells: numbers, and texts that their own columns hold again."""
    texts = [name for name in table.names if not looks_headerless([name])]
    if len(texts) == len(table.names):
        return False
    return all(
        pc.any(pc.equal(to_text(table.column(name)), name)).as_py() is True for name in texts
    )


def _count_duplicates(table: Table) -> int:
    """Count the rows whose 64-bit hash, taken over all cells, has come before."""
    if not table.num_rows or not table.names:
        return 0
    hashes = np.zeros(table.num_rows, dtype=np.uint64)
    for name in table.names:
        hashes = _mix(hashes * np.uint64(0x9E3779B97F4A7C15) + _cell_hashes(table.column(name)))
    return table.num_rows - len(np.unique(hashes))


def _cell_hashes(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    """Return for every cell a number that equal cells share [rows]."""
    if pa.types.is_floating(column.type):
        floats = np.where(missing_mask(column), np.nan, column.to_numpy(zero_copy_only=False))
        # Adding 0 makes -0.0 and 0.0 alike.
        bits: NDArray[np.uint64] = (floats.astype(np.float64) + 0.0).view(np.uint64)
        return bits
    if pa.types.is_integer(column.type) and not column.null_count:
        whole: NDArray[np.uint64] = column.to_numpy().view(np.uint64)
        return whole
    encoded = column.dictionary_encode().unify_dictionaries().combine_chunks()
    codes = pc.fill_null(pc.cast(encoded.indices, pa.int64()), -1).to_numpy(zero_copy_only=False)
    return np.asarray(codes, dtype=np.int64).view(np.uint64)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every bit over all others: the finalizer of MurmurHash3."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        values = (values ^ (values >> np.uint64(33))) * np.uint64(factor)
    return values ^ (values >> np.uint64(33))


def format_profile(profile: TableProfile, *, width: int = 100) -> str:
    """Lay the profile out for a terminal of `width` characters."""
    title = ", ".join(
        [
            cut_middle(" + ".join(profile.files), width - 50),
            translated(_count_or_no(profile.num_rows, "row")),
            translated(_count_or_no(_num_columns(profile), "column")),
            translated(_count_or_no(profile.duplicates, "repeated row")),
        ]
    )
    notes = [line for note in _notes(profile) for line in _wrap_note(translated(note), width)]
    table = "\n".join(_format_columns(profile, width))
    blocks = [title, *([table] if profile.columns else [])]
    if profile.classes:
        blocks.append("\n".join(_format_classes(profile.classes)))
    blocks += [format_image_profile(images, width=width) for images in profile.images]
    return "\n\n".join([*blocks, *(["\n".join([spoken("notes"), *notes])] if notes else [])])


def format_bars(counts: Sequence[int]) -> str:
    """Draw counts as one line of blocks; only a count of 0 is blank."""
    most = max(counts, default=0)
    return "".join(BARS[-(-count * 8 // most) if most else 0] for count in counts)


def _format_columns(profile: TableProfile, width: int) -> list[str]:
    cells = [_figures(column) for column in profile.columns]
    titles = spoken_each(*_FIGURES)
    widths = [
        max(cell_width(title), *(len(row[index]) for row in cells), 0)
        if cells
        else cell_width(title)
        for index, title in enumerate(titles)
    ]
    type_width = 8
    name_width = max((cell_width(printable(column.name)) for column in profile.columns), default=0)
    taken = type_width + sum(widths) + 2 * (len(widths) + 2) + 12
    name_width = max(12, min(name_width, width - taken))

    def lay(name: str, kind: str, figures: Sequence[str], last: str) -> str:
        padded = [pad(text, size, right=True) for text, size in zip(figures, widths, strict=False)]
        return "  ".join(
            [pad(name, name_width), pad(spoken(kind), type_width), *padded, last]
        ).rstrip()

    lines = [lay(spoken("column"), "type", titles, "")]
    for column, figures in zip(profile.columns, cells, strict=True):
        name = cut_middle(printable(column.name), name_width)
        if column.minimum is not None:
            lines.append(lay(name, column.type, figures, format_bars(column.histogram)))
        else:
            start = lay(name, column.type, figures[:2], "")
            shown = _format_top(column, width - cell_width(start) - 2)
            lines.append(f"{start}  {shown}".rstrip())
    return lines


def _num_columns(profile: TableProfile) -> int:
    return len(profile.columns) + sum(each.is_array for each in profile.images)


def _format_classes(classes: Sequence[tuple[str, int]]) -> list[str]:
    """List the first classes with their counts, one a line."""
    name_width = max(cell_width(printable(name)) for name, _ in classes[:MOST_CLASSES])
    size = max(len(f"{count:,}") for _, count in classes)
    most = max(count for _, count in classes)
    lines = [
        f"  {pad(printable(name), name_width)}  {count:>{size},}  {'█' * -(-count * 20 // most)}"
        for name, count in classes[:MOST_CLASSES]
    ]
    more = len(classes) - MOST_CLASSES
    title = f"{len(classes):,} class folders" if len(classes) > 1 else "1 class folder"
    return [title, *lines, *([f"  and {more:,} more"] if more > 0 else [])]


def _figures(column: ColumnProfile) -> list[str]:
    missing = f"{column.missing:,}" if column.missing else "-"
    extent = (column.minimum, column.median, column.maximum)
    return [missing, f"{column.distinct:,}", *map(format_extent, extent)]


def format_extent(value: float | str | None) -> str:
    """Format a number with five significant digits, a date as it is, None as nothing."""
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:.5g}" if abs(value) < 1e5 or value % 1 or abs(value) >= 1e9 else f"{value:.0f}"


def _format_top(column: ColumnProfile, width: int) -> str:
    """List the most frequent values with their shares, as many as fit."""
    if column.nature in ("identifier", "text") or column.type == "image":
        return ""
    known = sum(count for _, count in column.top)
    num_cells = known if len(column.top) == column.distinct else None
    text = ""
    for index, (value, count) in enumerate(column.top):
        share = f"{count / num_cells:.0%}" if num_cells else f"{count:,}"
        item = f"{cut_middle(printable(value), 24)} {share}"
        longer = f"{text}, {item}" if text else item
        is_last = index + 1 == column.distinct
        if cell_width(longer) + (0 if is_last else 3) > width:
            return f"{text}, …" if text else ""
        text = longer
    return text if len(column.top) == column.distinct else f"{text}, …"


def _notes(profile: TableProfile) -> list[str]:
    """Return the notes, one for all columns of which the same is to be said."""
    named: dict[str, list[str]] = {}
    for column in profile.columns:
        if column.note:
            named.setdefault(printable(column.note), []).append(
                cut_middle(printable(column.name), 40)
            )
    notes = []
    if not profile.has_header:
        notes.append("the column names look like data: a file without a header row needs `header`")
    return notes + [f"{', '.join(names)}: {note}" for note, names in named.items()]


def _wrap_note(note: str, width: int) -> list[str]:
    return textwrap.wrap(note, width, initial_indent="  ", subsequent_indent="    ")


def _count_or_no(number: int, noun: str) -> str:
    return counted(number, noun) if number else f"no {noun}s"
