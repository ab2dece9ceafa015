"""What a worker on another machine must have, and how it is told that it lacks it."""

from dataclasses import replace

from dlcli.engines.needs import check_needs, needs_of
from dlcli.errors import DataError, RunError


def test_this_machine_has_what_it_has(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n1,2\n")
    needs = needs_of("jax", [(path, _sha(path))])
    assert check_needs(needs, "worker 1 on h") is None
    assert [name for name, _ in needs.versions] == ["dlcli", "keras", "jax"]


def test_a_file_that_is_missing_or_another_one_is_named_with_the_worker(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n1,2\n")
    needs = needs_of("tensorflow", [(path, _sha(path)), (tmp_path / "gone.csv", "0")])
    path.write_text("x,y\n1,3\n")
    error = check_needs(needs, "worker 2 on h")
    assert isinstance(error, DataError)
    assert error.message == (
        f"worker 2 on h lacks what the config reads: {path} is another file than here: its sha256 "
        f"differs; {tmp_path / 'gone.csv'} is not there"
    )
    assert "the same paths" in str(error.hint)


def test_other_versions_are_named(tmp_path):
    needs = replace(needs_of("jax", []), versions=(("dlcli", "0.0"), ("nowhere-to-be-had", "1.2")))
    error = check_needs(needs, "worker 2 on h")
    assert isinstance(error, RunError)
    assert "worker 2 on h has other packages than this machine: dlcli " in error.message
    assert "nowhere-to-be-had is missing, here 1.2" in error.message


def _sha(path):
    from dlcli.data.sources import fingerprint

    return fingerprint(path).sha256
