"""What the system refuses to read or write, in words; and files that appear whole or not at all."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from dlcli.errors import DataError, RunError, SpecError, UsageError
from dlcli.files import check_output, hash_file, reading, refusal, writing, written_whole


def test_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert hash_file(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize("kind", [SpecError, DataError, RunError])
def test_what_cannot_be_read_is_told_with_path_reason_and_hint(kind: type) -> None:
    with pytest.raises(kind) as caught, reading("a.csv", kind):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "a.csv")
    assert caught.value.message == "a.csv cannot be read: Permission denied"
    assert "permissions" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EACCES, "you may not write there"),
        (errno.EROFS, "write-protected"),
        (errno.ENOTDIR, "where a folder is expected"),
        (errno.ENOENT, "make the folder first"),
    ],
)
def test_what_cannot_be_written_is_wrong_usage_with_a_hint(number: int, hint: str) -> None:
    with (
        pytest.raises(UsageError, match=r"^a\.csv cannot be written: ") as caught,
        writing("a.csv"),
    ):
        raise OSError(number, os.strerror(number))
    assert hint in str(caught.value.hint)


def test_a_reader_who_has_enough_is_no_failure() -> None:
    with pytest.raises(BrokenPipeError), writing("standard output"):
        raise BrokenPipeError


def test_a_sentence_without_a_number_is_kept_in_one_line() -> None:
    error = refusal(OSError("Unable to write\nmore"), "model.keras", "cannot be written")
    assert error.message == "model.keras cannot be written: Unable to write"
    assert error.hint is None


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with written_whole(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    with pytest.raises(KeyboardInterrupt), written_whole(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "new"


def test_an_output_that_is_there_needs_force(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    check_output(path)
    path.write_text("precious")
    with pytest.raises(UsageError, match="exists already") as caught:
        check_output(path)
    assert "--force" in str(caught.value.hint)
    check_output(path, force=True)


def test_an_input_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("precious")
    (tmp_path / "link.csv").symlink_to(path)
    for out in (path, tmp_path / "link.csv"):
        with pytest.raises(UsageError, match="is what is read"):
            check_output(out, force=True, inputs=[path])


def test_places_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path, message in (
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "a.csv", "there is no folder"),
        (tmp_path / "file" / "a.csv", "there is no folder"),
        (Path("/proc/a.csv"), "/proc/a.csv cannot be written"),
    ):
        with pytest.raises(UsageError, match=message):
            check_output(path, force=True)
            with writing(path):
                path.write_text("x")
