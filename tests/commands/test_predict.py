import csv
import io
import json
import shutil

import pyarrow.parquet
import pytest

from dlcli.commands import predict as predict_module
from dlcli.commands.predict import predict
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.errors import DataError, RunError, UsageError


def _rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_inputs_own_cells_come_back_as_written_in_their_order(
    trained_run, concrete_csv, tmp_path
):
    out = tmp_path / "out.csv"
    predicted = predict(str(trained_run.path), concrete_csv, out)
    given, made = _rows(concrete_csv), _rows(out)
    assert predicted.rows == len(made) == 1030
    assert [{key: row[key] for key in given[0]} for row in made] == given
    assert all(float(row["predicted_compressive_strength"]) for row in made)


def test_predictions_are_those_that_training_wrote(trained_run, concrete_csv, tmp_path):
    out = tmp_path / "out.csv"
    predict(str(trained_run.path), concrete_csv, out)
    made = _rows(out)
    for row in _rows(trained_run.predictions):
        again = made[int(row["row"]) - 1]["predicted_compressive_strength"]
        assert float(again) == pytest.approx(float(row["predicted_compressive_strength"]), rel=1e-6)


def test_blocks_give_what_one_block_gives(trained_run, concrete_csv, tmp_path, monkeypatch):
    predict(str(trained_run.path), concrete_csv, tmp_path / "one.csv")
    monkeypatch.setattr(predict_module, "BLOCK_ROWS", 100)
    counted = []
    predict(
        str(trained_run.path),
        concrete_csv,
        tmp_path / "many.csv",
        on_rows=lambda rows, share: counted.append(rows),
    )
    assert len(counted) >= 10
    ours, theirs = _rows(tmp_path / "many.csv"), _rows(tmp_path / "one.csv")
    for one, other in zip(ours, theirs, strict=True):
        first = float(one.pop("predicted_compressive_strength"))
        assert first == pytest.approx(float(other.pop("predicted_compressive_strength")), rel=1e-5)
        assert one == other


def test_columns_may_come_in_any_order_and_others_beside_them(trained_run, concrete_csv, tmp_path):
    rows = _rows(concrete_csv)[:5]
    shuffled = tmp_path / "shuffled.csv"
    with shuffled.open("w", encoding="utf-8", newline="") as file:
        names = ["note", *reversed(list(rows[0]))]
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows([{**row, "note": "a, b"} for row in rows])
    predict(str(trained_run.path), shuffled, tmp_path / "a.csv", ids=("note",))
    predict(str(trained_run.path), concrete_csv, tmp_path / "b.csv")
    ours, theirs = _rows(tmp_path / "a.csv"), _rows(tmp_path / "b.csv")
    assert list(ours[0]) == ["note", "predicted_compressive_strength"]
    for one, other in zip(ours, theirs, strict=False):
        key = "predicted_compressive_strength"
        assert float(one[key]) == pytest.approx(float(other[key]), rel=1e-6)


def test_numbers_stay_numbers_in_typed_files(trained_run, concrete_csv, tmp_path):
    out = tmp_path / "out.parquet"
    predict(str(trained_run.path), concrete_csv, out)
    schema = pyarrow.parquet.read_schema(out)
    assert str(schema.field("cement").type) == "double"
    assert str(schema.field("age").type) == "int64"
    assert str(schema.field("predicted_compressive_strength").type) == "double"


def test_a_missing_column_is_named_with_the_nearest(trained_run, concrete_csv, tmp_path):
    text = concrete_csv.read_text(encoding="utf-8").replace("cement", "Cement", 1)
    renamed = tmp_path / "renamed.csv"
    renamed.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="cement") as caught:
        predict(str(trained_run.path), renamed, tmp_path / "out.csv")
    assert "Cement" in str(caught.value.hint)
    assert not (tmp_path / "out.csv").exists()


def test_stdin_to_stdout(trained_run, concrete_csv, monkeypatch, capfdbinary):
    head = b"\n".join(concrete_csv.read_bytes().splitlines()[:4]) + b"\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(head)))
    predict(str(trained_run.path), predict_module.Path("-"), predict_module.Path("-"))
    lines = capfdbinary.readouterr().out.decode().splitlines()
    assert len(lines) == 4
    assert lines[0].endswith(",predicted_compressive_strength")


def test_predicting_a_predicted_table_again_is_refused(trained_run, concrete_csv, tmp_path):
    predict(str(trained_run.path), concrete_csv, tmp_path / "once.csv")
    with pytest.raises(UsageError, match="has a column 'predicted_compressive_strength' already"):
        predict(str(trained_run.path), tmp_path / "once.csv", tmp_path / "twice.csv")


