"""Preprocessing and the reading of outputs, written once for every runtime that has these operators."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.boolean import BooleanInput
from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.date import DateInput
from dlcli.data.columns.image import ImageInput
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.number import NumberInput
from dlcli.data.columns.reading import FALSE_WORDS, TRUE_WORDS
from dlcli.data.columns.settings import ColumnSettings
from dlcli.data.columns.targets import NumberTarget
from dlcli.data.columns.tensor import FEATURES
from dlcli.data.columns.text import TextInput
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.scaling import CENTRE, EDGE, FAR_TAIL, NEAR_TAIL, Scaler, quantile_ranks
from dlcli.data.whitening import Whitening
from dlcli.exporting.columns import NO_MOMENT, numbers_of, probability_name, value_name
from dlcli.predictions import Link, OutputReading
from dlcli.spec.names import tensor_name

UNSEEN = -1
DAY = 86_400_000_000
"""Microseconds."""

Value = Any
"""A tensor in the making, [rows, ...], or a Python number that stands for a constant."""


class Steps(Protocol):
    """The operators of a runtime; the float type of numbers is `real`."""

    real: str

    def constant(self, values: Any) -> Value:
        """Return an array as a tensor; floats become `real`, whole numbers int64."""

    def op(self, kind: str, *values: Value) -> Value:
        """Apply one of OPERATORS, with NumPy's broadcasting."""

    def cast(self, value: Value, dtype: str) -> Value: ...

    def gather(self, table: NDArray[Any], positions: Value) -> Value:
        """Return the entries of a constant at these positions; texts too."""

    def lookup(self, texts: Value, words: Mapping[str, int]) -> Value:
        """Return int64 codes of texts, UNSEEN for any other."""

    def widen(self, value: Value) -> Value:
        """Return [rows] as [rows, 1]."""

    def join(self, values: Sequence[Value]) -> Value:
        """Lay [rows, n] beside each other."""

    def pick(self, value: Value, index: int) -> Value:
        """Return one column of [rows, n] as [rows]."""

    def reduce(self, kind: str, value: Value) -> Value:
        """Return `sum`, `max` or `argmax` of each row of [rows, n] as [rows]."""

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """Return [rows, *shape]."""

    def product(self, value: Value, matrix: NDArray[Any]) -> Value: ...

    def words(self, texts: Value, column: TextInput) -> Value:
        """Return the codes of the words of texts, int32 [rows, length]."""


OPERATORS = frozenset(
    {
        *("add", "sub", "mul", "div", "min", "floor_div", "floor_mod"),
        *("exp", "log", "sqrt", "abs", "is_nan"),
        *("equal", "less_equal", "and", "or", "not", "where"),
    }
)


class Rows:
    """Which rows can be predicted: those without a cell that a policy refuses or drops."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.valid: Value | None = None

    def refuse(self, bad: Value) -> None:
        """Leave the rows out where `bad` is true."""
        fine = self._steps.op("not", bad)
        self.valid = fine if self.valid is None else self._steps.op("and", self.valid, fine)


def write_inputs(
    steps: Steps, preprocessing: Preprocessing, cells: Mapping[str, Value]
) -> tuple[dict[str, Value], Rows]:
    """Turn raw columns into the network's tensors by name, and tell which rows are fine."""
    rows = Rows(steps)
    shared: list[Value] = []
    tensors: dict[str, Value] = {}
    for column in preprocessing.input_columns:
        name = column.settings.name
        value = WRITERS[type(column)](steps, column, cells[name], rows)
        if column.feature_names:
            shared.append(value)
        else:
            tensors[tensor_name(name)] = value
    if shared:
        tensors[tensor_name(FEATURES)] = _features(steps, preprocessing, shared, rows)
    return tensors, rows


