"""Every format and quirk is read as it is, and every fault is located."""

import datetime
import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlcli.data.readers import READERS, ReadOptions, looks_headerless, read_blocks, read_table
from dlcli.data.table import Table
from dlcli.errors import DataError

PIMA_NAMES = [f"c{number}" for number in range(1, 10)]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write_file


Write = Callable[[str, str | bytes], Path]


def read(path: Path, **options: object) -> Table:
    return read_table([path], ReadOptions(**options))  # type: ignore[arg-type]


def fails(path: Path, message: str, hint: str | None = "", **options: object) -> None:
    """Check the message that reading whole and reading in blocks both give."""
    with pytest.raises(DataError) as caught:
        read(path, **options)
    assert str(caught.value) == message
    if hint != "":
        assert caught.value.hint == hint
    with pytest.raises(DataError) as caught:
        list(read_blocks(path, ReadOptions(**options)))  # type: ignore[arg-type]
    assert str(caught.value) == message


def save_workbook(path: Path, **sheets: list[list[object]]) -> Path:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


# --- public data sets ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "options", "num_rows", "names", "numeric", "missing"),
    [
        ("Advertising.csv", {}, 200, ["column 1", "TV", "radio", "newspaper", "sales"], 5, 0),
        ("Bias_correction_ucl.csv", {"missing_values": ("NaN",)}, 7752, 25, 24, 1248),
        ("Concrete_Data.xls", {}, 1030, 9, 9, 0),
        ("Folds5x2_pp.xlsx", {}, 9568, ["AT", "V", "AP", "RH", "PE"], 5, 0),
        ("Folds5x2_pp.xlsx", {"sheet": "Sheet5"}, 9568, 5, 5, 0),
        ("bank-full.csv", {}, 45211, 17, 7, 0),
        ("bank-full.csv", {"missing_values": ("unknown",)}, 45211, 17, 7, 52124),
        ("cereal.csv", {"missing_values": ("-1",)}, 77, 16, 13, 4),
        ("iris.csv", {}, 150, 5, 4, 0),
        ("pima-indians-diabetes.csv", {"header": PIMA_NAMES}, 768, PIMA_NAMES, 9, 0),
        ("reuters_corn_test.csv", {}, 604, 2, 1, 0),
        ("reuters_corn_train.csv", {}, 1554, 2, 1, 0),
        ("winequality-red.csv", {}, 1599, 12, 12, 0),
        ("winequality-white.csv", {}, 4898, 12, 12, 0),
    ],
)
def test_public_data_sets_are_read_whole(
    shared_datasets: Path,
    file: str,
    options: dict[str, object],
    num_rows: int,
    names: list[str] | int,
    numeric: int,
    missing: int,
) -> None:
    table = read(shared_datasets / file, **options)
    assert table.num_rows == num_rows
    assert table.names == names if isinstance(names, list) else len(table.names) == names
    kinds = [column.type for column in table.arrow.columns]
    assert sum(kind in (pa.int64(), pa.float64()) for kind in kinds) == numeric
    assert sum(column.null_count for column in table.arrow.columns) == missing
    first = 1 if "header" in options else 2
    assert table.locate(0).row == first
    assert table.locate(num_rows - 1).row == num_rows + first - 1
    read_options = ReadOptions(**options)  # type: ignore[arg-type]
    blocks = list(read_blocks(shared_datasets / file, read_options, rows=1000))
    assert sum(block.num_rows for block in blocks) == num_rows
    assert blocks[-1].locate(blocks[-1].num_rows - 1) == table.locate(num_rows - 1)


def test_names_are_kept_to_the_last_space(shared_datasets: Path) -> None:
    names = read(shared_datasets / "Concrete_Data.xls").names
    assert names[-1] == "Concrete compressive strength(MPa, megapascals) "
    assert "Water  (component 4)(kg in a m^3 mixture)" in names
    assert "Solar radiation" in read(shared_datasets / "Bias_correction_ucl.csv").names


def test_not_a_number_is_text_until_it_is_listed(shared_datasets: Path) -> None:
    column = read(shared_datasets / "Bias_correction_ucl.csv").column("Present_Tmax")
    assert column.type == pa.string()
    assert "NaN" in column.to_pylist()


