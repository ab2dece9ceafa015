"""What kind of column each one is: named in the config, or inferred from its cells."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dlcli.data.arrays import is_array_column
from dlcli.data.cells import cell_text, infer_column, parse_dates, parse_numbers
from dlcli.data.columns.reading import FALSE_WORDS, NAN_TEXT, TRUE_WORDS, empty_missing
from dlcli.data.columns.settings import column_hint, implied_type, yaml_text
from dlcli.errors import DataError
from dlcli.spec.data import ColumnSpec, ColumnType, DataSpec

MOST_CATEGORIES = 1000
"""More distinct texts than this are an identifier; one-hot features would swamp the network."""
FEWEST_FOR_IDENTIFIER = 20
"""Below this many distinct texts a column is never taken for an identifier."""
TEXT_WORDS = 5.0
"""Mean number of words from which distinct texts are prose rather than names."""
OTHER_DATE_FORMATS = (
    "%Y-%m", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%m-%Y", "%b %Y",
    "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%Y.%m.%d",
)  # fmt: skip

_IMAGE_FILE = r"(?i)\.(png|jpe?g|bmp|gif|webp)\s*$"
_CODE = r"^\s*[+-]?0[0-9]+\s*$"
_SAMPLE_CELLS = 20_000


@dataclass(frozen=True, kw_only=True)
class InferredType:
    """The type of a column, and why it should not become an input without the user's word."""

    type: ColumnType
    doubt: str | None = None
    """What is odd about it, e.g. "has 77 different texts in 77 rows: is it an identifier?"."""
    date_format: str | None = None
    """A strptime format that reads every cell of a column in doubt."""
    marks: str | None = None
    """Settings that make every cell of a column in doubt a number, as a config has them."""


def column_type(spec: DataSpec, name: str, column: pa.ChunkedArray) -> InferredType:
    """Return the type that the settings of `name` give, else the one its cells show."""
    own = spec.columns.get(name, ColumnSpec())
    named = implied_type(own)
    if is_array_column(column):
        return InferredType(type=_array_type(name, named))
    if named is not None:
        return InferredType(type=named)
    markers = spec.missing_values if own.missing_values is None else own.missing_values
    return infer_type(
        empty_missing(column, tuple(cell_text(marker) for marker in markers)),
        decimal=spec.decimal,
        thousands=spec.thousands,
    )


def infer_type(
    column: pa.ChunkedArray, *, decimal: str = ".", thousands: str | None = None
) -> InferredType:
    """Infer the type from all cells.

    Text counts as numbers or dates when at least half of its cells read as such: the others are
    then unreadable cells, which a policy must name, rather than one category each.
    """
    if is_array_column(column):
        return InferredType(type="image")
    if pa.types.is_string(column.type):
        column = infer_column(column, decimal=decimal, thousands=thousands)
    kind = column.type
    if pa.types.is_boolean(kind):
        return InferredType(type="boolean")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind):
        return InferredType(type="number")
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return InferredType(type="date")
    texts = column.drop_null()
    assert pa.types.is_string(kind), f"readers give no columns of type {kind}"
    if len(texts) == 0:
        return InferredType(type="number")
    # A category's cells repeat: each different text is tried once, and counts as often as it stands.
    if _name_images(texts):
        return InferredType(type="image")
    counted = texts.value_counts()
    words, counts = pa.chunked_array([counted.field("values")]), counted.field("counts").to_numpy()
    no_nan = pc.invert(pc.match_substring_regex(words, NAN_TEXT)).to_numpy()
    numbers = parse_numbers(words.filter(pa.array(no_nan)), decimal=decimal, thousands=thousands)
    if _mostly(counts[no_nan], numbers[1]):
        if not pc.any(pc.match_substring_regex(words, _CODE)).as_py():
            return InferredType(type="number")
    elif _mostly(counts, parse_dates(words)[1]):
        return InferredType(type="date")
    marks = _other_marks(words) if (decimal, thousands) == (".", None) else None
    if marks is not None:
        doubt = "holds numbers with a decimal comma or marks between thousands"
        return InferredType(type="category", doubt=doubt, marks=marks)
    return _texts_type(texts)


