"""What is read from disk is what would have been read into memory."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from dlcli.data.dataset import Dataset, prepare_dataset
from dlcli.data.large.deciding import decide
from dlcli.data.large.prepared import PreparedTable, SharedTable
from dlcli.data.large.preparing import prepare_large, prepare_table
from dlcli.errors import DataError
from dlcli.spec.merging import merge_values
from dlcli.spec.run import RunSpec, build_spec, targets_as_classes

BUDGET = 60_000
ROWS = 1500


def table_text(rows: int = ROWS, *, seed: int = 0, first: int = 0) -> str:
    """Return a CSV file whose cells are missing, unreadable and written in several ways."""
    random = np.random.default_rng(seed)
    lines = ["size,weight,count,job,open,seen,shop,when,rank,y,kind,sold"]
    for row in range(first, first + rows):
        size = random.normal(3, 2)
        count = "" if row % 11 == 0 else "many" if row % 97 == 0 else int(random.integers(0, 40))
        job = ["cook", "judge", "pilot", "", "7"][int(random.integers(0, 5))]
        is_open = random.choice(["yes", "no", "Yes"])
        lines.append(
            f"{size:.5f},{random.uniform(0, 2):.3f},{count},{job},{is_open},"
            f"2021-{random.integers(1, 13):02d}-{random.integers(1, 29):02d}T1{row % 10}:00:00,"
            f"s{random.integers(0, 60)},{random.integers(0, 10**6)},"
            f"{'' if row % 13 == 0 else round(random.exponential(), 4)},"
            f"{size * 3 + random.normal():.4f},{random.choice(['a', 'b', 'c'], p=[0.6, 0.3, 0.1])},"
            f"{random.choice(['yes', 'no'])}"
        )
    return "\n".join(lines) + "\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(table_text(), encoding="utf-8")
    return path


BASE: dict[str, Any] = {
    "target": "y",
    "drop": ["kind", "sold", "weight"],
    "split": {"test": 0.2, "validation": 0.1},
    "columns": {
        "count": {"unreadable": "missing", "missing": "median"},
        "job": {"missing": {"constant": "none"}},
        "rank": {"missing": "mean"},
    },
}


def spec_of(source: Any, **data: Any) -> RunSpec:
    """Return a config over `source` with these keys of `data` over those of BASE."""
    top = data.pop("top", {})
    columns = {**BASE["columns"], **data.pop("columns", {})}
    return plain_spec({"source": source, **BASE, **data, "columns": columns}, **top)


def plain_spec(data: dict[str, Any], **top: Any) -> RunSpec:
    """Return a config with this section `data`."""
    values = {"name": "large", "seed": 5, "data": data, "layers": [{"Dense": 1}], "epochs": 1}
    return build_spec(merge_values({**values, **top}))


def both(spec: RunSpec, folder: Path, budget: int = BUDGET) -> tuple[Dataset, Dataset]:
    """Read a config's data from disk and into memory."""
    large = decide(spec, budget_bytes=budget).large
    assert large is not None
    from_disk = prepare_large(large, folder=folder / "rows", seed=spec.seed)
    classes = targets_as_classes(spec)
    in_memory = prepare_dataset(spec.data, folder=Path(), seed=spec.seed, class_targets=classes)
    return from_disk, in_memory


