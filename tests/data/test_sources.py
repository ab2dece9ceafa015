"""What a config's source names, and the fingerprints of the files behind it."""

import hashlib
from pathlib import Path

import pytest

from dlcli.data.sources import download_stage, fingerprint, resolve_source
from dlcli.errors import DataError
from dlcli.files import hash_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.csv", "a.csv", "c[1].csv", "notes.txt"):
        (tmp_path / name).write_text(f"{name}\n1\n")
    (tmp_path / "deep.csv").mkdir()
    (tmp_path / "deep.csv" / "d.csv").write_text("d\n1\n")
    return tmp_path


def test_paths_are_relative_to_the_config(folder: Path) -> None:
    assert resolve_source("a.csv", folder=folder) == [folder / "a.csv"]
    assert resolve_source("missing.csv", folder=folder) == [folder / "missing.csv"]
    absolute = str(folder / "b.csv")
    assert resolve_source(absolute, folder=Path("elsewhere")) == [folder / "b.csv"]


def test_lists_keep_their_order(folder: Path) -> None:
    files = resolve_source(["b.csv", "a.csv"], folder=folder)
    assert [file.name for file in files] == ["b.csv", "a.csv"]


def test_globs_are_sorted_and_match_files_only(folder: Path) -> None:
    names = [file.name for file in resolve_source("*.csv", folder=folder)]
    assert names == ["a.csv", "b.csv", "c[1].csv"]
    names = [file.name for file in resolve_source("**/d*.csv", folder=folder)]
    assert names == ["d.csv"]
    names = [file.name for file in resolve_source(f"{folder}/[ab].csv", folder=Path("x"))]
    assert names == ["a.csv", "b.csv"]


def test_a_file_with_brackets_in_its_name_is_no_glob(folder: Path) -> None:
    assert resolve_source("c[1].csv", folder=folder) == [folder / "c[1].csv"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("*.parquet", "no file matches *.parquet"),
        ([], "the source lists no files"),
        ("", "the source is an empty text"),
        ("https://example.org/a.csv", "the source https://example.org/a.csv is an address, "),
        ("dataset:irsi-original", "no data set is called 'irsi-original'"),
    ],
)
def test_sources_that_name_nothing(folder: Path, source: str | list[str], message: str) -> None:
    with pytest.raises(DataError) as caught:
        resolve_source(source, folder=folder)
    assert str(caught.value).startswith(message)


def test_a_file_named_twice_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match=r"the source names .*a\.csv twice"):
        resolve_source(["a.csv", "[ab].csv"], folder=folder)


def test_datasets_are_found_by_name(
    shared_datasets: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DLCLI_DATASETS", str(shared_datasets))
    files = resolve_source("dataset:iris-original", folder=tmp_path)
    assert files == [shared_datasets / "iris.csv"]


def test_fingerprints_are_of_the_bytes(folder: Path) -> None:
    content = (folder / "a.csv").read_bytes()
    file = fingerprint(folder / "a.csv")
    assert file.sha256 == hashlib.sha256(content).hexdigest() == hash_file(folder / "a.csv")
    assert file.num_bytes == len(content)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    from dlcli.data.sources import check_unchanged, stamp_files

    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    stamps = stamp_files([path])
    check_unchanged(stamps)
    path.write_text("a,b\n")
    with pytest.raises(DataError, match=r"a\.csv changed while it was read"):
        check_unchanged(stamps)
    path.unlink()
    with pytest.raises(DataError, match=r"a\.csv was removed while it was read"):
        check_unchanged(stamps)


@pytest.mark.parametrize(
    ("done", "total", "seconds", "words"),
    [
        (2_000_000, None, 4.0, "downloading ccpp: 2.0 MB"),
        (2_000_000, 8_000_000, 4.0, "downloading ccpp: 25% of 8.0 MB, 12 s left"),
        (2_000_000, 8_000_000, 0.5, "downloading ccpp: 25% of 8.0 MB"),
        (8_000_000, 8_000_000, 9.0, "downloading ccpp: 100% of 8.0 MB"),
        (0, 8_000_000, 0.0, "downloading ccpp: 0% of 8.0 MB"),
    ],
)
def test_a_download_says_how_long_it_will_take(done, total, seconds, words):
    assert download_stage("ccpp", done, total, seconds=seconds) == words