def check_not_in_doubt(name: str, inferred: InferredType, *, role: str) -> None:
    """Raise for an input or target whose texts look like prose or an identifier."""
    if inferred.doubt is None:
        return
    if inferred.marks is not None:
        hint = (
            f"set `{inferred.marks}` under `data` if they are numbers, or "
            f"`{column_hint(name, type='category')}` if they are not"
        )
    elif role == "target":
        hint = f"if they are classes, set `{column_hint(name, type='category')}`"
    elif inferred.date_format is not None:
        setting = column_hint(name, type="date", format=inferred.date_format)
        hint = f"the cells are dates: set `{setting}`, or leave it out with `drop: {_listed(name)}`"
    else:
        hint = (
            f"leave it out with `drop: {_listed(name)}`, or say what it is: "
            f"`{column_hint(name, type='text')}` or `{column_hint(name, type='category')}`"
        )
    raise DataError(f"column {name!r} {inferred.doubt}", hint=hint)


def _array_type(name: str, named: ColumnType | None) -> ColumnType:
    if named not in (None, "image"):
        raise DataError(
            f"column {name!r} holds arrays, and is no {named} column",
            hint=f"leave its type out, or set `{column_hint(name, type='image')}`",
        )
    return "image"


def _name_images(texts: pa.ChunkedArray) -> bool:
    """Tell whether every text ends like the name of an image file; most columns fail at the first."""
    return all(
        pc.all(pc.match_substring_regex(some, _IMAGE_FILE)).as_py()
        for some in (texts.slice(0, 1), texts)
    )


def _other_marks(words: pa.ChunkedArray) -> str | None:
    """Return the settings under which all texts are numbers, where there are some."""
    for marks in ({"decimal": ","}, {"thousands": ","}, {"decimal": ",", "thousands": "."}):
        typed = infer_column(words, **{"decimal": ".", **marks})
        if pa.types.is_integer(typed.type) or pa.types.is_floating(typed.type):
            return ", ".join(f'{key}: "{mark}"' for key, mark in marks.items())
    return None


def _texts_type(texts: pa.ChunkedArray) -> InferredType:
    distinct = pc.unique(texts)
    count = len(distinct)
    if count <= 2 * len(TRUE_WORDS) and _are_booleans({str(cell) for cell in distinct.to_pylist()}):
        return InferredType(type="boolean")
    is_repeated = count * 2 <= len(texts)
    if count < FEWEST_FOR_IDENTIFIER or (is_repeated and count <= MOST_CATEGORIES):
        return InferredType(type="category")
    sample = distinct.slice(0, _SAMPLE_CELLS)
    if (
        np.mean(pc.count_substring_regex(sample, r"\S+").to_numpy(zero_copy_only=False))
        >= TEXT_WORDS
    ):
        return InferredType(type="text", doubt=f"holds free text ({count} different ones)")
    chunked = pa.chunked_array([sample])
    formats = (f for f in OTHER_DATE_FORMATS if not len(parse_dates(chunked, f)[1]))
    doubt = _identifier(count, len(texts))
    return InferredType(type="category", doubt=doubt, date_format=next(formats, None))


def _identifier(count: int, num_cells: int) -> str:
    return f"has {count} different texts in {num_cells} rows: is it an identifier?"


def _are_booleans(words: set[str]) -> bool:
    """Tell whether these are true and false; single letters only when both are there."""
    folded = {word.strip().casefold() for word in words}
    if not folded <= (TRUE_WORDS | FALSE_WORDS) or folded & {"0", "1"}:
        return False
    return bool(folded & TRUE_WORDS and folded & FALSE_WORDS) or not folded & set("tfyn")


def _mostly(counts: NDArray[np.int64], bad: NDArray[np.int64]) -> bool:
    """Tell whether at least half of the cells can be read; `bad` are places in `counts`."""
    return int(counts[bad].sum()) * 2 <= int(counts.sum())


def _listed(name: str) -> str:
    return yaml_text([name])