def write_outputs(
    steps: Steps,
    given: Mapping[str, Value],
    readings: Sequence[OutputReading],
    preprocessing: Preprocessing,
    rows: Rows,
) -> dict[str, Value]:
    """Turn the network's outputs into numbers in their unit, class names and probabilities.

    Rows that cannot be predicted have NaN and an empty name.
    """
    infos = {info.name: info for info in preprocessing.targets}
    made: dict[str, Value] = {}
    for reading in readings:
        whole = steps.cast(given[tensor_name(reading.output)], steps.real)
        count = reading.members
        # The answers [rows, units] of each member of an ensemble.
        each = [whole] if count is None else [steps.pick(whole, at) for at in range(count)]
        for index, name in enumerate(reading.targets):
            is_row = reading.task == "multiclass"
            picked = each if is_row else [steps.pick(output, index) for output in each]
            if reading.task == "regression":
                target = preprocessing.number_target(name)
                values = _mean(steps, [write_target(steps, target, item) for item in picked])
                made[value_name(name)] = _or_nothing(steps, values, rows)
                continue
            classes = infos[name].classes
            assert classes is not None
            probabilities = _mean(
                steps, [_probabilities(steps, item, reading, len(classes)) for item in picked]
            )
            probabilities = _softened(steps, probabilities, reading.temperature)
            codes = _codes(steps, probabilities, len(classes), reading.threshold_of(name))
            if rows.valid is not None:
                codes = steps.op("where", rows.valid, codes, len(classes))
            made[value_name(name)] = steps.gather(np.array([*classes, ""], object), codes)
            made[probability_name(name)] = _or_nothing(steps, probabilities, rows, wide=True)
    return made


def write_target(steps: Steps, target: NumberTarget, values: Value) -> Value:
    """Undo the scaling of a target [rows], and clip it, as `NumberTarget.restore` does."""
    restored = write_restored(steps, target.scaler, values)
    if not target.settings.clip:
        return restored
    return _clipped(steps, restored, target.minimum, target.maximum)


def _clipped(steps: Steps, values: Value, least: float, most: float) -> Value:
    raised = steps.op("where", steps.op("less_equal", values, least), least, values)
    return steps.op("where", steps.op("less_equal", most, raised), most, raised)


def _mean(steps: Steps, values: Sequence[Value]) -> Value:
    """Return the mean of values of one shape."""
    total = values[0]
    for value in values[1:]:
        total = steps.op("add", total, value)
    return total if len(values) == 1 else steps.op("div", total, float(len(values)))


def write_scaled(steps: Steps, scaler: Scaler, values: Value) -> Value:
    """Scale [rows] as `Scaler.apply` does."""
    if scaler.kind == "none":
        return values
    if scaler.quantiles is None:
        scaled = steps.op("div", steps.op("sub", values, scaler.offset), scaler.scale)
        if scaler.bound is None:
            return scaled
        share = steps.op("div", scaled, scaler.bound)
        return steps.op("div", scaled, _root_of_one_more(steps, share))
    quantiles = np.array(scaler.quantiles)
    ranks = _ranks(steps, values, quantiles)
    if scaler.bound is not None:
        return _clipped(steps, _normal_quantile(steps, ranks), -scaler.bound, scaler.bound)
    top = steps.op("less_equal", float(quantiles[-1]), values)
    bottom = steps.op("less_equal", values, float(quantiles[0]))
    ranks = steps.op("where", bottom, 0.0, steps.op("where", top, 1.0, ranks))
    return _normal_quantile(steps, ranks)


def _root_of_one_more(steps: Steps, value: Value) -> Value:
    """Return sqrt(1 + value^2), also where its square is too large for a number."""
    size = steps.op("abs", value)
    is_small = steps.op("less_equal", size, 1e8)
    modest = steps.op("where", is_small, size, 0.0)
    root = steps.op("sqrt", steps.op("add", steps.op("mul", modest, modest), 1.0))
    return steps.op("where", is_small, root, size)


def write_restored(steps: Steps, scaler: Scaler, values: Value) -> Value:
    """Undo the scaling of [rows] as `Scaler.restore` does."""
    if scaler.kind == "none":
        return values
    if scaler.quantiles is None:
        return steps.op("add", steps.op("mul", values, scaler.scale), scaler.offset)
    ranks = _normal_probability(steps, values)
    shares = np.linspace(0, 1, len(scaler.quantiles))
    return _interpolated(steps, ranks, shares, np.array(scaler.quantiles))


def _features(
    steps: Steps, preprocessing: Preprocessing, shared: Sequence[Value], rows: Rows
) -> Value:
    features = steps.join(shared) if len(shared) > 1 else shared[0]
    size = steps.reduce("max", steps.op("abs", steps.cast(features, steps.real)))
    rows.refuse(steps.op("not", steps.op("less_equal", size, float(np.finfo(np.float32).max))))
    if preprocessing.whitening is not None:
        features = _whitened(steps, preprocessing.whitening, features)
    if preprocessing.features_shape is not None:
        features = steps.reshape(features, preprocessing.features_shape)
    return features


