"""From a `data` section to arrays, on real files."""

import hashlib
import json

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from dlcli.data.dataset import prepare_dataset
from dlcli.errors import DataError
from dlcli.spec.data import ColumnSpec, DataSpec, SplitSpec

PIMA = tuple("pregnancies glucose pressure skin insulin bmi pedigree age outcome".split())
DROP = ColumnSpec(missing="drop")
STRENGTH = "Concrete compressive strength(MPa, megapascals) "


def prepare(folder, class_targets=(), **settings):
    classes = frozenset(class_targets)
    return prepare_dataset(DataSpec(**settings), folder=folder, seed=7, class_targets=classes)


@pytest.fixture
def write(tmp_path):
    def write(text, name="cells.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path

    return write


def rows_of(num_rows, header="x,y", line="{0},{1}"):
    lines = [line.format(n * 7 % 11 + n / 100, 3 * n + n % 5) for n in range(num_rows)]
    return "\n".join([header, *lines]) + "\n"


REAL_FILES = {
    "Advertising.csv": {"target": "sales", "drop": "column 1", "scale": "standard"},
    "Folds5x2_pp.xlsx": {
        "target": ("PE", "V"),
        "inputs": ("AT", "AP", "RH"),
        "scale": "minmax",
        "target_scale": "minmax",
    },
    "Concrete_Data.xls": {"target": STRENGTH, "scale": "robust"},
    "winequality-red.csv": {"target": "quality", "scale": "quantile"},
    "winequality-white.csv": {
        "target": "quality",
        "class_targets": ["quality"],
        "split": SplitSpec(stratify=True, test=0.2, validation=0.2),
    },
    "Bias_correction_ucl.csv": {
        "target": ("Next_Tmax", "Next_Tmin"),
        "drop": ("Date", "station"),
        "missing": "median",
        "columns": {n: DROP for n in ("Date", "station", "Next_Tmax", "Next_Tmin")},
    },
    "pima-indians-diabetes.csv": {
        "target": "outcome",
        "header": PIMA,
        "class_targets": ["outcome"],
        "columns": {"glucose": ColumnSpec(missing_values=(0,), missing="mean")},
    },
    "bank-full.csv": {
        "target": "y",
        "columns": {"job": ColumnSpec(encode="ordinal")},
        "scale": "standard",
    },
    "cereal.csv": {
        "target": "calories",
        "inputs": ("sugars", "fiber", "protein"),
        "missing_values": (-1,),
        "missing": "drop",
    },
    "iris.csv": {"target": "species"},
    "reuters_corn_train.csv": {
        "target": "corn",
        "class_targets": ["corn"],
        "columns": {"text": ColumnSpec(type="text", length=40)},
        "split": SplitSpec(test="reuters_corn_test.csv", validation=0.1),
    },
    "reuters_corn_test.csv": {"target": "corn", "columns": {"text": ColumnSpec(type="text")}},
}


def test_every_public_file_is_prepared(shared_datasets):
    files = {path.name for path in shared_datasets.iterdir()} - {"README.md"}
    assert files == set(REAL_FILES)


@pytest.mark.parametrize("file", REAL_FILES)
def test_public_file(file, shared_datasets):
    dataset = prepare(shared_datasets, source=file, **REAL_FILES[file])
    specs = dataset.preprocessing.input_specs
    for part in (dataset.train, dataset.test, dataset.validation):
        if part is None:
            continue
        for name, array in part.inputs.items():
            assert array.shape == (part.num_rows, *specs[name].shape)
            assert array.dtype == specs[name].dtype
            assert np.isfinite(array).all()
        for info in dataset.preprocessing.targets:
            assert part.scaled_targets[info.name].shape == (part.num_rows,)
            assert np.isfinite(part.targets[info.name]).all()
    counts = json.loads(json.dumps(dataset.counts))["rows"]
    parts = sum(counts.get(name, 0) for name in ("train", "validation", "test"))
    assert parts + counts["dropped"] == counts["read"]
    assert json.loads(json.dumps(dataset.split_record)) == dataset.split_record


def test_bias_correction_counts(shared_datasets):
    settings = REAL_FILES["Bias_correction_ucl.csv"]
    dataset = prepare(shared_datasets, source="Bias_correction_ucl.csv", **settings)
    assert dataset.counts["rows"]["dropped"] == 29
    assert dataset.counts["columns"]["Date"] == {"dropped": {"missing": 2}}
    assert dataset.counts["columns"]["Next_Tmax"] == {"dropped": {"missing": 27}}
    filled = dataset.counts["columns"]["Present_Tmax"]["filled"]
    assert (filled["policy"], sum(filled["cells"].values())) == ("median", 60)


def test_a_split_is_scikit_learns_on_the_files_rows(shared_datasets):
    split = SplitSpec(test=0.2, seed=1)
    dataset = prepare(shared_datasets, source="Concrete_Data.xls", target=STRENGTH, split=split)
    train, test = train_test_split(np.arange(1030), test_size=0.2, random_state=1)
    np.testing.assert_array_equal(dataset.train.rows, train)
    np.testing.assert_array_equal(dataset.test.rows, test)
    digest = hashlib.sha256(test.astype("<i8").tobytes()).hexdigest()
    assert dataset.split_record["sha256"]["test"] == digest
    assert dataset.split_record["seed"] == 1


def test_statistics_come_from_the_training_part(shared_datasets):
    settings = {"target": "sales", "inputs": ("TV",), "scale": "standard"}
    dataset = prepare(shared_datasets, source="Advertising.csv", **settings)
    features = dataset.train.inputs["features"]
    assert features.mean() == pytest.approx(0, abs=1e-6)
    assert features.std() == pytest.approx(1, abs=1e-6)
    assert abs(dataset.test.inputs["features"].mean()) > 1e-3


def test_rows_are_dropped_before_the_split(write):
    folder = write(rows_of(20) + ",5\n")
    dataset = prepare(folder, source="cells.csv", target="y", missing="drop")
    _, test = train_test_split(np.arange(20), test_size=0.2, random_state=7)
    np.testing.assert_array_equal(dataset.test.rows, test)
    assert dataset.counts["rows"] == {"read": 21, "dropped": 1, "train": 16, "test": 4}


def test_parts_from_files_of_their_own(write):
    write(rows_of(12), "late.csv")
    write(rows_of(11), "watch.csv")
    folder = write(rows_of(30))
    split = SplitSpec(test="late.csv", validation="watch.csv")
    dataset = prepare(folder, source="cells.csv", target="y", split=split, scale="minmax")
    sizes = {"train": 30, "validation": 11, "test": 12}
    assert dataset.split_record["sizes"] == sizes
    assert dataset.split_record["files"] == {"test": ["late.csv"], "validation": ["watch.csv"]}
    assert dataset.counts["rows"] == {"read": 53, "dropped": 0, **sizes}
    assert [source.path.name for source in dataset.sources] == [
        "cells.csv",
        "late.csv",
        "watch.csv",
    ]
    np.testing.assert_array_equal(dataset.test.rows, np.arange(12))


def test_a_test_file_must_have_the_columns(write):
    write("X,y\n1,2\n", "late.csv")
    folder = write(rows_of(30))
    with pytest.raises(DataError, match=r"late.csv has no column 'x'") as caught:
        prepare(folder, source="cells.csv", target="y", split=SplitSpec(test="late.csv"))
    assert caught.value.hint == "did you mean 'X'?"


def test_the_test_part_may_be_watched(write):
    dataset = prepare(
        write(rows_of(60)),
        source="cells.csv",
        target="y",
        split=SplitSpec(test=0.2, validation="test"),
    )
    assert dataset.validation_is_test
    assert dataset.validation is dataset.test


def test_no_part_but_training(write):
    dataset = prepare(write(rows_of(5)), source="cells.csv", target="y", split=SplitSpec(test=0))
    assert (dataset.test, dataset.validation, dataset.train.num_rows) == (None, None, 5)


@pytest.mark.parametrize("how", ["group", "time", "stratify"])
def test_columns_of_the_split(write, how):
    lines = "\n".join(f"{n},{'ab'[n % 2]}{n % 3},2024-01-{30 - n:02},{n * n}" for n in range(30))
    folder = write(f"x,site,day,y\n{lines}\n")
    column = {"group": "site", "time": "day", "stratify": "site"}[how]
    split = SplitSpec(test=0.2, **{how: column})
    dataset = prepare(folder, source="cells.csv", target="y", split=split)
    sites = [f"{'ab'[n % 2]}{n % 3}" for n in range(30)]
    test_sites = {sites[row] for row in dataset.test.rows}
    train_sites = {sites[row] for row in dataset.train.rows}
    names = {
        name.partition("=")[0].partition(".")[0] for name in dataset.preprocessing.feature_names
    }
    if how == "group":
        assert not test_sites & train_sites
        assert names == {"x", "day"}
    elif how == "time":
        assert dataset.test.rows.tolist() == [5, 4, 3, 2, 1, 0]
        assert names == {"x", "site"}
    else:
        assert test_sites == train_sites
        assert names == {"x", "site", "day"}


def test_a_group_column_is_an_input_where_it_is_named(write):
    lines = "\n".join(f"{n},{n % 5},{n * n}" for n in range(30))
    folder = write(f"x,site,y\n{lines}\n")
    dataset = prepare(
        folder, source="cells.csv", target="y", inputs=("x", "site"), split=SplitSpec(group="site")
    )
    assert dataset.preprocessing.feature_names == ("x", "site")


def test_warnings(write):
    lines = "\n".join(f"{n},5,{n % 4}" for n in range(1, 31))
    folder = write(f"id,same,y\n{lines}\n")
    own = {"id": ColumnSpec(scale="standard"), "y": ColumnSpec(categories=(0, 1, 2, 3, 4))}
    dataset = prepare(folder, source="cells.csv", target="y", columns=own)
    assert dataset.warnings == (
        "input 'id' only numbers the rows: leave it out with `drop: [id]`",
        "input 'same' is the same in every training row: it tells the network nothing",
        "no training row has the 'y' class 4",
        "the test part has only 6 rows: its score says little",
    )


def test_settings_that_do_nothing_are_warned_about(write):
    folder = write("x,z,y\n" + "\n".join(f"{n % 7},{n},{n * n}" for n in range(60)))
    own = {"z": ColumnSpec(scale="minmax")}
    dataset = prepare(folder, source="cells.csv", target="y", drop="z", columns=own)
    assert len(dataset.warnings) == 1
    assert dataset.warnings[0].startswith("the settings of column 'z' do nothing")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "z"}, "no column 'z' (`data.target`)"),
        ({"drop": "X1"}, "no column 'X1' (`data.drop`)"),
        ({"inputs": ("x", "q")}, "no column 'q' (`data.inputs`)"),
        ({"columns": {"why": DROP}}, "no column 'why' (`data.columns`)"),
        ({"sample_weight": "w"}, "no column 'w' (`data.sample_weight`)"),
        ({"split": SplitSpec(group="g")}, "no column 'g' (`data.split.group`)"),
        ({"split": SplitSpec(stratify="g")}, "no column 'g' (`data.split.stratify`)"),
        ({"drop": ("y",)}, "column 'y' is both in `data.target` and in `data.drop`"),
        ({"inputs": ("x", "y")}, "column 'y' is both in `data.inputs` and in `data.target`"),
        ({"inputs": ("x",), "drop": ("x",)}, "both in `data.inputs` and in `data.drop`"),
        ({"inputs": ("x", "x")}, "`data.inputs` names 'x' twice"),
        ({"drop": "x"}, "no column is left as an input"),
        ({"split": SplitSpec(test="20%")}, "`data.split.test`: expected a fraction"),
        ({"split": SplitSpec(test=0, validation="test")}, "watches the test part, and there is no"),
        ({"split": SplitSpec(test="cells.csv")}, "cells.csv is named by both"),
        ({"split": SplitSpec(stratify=True)}, "no target holds classes"),
        ({"columns": {"x": ColumnSpec(type="date")}}, "30 cells that are no dates"),
        ({"columns": {"y": ColumnSpec(type="date", format="%Y")}}, "target 'y' is a date column"),
    ],
)
def test_mistakes_in_the_section_name_themselves(write, settings, message):
    with pytest.raises(DataError) as caught:
        prepare(write(rows_of(30)), **{"source": "cells.csv", "target": "y", **settings})
    assert message in caught.value.message


