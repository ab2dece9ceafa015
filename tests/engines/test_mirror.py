"""Folders that are filled elsewhere: what is told of them, and what is made of that."""

from dlcli.engines.mirror import Mirror, apply_changes, read_files


def test_changes_are_told_once_and_done_elsewhere(tmp_path):
    there, here = tmp_path / "there", tmp_path / "here"
    mirror = Mirror(folder=there)
    mirror.fill({"state.npz": b"old", "a/b.txt": b"kept"})
    assert mirror.changes() == {}
    (there / "state.npz").write_bytes(b"newer")
    (there / "a" / "c.txt").write_bytes(b"c")
    (there / ".half.new").write_bytes(b"not whole yet")
    changes = mirror.changes()
    assert changes == {"files": {"a/c.txt": b"c", "state.npz": b"newer"}, "removed": []}
    apply_changes(here, changes)
    (there / "state.npz").unlink()
    apply_changes(here, mirror.changes())
    assert mirror.changes() == {}
    assert [path.name for path in sorted(here.rglob("*"))] == ["a", "c.txt"]
    mirror.close()
    assert not there.exists()


def test_what_a_task_goes_on_from_is_named_or_all(tmp_path):
    for name in ("folds/01.npz", "folds/02.npz", "logs/x/y.csv", "run.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    assert set(read_files(tmp_path, ["folds/01.npz", "logs"])) == {"folds/01.npz", "logs/x/y.csv"}
    assert set(read_files(tmp_path)) == {
        *("folds/01.npz", "folds/02.npz", "logs/x/y.csv", "run.json"),
    }
    assert read_files(tmp_path / "nowhere") == {}
