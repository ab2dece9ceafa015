"""Plain rows without a table give the tensors that preprocessing makes of them, bit for bit."""

import numpy as np
import pytest

from dlcli.commands.served_run import ServedRun
from dlcli.data.columns.number import NumberInput
from dlcli.serving.bodies import table_of_columns
from dlcli.serving.direct import DirectRows

SPLIT = "data: {source: t.csv, target: y, split: {test: 0.2}"


@pytest.fixture(scope="module")
def preprocessing(tmp_path_factory):
    """Every plain kind of column, scaled in several ways."""
    from dlcli.data.dataset import prepare_dataset
    from dlcli.spec.run import load_spec

    folder = tmp_path_factory.mktemp("direct")
    random = np.random.default_rng(1)
    lines = ["a,b,c,d,flag,colour,kind,y"]
    for row in range(60):
        a, b, c, d = random.normal(3, 20, 4)
        colour, kind = random.choice(["red", "蓝", ""]) or "red", random.choice(["p", "q"])
        lines.append(f"{a!r},{b!r},{c!r},{d!r},{row % 2 == 0},{colour},{kind},{row}")
    text = "\n".join(lines).replace("np.float64(", "").replace(")", "")
    (folder / "t.csv").write_text(text, encoding="utf-8")
    columns = "{b: {scale: minmax}, c: {scale: quantile}, d: {scale: {robust: 3}}, kind: {encode: ordinal}}"
    config = f"{SPLIT}, scale: standard, columns: {columns}}}\nlayers: [Dense: 1]\nepochs: 1\n"
    (folder / "t.yaml").write_text(config, encoding="utf-8")
    spec = load_spec(folder / "t.yaml")
    return prepare_dataset(spec.data, folder=folder, seed=1, class_targets=set()).preprocessing


def wanted(preprocessing, lines):
    columns = [list(column) for column in zip(*lines, strict=True)]
    table = table_of_columns(
        list(preprocessing.needed_columns), columns, preprocessing.read_options
    )
    return preprocessing.apply(table, with_targets=False).inputs


def test_tensors_are_those_of_preprocessing(preprocessing):
    direct = DirectRows.plan(preprocessing)
    assert direct.kinds == (float, float, float, float, bool, str, str)
    random = np.random.default_rng(2)
    lines = [
        (*random.normal(0, 1e2, 4).tolist(), bool(random.integers(2)),
         str(random.choice(["red", "蓝"])), str(random.choice(["p", "q"])))
        for _ in range(50)
    ]  # fmt: skip
    lines.append((0.0, -0.0, 4.5, 1e-300, True, "red", "q"))
    for some in (lines, lines[:1]):
        found, expected = direct.tensors(some), wanted(preprocessing, some)
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype


@pytest.mark.parametrize(
    ("place", "cell"),
    [(0, float("inf")), (2, float("inf")), (5, "pink"), (5, ""), (6, "r")],
)
def test_what_is_not_plain_is_left_to_preprocessing(preprocessing, place, cell):
    line = [1.0, 2.0, 3.0, 4.0, True, "red", "p"]
    line[place] = cell
    assert DirectRows.plan(preprocessing).tensors([tuple(line)]) is None


def test_what_preprocessing_does_otherwise_is_left_to_it(preprocessing, monkeypatch):
    monkeypatch.setattr(NumberInput, "encode", lambda self, read: np.ones((5, 1), np.float32))
    assert DirectRows.plan(preprocessing) is None


def test_runs_that_take_more_have_no_plan(mixed_run):
    # Dates and texts are more than a cell each.
    assert DirectRows.plan(ServedRun.open(mixed_run).bundle.preprocessing) is None