def assert_same_state(found: Any, expected: Any, place: str = "") -> None:
    """Hold JSON values together; numbers may differ in the last digits of a sum."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), place
        for key, value in expected.items():
            assert_same_state(found[key], value, f"{place}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), place
        for index, value in enumerate(expected):
            assert_same_state(found[index], value, f"{place}[{index}]")
    elif isinstance(expected, float) and isinstance(found, float):
        assert found == pytest.approx(expected, rel=1e-11, abs=1e-13), place
    else:
        assert found == expected, place


def assert_same(found: Dataset, expected: Dataset) -> None:
    """Hold the statistics, the rows of each part, their arrays and the records together."""
    assert_same_state(found.preprocessing.to_json(), expected.preprocessing.to_json())
    assert found.stored is not None
    parts = {"train": found.stored.read(0, found.stored.num_rows)}
    parts |= {name: getattr(found, name) for name in ("validation", "test")}
    for name, part in parts.items():
        other = getattr(expected, name)
        assert (part is None) == (other is None), name
        if part is None:
            continue
        # In what order rows are dealt to blocks is tested by itself.
        mine, theirs = np.argsort(part.rows), np.argsort(other.rows)
        assert np.array_equal(part.rows[mine], other.rows[theirs]), name
        for kind in ("inputs", "targets", "scaled_targets"):
            arrays, others = getattr(part, kind), getattr(other, kind)
            assert arrays.keys() == others.keys()
            for key, array in arrays.items():
                assert array.dtype == others[key].dtype
                assert np.allclose(array[mine], others[key][theirs], rtol=1e-6, atol=1e-6), key
        if other.sample_weight is None:
            assert part.sample_weight is None
        else:
            assert np.array_equal(part.sample_weight[mine], other.sample_weight[theirs])
    assert_same_state(found.counts, expected.counts)
    assert found.split_record == expected.split_record
    assert found.sources == expected.sources
    assert found.warnings == expected.warnings


@pytest.mark.parametrize("scale", ["none", "standard", "minmax", "robust", "quantile"])
@pytest.mark.parametrize("missing", ["mean", "median", "mode", {"constant": 2}])
def test_statistics_are_those_of_memory(
    table: Path, tmp_path: Path, scale: str, missing: Any
) -> None:
    spec = spec_of(
        str(table),
        scale=scale,
        target_scale=scale,
        missing_indicator=True,
        columns={"count": {"unreadable": "missing", "missing": missing}},
    )
    assert_same(*both(spec, tmp_path))


@pytest.mark.parametrize(
    "data",
    [
        {"missing": "drop", "unreadable": "drop", "columns": {k: {} for k in BASE["columns"]}},
        {"missing_values": ["7", "no"], "missing": "mode"},
        {"columns": {"size": {"scale": {"robust": 2}}, "rank": {"missing": "mean", "scale": {"quantile": 3}}}},
        {"columns": {"seen": {"parts": ["month", "hour", "weekday"], "scale": "quantile"}}},
        {"columns": {"shop": {"encode": "ordinal"}}, "unseen": "ignore"},
        {"columns": {"job": {"missing": "mode", "categories": ["cook", "judge", "7"]}},
         "unseen": "ignore"},
        {"drop": ["kind", "sold"], "sample_weight": "weight", "target": ["y", "size"],
         "top": {"layers": [{"Dense": 2}]}},
        {"target_clip": True, "target_scale": "robust"},
    ],
    ids=["drop", "markers", "bounds", "dates", "ordinal", "categories", "weights", "clip"],
)  # fmt: skip
def test_policies_and_settings_are_those_of_memory(
    table: Path, tmp_path: Path, data: dict[str, Any]
) -> None:
    assert_same(*both(spec_of(str(table), **data), tmp_path))


SIGMOID = {"layers": [{"Dense": {"units": 1, "activation": "sigmoid"}}]}
SOFTMAX = {
    "layers": [{"Dense": {"units": 40, "activation": "softmax"}}],
    "loss": "sparse_categorical_crossentropy",
}


@pytest.mark.parametrize("target", ["kind", "sold", "count"])
def test_classes_are_those_of_memory(table: Path, tmp_path: Path, target: str) -> None:
    columns = {"count": {"missing": "drop", "unreadable": "drop", "type": "category"}}
    spec = spec_of(
        str(table),
        target=target,
        drop=["y", "weight"],
        columns=columns if target == "count" else {},
        top=SIGMOID if target == "sold" else SOFTMAX,
    )
    assert_same(*both(spec, tmp_path))


@pytest.mark.parametrize(
    "split",
    [
        {"test": 0.2},
        {"test": 0, "validation": 0},
        {"test": 300, "validation": "test"},
        {"test": 0.2, "validation": 0.2, "stratify": "kind"},
        {"test": 0.2, "validation": 0.1, "group": "shop"},
        {"test": 0.2, "validation": 0.1, "time": "seen"},
        {"test": 0.2, "validation": 0.1, "shuffle": False, "seed": 9},
    ],
    ids=["test", "none", "watched", "stratified", "grouped", "time", "ordered"],
)
def test_splits_are_those_of_memory(table: Path, tmp_path: Path, split: dict[str, Any]) -> None:
    found, expected = both(spec_of(str(table), split=split, scale="standard"), tmp_path)
    assert_same(found, expected)
    assert found.validation_is_test == (split.get("validation") == "test")


def test_many_files_and_parts_with_their_own(tmp_path: Path) -> None:
    for number in range(4):
        text = table_text(300, seed=number, first=300 * number)
        (tmp_path / f"part-{number}.csv").write_text(text, encoding="utf-8")
    with gzip.open(tmp_path / "part-4.csv.gz", "wt", encoding="utf-8") as file:
        file.write(table_text(300, seed=4))
    (tmp_path / "test.csv").write_text(table_text(400, seed=5), encoding="utf-8")
    split = {"test": str(tmp_path / "test.csv"), "validation": 0.1}
    spec = spec_of(str(tmp_path / "part-*"), split=split, scale="standard", unseen="ignore")
    found, expected = both(spec, tmp_path)
    assert_same(found, expected)
    assert found.test is not None
    assert found.test.num_rows == 400


def test_parquet_and_json_lines(table: Path, tmp_path: Path) -> None:
    arrow = pyarrow.csv.read_csv(table)
    pyarrow.parquet.write_table(arrow, tmp_path / "t.parquet", row_group_size=400)
    lines = (json.dumps(row, default=str) for row in arrow.to_pylist())
    (tmp_path / "t.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name in ("t.parquet", "t.jsonl"):
        data = {"scale": "standard", "drop": ["kind", "sold", "weight", "seen"]}
        assert_same(*both(spec_of(str(tmp_path / name), **data), tmp_path))


def test_processes_share_a_prepared_table_until_the_last_one_lets_it_go(
    table: Path, tmp_path: Path
) -> None:
    spec = spec_of(str(table), scale="quantile", split={"test": 0.2, "validation": 0.2})
    large = decide(spec, budget_bytes=BUDGET).large
    assert large is not None
    made: list[Path] = []

    def prepare(folder: Path) -> PreparedTable:
        made.append(folder)
        return prepare_table(large, folder=folder, seed=spec.seed)

    home = tmp_path / "home"
    _, expected = both(spec, tmp_path)
    one, other = (SharedTable(home, "key", prepare) for _ in range(2))
    for each in (one, other):
        assert_same(each.dataset, expected)
        assert each.dataset.disk_record == one.dataset.disk_record
        assert np.array_equal(each.dataset.train.rows, one.dataset.train.rows)
    assert len(made) == 1
    assert not made[0].exists()
    one.release()
    assert other.dataset.stored is not None
    assert other.dataset.stored.read(0, 5).num_rows == 5
    other.release()
    assert not [item for item in home.iterdir() if item.is_dir()]
    again = SharedTable(home, "key", prepare)
    assert len(made) == 2
    again.release()


def test_what_a_killed_process_was_preparing_is_made_anew(table: Path, tmp_path: Path) -> None:
    spec = spec_of(str(table))
    large = decide(spec, budget_bytes=BUDGET).large
    assert large is not None
    home = tmp_path / "home"
    first = SharedTable(home, "key", lambda f: prepare_table(large, folder=f, seed=spec.seed))
    (whole,) = [item for item in home.iterdir() if item.is_dir()]
    first.release()
    half = whole.with_name(f"{whole.name}.making-1")
    half.mkdir()
    (half / "cells.parquet").write_bytes(b"half")
    SharedTable(home, "key", lambda f: prepare_table(large, folder=f, seed=spec.seed)).release()
    assert not half.exists()


def test_training_rows_are_dealt_to_blocks_at_random(table: Path, tmp_path: Path) -> None:
    ordered = {"test": 0.2, "shuffle": False}
    found, expected = both(spec_of(str(table), split=ordered), tmp_path)
    assert found.stored is not None
    dealt = found.stored.read(0, found.stored.num_rows).rows
    assert not np.array_equal(dealt, expected.train.rows)
    assert abs(np.corrcoef(dealt, np.arange(len(dealt)))[0, 1]) < 0.1
    kept, expected = both(spec_of(str(table), split=ordered, top={"shuffle": False}), tmp_path)
    assert kept.stored is not None
    assert np.array_equal(kept.stored.read(0, kept.stored.num_rows).rows, expected.train.rows)


def test_a_sample_of_the_training_part_stays_in_memory(table: Path, tmp_path: Path) -> None:
    found, expected = both(spec_of(str(table)), tmp_path)
    assert found.num_train_rows == expected.train.num_rows
    assert found.train.num_rows == 256
    assert set(found.train.rows) < set(expected.train.rows)
    assert found.disk_record is not None
    assert found.disk_record["sampled_train_rows"] == 256


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"columns": {"count": {}}}, "column 'count' has 2 cells that are no numbers:"),
        ({"columns": {"rank": {}}}, "column 'rank' has"),
        ({"target": "x"}, "has no column 'x'"),
    ],
)
def test_refused_cells_are_named_by_their_row(
    table: Path, tmp_path: Path, data: dict[str, Any], message: str
) -> None:
    spec = spec_of(str(table), **data)
    with pytest.raises(DataError, match="has") as caught:
        both(spec, tmp_path)
    assert message in caught.value.message
    assert not (tmp_path / "rows").exists()


def test_a_refused_cell_of_a_later_block_is_counted_from_the_top(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    rows = [f"{row},{row * 2}" for row in range(3000)]
    rows[2500] = "much,1"
    path.write_text("x,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
    spec = plain_spec({"source": str(path), "target": "y"})
    large = decide(spec, budget_bytes=BUDGET).large
    assert large is not None
    with pytest.raises(DataError) as caught:
        prepare_large(large, folder=tmp_path / "rows", seed=1)
    assert "late.csv, row 2502: 'much'" in caught.value.message


EARLY = {
    "number": ("1.5", "2.5"),
    "boolean": ("true", "false"),
    "date": ("2020-01-01", "2020-01-02"),
    "nothing": ("", ""),
}
ROW_OF_LATE = 200_001
"""Twice as far down as the first rows that tell the types."""


@pytest.mark.parametrize(
    ("kind", "cell", "what"),
    [
        ("number", "much", "no number"),
        ("number", "true", "no number"),
        ("boolean", "perhaps", "neither true nor false"),
        ("date", "01/02/2020", "no date"),
        ("nothing", "red", "no number"),
    ],
)
def test_a_later_row_of_another_type_is_named_by_its_row(
    tmp_path: Path, kind: str, cell: str, what: str
) -> None:
    path = tmp_path / "late.csv"
    one, other = EARLY[kind]
    text = f"{one},1\n{other},2\n" * (ROW_OF_LATE // 2 - 1) + f"{one},3\n"
    assert text.count("\n") == ROW_OF_LATE - 2
    path.write_text(f"x,y\n{text}{cell},3\n", encoding="utf-8")
    spec = plain_spec({"source": str(path), "target": "y", "missing": {"constant": 0}})
    if kind == "date":
        spec = plain_spec({"source": str(path), "target": "y"})
    large = decide(spec, budget_bytes=8_000_000).large
    assert large is not None
    with pytest.raises(DataError) as caught:
        prepare_large(large, folder=tmp_path / "rows", seed=1)
    assert caught.value.message.splitlines()[:2] == [
        f"column 'x' has 1 cell that is {what}:",
        f"  late.csv, row {ROW_OF_LATE}: {cell!r}",
    ]
    assert caught.value.hint is not None
    assert "columns: {x: {" in caught.value.hint


def test_a_later_file_of_truths_is_no_column_of_numbers(tmp_path: Path) -> None:
    numbers = {"x": [1.5, 2.5] * 2000, "y": [1, 2] * 2000}
    pyarrow.parquet.write_table(pyarrow.table(numbers), tmp_path / "1.parquet")
    truths = pyarrow.table({"x": [True, False], "y": [1, 2]})
    pyarrow.parquet.write_table(truths, tmp_path / "2.parquet")
    spec = plain_spec({"source": str(tmp_path / "*.parquet"), "target": "y"})
    large = decide(spec, budget_bytes=BUDGET).large
    assert large is not None
    with pytest.raises(DataError) as caught:
        prepare_large(large, folder=tmp_path / "rows", seed=1)
    assert "column 'x' has 2 cells that are no numbers:" in caught.value.message
    assert "2.parquet, row 1: 'true'" in caught.value.message


def test_unseen_categories_are_named_by_their_row(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("job,y\n" + "a,1\nb,2\n" * 800, encoding="utf-8")
    (tmp_path / "test.csv").write_text("job,y\n" + "a,1\n" * 700 + "z,2\n", encoding="utf-8")
    split = {"test": str(tmp_path / "test.csv")}
    spec = plain_spec({"source": str(tmp_path / "train.csv"), "target": "y", "split": split})
    large = decide(spec, budget_bytes=20_000).large
    assert large is not None
    with pytest.raises(DataError) as caught:
        prepare_large(large, folder=tmp_path / "rows", seed=1)
    assert "test.csv, row 702: 'z'" in caught.value.message
