"""Tables are written whole or not at all, and read back as they were."""

import datetime
import io
import math
import sys
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcli.data.readers import ReadOptions, read_table
from dlcli.data.writers import check_writable, open_writer
from dlcli.errors import DataError, UsageError

DAY = datetime.date(2020, 1, 2)
MOMENT = datetime.datetime(2020, 1, 2, 3, 4, 5)
TABLE = pa.table(
    {
        "number": [1.5, None, -0.25],
        "count": [1, 2, 2**40],
        "text, with comma": ['a "quoted" word', "two\nlines", None],
        "code": ["00123", " padded ", "=1+1"],
        "flag": [True, False, None],
        "day": pa.array([DAY, None, DAY], pa.date32()),
        "moment": pa.array([MOMENT, None, MOMENT], pa.timestamp("us")),
    }
)


def write(path: Path, *blocks: pa.Table, escape_formulas: bool = False) -> None:
    with open_writer(path, blocks[0].schema, escape_formulas=escape_formulas) as writer:
        for block in blocks:
            writer.write(block)


@pytest.mark.parametrize(
    "name",
    ["a.csv", "a.csv.gz", "a.tsv", "a.tsv.gz", "a.xlsx", "a.parquet", "a.jsonl", "a.ndjson.gz"],
)
def test_blocks_read_back_as_one_table(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, TABLE, TABLE.slice(0, 0), TABLE)
    table = read_table([tmp_path / name])
    assert table.arrow.to_pydict() == pa.concat_tables([TABLE, TABLE]).to_pydict()
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_csv_looks_as_people_write_it(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", TABLE)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == (
        'number,count,"text, with comma",code,flag,day,moment\n'
        '1.5,1,"a ""quoted"" word",00123,true,2020-01-02,2020-01-02 03:04:05\n'
        ',2,"two\nlines", padded ,false,,\n'
        "-0.25,1099511627776,,=1+1,,2020-01-02,2020-01-02 03:04:05\n"
    )


def test_no_rows_give_a_header(tmp_path: Path) -> None:
    for name in ("a.csv", "a.xlsx", "a.parquet"):
        write(tmp_path / name, TABLE.slice(0, 0))
        table = read_table([tmp_path / name])
        assert (table.num_rows, table.names) == (0, TABLE.column_names)


def test_formulas_are_escaped_when_asked_for(tmp_path: Path) -> None:
    cells = ["=1+1", "+x", "-x", "@x", "\tx", "x=1", "-1.5", None]
    table = pa.table({"=name": cells, "number": [-1.0] * len(cells)})
    write(tmp_path / "a.csv", table)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").startswith("=name,number\n=1+1,-1\n")
    write(tmp_path / "a.csv", table, escape_formulas=True)
    lines = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()
    names = ["'=name", "'=1+1", "'+x", "'-x", "'@x", "'\tx", "x=1", "-1.5", ""]
    assert [line.rsplit(",", 1)[0] for line in lines] == names
    assert {line.rsplit(",", 1)[1] for line in lines[1:]} == {"-1"}


def test_excel_cells_are_never_formulas_or_links(tmp_path: Path) -> None:
    table = pa.table({"a": ["=1+1", "https://example.org", "12"], "b": [math.inf, 1.0, None]})
    write(tmp_path / "a.xlsx", table)
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)] == [
        ["=1+1", "inf"],
        ["https://example.org", 1],
        ["12", None],
    ]
    assert sheet["A2"].data_type == "s" or 't="f"' not in str(sheet["A2"])
    assert sheet["A3"].hyperlink is None


def test_what_excel_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="an Excel sheet cannot hold a text of 40000 characters"):
        write(tmp_path / "a.xlsx", pa.table({"a": ["x" * 40_000]}))
    with pytest.raises(DataError, match="an Excel sheet cannot hold more than 1048575 rows"):
        write(tmp_path / "a.xlsx", pa.table({"a": pa.nulls(1_048_576, pa.float64())}))
    assert list(tmp_path.iterdir()) == []


def test_parquet_columns_keep_their_type(tmp_path: Path) -> None:
    numbers, words = pa.table({"a": [1.5]}), pa.table({"a": ["x"]})
    with pytest.raises(DataError, match="a Parquet column keeps one type"):
        write(tmp_path / "a.parquet", numbers, words)
    assert list(tmp_path.iterdir()) == []


def test_standard_output_gets_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer))
    write(Path("-"), pa.table({"a": [1, 2]}))
    assert buffer.getvalue() == b"a\n1\n2\n"


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.xlsx", "a.parquet", "a.jsonl"])
def test_a_failure_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("before")
    with (
        pytest.raises(KeyboardInterrupt),
        open_writer(tmp_path / name, TABLE.schema) as writer,
    ):
        writer.write(TABLE)
        raise KeyboardInterrupt
    assert (tmp_path / name).read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_faults_of_the_input_are_not_blamed_on_the_output(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError),
        open_writer(tmp_path / "a.csv", TABLE.schema),
    ):
        (tmp_path / "missing").open()


def test_unwritable_places_are_known_beforehand(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "a.pickle", "a.pickle: cannot tell the format to write from the suffix"),
        (tmp_path / "no" / "a.csv", "there is no folder"),
        (tmp_path, "is a folder"),
    ):
        for check in (check_writable, lambda path: write(path, TABLE)):
            with pytest.raises(UsageError, match=message):
                check(path)
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(UsageError, match=r"b\.csv is a folder"):
        check_writable(tmp_path / "b.csv")
    check_writable("-")


@pytest.mark.skipif(sys.platform == "win32", reason="needs file size limits")
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.xlsx", "a.parquet", "a.jsonl"])
def test_a_full_disk_is_told(tmp_path: Path, name: str) -> None:
    resource = pytest.importorskip("resource")
    texts = [str(number * 7919 % 100_003) for number in range(100_000)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(UsageError, match="cannot be written: File too large"):
            write(tmp_path / name, pa.table({"a": texts}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


NAMES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6),
    min_size=2,
    max_size=4,
    unique=True,
).filter(lambda names: "\ufeff" not in "".join(names) and any(map(str.strip, names)))
CELLS = st.one_of(
    st.none(),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(names=NAMES, data=st.data())
def test_any_text_survives_csv(tmp_path: Path, names: list[str], data: st.DataObject) -> None:
    num_rows = data.draw(st.integers(0, 5))
    columns = {
        name: pa.array(
            data.draw(st.lists(CELLS, min_size=num_rows, max_size=num_rows)), pa.string()
        )
        for name in names
    }
    # Rows at the end without any filled cell are no rows to the reader.
    columns["last"] = pa.array([1.5] * num_rows, pa.float64())
    table = pa.table(columns)
    write(tmp_path / "a.csv", table)
    options = ReadOptions(separator=",", text_columns=frozenset(names))
    read = read_table([tmp_path / "a.csv"], options)
    assert read.names == table.column_names
    assert read.arrow.to_pydict() == table.to_pydict()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_any_float_survives_csv(tmp_path: Path, values: list[float]) -> None:
    write(tmp_path / "a.csv", pa.table({"x": values, "y": [0.5] * len(values)}))
    assert read_table([tmp_path / "a.csv"]).column("x").to_pylist() == values
