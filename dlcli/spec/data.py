"""The `data` section: where the table is, which columns mean what, and what happens to bad cells."""

from dataclasses import dataclass
from typing import Any, Literal

from dlcli.spec.containers import ListOf, MapOf, OneOf
from dlcli.spec.fields import Boolean, Choice, Integer, Number, Text
from dlcli.spec.sections import Section, setting
from dlcli.spec.windows import WindowSpec

ColumnType = Literal["number", "category", "boolean", "date", "text", "image"]
ScaleName = Literal["none", "standard", "minmax", "robust", "quantile", "zca"]
Color = Literal["grey", "rgb", "rgba"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos3", "area"]
Aspect = Literal["stretch", "crop", "pad"]

MEMORY = "memory:"
"""The source of a run whose table was given in Python."""

ZCA_EPSILON = 0.01
"""Added to the variances that ZCA whitening divides by; pixels have variance 1 by then."""

DATE_PARTS = ("year", "month", "day", "weekday", "dayofyear", "hour", "minute", "second")


@dataclass(frozen=True, kw_only=True)
class ConstantPolicy:
    """Fill missing cells with one value."""

    constant: float | str = setting(
        OneOf((Number(), Text())), "The value that takes the place of a missing cell."
    )


@dataclass(frozen=True, kw_only=True)
class ZcaScale:
    """Whiten images with an epsilon of one's own."""

    zca: float = setting(
        Number(exclusive_minimum=0),
        "What is added to the variances that whitening divides by: the smaller, the more the "
        "faintest differences between pixels count; 0.01 for plain `zca`.",
    )


@dataclass(frozen=True, kw_only=True)
class RobustScale:
    """Scale robustly, and bend what lies far out towards a bound."""

    robust: float = setting(
        Number(exclusive_minimum=0),
        "How far from 0 the scaled numbers of an input come at most, e.g. 3: x becomes "
        "x / sqrt(1 + (x / 3)^2), which changes little near 0 and tells outliers apart all the "
        "same.",
    )


@dataclass(frozen=True, kw_only=True)
class QuantileScale:
    """Scale by ranks, and keep the ends near the rest."""

    quantile: float = setting(
        Number(exclusive_minimum=0),
        "How far from 0 the ends of an input come at most, e.g. 3: the smallest and the largest "
        "number become what their ranks say, as all others do, in place of -5.2 and 5.2.",
    )


Scale = ScaleName | ZcaScale | RobustScale | QuantileScale
Missing = Literal["error", "drop", "mean", "median", "mode"] | ConstantPolicy
MISSING = OneOf(
    (Choice(("error", "drop", "mean", "median", "mode")), Section(ConstantPolicy)),
)
MISSING_VALUES = ListOf(OneOf((Text(), Number())))
SCALE = OneOf(
    (
        Choice(("none", "standard", "minmax", "robust", "quantile", "zca")),
        Section(ZcaScale),
        Section(RobustScale),
        Section(QuantileScale),
    )
)
TARGET_SCALE = Choice(("none", "standard", "minmax", "robust", "quantile"))
SIZE = OneOf((Integer(minimum=1), ListOf(Integer(minimum=1), 2)))
SHAPE = ListOf(Integer(minimum=1), 1)
UNREADABLE = Choice(("error", "missing", "drop"))
UNSEEN = Choice(("error", "ignore"))
NAMES = OneOf((Text("a column name"), ListOf(Text("a column name"), 1)))


@dataclass(frozen=True, kw_only=True)
class ColumnSpec:
    """Settings of one column, over the ones of the whole table."""

    type: ColumnType | None = setting(
        Choice(("number", "category", "boolean", "date", "text", "image")),
        "What the column holds; without it the type is inferred from the cells.",
        default=None,
    )
    encode: Literal["onehot", "ordinal"] | None = setting(
        Choice(("onehot", "ordinal")),
        "How categories become numbers: one 0/1 feature each, or whole numbers for an Embedding, "
        "which arrive under the column's own name.",
        default=None,
    )
    categories: tuple[str | float, ...] | None = setting(
        ListOf(OneOf((Text(), Number())), 1),
        "The categories in a fixed order; without it they are the sorted ones of the training part.",
        default=None,
    )
    missing: Missing | None = setting(
        MISSING, "What happens to missing cells of this column.", default=None
    )
    missing_indicator: bool | None = setting(
        Boolean(),
        "Whether a feature beside this column's, 0 or 1, tells where its cells were missing.",
        default=None,
    )
    missing_values: tuple[str | float, ...] | None = setting(
        MISSING_VALUES,
        "Cells of this column that mean missing, beside the empty cell.",
        default=None,
    )
    unreadable: Literal["error", "missing", "drop"] | None = setting(
        UNREADABLE, "What happens to cells of this column that its type cannot read.", default=None
    )
    unseen: Literal["error", "ignore"] | None = setting(
        UNSEEN,
        "What happens to a category that training has not seen: an error, or no feature is set.",
        default=None,
    )
    scale: Scale | None = setting(
        SCALE,
        "How the numbers of this column are scaled; of inputs also by {robust: 3} and "
        "{quantile: 3}, which keep outliers and ends within 3; images also by zca, or {zca: 0.1} with an epsilon.",
        default=None,
    )
    clip: bool | None = setting(
        Boolean(),
        "For a target: whether its predictions stay within what the training part holds.",
        default=None,
    )
    format: str | None = setting(
        Text(),
        "How dates are written, in strptime codes, e.g. '%d/%m/%Y'; ISO 8601 without it.",
        default=None,
    )
    parts: tuple[str, ...] = setting(
        ListOf(Choice(DATE_PARTS), 1),
        "The numbers that a date becomes.",
        default=("year", "month", "day", "weekday"),
    )
    vocabulary: int = setting(
        Integer(minimum=1),
        "How many of the most frequent words of a text column are kept; 0 is padding, 1 any other word.",
        default=10_000,
    )
    length: int = setting(
        Integer(minimum=1),
        "How many words of each text are kept: longer ones are cut, shorter ones padded.",
        default=200,
    )
    padding: Literal["post", "pre"] = setting(
        Choice(("post", "pre")),
        "Where shorter texts are padded with zeros: at the end, or before the first word.",
        default="post",
    )
    lower: bool = setting(
        Boolean(), "Whether text is lower-cased before it is cut into words.", default=True
    )
    size: tuple[int, ...] | int | None = setting(
        SIZE,
        "The height and width that image files are resized to, e.g. [64, 64]; without it all must "
        "have one size.",
        default=None,
    )
    color: Color | None = setting(
        Choice(("grey", "rgb", "rgba")),
        "The channels of an image: 1, 3 or 4; without it grey where every image is, else rgb.",
        default=None,
    )
    interpolation: Interpolation = setting(
        Choice(("nearest", "bilinear", "bicubic", "lanczos3", "area")),
        "How pixels are computed when an image is resized.",
        default="bilinear",
    )
    aspect: Aspect = setting(
        Choice(("stretch", "crop", "pad")),
        "What happens to an image whose height and width are in another proportion than `size`.",
        default="stretch",
    )
    shape: tuple[int, ...] | None = setting(
        SHAPE,
        "The shape that each row's array in an .npz file arrives in; without it an array of two "
        "dimensions is a grey image.",
        default=None,
    )


@dataclass(frozen=True, kw_only=True)
class SplitSpec:
    """Which rows train, which are watched while training, and which judge."""

    test: float | int | str = setting(
        OneOf((Number(minimum=0), Text("a file"))),
        "The test part: a fraction of all rows, a number of rows, or a file of its own.",
        default=0.2,
    )
    validation: float | int | str = setting(
        OneOf((Number(minimum=0), Choice(("test",)), Text("a file"))),
        "The validation part: a fraction of all rows, a number of rows, a file, or `test` to watch "
        "the test part (its score is then not independent).",
        default=0,
    )
    seed: int | None = setting(
        Integer(minimum=0, maximum=2**32 - 1),
        "The seed of the split; the run's own seed without it. The same seed gives the rows that "
        "scikit-learn's train_test_split gives.",
        default=None,
    )
    shuffle: bool = setting(
        Boolean(),
        "Whether rows are shuffled; without it the last rows are the test part.",
        default=True,
    )
    stratify: bool | str = setting(
        OneOf((Boolean(), Text("a column name"))),
        "Keep the shares of the classes (true: the target's) or of a column's values in every part.",
        default=False,
    )
    group: str | None = setting(
        Text("a column name"),
        "A column whose equal values stay together in one part.",
        default=None,
    )
    time: str | None = setting(
        Text("a column name"),
        "A column of dates or numbers that orders the rows: the latest are the test part.",
        default=None,
    )


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """The table, its columns, its policies and its split."""

    source: str | tuple[str, ...] = setting(
        OneOf((Text("a file"), ListOf(Text("a file"), 1))),
        "CSV, TSV, Excel, Parquet, JSON Lines, .npz or a folder of images: a path relative to this "
        "file, a list, a glob, or `dataset:NAME` for a public set.",
    )
    target: str | tuple[str, ...] = setting(
        NAMES, "The column, or list of columns, that the network predicts, e.g. target: price."
    )
    inputs: tuple[str, ...] | str | None = setting(
        NAMES,
        "The columns it predicts from; every column but the targets without it.",
        default=None,
    )
    drop: tuple[str, ...] | str = setting(
        OneOf((Text("a column name"), ListOf(Text("a column name")))),
        "Columns that are left out of the inputs.",
        default=(),
    )
    columns: dict[str, ColumnSpec] = setting(
        MapOf(Section(ColumnSpec), "column names"),
        "Settings of single columns, over the ones below.",
        default_factory=dict,
    )
    sheet: str | int | None = setting(
        OneOf((Text(), Integer(minimum=1))),
        "The Excel sheet, by name or number (from 1); the first without it.",
        default=None,
    )
    separator: str | None = setting(
        Text("one character", most=1),
        "What separates the cells of a text file; found without it.",
        default=None,
    )
    header: tuple[str, ...] | None = setting(
        ListOf(Text("a column name"), 1),
        "The column names, for a file that has no header row.",
        default=None,
    )
    encoding: str | None = setting(
        Text("an encoding"),
        "The text encoding, e.g. latin-1; UTF-8 or its byte-order mark without it.",
        default=None,
    )
    decimal: Literal[".", ","] = setting(
        Choice((".", ",")), "The decimal mark of numbers in text files.", default="."
    )
    thousands: str | None = setting(
        Text("one character", most=1),
        "The mark between thousands in text files, if there is one.",
        default=None,
    )
    missing: Missing = setting(
        MISSING,
        "What happens to missing cells: an error, the row is dropped, or a value from the training "
        "part takes their place.",
        default="error",
    )
    missing_indicator: bool = setting(
        Boolean(),
        "Whether a number, boolean or date column whose missing cells are filled gets a feature "
        "beside its own, 0 or 1, that tells where; columns with every cell in the training part "
        "get none.",
        default=False,
    )
    missing_values: tuple[str | float, ...] = setting(
        MISSING_VALUES, "Cells that mean missing, beside the empty cell.", default=()
    )
    unreadable: Literal["error", "missing", "drop"] = setting(
        UNREADABLE,
        "What happens to cells that their column's type cannot read: an error, they count as "
        "missing, or the row is dropped.",
        default="error",
    )
    unseen: Literal["error", "ignore"] = setting(
        UNSEEN,
        "What happens to a category that training has not seen: an error, or no feature is set.",
        default="error",
    )
    shape: tuple[int, ...] | None = setting(
        SHAPE,
        "The shape that the numbers of a row arrive in, in the order of their columns: [8, 8, 1] "
        "makes a grey image of 64 columns of pixels.",
        default=None,
    )
    scale: Scale = setting(
        SCALE,
        "How numeric inputs and images are scaled; numbers also by {robust: 3} and "
        "{quantile: 3}, which keep outliers and ends within 3; images also by zca, or {zca: 0.1} with an epsilon.",
        default="none",
    )
    target_scale: ScaleName = setting(
        TARGET_SCALE,
        "How numeric targets are scaled for training; always undone in what is reported.",
        default="none",
    )
    target_clip: bool = setting(
        Boolean(),
        "Whether predictions of numeric targets stay within what the training part holds: what "
        "lies beyond becomes its smallest or largest value.",
        default=False,
    )
    sample_weight: str | None = setting(
        Text("a column name"), "A column of row weights for the loss; it is no input.", default=None
    )
    window: WindowSpec | None = setting(
        Section(WindowSpec),
        "For sequences: several rows in a row, in time order, predict what comes after them. Rows "
        "are then split in time order.",
        default=None,
    )
    split: SplitSpec = setting(
        Section(SplitSpec), "How the rows are split into parts.", default_factory=SplitSpec
    )

    @property
    def target_names(self) -> tuple[str, ...]:
        return as_names(self.target)

    @property
    def steps(self) -> int:
        """How many values of each target a row of the network's output holds."""
        return 1 if self.window is None else self.window.horizon

    @property
    def lag_names(self) -> tuple[str, ...]:
        """The targets whose own past is an input."""
        window = self.window
        if window is None or window.offset == 0 or window.lags is False:
            return ()
        if window.lags or self.inputs is None:
            return self.target_names
        return tuple(name for name in self.target_names if name in as_names(self.inputs or ()))


def as_size(value: tuple[int, ...] | int | None) -> tuple[int, int] | None:
    """Return a height and width; one number is both."""
    if value is None:
        return None
    height, width = (value, value) if isinstance(value, int) else value
    return height, width


def as_names(value: Any) -> tuple[str, ...]:
    """Return a name or a tuple of names as a tuple."""
    return (value,) if isinstance(value, str) else tuple(value)