def test_files_that_are_there_are_written_over_only_with_force(trained_run, concrete_csv, tmp_path):
    rows = concrete_csv.read_text(encoding="utf-8").splitlines()[:3]
    given, out = tmp_path / "given.csv", tmp_path / "out.csv"
    given.write_text("\n".join(rows), encoding="utf-8")
    out.write_text("precious", encoding="utf-8")
    with pytest.raises(UsageError, match="exists already"):
        predict(str(trained_run.path), given, out)
    assert out.read_text(encoding="utf-8") == "precious"
    assert predict(str(trained_run.path), given, out, force=True).rows == 2
    assert len(_rows(out)) == 2
    with pytest.raises(UsageError, match="is what is read"):
        predict(str(trained_run.path), given, given, force=True)
    assert given.read_text(encoding="utf-8") == "\n".join(rows)


def test_text_that_looks_like_a_formula_comes_back_when_it_is_read_again(
    trained_run, concrete_csv, tmp_path
):
    rows = _rows(concrete_csv)[:2]
    given, once, twice = (tmp_path / name for name in ("given.csv", "once.csv", "twice.csv"))
    with given.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["=note", *rows[0]])
        writer.writeheader()
        writer.writerows(
            [{**row, "=note": text} for row, text in zip(rows, ("-x", "'@x"), strict=True)]
        )
    predict(str(trained_run.path), given, once, ids=("=note", *rows[0]))
    # An apostrophe that stands there already is one of those that reading takes off.
    assert [row["'=note"] for row in _rows(once)] == ["'-x", "'@x"]
    predict(str(trained_run.path), once, twice, ids=("=note",))
    assert [row["'=note"] for row in _rows(twice)] == ["'-x", "'@x"]


def test_a_table_without_rows_gives_one_without_rows(trained_run, concrete_csv, tmp_path):
    empty = tmp_path / "empty.csv"
    empty.write_text(concrete_csv.read_text(encoding="utf-8").splitlines()[0], encoding="utf-8")
    assert predict(str(trained_run.path), empty, tmp_path / "out.csv").rows == 0
    assert _rows(tmp_path / "out.csv") == []


POLICIES = """
data:
  source: data.csv
  target: y
  missing: drop
  split: {test: 0}
layers: [Dense: 1]
epochs: 1
"""


def test_rows_that_a_policy_drops_stay_without_a_prediction(tmp_path):
    lines = ["x,y", *(f"{i},{2 * i}" for i in range(20))]
    (tmp_path / "data.csv").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "net.yaml").write_text(POLICIES, encoding="utf-8")
    run = train(tmp_path / "net.yaml", TrainOptions(out=tmp_path / "run"), QuietDisplay()).run
    (tmp_path / "new.csv").write_text("id,x\na,1\nb,\nc,3\n", encoding="utf-8")
    predicted = predict(str(run.path), tmp_path / "new.csv", tmp_path / "out.csv")
    made = _rows(tmp_path / "out.csv")
    assert predicted.without_prediction == 1
    assert [row["id"] for row in made] == ["a", "b", "c"]
    assert made[1]["predicted_y"] == ""
    assert made[2]["predicted_y"] != ""


def test_intervals_stand_beside_numbers(trained_run, concrete_csv, tmp_path):
    out = tmp_path / "out.csv"
    predict(str(trained_run.path), concrete_csv, out, interval=0.8)
    rows = _rows(out)
    names = [f"{word}_compressive_strength" for word in ("predicted", "lower", "upper")]
    assert list(rows[0])[-3:] == names
    values = [[float(row[name]) for name in names] for row in rows]
    assert all(low < value < high for value, low, high in values)
    tested = {int(row["row"]) - 1 for row in _rows(trained_run.predictions)}
    held = [
        low <= float(row["compressive_strength"]) <= high
        for at, (row, (_, low, high)) in enumerate(zip(rows, values, strict=True))
        if at in tested
    ]
    stored = trained_run.load_metrics()["coverage"]["targets"]["compressive_strength"]["0.8"]
    assert sum(held) / len(held) == pytest.approx(stored["covered"])


@pytest.mark.parametrize(
    ("interval", "error", "said"),
    [(90, UsageError, "level 90: expected a share"), (0.999, RunError, "needs 999 validation")],
)
def test_intervals_that_cannot_be_are_refused_before_anything_is_written(
    interval, error, said, trained_run, concrete_csv, tmp_path
):
    with pytest.raises(error, match=said):
        predict(str(trained_run.path), concrete_csv, tmp_path / "out.csv", interval=interval)
    assert not (tmp_path / "out.csv").exists()


def test_intervals_need_numbers_and_rows_held_back(classes_run, linear_run, tmp_path):
    for run, error, said in (
        (classes_run, UsageError, "predicts classes"),
        (linear_run, RunError, "without a validation part"),
    ):
        with pytest.raises(error, match=said):
            predict(str(run.path), tmp_path / "new.csv", tmp_path / "out.csv", interval=0.9)


def test_a_run_from_before_intervals_says_so(trained_run, concrete_csv, tmp_path):
    run = tmp_path / "old"
    shutil.copytree(trained_run.path, run)
    (run / "calibration.json").unlink()
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    del manifest["files"]["calibration.json"]
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(RunError, match="kept no errors") as caught:
        predict(str(run), concrete_csv, tmp_path / "out.csv", interval=0.9)
    assert caught.value.hint == "train again"
