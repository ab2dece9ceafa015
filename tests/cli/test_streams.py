"""Streams that are closed, full, read no further, or in another encoding; as a shell makes them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DLCLI = f"{sys.executable} -m dlcli"
PIMA = REPOSITORY / "datasets" / "pima.csv"


def shell(
    command: str, *, cwd: Path = REPOSITORY, **variables: str
) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **variables}
    arguments = ["bash", "-o", "pipefail", "-c", command.replace("dlcli ", f"{DLCLI} ", 1)]
    return subprocess.run(
        arguments,
        capture_output=True,
        encoding="utf-8",
        cwd=cwd,
        check=False,
        env=environment,
    )


needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")


@needs_dev_full
@pytest.mark.parametrize("arguments", ["--help", "--version", "train --help", "schema"])
def test_output_onto_a_full_disk_is_an_error(arguments: str) -> None:
    done = shell(f"dlcli {arguments} > /dev/full")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: standard output cannot be written: No space left on device",
        "hint: free some space there, or choose another folder",
    ]


@pytest.mark.parametrize("arguments", ["--help", "schema", f"summarize {PIMA}"])
def test_output_that_is_closed_is_an_error(arguments: str) -> None:
    done = shell(f"dlcli {arguments} >&-")
    assert done.returncode == 2
    assert done.stderr.startswith("error: standard output is closed: the result is lost\n")


@pytest.mark.parametrize("redirection", ["2>&-", "2> /dev/full", ">&- 2>&-", "<&- 2>&-"])
def test_errors_that_nobody_can_read_keep_their_exit_code(redirection: str) -> None:
    if "full" in redirection and not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    done = shell(f"dlcli validate no-such.yaml {redirection}")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_ascii_output_shows_bars_in_ascii() -> None:
    done = shell(f"dlcli summarize {PIMA}", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert "@=+:=:.:...." in done.stdout


@pytest.mark.parametrize(
    "locale", [{"LANG": "C"}, {"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}]
)
def test_names_in_any_script_work_in_a_locale_without_them(
    tmp_path: Path, locale: dict[str, str]
) -> None:
    folder = tmp_path / "数据"
    folder.mkdir()
    rows = "".join(f"{number},{number * 2},红\n{number},{number},绿\n" for number in range(30))
    (folder / "混凝土.csv").write_text(f"水泥,强度,颜色\n{rows}", encoding="utf-8")
    variables = {"PYTHONUTF8": "0", "LANG": "C", **locale}
    made = shell("dlcli init 数据/混凝土.csv --target 强度", cwd=tmp_path, **variables)
    assert (made.returncode, made.stderr) == (0, "")
    checked = shell("dlcli validate --data --json *.yaml", cwd=tmp_path, **variables)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert json.loads(checked.stdout)[0]["config"] == "混凝土.yaml"
    wrong = shell("dlcli validate --data *.yaml --set data.target=密度", cwd=tmp_path, **variables)
    assert (wrong.returncode, wrong.stdout) == (4, "")
    assert wrong.stderr.startswith("error: ")


def test_a_stream_that_does_not_wait_gets_everything() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    command = [sys.executable, "-m", "dlcli", "schema"]
    with subprocess.Popen(command, stdout=writer, cwd=REPOSITORY) as process:
        os.close(writer)
        with os.fdopen(reader, "rb") as file:
            received = file.read()
    assert process.returncode == 0
    assert len(received) > 1 << 16
    assert json.loads(received)["type"] == "object"
