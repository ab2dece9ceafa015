"""Input that is made to break dlcli: it ends in a short message and the right exit code, soon."""

import gzip
import os
import re
import time
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dlcli.cli import app

BASE = "data: {source: t.csv, target: y}\nlayers: [Dense: 1]\nloss: mse\nepochs: 1\n"
_ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)
_BLOCKS = (
    "blocks: {"
    + ", ".join(f"b{i}: [{', '.join([f'b{i + 1}'] * 9)}]" for i in range(20))
    + ", b20: [Dense: 1]}\n"
)

CONFIGS = {
    "exploding aliases": (_ALIASES, "more than 50,000 values"),
    "10,000 levels of lists": ("a: " + "[" * 10_000 + "]" * 10_000, "nested more than 60"),
    "10,000 levels of mappings": ("a: " + "{a: " * 10_000 + "1" + "}" * 10_000, "nested more"),
    "a name of a megabyte": (f"name: {'x' * 990_000}\n{BASE}", "cannot name a folder"),
    "a loss of a megabyte": (BASE.replace("mse", "x" * 900_000), "unknown loss"),
    "a number of a megabyte": (f"seed: {'9' * 900_000}\n{BASE}", "a number of 900000"),
    "40,000 unknown keys": (BASE + "".join(f"k{i}: 1\n" for i in range(40_000)), "unknown key"),
    "15,000 wrong layers": (BASE.replace("Dense: 1", ",".join(["Dens: 1"] * 15_000)), "unknown la"),
    "15,000 layers": (BASE.replace("Dense: 1", ",".join(["Dense: 1"] * 15_000)), "15,000 layers"),
    "exploding blocks": (_BLOCKS + BASE.replace("Dense: 1", "b0, Dense: 1"), "more than 10^12"),
    "a Python object": ("a: !!python/object/apply:os.system ['touch PWNED']\n", "is not allowed"),
    "an alias to itself": ("a: &a [*a]\n", "names no anchor"),
    "a NUL byte": ("name: a\0b\n" + BASE, "is not allowed in YAML"),
    "a NUL in quotes": ('extends: "a\\0"\n' + BASE, "cannot be in a text"),
    "a half character": ('name: "\\ud800"\n' + BASE, ""),
    "a key that looks alike": (BASE.replace("epochs", "\u0435pochs"), "CYRILLIC SMALL LETTER IE"),
    "an absolute log": (BASE + "callbacks: [CSVLogger: /tmp/x.csv]\n", "leaves the run folder"),
    "a checkpoint of attributes": (
        BASE + "callbacks: [ModelCheckpoint: '{epoch.__doc__[9]}.keras']\n",
        "no placeholder",
    ),
    "a checkpoint of dots": (
        BASE + "callbacks: [ModelCheckpoint: '{epoch!s:.>2.0}/x.keras']\n",
        "no placeholder",
    ),
    "a checkpoint of no figure": (
        BASE + "callbacks: [ModelCheckpoint: '{nope}.keras']\n",
        "no figure is named",
    ),
    "an escape that is none": ('name: "C:\\data"\n' + BASE, "begins no escape"),
    "a log outside": (BASE + "callbacks: [{TensorBoard: {log_dir: ../x}}]\n", "leaves the run"),
    "a checkpoint outside": (BASE + "callbacks: [ModelCheckpoint: ../../x.keras]\n", "leaves the"),
    "a device as code": ("imports: [/dev/zero]\n" + BASE, "more than 1,000,000 bytes"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_hostile_config_is_refused_with_its_place(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text, expected = CONFIGS[case]
    Path("c.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    found = told(["validate", "c.yaml"], codes={3})
    assert expected in found
    assert not Path("PWNED").exists()


def test_escapes_of_the_terminal_are_told_as_escapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("\x1b[31ma,\u202eb,z\n1,2,3\n", encoding="utf-8")
    Path("c.yaml").write_text(BASE, encoding="utf-8")
    found = told(["validate", "c.yaml", "--data"], codes={4})
    assert "\x1b" not in found
    assert "\u202e" not in found


TABLES = {
    "100,000 columns": ("," * 100_000 + "\n1\n", "100,001 columns; at most 20,000"),
    "the same name 100,000 times": ("a," * 100_000 + "y\n", "columns"),
    "a header alone": ("a,b,y\n", ""),
    "a header without an end": ("a,b,y", ""),
    "one column": ("y\n1\n2\n", ""),
    "nothing": ("", "is empty"),
    "blank lines": ("\n\n\n", "is empty"),
    "ragged rows": ("a,b,y\n" + "1,2\n1,2,3,4\n" * 40_000, "row"),
    "a quote that never closes": ('a,b,y\n1,"2,3\n' + "1,2,3\n" * 100_000, "quote"),
    "a quote in the header": ('a,"b,y\n' + "1,2,3\n" * 100_000, ""),
    "infinities": ("a,b,y\n" + "inf,2,3\n-inf,1e999,NaN\n1,2,3\n" * 10, ""),
    "dates of six kinds": (
        (
            "a,b,y\n2024-01-02,1,1\n02/01/2024,1,2\n2024.01.02,1,3\n1 Jan 2024,2,4\n20240102,2,5\n"
            "2024-01-02T10:00:00Z,2,6\n"
        ),
        "",
    ),
    "two columns of a name": ("a,a,y\n1,2,3\n", "both named 'a'"),
    "a NUL byte": ("a,b,y\n1,\0,3\n", "a NUL byte"),
    "a cell of a megabyte": ("a,b,y\n1," + "x" * 900_000 + ",3\n2,3,4\n", ""),
    "numbers of 5,000 digits": ("a,b,y\n" + ("9" * 5000 + ",2,3\n1,2,3\n") * 50, ""),
}


@pytest.mark.parametrize("case", TABLES)
def test_hostile_table_is_refused(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text, expected = TABLES[case]
    Path("t.csv").write_text(text, encoding="utf-8", newline="")
    Path("c.yaml").write_text(BASE, encoding="utf-8")
    assert expected in told(["validate", "c.yaml", "--data"], codes={3, 4})


def _gzip_bomb(path: Path) -> None:
    path.write_bytes(gzip.compress(b"a,b,y\n" + b"0" * 100_000_000))


def _zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 100_000_000)


def _not_parquet(path: Path) -> None:
    path.write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")


def _lists(path: Path) -> None:
    pq.write_table(pa.table({"a": [[1]], "y": [1]}), path)


def _nested(path: Path) -> None:
    path.write_text('{"a":' + "[" * 100_000 + "]" * 100_000 + "}\n", encoding="utf-8")


FILES = {
    "bomb.csv.gz": _gzip_bomb,
    "bomb.xlsx": _zip_bomb,
    "no.parquet": _not_parquet,
    "lists.parquet": _lists,
    "nested.jsonl": _nested,
}


@pytest.mark.parametrize("name", FILES)
def test_hostile_file_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    FILES[name](Path(name))
    Path("c.yaml").write_text(BASE.replace("t.csv", name), encoding="utf-8")
    told(["validate", "c.yaml", "--data"], codes={4})


def test_two_thousand_columns_take_no_more_than_their_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [*(f"c{i}" for i in range(2000)), "y"]
    rows = [",".join(str(i + j) for j in range(len(names))) for i in range(4)]
    Path("t.csv").write_text("\n".join([",".join(names), *rows]), encoding="utf-8")
    Path("c.yaml").write_text(BASE, encoding="utf-8")
    start = time.process_time()
    outcome = CliRunner().invoke(app, ["validate", "c.yaml", "--data"])
    assert outcome.exit_code == 0, outcome.stderr
    # By name, Arrow looks at every column for each: it took half a minute.
    assert time.process_time() - start < 10


def test_validate_lists_what_a_config_touches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    Path("c.yaml").write_text(BASE.replace("t.csv", "../secret.csv"), encoding="utf-8")
    outcome = CliRunner().invoke(app, ["validate", "c.yaml"])
    assert f"outside this folder and the config's: {tmp_path / 'secret.csv'}" in outcome.stdout
    assert "writes below runs/c" in outcome.stdout
    Path("c.yaml").write_text(BASE.replace("t.csv", "dataset:iris-original"), encoding="utf-8")
    outcome = CliRunner().invoke(app, ["validate", "c.yaml"])
    assert "downloads dataset:iris-original" in outcome.stdout


def test_validate_lists_every_path_outside_and_every_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    many = BASE.replace("t.csv", f"[{', '.join(f'../{i}.csv' for i in range(8))}]")
    Path("c.yaml").write_text(
        many + "init_from: ../run\nengine: {ray: {address: 'ray://u:hunter2@far:1'}}\n"
        "track: {mlflow: {uri: 'http://u:hunter2@logs'}}\n"
        "sweep: {metric: loss, axes: {data.source: [../swept.csv]}, storage: 'postgresql://u:hunter2@db/s'}\n",
        encoding="utf-8",
    )
    found = CliRunner().invoke(app, ["validate", "c.yaml"]).stdout
    outside = found.partition("reads from outside this folder and the config's: ")[2]
    paths = [tmp_path / name for name in (*(f"{i}.csv" for i in range(8)), "run", "swept.csv")]
    assert set(outside.strip().split(", ")) == {str(path) for path in paths}
    assert "connects to ray://far:1, http://logs, postgresql://db/s\n" in found
    assert "hunter2" not in found


def test_a_pipe_is_refused_before_it_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("t.csv")
    Path("c.yaml").write_text(BASE, encoding="utf-8")
    assert "is a pipe, not a file" in told(["validate", "c.yaml", "--data"], codes={4})


def test_passwords_in_addresses_are_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address = "https://user:hunter2@example.org/t.csv?key=hunter3"
    Path("c.yaml").write_text(BASE.replace("t.csv", f'"{address}"'), encoding="utf-8")
    found = told(["validate", "c.yaml", "--data"], codes={4})
    assert "example.org" in found
    assert "hunter" not in found


def told(arguments: list[str], *, codes: set[int]) -> str:
    """Run a command that must fail in time and in few words; return these."""
    start = time.process_time()
    outcome = CliRunner().invoke(app, arguments, prog_name="dlcli")
    seconds = time.process_time() - start
    assert outcome.exit_code in codes, outcome.stderr[:2000]
    assert "Traceback" not in outcome.stderr
    for problem in re.split("^error: ", outcome.stderr, flags=re.MULTILINE):
        assert problem.count("\n") <= 12
    assert max(map(len, outcome.stderr.splitlines())) <= 1200
    assert seconds < 6, "two seconds on a quiet machine, beyond imports"
    return outcome.stderr
