"""Run folders: staged, numbered, whole or not there at all."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from dlcli.errors import DlcliError, RunError
from dlcli.runs import (
    MANIFEST_FORMAT,
    RunFolder,
    list_runs,
    load_json,
    open_run,
    write_json,
)
from dlcli.staging import stage_run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def publish(name: str = "plants", *, out: Path | None = None, text: str = "hello") -> RunFolder:
    with stage_run(name, out) as staged:
        (staged.path / "metrics.json").write_text(json.dumps({"text": text}))
        (staged.path / "checkpoints").mkdir()
        (staged.path / "checkpoints" / "best.keras").write_text(text)
        return staged.publish({"name": name})


def test_runs_are_numbered_from_001() -> None:
    assert [str(publish().path) for _ in range(2)] == ["runs/plants/001", "runs/plants/002"]
    assert str(publish("others").path) == "runs/others/001"


def test_numbers_go_on_after_the_highest_one_and_after_999(folder: Path) -> None:
    for taken in ("007", "999", "notes", "2"):
        (folder / "runs" / "plants" / taken).mkdir(parents=True)
    assert publish().path.name == "1000"
    assert publish().path.name == "1001"


def test_a_file_with_a_number_for_its_name_is_not_overwritten(folder: Path) -> None:
    (folder / "runs" / "plants").mkdir(parents=True)
    (folder / "runs" / "plants" / "001").write_text("notes")
    assert publish().path.name == "002"


def test_out_names_the_folder_and_makes_its_parents(folder: Path) -> None:
    run = publish(out=folder / "here" / "mine")
    assert run.path == folder / "here" / "mine"
    assert run.load_manifest()["name"] == "plants"


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_existing_out_is_refused_and_left_alone(folder: Path, kind: str) -> None:
    out = folder / "mine"
    if kind == "folder":
        out.mkdir()
    else:
        out.write_text("precious")
    with pytest.raises(RunError, match="exists already"):
        publish(out=out)
    assert kind == "folder" or out.read_text() == "precious"


def test_out_that_appears_meanwhile_is_not_overwritten(folder: Path) -> None:
    with (
        pytest.raises(RunError, match="made by someone else"),
        stage_run("a", folder / "b") as staged,
    ):
        (folder / "b").mkdir()
        staged.publish({})
    assert list((folder / "b").iterdir()) == []


def test_manifest_holds_the_format_and_the_sha256_of_every_file() -> None:
    manifest = publish().load_manifest()
    assert manifest["format"] == MANIFEST_FORMAT
    assert set(manifest["files"]) == {"metrics.json", "checkpoints/best.keras"}
    assert all(len(digest) == 64 for digest in manifest["files"].values())


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, RunError])
def test_nothing_is_left_of_a_run_that_failed(folder: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), stage_run("plants") as staged:
        (staged.path / "model.keras").write_text("half")
        raise error("stop")
    assert list(folder.iterdir()) == []


def test_folders_that_were_there_stay(folder: Path) -> None:
    publish("others")
    with pytest.raises(ValueError, match="stop"), stage_run("plants"):
        raise ValueError("stop")
    assert [item.name for item in (folder / "runs").iterdir()] == ["others"]


def test_what_a_killed_process_left_is_removed_once_it_is_old(folder: Path) -> None:
    with stage_run("plants") as staged:
        name = staged.path.name
        left = staged.path.with_name(name[: name.rindex("-") + 1] + "left")
        new = staged.path.with_name(name[: name.rindex("-") + 1] + "new")
        elsewhere = staged.path.with_name(".partial-elsewhere-left")
        for each in (left, new, elsewhere):
            each.mkdir()
            (each / "model.keras").write_text("half")
        for each in (left, elsewhere, staged.path):
            os.utime(each, (0, 0))
        with stage_run("plants"):
            found = {item.name for item in (folder / "runs" / "plants").iterdir()}
            assert {name, new.name, elsewhere.name} < found
            assert left.name not in found


def test_run_that_is_not_published_is_no_run(folder: Path) -> None:
    with stage_run("plants") as staged:
        (staged.path / "model.keras").write_text("half")
        with pytest.raises(RunError, match="no run in this folder is finished yet"):
            open_run(folder / "runs" / "plants")
    assert not (folder / "runs").exists()


def test_folder_that_cannot_be_written_is_a_run_error(folder: Path) -> None:
    (folder / "runs").write_text("a file")
    with pytest.raises(RunError, match="runs/plants: a run cannot be written: ") as caught:
        publish()
    assert "a file where a folder is expected" in str(caught.value.hint)


def test_twenty_threads_publish_twenty_whole_runs(folder: Path) -> None:
    errors: list[Exception] = []
    barrier = threading.Barrier(20)

    def work(number: int) -> None:
        try:
            barrier.wait()
            publish(text=str(number))
        except (DlcliError, OSError) as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    check_twenty_runs(folder)


WORK = """
import sys
from dlcli.staging import stage_run
for number in sys.argv[1:]:
    with stage_run("plants") as staged:
        (staged.path / "metrics.json").write_text('{"text": "%s"}' % number)
        staged.publish({"name": "plants"})
