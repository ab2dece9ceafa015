"""Rows that become windows: no part, series or gap is crossed, and nothing is lost without a count."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from dlcli.data import gathering
from dlcli.data.dataset import prepare_dataset
from dlcli.data.gathering import gather_inputs
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.windows import form_windows
from dlcli.errors import DataError
from dlcli.spec.data import ColumnSpec, DataSpec, SplitSpec
from dlcli.spec.windows import WindowSpec


@pytest.fixture
def write(tmp_path):
    def write(lines, header="t,y"):
        (tmp_path / "series.csv").write_text("\n".join([header, *lines]) + "\n")
        return tmp_path

    return write


def prepare(folder, window, split=None, **others):
    spec = DataSpec(
        source="series.csv",
        target=others.pop("target", "y"),
        window=WindowSpec(**window),
        split=SplitSpec(**(split or {"test": 0.25})),
        **others,
    )
    return prepare_dataset(spec, folder=folder, seed=0)


def days(count, start="2020-01-01"):
    return np.datetime64(start) + np.arange(count)


def daily(count):
    return [f"{day},{value}" for value, day in enumerate(days(count), 100)]


def test_a_window_holds_the_rows_before_the_one_it_predicts(write):
    dataset = prepare(write(daily(20)), {"time": "t", "length": 3})
    assert dataset.train.inputs["window"][0].tolist() == [[100], [101], [102]]
    assert dataset.train.targets["y"].tolist() == list(range(103, 115))
    assert dataset.train.rows.tolist() == list(range(3, 15))
    assert dataset.test.inputs["window"][-1].tolist() == [[116], [117], [118]]
    assert dataset.window_record["windows"] == {"train": 12, "test": 2}
    assert dataset.window_record["across_parts"] == 3


def test_a_horizon_predicts_several_rows_at_once(write):
    window = {"time": "t", "length": 3, "horizon": 2, "offset": 2}
    dataset = prepare(write(daily(40)), window)
    assert dataset.train.targets["y"][0].tolist() == [104, 105]
    assert dataset.train.scaled_targets["y"].dtype == np.float32
    assert dataset.train.naive["naive"]["y"][0].tolist() == [102, 102]


def test_stride_leaves_rows_between_windows(write):
    dataset = prepare(write(daily(40)), {"time": "t", "length": 3, "stride": 4})
    assert np.diff(dataset.train.rows).tolist() == [4] * (len(dataset.train.rows) - 1)


def test_offset_0_predicts_the_last_row_without_its_target(write):
    lines = [f"{day},{value},{value * 2}" for value, day in enumerate(days(20))]
    folder = write(lines, header="t,x,y")
    dataset = prepare(folder, {"time": "t", "length": 2, "offset": 0})
    assert dataset.preprocessing.feature_names == ("x",)
    assert dataset.train.inputs["window"][0].tolist() == [[0], [1]]
    assert dataset.train.targets["y"][0] == 2
    assert dataset.train.naive["naive"]["y"][0] == 0


@pytest.mark.parametrize(
    ("window", "inputs", "expected"),
    [
        ({}, None, ("x", "y")),
        ({"lags": False}, None, ("x",)),
        ({}, ("x",), ("x",)),
        ({}, ("y", "x"), ("x", "y")),
        ({"lags": True}, ("x",), ("x", "y")),
    ],
)
def test_the_targets_past_is_an_input_unless_it_is_left_out(write, window, inputs, expected):
    lines = [f"{day},{value},{value % 7}" for value, day in enumerate(days(20))]
    folder = write(lines, header="t,x,y")
    dataset = prepare(folder, {"time": "t", "length": 2, **window}, inputs=inputs)
    assert dataset.preprocessing.feature_names == expected


def test_seasonal_naive_repeats_the_last_season_that_is_known(write):
    lines = [
        f"{month},{value % 12}"
        for value, month in enumerate(np.datetime64("2000-01-01", "M") + np.arange(72))
    ]
    folder = write([line.replace(",", "-01,", 1) for line in lines])
    window = {"time": "t", "length": 12, "season": 12, "horizon": 15}
    dataset = prepare(folder, window, split={"test": 0})
    assert np.array_equal(dataset.train.naive["seasonal_naive"]["y"], dataset.train.targets["y"])
    assert dataset.window_record["step"] == "1 month"


def test_inputs_are_scaled_by_the_training_rows_alone(write):
    dataset = prepare(write(daily(40)), {"time": "t", "length": 2}, scale="minmax")
    assert dataset.train.inputs["window"].max() < 1.0 + 1e-6
    assert dataset.test.inputs["window"].min() > 1.0


def test_static_columns_arrive_outside_the_window(write):
    lines = [
        f"{day},{place},{height},{number}"
        for number, day in enumerate(days(30))
        for place, height in (("a", 1), ("b", 2))
    ]
    folder = write(lines, header="t,place,height,y")
    window = {"time": "t", "group": "place", "length": 3, "static": ("height", "place")}
    columns = {"place": ColumnSpec(encode="ordinal")}
    dataset = prepare(folder, window, columns=columns)
    shapes = {name: array.shape[1:] for name, array in dataset.train.inputs.items()}
    assert shapes == {"window": (3, 1), "features": (1,), "place": ()}
    assert dataset.train.inputs["features"][:, 0].tolist() == sorted(
        dataset.train.inputs["features"][:, 0].tolist()
    )
    specs = dataset.preprocessing.input_specs
    assert {name: spec.shape for name, spec in specs.items()} == shapes


def test_codes_and_texts_in_a_window_are_sequences_of_their_own(write):
    lines = [f"{day},{'ab'[value % 2]},{value}" for value, day in enumerate(days(30))]
    folder = write(lines, header="t,mood,y")
    columns = {"mood": ColumnSpec(encode="ordinal")}
    dataset = prepare(folder, {"time": "t", "length": 3}, columns=columns)
    assert dataset.train.inputs["mood"].shape[1:] == (3,)
    assert dataset.preprocessing.input_specs["mood"].shape == (3,)


def test_rows_of_one_stamp_stay_in_one_part(write):
    lines = [f"{day},{place},{n}" for n, day in enumerate(days(30)) for place in "abc"]
    dataset = prepare(
        write(lines, header="t,place,y"),
        {"time": "t", "group": "place", "length": 2},
        split={"test": 10, "validation": 10},
    )
    for part, count in ((dataset.validation, 3), (dataset.test, 4)):
        assert np.bincount(part.windows.series.codes).tolist() == [count] * 3


def test_groups_can_be_whole_in_one_part(write):
    lines = [f"{place},{n}" for place in "abcdef" for n in range(10)]
    dataset = prepare(
        write(lines, header="place,y"),
        {"group": "place", "length": 3},
        split={"test": 0.3, "group": "place"},
    )
    assert dataset.window_record["across_parts"] == 0
    train, test = (set(part.windows.series.rows // 10) for part in (dataset.train, dataset.test))
    assert len(test) == 2
    assert not train & test


def test_without_a_time_column_the_file_is_the_order(write):
    dataset = prepare(write([str(n) for n in range(20)], header="y"), {"length": 4})
    assert dataset.train.inputs["window"][0, :, 0].tolist() == [0, 1, 2, 3]
    assert dataset.test.rows.tolist() == [19]
    assert dataset.window_record["step"] is None


def test_gaps_are_refused_broken_at_or_ignored(write):
    kept = [*daily(12), *daily(30)[15:]]
    folder = write(kept)
    with pytest.raises(DataError, match=r"does not go on by 1 day at 1 place"):
        prepare(folder, {"time": "t", "length": 3})
    broken = prepare(folder, {"time": "t", "length": 3, "gaps": "break"})
    ignored = prepare(folder, {"time": "t", "length": 3, "gaps": "ignore"})
    assert broken.window_record["across_gaps"] == 3
    assert len(ignored.train.rows) == len(broken.train.rows) + 3


def test_dropped_rows_are_gaps(write):
    lines = daily(40)
    lines[5] = "2020-01-06,"
    folder = write(lines)
    with pytest.raises(DataError, match="does not go on by 1 day"):
        prepare(folder, {"time": "t", "length": 3}, missing="drop")
    dataset = prepare(folder, {"time": "t", "length": 3, "gaps": "break"}, missing="drop")
    assert 6 not in dataset.train.rows.tolist()
    assert dataset.counts["rows"]["dropped"] == 1


def test_order_is_an_error_or_made(write):
    lines = daily(20)
    lines[3], lines[7] = lines[7], lines[3]
    folder = write(lines)
    with pytest.raises(DataError, match="not in the order of 't'"):
        prepare(folder, {"time": "t", "length": 3})
    dataset = prepare(folder, {"time": "t", "length": 3, "sort": True})
    assert dataset.train.targets["y"].tolist() == list(range(103, 115))


def test_series_that_are_too_short_are_refused_or_left_out(write):
    lines = [f"a,{n}" for n in range(20)] + [f"b,{n}" for n in range(2)]
    folder = write(lines, header="place,y")
    with pytest.raises(DataError, match=r"1 of 2 series of 'place' has fewer than 4 rows.*b \(2\)"):
        prepare(folder, {"group": "place", "length": 3})
    dataset = prepare(folder, {"group": "place", "length": 3, "short": "drop"})
    assert dataset.window_record["short_series"] == {"b": 2}
    assert any("give no window" in warning for warning in dataset.warnings)


def test_windows_larger_than_the_memory_are_refused(write, monkeypatch):
    monkeypatch.setattr("dlcli.data.gathering.MEMORY_SHARE", 1e-9)
    with pytest.raises(DataError, match=r"windows of 3 rows take 0\.0 GB"):
        prepare(write(daily(40)), {"time": "t", "length": 3})


def test_state_survives_json(write):
    window = {"time": "t", "length": 3, "season": 2, "static": ("y2",), "gaps": "break"}
    lines = [f"{line},{n % 3}" for n, line in enumerate(daily(30))]
    dataset = prepare(write(lines, header="t,y,y2"), window)
    state = dataset.preprocessing.to_json()
    assert Preprocessing.from_json(state) == dataset.preprocessing


class Shape:
    """What hypothesis draws of a table and its windows."""

    lengths = st.lists(st.integers(1, 25), min_size=1, max_size=4)
    window = st.fixed_dictionaries(
        {
            "length": st.integers(1, 4),
            "horizon": st.integers(1, 3),
            "offset": st.integers(1, 3),
            "stride": st.integers(1, 3),
            "gaps": st.sampled_from(["break", "ignore"]),
        }
    )


@given(
    lengths=Shape.lengths,
    window=Shape.window,
    holes=st.sets(st.integers(0, 80)),
    seed=st.integers(0, 99),
    test=st.floats(0.1, 0.4),
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
def test_no_window_crosses_a_part_a_series_or_a_gap(tmp_path, lengths, window, holes, seed, test):
    cells = [(s, t) for s, length in enumerate(lengths) for t in range(length)]
    cells = [cell for row, cell in enumerate(cells) if row not in holes]
    random = np.random.default_rng(seed)
    random.shuffle(cells)
    lines = [f"{s},{t},{1000 * s + t}" for s, t in cells]
    (tmp_path / "series.csv").write_text("\n".join(["s,t,y", *lines]) + "\n")
    try:
        dataset = prepare(
            tmp_path,
            {**window, "time": "t", "group": "s", "short": "drop", "sort": True},
            split={"test": test},
        )
    except DataError:
        reject()  # too small a table for the windows: said in words
    times = np.array([t for _, t in cells])
    cut = times[dataset.test.windows.series.rows].min()
    step = dataset.preprocessing.window.step
    for name, part in (("train", dataset.train), ("test", dataset.test)):
        held = part.inputs["window"][..., 0].astype(int)
        ahead = part.targets["y"].reshape(len(held), -1).astype(int)
        rows = np.concatenate([held, ahead], axis=1)
        assert (rows // 1000 == rows[:, :1] // 1000).all()
        stamps = rows % 1000
        assert ((stamps >= cut) == (name == "test")).all()
        assert (np.diff(stamps, axis=1) > 0).all()
        if window["gaps"] == "break" and step is not None:
            wanted = [*range(window["length"])]
            first = window["length"] - 1 + window["offset"]
            wanted += range(first, first + window["horizon"])
            expected = stamps[:, :1] + np.array(wanted) * step.amount
            assert (stamps == expected).all()


@given(window=Shape.window, chunk=st.integers(1, 7))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_windows_gathered_in_chunks_are_those_gathered_at_once(tmp_path, window, chunk):
    (tmp_path / "series.csv").write_text("y\n" + "\n".join(map(str, range(60))) + "\n")
    dataset = prepare(tmp_path, window)
    windows = form_windows(dataset.train.windows.series, ahead="any")
    tensors = {"window": np.arange(len(windows.series.rows))[:, np.newaxis]}
    whole = gather_inputs(tensors, windows, frozenset())["window"]
    assert np.array_equal(whole, tensors["window"][windows.held])
    parts = [
        gather_inputs(tensors, windows.take(slice(start, start + chunk)), frozenset())["window"]
        for start in range(0, len(windows), chunk)
    ]
    assert np.array_equal(np.concatenate(parts), whole)


def test_windows_are_cut_a_few_at_a_time_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr(gathering, "_CUT_BYTES", 200)
    (tmp_path / "series.csv").write_text("y\n" + "\n".join(map(str, range(60))) + "\n")
    window = {"length": 5, "horizon": 1}
    windows = prepare(tmp_path, window).train.windows
    tensors = {
        "window": np.arange(120.0).reshape(60, 2)[: len(windows.series.rows)],
        "other": np.arange(len(windows.series.rows), dtype=np.int32),
    }
    shares = []
    cut = gather_inputs(tensors, windows, frozenset(), shares.append)
    for name, array in tensors.items():
        assert np.array_equal(cut[name], array[windows.held])
        assert cut[name].dtype == array.dtype
    assert len(shares) > 6
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