def _write_number(steps: Steps, column: NumberInput, cells: Value, rows: Rows) -> Value:
    settings = column.settings
    missing = _missing_numbers(steps, settings, cells)
    endless = steps.op("equal", steps.op("abs", cells), float("inf"))
    if settings.unreadable == "missing":
        missing = steps.op("or", missing, endless)
    else:
        rows.refuse(endless)
    values = _filled(steps, cells, missing, column.fill, rows)
    return _told(steps, [write_scaled(steps, column.scaler, values)], missing, column)


def _write_boolean(steps: Steps, column: BooleanInput, cells: Value, rows: Rows) -> Value:
    words = {spelling: 1 for word in TRUE_WORDS for spelling in _spellings(word)}
    words |= {spelling: 0 for word in FALSE_WORDS for spelling in _spellings(word)}
    words |= dict.fromkeys(_missing_words(column.settings), 2)
    codes = steps.lookup(cells, words)
    missing = steps.op("equal", codes, 2)
    unreadable = steps.op("equal", codes, UNSEEN)
    if column.settings.unreadable == "missing":
        missing = steps.op("or", missing, unreadable)
    else:
        rows.refuse(unreadable)
    values = _filled(steps, steps.cast(codes, steps.real), missing, column.fill, rows)
    return _told(steps, [values], missing, column)


def _write_category(steps: Steps, column: CategoryInput, cells: Value, rows: Rows) -> Value:
    settings, count = column.settings, len(column.categories)
    codes = _category_codes(steps, column, cells)
    missing = steps.op("equal", codes, count)
    if column.fill is None:
        rows.refuse(missing)
    known = column.fill in column.categories
    fill = column.categories.index(str(column.fill)) if known else UNSEEN
    codes = steps.op("where", missing, fill, codes)
    unseen = steps.op("equal", codes, UNSEEN)
    if settings.unseen == "error":
        rows.refuse(unseen)
    if settings.encode == "ordinal":
        # A row that is refused still has to name an entry of the Embedding.
        spare = count if settings.unseen == "ignore" else 0
        return steps.cast(steps.op("where", unseen, spare, codes), "int32")
    places = steps.constant(np.arange(count))
    return steps.cast(steps.op("equal", steps.widen(codes), places), "float32")


def _category_codes(steps: Steps, column: CategoryInput, cells: Value) -> Value:
    """Return positions in the categories, their number for missing cells, UNSEEN for others."""
    count, numbers = len(column.categories), numbers_of(column.categories)
    if numbers is None:
        words = dict.fromkeys(_missing_words(column.settings), count)
        words |= {name: place for place, name in enumerate(column.categories)}
        return steps.lookup(cells, words)
    same = steps.op("equal", steps.widen(cells), steps.constant(np.array(numbers)))
    places = steps.op("where", same, steps.constant(np.arange(1, count + 1)), 0)
    codes = steps.op("sub", steps.reduce("sum", places), 1)
    return steps.op("where", _missing_numbers(steps, column.settings, cells), count, codes)


def _write_date(steps: Steps, column: DateInput, cells: Value, rows: Rows) -> Value:
    missing = steps.op("equal", cells, NO_MOMENT)
    # A row that is refused needs some date all the same.
    if column.fill is None:
        rows.refuse(missing)
    moments = steps.op("where", missing, column.fill or 0, cells)
    parts = _date_parts(steps, moments, column.settings.parts)
    scaled = [
        write_scaled(steps, scaler, steps.cast(part, steps.real))
        for scaler, part in zip(column.scalers, parts, strict=True)
    ]
    return _told(steps, scaled, missing, column)


def _write_image(steps: Steps, column: ImageInput, cells: Value, rows: Rows) -> Value:
    if column.whitening is None:
        return cells
    flat = steps.reshape(cells, [int(np.prod(column.shape))])
    return steps.reshape(_whitened(steps, column.whitening, flat), column.shape)


def _write_text(steps: Steps, column: TextInput, cells: Value, rows: Rows) -> Value:
    missing = steps.lookup(cells, dict.fromkeys(_missing_words(column.settings), 1))
    is_missing = steps.op("equal", missing, 1)
    if column.fill is None:
        rows.refuse(is_missing)
    texts = np.array([column.fill or ""], object)
    filled = steps.gather(texts, steps.op("where", is_missing, 0, 0))
    return steps.words(steps.op("where", is_missing, filled, cells), column)


WRITERS: dict[type[Any], Callable[[Steps, Any, Value, Rows], Value]] = {
    NumberInput: _write_number,
    BooleanInput: _write_boolean,
    CategoryInput: _write_category,
    DateInput: _write_date,
    ImageInput: _write_image,
    TextInput: _write_text,
}
"""The class of a column to what writes its tensor, or its columns of the features."""