# --- delimited text -----------------------------------------------------------------------

SIMPLE = 'name,size,day\nädé,1.5,2020-01-02\n"b,\n""c",,2020-01-03\n'


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("plain.csv", SIMPLE.encode(), {}),
        ("bom.csv", b"\xef\xbb\xbf" + SIMPLE.encode(), {}),
        ("utf16.csv", SIMPLE.encode("utf-16"), {}),
        ("utf16be.csv", b"\xfe\xff" + SIMPLE.encode("utf-16-be"), {}),
        ("utf16named.csv", SIMPLE.encode("utf-16"), {"encoding": "utf-16"}),
        ("utf32.csv", SIMPLE.encode("utf-32"), {}),
        ("latin.csv", SIMPLE.encode("latin-1"), {"encoding": "latin-1"}),
        ("sig.csv", b"\xef\xbb\xbf" + SIMPLE.encode(), {"encoding": "utf-8"}),
        ("zip.csv.gz", SIMPLE.encode(), {}),
        ("tail.csv", SIMPLE.encode() + b"\n\n,,\n\n", {}),
        ("noend.csv", SIMPLE.encode()[:-1], {}),
        ("UPPER.CSV", SIMPLE.encode(), {}),
        ("semicolon.txt", SIMPLE.replace(",", ";").encode(), {}),
        ("tab.data", SIMPLE.replace(",", "\t").encode(), {}),
        ("tab.tsv", SIMPLE.replace(",", "\t").encode(), {}),
        ("pipe.csv", SIMPLE.replace(",", "|").encode(), {}),
        ("other.csv", SIMPLE.replace(",", "^").encode(), {"separator": "^"}),
        ("headless.csv", SIMPLE.split("\n", 1)[1].encode(), {"header": ["name", "size", "day"]}),
    ],
)
def test_quirks_of_text_files_do_not_change_the_table(
    write: Write, name: str, content: bytes, options: dict[str, object]
) -> None:
    path = write(name, content)
    comma = {"semicolon": ";", "tab": "\t", "pipe": "|", "other": "^"}.get(path.stem, ",")
    for table in (read(path, **options), *read_blocks(path, ReadOptions(**options))):  # type: ignore[arg-type]
        assert table.arrow.to_pydict() == {
            "name": ["ädé", f'b{comma}\n"c'],
            "size": [1.5, None],
            "day": [datetime.date(2020, 1, 2), datetime.date(2020, 1, 3)],
        }
        assert table.locate(1).row == (2 if "header" in options else 3)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_are_all_the_same(write: Write, end: str) -> None:
    table = read(write("a.csv", end.join(["a,b", "1,x", "", "2,y", ""])))
    assert table.arrow.to_pydict() == {"a": [1, None, 2], "b": ["x", None, "y"]}
    assert table.locate(2).row == 4


def test_an_empty_line_at_the_top_is_counted(write: Write) -> None:
    table = read(write("a.csv", "\n\na,b\n1,2\n"))
    assert (table.names, table.locate(0).row) == (["a", "b"], 4)


def test_only_the_empty_cell_is_missing(write: Write) -> None:
    table = read(write("a.csv", 'a,b\nNA,1\nnan,2\nNone,\n?,4\n"",5\n'))
    assert table.column("a").to_pylist() == ["NA", "nan", "None", "?", None]
    assert table.column("b").to_pylist() == [1, 2, None, 4, 5]
    table = read(write("a.csv", "a,b\nNA,1\nx,-1\n5,-1.0\n"), missing_values=("NA", "-1"))
    assert table.column("a").to_pylist() == [None, "x", "5"]
    assert table.column("b").to_pylist() == [1, None, None]


def test_text_columns_stay_text(write: Write) -> None:
    path = write("a.csv", "a,b\n1.50,1.50\n2,2\n")
    table = read(path, text_columns=frozenset({"a", "other"}))
    assert table.arrow.to_pydict() == {"a": ["1.50", "2"], "b": [1.5, 2.0]}


