"""Folds are those of scikit-learn's splitters, and each is fitted on its own training part alone."""

from pathlib import Path

import numpy as np
import pytest
from sklearn import model_selection

from dlcli.data.dataset import prepare_dataset, read_data
from dlcli.data.folds import fold_datasets, fold_rows
from dlcli.data.parts import SplitValues
from dlcli.errors import DataError
from dlcli.spec.data import DataSpec, SplitSpec
from dlcli.spec.folds import FoldsSpec, with_folds

RANDOM = np.random.default_rng(4)
LABELS = np.array(["b", "a", "c"])[RANDOM.choice(3, 103, p=[0.6, 0.3, 0.1])]
GROUPS = RANDOM.integers(0, 17, 103)
ORDER = RANDOM.permutation(103).astype(float)
NOTHING = np.zeros(103)


def values(**given):
    return SplitValues(**{"labels": None, "groups": None, "order": None, **given})


@pytest.mark.parametrize("n_repeats", [1, 3])
@pytest.mark.parametrize(
    ("kind", "plain", "repeated", "given"),
    [
        ("random", "KFold", "RepeatedKFold", {}),
        ("stratified", "StratifiedKFold", "RepeatedStratifiedKFold", {"labels": LABELS}),
    ],
)
def test_shuffled_folds_are_those_of_scikit_learn(kind, plain, repeated, given, n_repeats):
    if n_repeats == 1:
        splitter = getattr(model_selection, plain)(5, shuffle=True, random_state=7)
    else:
        cls = getattr(model_selection, repeated)
        splitter = cls(n_splits=5, n_repeats=n_repeats, random_state=7)
    found = fold_rows(FoldsSpec(n_splits=5, n_repeats=n_repeats), kind, 103, 7, values(**given))
    expected = list(splitter.split(NOTHING, LABELS))
    assert len(found) == len(expected) == 5 * n_repeats
    for ours, (train, held_out) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.train, train)
        np.testing.assert_array_equal(ours.held_out, held_out)


@pytest.mark.parametrize(
    ("kind", "splitter", "given"),
    [
        ("ordered", model_selection.KFold(4), {}),
        ("grouped", model_selection.GroupKFold(4), {"groups": GROUPS}),
    ],
)
def test_folds_without_chance_are_those_of_scikit_learn(kind, splitter, given):
    found = fold_rows(FoldsSpec(n_splits=4), kind, 103, 7, values(**given))
    expected = splitter.split(NOTHING, LABELS, given.get("groups"))
    for ours, (train, held_out) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.train, train)
        np.testing.assert_array_equal(ours.held_out, held_out)


def test_folds_in_time_are_those_of_a_time_series_split():
    found = fold_rows(FoldsSpec(n_splits=4), "time", 103, 7, values(order=ORDER))
    in_time = np.argsort(ORDER)
    splitter = model_selection.TimeSeriesSplit(4)
    for ours, (train, held_out) in zip(found, splitter.split(NOTHING), strict=True):
        np.testing.assert_array_equal(ours.train, in_time[train])
        np.testing.assert_array_equal(ours.held_out, in_time[held_out])


@pytest.mark.parametrize(
    ("kind", "n_splits", "given", "told"),
    [
        ("random", 104, {}, "103 rows"),
        ("grouped", 18, {"groups": GROUPS}, "17 groups"),
        ("time", 103, {"order": ORDER}, "of which the first are only trained on"),
        ("stratified", 40, {"labels": LABELS}, "the class 'c' has"),
    ],
)
def test_more_folds_than_there_can_be_are_refused(kind, n_splits, given, told):
    with pytest.raises(DataError) as caught:
        fold_rows(FoldsSpec(n_splits=n_splits), kind, 103, 7, values(**given))
    assert told in caught.value.message


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    lines = [f"{x:.4f},{2 * x:.4f}" for x in RANDOM.normal(3, 2, 60)]
    path.write_text("\n".join(["x,y", *lines]) + "\n", encoding="utf-8")
    return path


def read(table: Path, folds: FoldsSpec, **split):
    spec = DataSpec(source=str(table), target="y", scale="standard", split=SplitSpec(**split))
    return read_data(with_folds(spec, folds), folder=Path(), seed=7)


def test_every_fold_is_scaled_by_its_own_training_rows(table):
    folds = FoldsSpec(n_splits=3)
    x = np.loadtxt(table, delimiter=",", skiprows=1)[:, 0]
    means = set()
    for each in fold_datasets(read(table, folds), folds):
        train, held_out = each.dataset.train, each.dataset.test
        own = x[train.rows]
        scaled = (x[held_out.rows] - own.mean()) / own.std()
        np.testing.assert_allclose(held_out.inputs["features"][:, 0], scaled, rtol=1e-4, atol=1e-5)
        means.add(round(float(own.mean()), 6))
    assert len(means) == 3


def test_the_test_part_is_in_no_fold_and_the_validation_part_in_the_training_rows(table):
    folds = FoldsSpec(n_splits=4)
    data = read(table, folds, test=0.2, validation=0.1)
    whole = prepare_dataset(data.spec, folder=Path(), seed=7)
    tested = set(whole.test.rows.tolist())
    held_out: list[int] = []
    for each in fold_datasets(data, folds):
        dataset = each.dataset
        parts = [set(part.rows.tolist()) for part in (dataset.train, dataset.validation)]
        own = set(dataset.test.rows.tolist())
        assert not tested & (parts[0] | parts[1] | own)
        assert not parts[0] & parts[1] and not own & (parts[0] | parts[1])
        assert len(parts[1]) == whole.validation.num_rows
        held_out += sorted(own)
    assert sorted(held_out) == sorted(set(range(60)) - tested)