def is_plain(column: InputColumn) -> bool:
    """Tell whether a column is a number, true or false, or a category."""
    return isinstance(column, NumberInput | BooleanInput | CategoryInput)


def _missing_numbers(steps: Steps, settings: ColumnSettings, cells: Value) -> Value:
    missing = steps.op("is_nan", cells)
    for marker in settings.missing_values:
        try:
            number = float(marker)
        except ValueError:
            continue
        if np.isfinite(number):
            missing = steps.op("or", missing, steps.op("equal", cells, number))
    return missing


def _missing_words(settings: ColumnSettings) -> tuple[str, ...]:
    return ("", *settings.missing_values)


def _spellings(word: str) -> set[str]:
    return {word, word.upper(), word.capitalize()}


def _filled(steps: Steps, cells: Value, missing: Value, fill: float | None, rows: Rows) -> Value:
    if fill is None:
        rows.refuse(missing)
        fill = 0.0
    return steps.op("where", missing, fill, cells)


def _told(
    steps: Steps,
    values: Sequence[Value],
    missing: Value,
    column: NumberInput | BooleanInput | DateInput,
) -> Value:
    """Return the features of a column, with the one that tells where cells were missing."""
    features = [*values, missing] if column.has_indicator else values
    wide = [steps.widen(steps.cast(each, "float32")) for each in features]
    return steps.join(wide) if len(wide) > 1 else wide[0]


def _whitened(steps: Steps, whitening: Whitening, values: Value) -> Value:
    spread = steps.op("div", steps.cast(values, steps.real), whitening.spread)
    mean = steps.constant(whitening.mean.astype(np.float64))
    centred = steps.cast(steps.op("sub", spread, mean), "float32")
    return steps.product(centred, whitening.matrix)


def _date_parts(steps: Steps, moments: Value, names: Sequence[str]) -> list[Value]:
    """Return the parts of moments in microseconds as int64, as DateInput's PARTS do.

    Year, month and day by H. Hinnant, chrono-compatible low-level date algorithms.
    """
    days = steps.op("floor_div", moments, DAY)

    def within(unit: int, count: int) -> Value:
        return steps.op("floor_mod", steps.op("floor_div", moments, unit), count)

    def divided(value: Value, by: int) -> Value:
        return steps.op("floor_div", value, by)

    def times(value: Value, factor: int) -> Value:
        return steps.op("mul", value, factor)

    def plus(one: Value, *others: Value) -> Value:
        for other in others:
            one = steps.op("add", one, other)
        return one

    since = plus(days, 719_468)  # days since 0000-03-01
    era = divided(since, 146_097)
    of_era = steps.op("floor_mod", since, 146_097)
    leaps = plus(times(divided(of_era, 1460), -1), divided(of_era, 36_524))
    leaps = plus(leaps, times(divided(of_era, 146_096), -1))
    year_of_era = divided(plus(of_era, leaps), 365)
    before = plus(times(year_of_era, 365), divided(year_of_era, 4))
    before = plus(before, times(divided(year_of_era, 100), -1))
    of_year = steps.op("sub", of_era, before)  # from March on
    shifted = divided(plus(times(of_year, 5), 2), 153)
    day = plus(of_year, times(divided(plus(times(shifted, 153), 2), 5), -1), 1)
    is_late = steps.op("less_equal", 10, shifted)
    month = plus(shifted, steps.op("where", is_late, -9, 3))
    year = plus(times(era, 400), year_of_era, steps.op("where", is_late, 1, 0))
    last = plus(year, -1)
    new_year = plus(times(last, 365), divided(last, 4), times(divided(last, 100), -1))
    new_year = plus(new_year, divided(last, 400), 1 - date(1970, 1, 1).toordinal())
    parts = {
        "year": year,
        "month": month,
        "day": day,
        "weekday": steps.op("floor_mod", plus(days, 3), 7),
        "dayofyear": plus(days, times(new_year, -1), 1),
        "hour": within(3_600_000_000, 24),
        "minute": within(60_000_000, 60),
        "second": within(1_000_000, 60),
    }
    return [parts[name] for name in names]