def test_decimal_commas_are_read_when_asked_for(write: Write) -> None:
    path = write("a.csv", "a;b\n1,5;1.234,5\n2;7\n")
    table = read(path, decimal=",", thousands=".")
    assert table.arrow.to_pydict() == {"a": [1.5, 2.0], "b": [1234.5, 7.0]}
    assert read(path).column("a").to_pylist() == ["1,5", "2"]
    fails(
        path,
        "decimal ',' and thousands ',' cannot be told apart",
        decimal=",",
        thousands=",",
    )


def test_files_are_typed_together(write: Write) -> None:
    first = write("a.csv", "id,x\n1.50,1\n")
    second = write("b.csv", "x;id\n2.5;abc\n")
    third = write("c.jsonl", '{"id": "z", "x": 3}\n')
    table = read_table([first, second, third])
    assert table.arrow.to_pydict() == {"id": ["1.50", "abc", "z"], "x": [1.0, 2.5, 3.0]}
    assert [str(table.locate(row)) for row in range(3)] == [
        "a.csv, row 2",
        "b.csv, row 2",
        "c.jsonl, line 1",
    ]


def test_a_late_word_makes_the_column_text(write: Write) -> None:
    path = write("a.csv", "x,y\n" + "1.5,2\n" * 300_000 + "abc,3\n")
    table = read(path)
    assert table.column("x").type == pa.string()
    assert table.column("x")[300_000].as_py() == "abc"
    assert table.column("y").type == pa.int64()


def test_blocks_are_bounded_and_locate_their_rows(write: Write) -> None:
    path = write("a.csv", "x,y\n" + "".join(f"{i},a\n" for i in range(2500)) + "\n\n7,b\n\n\n")
    blocks = list(read_blocks(path, rows=1000))
    assert [block.num_rows for block in blocks] == [1000, 1000, 503]
    assert blocks[1].column("x")[0].as_py() == 1000
    assert blocks[1].locate(0).row == 1002
    assert blocks[2].column("x").to_pylist()[-4:] == [2499, None, None, 7]
    assert str(blocks[2].locate(502)) == "a.csv, row 2504"


def test_empty_rows_between_blocks_are_kept(write: Write) -> None:
    # Arrow's blocks are 8 MB: the empty rows begin in one and end in the next.
    path = write("a.csv", "x\n" + "a" * 8_380_000 + "\n" * 20_000 + "2\n\n\n")
    blocks = list(read_blocks(path))
    assert sum(block.num_rows for block in blocks) == 20_001
    assert blocks[-1].locate(blocks[-1].num_rows - 1).row == 20_002


def test_a_header_alone_is_a_table_without_rows(write: Write) -> None:
    for content in ("a,b", "a,b\n", "a,b\r\n\r\n"):
        path = write("a.csv", content)
        for table in (read(path), *read_blocks(path)):
            assert (table.names, table.num_rows) == (["a", "b"], 0)


def test_a_long_cell_and_a_wide_header_are_read(write: Write) -> None:
    long = "word " * 600_000
    assert read(write("a.csv", f'a,b\n1,"{long}"\n2,x\n')).column("b").to_pylist() == [long, "x"]
    names = [f"column number {number}" for number in range(20_000)]
    assert read(write("b.csv", ",".join(names) + "\n" + "1," * 19_999 + "1\n")).names == names


@pytest.mark.parametrize(
    "content",
    ['a,b\n1,5" pipe\n2,6" pipe\n', 'a,b\n1,""\n', 'a,b\n1,""""\n', 'a,b\n1,"x"""', 'a\n""""\n'],
)
def test_closed_and_stray_quotes_are_no_error(write: Write, content: str) -> None:
    path = write("a.csv", content)
    assert read(path).num_rows + sum(block.num_rows for block in read_blocks(path)) > 0


def test_standard_input_is_read_as_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    for reader in (lambda: [read(Path("-"))], lambda: list(read_blocks("-"))):
        stdin = io.TextIOWrapper(io.BytesIO(b"a;b\n1;x\n2;y\n"))
        monkeypatch.setattr(sys, "stdin", stdin)
        (table,) = reader()
        assert table.arrow.to_pydict() == {"a": [1, 2], "b": ["x", "y"]}
        assert str(table.locate(1)) == "standard input, row 3"


# --- faults of text files -----------------------------------------------------------------


