"""The rows that judge a run, as they are written and read again."""

from pathlib import Path

import numpy as np

from dlcli.commands.recording import write_columns
from dlcli.report.tested import read_tested

CLASSES = ("=cmd|' /C calc'!A0", "'=2", "@x", "-1", "plain")


def test_classes_that_are_formulas_are_text_to_a_spreadsheet_and_themselves_to_dlcli(
    tmp_path: Path,
) -> None:
    path = tmp_path / "predictions.csv"
    columns = {"row": np.arange(1, 6), "=y": list(CLASSES), "predicted_=y": list(CLASSES)[::-1]}
    columns |= {f"probability_{label}": np.full(5, 0.2) for label in CLASSES}
    write_columns(path, columns)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("row,'=y,predicted_=y,probability_=cmd")
    assert [line.split(",")[1] for line in lines[1:]] == [
        "'=cmd|' /C calc'!A0",
        "''=2",
        "'@x",
        "-1",
        "plain",
    ]
    state = {"settings": {"name": "=y"}, "classes": list(CLASSES)}
    tested = read_tested(path, {"table": {"targets": [state]}})["=y"]
    assert tested.actual.tolist() == [0, 1, 2, 3, 4]
    assert tested.predicted.tolist() == [4, 3, 2, 1, 0]