def _ranks(steps: Steps, values: Value, quantiles: NDArray[np.float64]) -> Value:
    """Do what `quantile_ranks` does, [rows].

    Quantiles that a runtime's numbers do not tell apart are one place there, where the ranks jump;
    at it they are what the run gives for the number of the data that these quantiles are.
    """
    shares = np.linspace(0, 1, len(quantiles))
    narrow = quantiles.astype(steps.real)
    found, first, counts = np.unique(narrow, return_index=True, return_counts=True)
    last, places = first + counts - 1, found.astype(np.float64)
    meant = [
        _meant(quantiles[start : end + 1])
        for start, end in zip(first.tolist(), last.tolist(), strict=True)
    ]
    exact = quantile_ranks(np.array(meant), quantiles)
    slopes = (shares[first[1:]] - shares[last[:-1]]) / np.diff(places)
    count = _places_reached(steps, values, places)
    place = steps.gather(np.concatenate([places[:1], places]), count)
    # Below the first place and from the last one on, the line is level.
    slope = steps.gather(np.concatenate([[0.0], slopes, [0.0]]), count)
    base = steps.gather(np.concatenate([[0.0], shares[last]]), count)
    rise = steps.op("mul", slope, steps.op("sub", values, place))
    at_place = steps.gather(np.concatenate([exact[:1], exact]), count)
    is_there = steps.op("equal", values, place)
    return steps.op("where", is_there, at_place, steps.op("add", rise, base))


def _meant(quantiles: NDArray[np.float64]) -> float:
    """Return the number of the data that nearly equal quantiles are, of which some are rounded.

    It is there most often; of as many, it is the one that takes the fewest digits to write.
    """
    found, counts = np.unique(quantiles, return_counts=True)
    numbers = found[counts == counts.max()].tolist()
    return float(min(numbers, key=lambda number: len(repr(number))))


def _places_reached(steps: Steps, values: Value, places: NDArray[np.float64]) -> Value:
    """Return how many of these rising places each of [rows] has reached, by halving."""
    size = 1 << (len(places)).bit_length()
    # At c stands the place that values must have reached for c of them to lie at or below.
    reached = np.full(size, np.inf)
    reached[1 : len(places) + 1] = places
    count: Value = steps.op("where", steps.op("is_nan", values), 0, 0)
    step = size // 2
    while step:
        further = steps.op("add", count, step)
        is_there = steps.op("less_equal", steps.gather(reached, further), values)
        count = steps.op("where", is_there, further, count)
        step //= 2
    # Infinity, of a row that is refused, reaches even the places that only fill the table up.
    return steps.op("min", count, len(places))


def _interpolated(
    steps: Steps, values: Value, places: NDArray[np.float64], levels: NDArray[np.float64]
) -> Value:
    """Do what `np.interp(values, places, levels)` does with places that rise: [rows]."""
    count = _places_reached(steps, values, places)
    slopes = np.diff(levels) / np.diff(places)
    # Below the first place and from the last one on, the line is level.
    starts = np.concatenate([places[:1], places])
    bases = np.concatenate([levels[:1], levels])
    slopes = np.concatenate([[0.0], slopes, [0.0]])
    beyond = steps.op("sub", values, steps.gather(starts, count))
    rise = steps.op("mul", steps.gather(slopes, count), beyond)
    return steps.op("add", rise, steps.gather(bases, count))


def _normal_quantile(steps: Steps, shares: Value) -> Value:
    """Do what `normal_quantile` does, with shares no nearer to 0 and 1 than EDGE."""
    distance = steps.op("sub", shares, 0.5)
    squared = steps.op("sub", 0.180625, steps.op("mul", distance, distance))
    middle = steps.op("mul", distance, _ratio(steps, CENTRE, squared))
    # From the nearer end, which float32 tells from 1 - EDGE.
    outer = steps.op("min", shares, steps.op("sub", 1.0, shares))
    outer = steps.op("where", steps.op("less_equal", outer, EDGE), EDGE, outer)
    depth = steps.op("sqrt", steps.op("mul", steps.op("log", outer), -1.0))
    near = _ratio(steps, NEAR_TAIL, steps.op("sub", depth, 1.6))
    far = _ratio(steps, FAR_TAIL, steps.op("sub", depth, 5.0))
    tail = steps.op("where", steps.op("less_equal", depth, 5.0), near, far)
    is_low = steps.op("less_equal", distance, 0.0)
    tail = steps.op("where", is_low, steps.op("mul", tail, -1.0), tail)
    is_middle = steps.op("less_equal", steps.op("abs", distance), 0.425)
    return steps.op("where", is_middle, middle, tail)