def test_ragged_rows_are_listed(write: Write) -> None:
    separator_hint = (
        "cells are separated by ',' (`separator`); a cell that contains it needs double quotes"
    )
    fails(
        write("a.csv", "a,b,c\n1,2,3\n1,2\n1,2,3\n"),
        "a.csv, row 3: expected 3 cells, received 2",
        separator_hint,
    )
    fails(
        write("a.csv", "a,b\n1,2\n" + "1,2,3\n" * 7),
        "a.csv: 7 rows do not have 2 cells: row 3 has 3, row 4 has 3, row 5 has 3, "
        "row 6 has 3, row 7 has 3, and 2 more",
        separator_hint,
    )


def test_an_unclosed_quote_is_an_error(write: Write) -> None:
    for end in ("", "\n"):
        fails(
            write("a.csv", f'a,b\n1,x\n2,"y\n3,z{end}'),
            "a.csv, row 3: a double quote opens a cell and is never closed",
            "close it, or write a quote inside a quoted cell twice",
        )
    fails(
        write("a.csv", 'a,b\n1,x\n"2,y\n3,z\n'),
        "a.csv, row 3: expected 2 cells, received 1",
        "a double quote that opens in row 3 may not be closed",
    )


def test_bytes_of_another_encoding_are_located(write: Write) -> None:
    fails(
        write("a.csv", "a,b\n1,x\n2,é\n".encode("latin-1")),
        "a.csv, line 3: byte 11 (0xe9) is not utf-8 text",
        "if the file is in another encoding, set it, for instance `encoding: cp1252`",
    )
    fails(
        write("china.csv", "城市,价格\n北京,1\n".encode("gbk")),
        "china.csv, line 1: byte 1 (0xb3) is not utf-8 text",
        "if the file is in another encoding, set it, for instance `encoding: gb18030`",
    )
    fails(
        write("b.csv", b"a,b\n" + b"1,x\n" * 400_000 + b"2,\xe4\n"),
        "b.csv, line 400002: byte 1600007 (0xe4) is not utf-8 text",
    )
    fails(write("c.csv", b"a,b\n1,\xc3"), "c.csv, line 2: byte 7 (0xc3) is not utf-8 text")


def test_nul_bytes_are_refused(write: Write) -> None:
    fails(
        write("a.csv", b"a,b\n1,x\x00y\n"),
        "a.csv, line 2: a NUL byte in what should be text",
        "this is not a text file, or it was damaged when it was written",
    )
    fails(
        write("a.csv", "a,b\n1,2\n".encode("utf-16-le")),
        "a.csv, line 1: a NUL byte in what should be text",
        "set `encoding: utf-16-le` if the file is UTF-16 without a byte-order mark",
    )


def test_faulty_headers_are_explained(write: Write) -> None:
    fails(
        write("a.csv", "a,b,a\n1,2,3\n"),
        "a.csv: columns 1 and 3 are both named 'a'",
        "rename one of them in the file",
    )
    fails(
        write("a.csv", "6,148,6\n1,2,3\n"),
        "a.csv: columns 1 and 3 are both named '6'",
        "the first row looks like data: list the column names under `header`",
    )
    fails(write("a.csv", "column 2,\n1,2\n"), "a.csv: columns 1 and 2 are both named 'column 2'")
    fails(
        write("a.csv", "1,2,3\n"),
        "a.csv: `header` lists 2 names, but row 1 has 3 cells",
        "give one name for each column, in the file's order",
        header=["x", "y"],
    )
    fails(
        write("a.csv", "1,2\n"), "`header`: columns 1 and 2 are both named 'x'", header=["x", "x"]
    )
    assert looks_headerless(["6", "0.627", "-1"])
    assert not looks_headerless(["6", "age"])


def test_an_undecidable_separator_is_asked_for(write: Write) -> None:
    path = write("a.csv", "a,b;c\n1,2;3\n")
    fails(
        path,
        "a.csv: cannot tell whether ',' or ';' separates its cells",
        'set `separator`, for instance `separator: ";"`',
    )
    assert read(path, separator=";").names == ["a,b", "c"]
    assert read(path, header=["x"], separator="|").num_rows == 2