"""


@pytest.mark.slow
def test_four_processes_publish_twenty_whole_runs(folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WORK, *map(str, range(first, first + 5))], env=environment
        )
        for first in range(0, 20, 5)
    ]
    assert [process.wait() for process in started] == [0, 0, 0, 0]
    check_twenty_runs(folder)


def check_twenty_runs(folder: Path) -> None:
    runs = list_runs(folder / "runs" / "plants")
    assert [run.path.name for run in runs] == [f"{number:03d}" for number in range(1, 21)]
    for run in runs:
        run.check_files(run.metrics)
    assert sorted(int(load_json(run.metrics)["text"]) for run in runs) == list(range(20))
    assert len(list((folder / "runs" / "plants").iterdir())) == 20


def test_runs_open_by_folder_by_name_and_by_numbered_folder(folder: Path) -> None:
    first, second = publish(), publish()
    assert open_run(folder / "runs" / "plants" / "001").path == folder / first.path
    assert open_run("runs/plants/001") == first
    assert open_run("plants") == second
    assert open_run("runs/plants") == second
    assert open_run("plants/001") == first


def test_newest_run_is_the_one_with_the_highest_number(folder: Path) -> None:
    for number in ("999", "1000", "002"):
        run = publish(out=folder / "runs" / "plants" / number)
        assert run.path.name == number
    assert open_run("plants").path.name == "1000"


@pytest.mark.parametrize(
    ("made", "asked", "message"),
    [
        ([], "plants", "there is no such run"),
        (["plants/"], "plants", "not a run folder: it has no manifest.json"),
        (["plants"], "plants", "expected a run folder, got a file"),
        (["runs/plants/.partial-x/"], "plants", "no run in this folder is finished yet"),
        (["runs/plants/001/"], "plants", "not a run folder"),
    ],
)
def test_what_is_no_run_is_told_so(folder: Path, made: list[str], asked: str, message: str) -> None:
    for name in made:
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.write_text("x")
    with pytest.raises(RunError, match=message):
        open_run(asked)


def test_unknown_name_lists_or_suggests_known_ones(folder: Path) -> None:
    publish("plants")
    (folder / "runs" / "plan").mkdir()  # It has no finished run.
    with pytest.raises(RunError) as caught:
        open_run("plant")
    assert "plants" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": 1, "na', "is not whole"),
        ("[]", "expected a JSON object"),
        ("{}", "format None"),
        ('{"format": "1"}', "format '1'"),
        (f'{{"format": {MANIFEST_FORMAT + 1}}}', "this dlcli reads up to"),
        ("[" * 100_000, "is not whole"),
        ('"\\ud800', "is not whole"),
    ],
)
def test_bad_manifest_is_a_run_error(text: str, message: str) -> None:
    run = publish()
    run.manifest.write_text(text)
    with pytest.raises(RunError, match=message):
        run.load_manifest()


def test_missing_manifest_is_a_run_error() -> None:
    run = publish()
    run.manifest.unlink()
    with pytest.raises(RunError, match="is missing"):
        run.load_manifest()


def test_changed_and_missing_files_are_found() -> None:
    run = publish()
    run.check_files(run.metrics)
    run.metrics.write_text("changed")
    with pytest.raises(RunError, match="sha256 differs"):
        run.check_files(run.metrics)
    run.metrics.unlink()
    with pytest.raises(RunError, match="is missing"):
        run.check_files(run.metrics)


def test_file_that_cannot_be_read_is_a_run_error(folder: Path) -> None:
    run = publish()
    run.manifest.unlink()
    run.manifest.mkdir()
    with pytest.raises(RunError, match=r"manifest\.json cannot be read: Is a directory"):
        run.load_manifest()


def test_file_names_that_are_no_text_are_kept_in_json(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.csv")
    write_json(folder / "a.json", {"path": name})
    assert load_json(folder / "a.json") == {"path": name}


def test_files_that_training_did_not_write_pass() -> None:
    run = publish()
    run.history.write_text("epoch\n")
    run.check_files(run.history)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_is_always_json(folder: Path, value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(folder / "a.json", {"value": value})


def test_json_round_trip(folder: Path) -> None:
    values: dict[str, Any] = {"größe": [1, 2.5, None], "b": {"c": True}}
    write_json(folder / "a.json", values)
    assert load_json(folder / "a.json") == values
    assert "größe" in (folder / "a.json").read_text(encoding="utf-8")