# J. F. Hart, Computer Approximations, 1968, number 5666: the upper tail of the normal distribution
# up to 7, highest power first, without its bell curve.
_UPPER_TAIL = (
    (
        3.52624965998911e-2, 7.00383064443688e-1, 6.37396220353165, 3.3912866078383e1,
        1.12079291497871e2, 2.21213596169931e2, 2.20206867912376e2,
    ),
    (
        8.83883476483184e-2, 1.75566716318264, 1.6064177579207e1, 8.67807322029461e1,
        2.96564248779674e2, 6.37333633378831e2, 7.93826512519948e2, 4.40413735824752e2,
    ),
)  # fmt: skip


def _normal_probability(steps: Steps, values: Value) -> Value:
    """Return the standard normal distribution function, without erf, which runtimes lack."""
    size = steps.op("abs", values)
    bell = steps.op("exp", steps.op("mul", steps.op("mul", size, size), -0.5))
    upper = steps.op("mul", bell, _ratio(steps, _UPPER_TAIL, size))
    # What was beyond the last quantile when it was scaled is the last quantile again.
    is_edge = steps.op("less_equal", upper, EDGE * (1 + 1e-6))
    upper = steps.op("where", is_edge, 0.0, upper)
    is_low = steps.op("less_equal", values, 0.0)
    return steps.op("where", is_low, upper, steps.op("sub", 1.0, upper))


def _ratio(
    steps: Steps, coefficients: tuple[tuple[float, ...], tuple[float, ...]], value: Value
) -> Value:
    numerator, denominator = (_polynomial(steps, each, value) for each in coefficients)
    return steps.op("div", numerator, denominator)


def _polynomial(steps: Steps, coefficients: Sequence[float], value: Value) -> Value:
    """Evaluate a polynomial, highest power first."""
    first, second, *rest = coefficients
    total = steps.op("add", steps.op("mul", value, first), second)
    for coefficient in rest:
        total = steps.op("add", steps.op("mul", total, value), coefficient)
    return total


def _probabilities(steps: Steps, output: Value, reading: OutputReading, count: int) -> Value:
    """Return [rows, classes] as `read_outputs` does."""
    if reading.task == "binary":
        second = _second_share(steps, output, reading.link)
        first = steps.op("sub", 1.0, second)
        return steps.join([steps.widen(first), steps.widen(second)])
    if reading.link == "softmax":
        largest = steps.widen(steps.reduce("max", output))
        output = steps.op("exp", steps.op("sub", output, largest))
    elif reading.link == "exp":
        output = steps.op("exp", output)
    total = steps.widen(steps.reduce("sum", output))
    is_empty = steps.op("less_equal", total, 0.0)
    shares = steps.op("div", output, steps.op("where", is_empty, 1.0, total))
    return steps.op("where", is_empty, 1 / count, shares)


def _softened(steps: Steps, probabilities: Value, temperature: float) -> Value:
    """Divide the logits of probabilities, as `soften` does."""
    if temperature == 1:
        return probabilities
    smallest = float(np.finfo(np.float32 if steps.real == "float32" else np.float64).tiny)
    is_none = steps.op("less_equal", probabilities, smallest)
    logits = steps.op("log", steps.op("where", is_none, smallest, probabilities))
    cooled = steps.op("div", logits, temperature)
    largest = steps.widen(steps.reduce("max", cooled))
    shares = steps.op("exp", steps.op("sub", cooled, largest))
    return steps.op("div", shares, steps.widen(steps.reduce("sum", shares)))


def _second_share(steps: Steps, output: Value, link: Link) -> Value:
    if link == "sigmoid":
        small = steps.op("exp", steps.op("mul", output, -1.0))
        return steps.op("div", 1.0, steps.op("add", small, 1.0))
    if link == "margin":
        output = steps.op("mul", steps.op("add", output, 1.0), 0.5)
    low = steps.op("less_equal", output, 0.0)
    high = steps.op("less_equal", 1.0, output)
    return steps.op("where", low, 0.0, steps.op("where", high, 1.0, output))


def _codes(steps: Steps, probabilities: Value, count: int, threshold: float) -> Value:
    if count > 2:
        return steps.reduce("argmax", probabilities)
    reached = steps.op("less_equal", threshold, steps.pick(probabilities, 1))
    return steps.op("where", reached, 1, 0)


def _or_nothing(steps: Steps, values: Value, rows: Rows, *, wide: bool = False) -> Value:
    if rows.valid is None:
        return values
    valid = steps.widen(rows.valid) if wide else rows.valid
    return steps.op("where", valid, values, float("nan"))