def test_files_that_cannot_be_opened(write: Write, tmp_path: Path) -> None:
    write("plant.csv", "a\n1\n")
    fails(
        tmp_path / "plnt.csv",
        f"no such file: {tmp_path / 'plnt.csv'}",
        f"did you mean {tmp_path / 'plant.csv'}?",
    )
    missing = tmp_path / "no" / "a.csv"
    fails(missing, f"no such file: {missing}", f"there is no folder {tmp_path / 'no'}")
    fails(
        tmp_path,
        f"{tmp_path} is a folder without images (.png, .jpg, .jpeg, .bmp, .gif, .webp)",
        f"tables in it are named with their files: {tmp_path.name}/*.csv",
    )
    fails(write("e.csv", ""), f"{tmp_path / 'e.csv'} is empty")
    fails(write("e.csv", "\n \n"), "e.csv is empty: it has no header and no rows")
    fails(
        write("a.sav", "x"),
        "a.sav: cannot tell the format from the suffix '.sav'",
        "known suffixes are .csv, .tsv, .txt, .data, .jsonl, .ndjson, .xlsx, .xlsm, .xls, .ods, "
        ".parquet, .npz, .png, .jpg, .jpeg, .bmp, .gif, .webp; text files may add .gz",
    )
    plain = tmp_path / "a.csv.gz"
    plain.write_bytes(b"a,b\n1,2\n")
    fails(plain, "a.csv.gz: not a gzip file, though its name ends in .gz")
    cut = write("b.csv.gz", "a,b\n" + "1,2\n" * 1000)
    cut.write_bytes(cut.read_bytes()[:-10])
    fails(cut, "b.csv.gz: the gzip data is damaged or cut off")


@pytest.mark.skipif(sys.platform == "win32", reason="needs file modes")
def test_a_protected_file_is_an_error(write: Write) -> None:
    path = write("a.csv", "a\n1\n")
    path.chmod(0)
    try:
        path.open("rb").close()
    except PermissionError:
        fails(path, f"{path} cannot be read: Permission denied")
    finally:
        path.chmod(0o600)


def test_files_with_other_columns_are_refused(write: Write) -> None:
    first, second = write("a.csv", "x,y\n1,2\n"), write("b.csv", "x,z\n1,2\n")
    with pytest.raises(DataError, match=r"b\.csv has no column 'y', which a\.csv has"):
        read_table([first, second])
    third = write("c.csv", "x,y,z\n1,2,3\n")
    with pytest.raises(DataError, match=r"a\.csv has no column 'z', which c\.csv has"):
        read_table([first, third])


# --- Excel --------------------------------------------------------------------------------


def test_sheets_are_chosen_by_name_or_number(tmp_path: Path) -> None:
    path = save_workbook(tmp_path / "a.xlsx", First=[["a"], [1]], Other=[["a"], [2]], Empty=[])
    assert read(path).column("a").to_pylist() == [1.0]
    assert read(path, sheet=2).column("a").to_pylist() == [2.0]
    assert str(read(path, sheet="Other").locate(0)) == "a.xlsx, sheet Other, row 2"
    fails(path, "a.xlsx has no sheet 'Otter'", "its sheets are First, Other, Empty", sheet="Otter")
    fails(
        path,
        "a.xlsx has no sheet number 0",
        "sheets are counted from 1: First, Other, Empty",
        sheet=0,
    )
    fails(
        path,
        "a.xlsx: sheet 'Empty' is empty",
        "set `sheet` to one of First, Other, Empty",
        sheet="Empty",
    )


def test_a_table_inside_a_sheet_keeps_its_row_numbers(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet["B3"], sheet["C3"] = "a", 2001
    sheet["B4"], sheet["C4"] = 1, "x"
    sheet["B6"] = 2.5
    sheet["B9"] = ""
    workbook.save(tmp_path / "a.xlsx")
    table = read(tmp_path / "a.xlsx")
    assert table.arrow.to_pydict() == {"a": [1.0, None, 2.5], "2001": ["x", None, None]}
    assert str(table.locate(2)) == "a.xlsx, sheet Sheet, row 6"


def test_excel_cells_keep_their_meaning(tmp_path: Path) -> None:
    day, moment = datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3, 4, 5)
    rows: list[list[object]] = [
        ["code", "mixed", "day", "moment", "flag", "number text"],
        ["00123", 7, day, moment, True, "1.5"],
        ["00124", "n/a", None, moment, False, 2],
    ]
    table = read(save_workbook(tmp_path / "a.xlsx", S=rows))
    assert table.arrow.to_pydict() == {
        "code": ["00123", "00124"],
        "mixed": ["7", "n/a"],
        "day": [day, None],
        "moment": [moment, moment],
        "flag": [True, False],
        "number text": [1.5, 2.0],
    }