def test_a_file_without_header_is_recognised(write):
    folder = write("1.5,2\n3,4\n5,6\n")
    with pytest.raises(DataError) as caught:
        prepare(folder, source="cells.csv", target="y")
    assert "list the column names under `header`" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n", "cells.csv has no rows"),
        ("x,y\n1,2\n", "leaves 0 of 1 rows to train on"),
        ("x,y\n,2\n,3\n", "no row is left of 2; rows were dropped for 'x' (2 missing)"),
        ("x,y\n" + "1,3\n2,3\n3,3\n4,3\n5,3\n", "target 'y' is 3 in every training row"),
    ],
)
def test_tables_with_too_little_in_them(write, text, message):
    with pytest.raises(DataError) as caught:
        prepare(write(text), source="cells.csv", target="y", missing="drop")
    assert message in caught.value.message


def test_missing_times_are_refused(write):
    folder = write("x,day,y\n1,2024-01-01,2\n2,,3\n3,2024-01-03,5\n4,2024-01-04,9\n")
    spec = {"source": "cells.csv", "target": "y", "split": SplitSpec(test=1, time="day")}
    with pytest.raises(DataError, match="column 'day' has 1 missing cell"):
        prepare(folder, **spec, missing="mean")
    dataset = prepare(folder, **spec, columns={"day": DROP})
    assert dataset.train.rows.tolist() == [0, 2]