def test_error_cells_and_lost_formulas_are_not_taken_for_empty(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.append(["a", "b"])
    sheet.append([1, 1])
    sheet.append([None, "=A2+1"])
    sheet["A3"] = "#N/A"
    sheet["A3"].data_type = "e"
    workbook.save(tmp_path / "a.xlsx")
    table = read(tmp_path / "a.xlsx")
    assert table.arrow.to_pydict() == {"a": ["1", "#N/A"], "b": ["1", "=A2+1"]}
    assert read(tmp_path / "a.xlsx", missing_values=("#N/A",)).column("a").to_pylist() == [1, None]


def test_a_hidden_sheet_is_read_only_when_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    workbook = openpyxl.load_workbook(save_workbook(path, Notes=[["n"], [9]], Data=[["a"], [1]]))
    workbook["Notes"].sheet_state = "hidden"
    workbook.active = 1
    workbook.save(path)
    assert read(path).names == ["a"]
    assert read(path, sheet="Notes").names == read(path, sheet=1).names == ["n"]


def test_merged_cells_are_filled_once_and_missing_elsewhere(tmp_path: Path) -> None:
    path = save_workbook(tmp_path / "a.xlsx", S=[["kind", "y"], ["big", 1], ["", 2], ["small", 3]])
    workbook = openpyxl.load_workbook(path)
    workbook["S"].merge_cells("A2:A3")
    workbook.save(path)
    assert read(path).column("kind").to_pylist() == ["big", None, "small"]


def test_a_workbook_without_header_takes_its_names_from_the_config(tmp_path: Path) -> None:
    path = save_workbook(tmp_path / "a.xlsx", S=[[1, "x"], [2, "y"]])
    table = read(path, header=["a", "b"])
    assert (table.names, table.locate(0).row) == (["a", "b"], 1)
    fails(path, "a.xlsx: `header` lists 1 name, but row 1 has 2 cells", header=["a"])


def test_broken_workbooks_are_refused(write: Write, tmp_path: Path) -> None:
    fails(
        write("a.xlsx", "not a workbook"),
        "a.xlsx cannot be opened as a workbook: invalid Zip archive: Could not find EOCD",
        "it may be damaged, or another kind of file under an Excel name",
    )
    with pytest.raises(DataError, match=r"a\.xls cannot be opened as a workbook"):
        read(write("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)))
    whole = save_workbook(tmp_path / "b.xlsx", S=[["a"], [1]]).read_bytes()
    with pytest.raises(DataError, match=r"b\.xlsx cannot be opened as a workbook"):
        read(write("b.xlsx", whole[: len(whole) // 2]))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open("xl/worksheets/sheet1.xml", "w") as member,
    ):
        for _ in range(100):
            member.write(bytes(1 << 20))
    with pytest.raises(DataError, match=r"bomb\.xlsx unpacks to 105 MB or more, 1,0\d\d times"):
        read(path)


# --- Parquet and JSON Lines ---------------------------------------------------------------


def test_parquet_types_become_the_few_that_tables_have(tmp_path: Path) -> None:
    arrow = pa.table(
        {
            "small": pa.array([1, None], pa.int8()),
            "half": pa.array([1.5, float("inf")], pa.float32()),
            "word": pa.array(["1", ""]).dictionary_encode(),
            "day": pa.array([0, 1], pa.date32()),
            "moment": pa.array([0, 1], pa.timestamp("ms")),
            "flag": [True, None],
            "big": pa.array([1, 2**64 - 1], pa.uint64()),
        }
    )
    pq.write_table(arrow, tmp_path / "a.parquet")
    table = read(tmp_path / "a.parquet")
    assert table.arrow.schema.types == [
        pa.int64(), pa.float64(), pa.string(), pa.date32(), pa.timestamp("us"), pa.bool_(),
        pa.string(),
    ]  # fmt: skip
    assert table.column("half").to_pylist() == [1.5, float("inf")]
    assert table.column("word").to_pylist() == ["1", None]
    assert table.column("big").to_pylist() == ["1", str(2**64 - 1)]
    assert str(table.locate(1)) == "a.parquet, row 2"
    blocks = list(read_blocks(tmp_path / "a.parquet", rows=1))
    assert [block.locate(0).row for block in blocks] == [1, 2]


def test_parquet_faults(write: Write, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [[1, 2]]}), tmp_path / "a.parquet")
    fails(
        tmp_path / "a.parquet",
        "a.parquet: column 'a' holds values of type list<element: int64>",
        "columns hold numbers, text, booleans or dates; write it as several such columns",
    )
    with pytest.raises(DataError, match=r"b\.parquet cannot be read as Parquet: ") as caught:
        read(write("b.parquet", "hello, this is no Parquet file"))
    assert caught.value.hint is not None


def test_json_lines_are_read_by_key(write: Write) -> None:
    content = '{"a": 1, "b": "x"}\n{"b": null, "a": 2.5, "c": true}\n\n'
    for path in (write("a.jsonl", content), write("a.ndjson.gz", content)):
        for table in (read(path), *read_blocks(path)):
            assert table.arrow.to_pydict() == {
                "a": [1.0, 2.5],
                "b": ["x", None],
                "c": [None, True],
            }
            assert table.locate(1).row == 2
            assert table.locate(1).unit == "line"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("[1, 2]", "expected a JSON object, received a list"),
        ("3", "expected a JSON object, received a number"),
        ('{"a": {"b": 1}}', "column 'a' holds an object"),
        ('{"a": [1]}', "column 'a' holds a list"),
        ('{"a": NaN}', "not a JSON object: NaN is not JSON; a missing value is null"),
        ('{"a": 1, "a": 2}', "not a JSON object: the key 'a' appears twice"),
    ],
)
def test_json_faults_are_located(write: Write, line: str, problem: str) -> None:
    fails(write("a.jsonl", '{"a": 1}\n' + line + "\n"), f"a.jsonl, line 2: {problem}")


def test_more_json_faults(write: Write) -> None:
    with pytest.raises(DataError, match=r"a\.jsonl, line 2: not a JSON object: Expecting"):
        read(write("a.jsonl", '{"a": 1}\n{"a": \n'))
    fails(
        write("a.jsonl", '{"a": 1}\n\n{"a": 2}\n'),
        "a.jsonl, line 2: an empty line between objects",
    )
    fails(write("a.jsonl", "\n"), "a.jsonl is empty: it has no objects")
    deep = json.dumps({"a": 1}) + "\n" + '{"a": ' + "[" * 100_000
    with pytest.raises(DataError, match=r"a\.jsonl, line 2: not a JSON object"):
        read(write("a.jsonl", deep))


def test_big_integers_in_json_keep_their_digits(write: Write) -> None:
    path = write("a.jsonl", '{"a": 12345678901234567890123}\n{"a": 1}\n')
    assert read(path).column("a").to_pylist() == ["12345678901234567890123", "1"]
    path = write("a.jsonl", '{"a": 9007199254740993}\n')
    assert read(path).column("a").to_pylist() == [9007199254740993]


# --- the table of formats -----------------------------------------------------------------


def test_every_reader_has_what_a_format_offers() -> None:
    for name in set(READERS.values()):
        module = import_module(name)
        assert isinstance(module.HAS_TYPES, bool)
        assert callable(module.read)
        assert callable(module.read_blocks)


def test_reading_csv_stays_lean(write: Write) -> None:
    path = write("a.csv", "a,b\n1,x\n2,\n")
    script = (
        "import sys\nfrom pathlib import Path\nfrom dlcli.data.readers import read_table\n"
        f"assert read_table([Path({str(path)!r})]).num_rows == 2\n"
        "heavy = {'pandas', 'pyarrow.parquet', 'python_calamine', 'xlsxwriter', 'keras'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