def test_unordered_times_are_refused(write):
    folder = write("x,day,y\n" + "\n".join(f"{n},day {n % 3},{n * n}" for n in range(12)))
    with pytest.raises(DataError, match="holds neither dates nor numbers"):
        prepare(folder, source="cells.csv", target="y", split=SplitSpec(time="day"))


def test_the_seed_of_the_run_splits_where_the_split_has_none(write):
    folder = write(rows_of(60))
    runs = [
        prepare_dataset(DataSpec(source="cells.csv", target="y"), folder=folder, seed=seed)
        for seed in (7, 7, 8)
    ]
    np.testing.assert_array_equal(runs[0].test.rows, runs[1].test.rows)
    assert (runs[0].test.rows != runs[2].test.rows).any()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("sheet: Sheet1", "`sheet` is set, but data.csv has no use for it"),
        ("sheet: 2", "remove data.sheet: only Excel files have sheets"),
    ],
)
def test_a_setting_that_the_format_has_no_use_for_is_an_error(tmp_path, setting, message):
    (tmp_path / "data.csv").write_text("x,y\n1,2\n2,3\n3,4\n4,5\n", encoding="utf-8")
    key, _, value = setting.partition(": ")
    spec = DataSpec(
        source="data.csv", target="y", **{key: int(value) if value.isdigit() else value}
    )
    with pytest.raises(DataError) as caught:
        prepare_dataset(spec, folder=tmp_path, seed=0)
    assert message in f"{caught.value.message} {caught.value.hint}"
