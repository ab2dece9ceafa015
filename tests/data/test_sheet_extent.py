import zipfile
from pathlib import Path

import openpyxl
import pytest

from dlcli.data.formats.sheet_extent import column_index, column_letters
from dlcli.data.readers import read_table
from dlcli.errors import DataError

_NAMES = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_ODS = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body>'
    '<office:spreadsheet><table:table table:name="S">{}</table:table></office:spreadsheet>'
    "</office:body></office:document-content>"
)
_ODS_CELL = '<table:table-cell office:value-type="float" office:value="1"{}/>'


def workbook_of(path: Path, rows: str) -> Path:
    """Write a workbook whose one sheet holds these rows, in XML."""
    openpyxl.Workbook().save(path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    sheet = f"<worksheet {_NAMES}><sheetData>{rows}</sheetData></worksheet>"
    entries["xl/worksheets/sheet1.xml"] = sheet.encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def ods_of(path: Path, rows: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", _ODS.format(rows))
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    return path


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            '<row r="1"><c r="A1"><v>1</v></c><c r="XFD1048576"><v>1</v></c></row>',
            "span 17,179,869,184, as far as XFD1048576",
        ),
        (
            "<row r='1'><c r='A1'><v>1</v></c><c r='ALL90000'><v>1</v></c></row>",
            "span 90,000,000, as far as ALL90000",
        ),
        (
            '<row r="9"><c><v>1</v></c></row><row r="90009"><c r="ALL90009"><v>1</v></c></row>',
            "span 90,001,000",
        ),
    ],
    ids=["corner", "other quotes", "no addresses"],
)
def test_a_stray_cell_far_out_is_refused_before_its_table_is_made(
    rows: str, told: str, tmp_path: Path
) -> None:
    path = workbook_of(tmp_path / "far.xlsx", rows)
    with pytest.raises(DataError, match="2 filled cells") as caught:
        read_table([path])
    assert told in str(caught.value)
    assert "stray cell" in str(caught.value.hint)


def test_formats_far_out_are_no_cells(tmp_path: Path) -> None:
    rows = (
        '<row r="1"><c r="A1"><v>7</v></c></row><row r="2"><c r="A2"><v>1</v></c></row>'
        '<row r="1048576"><c r="XFD1048576" s="1"/></row>'
    )
    table = read_table([workbook_of(tmp_path / "far.xlsx", rows)])
    assert table.arrow.to_pydict() == {"7": [1]}


def test_a_cell_repeated_without_end_is_refused(tmp_path: Path) -> None:
    row = '<table:table-row table:number-rows-repeated="100000">{}</table:table-row>'
    cell = _ODS_CELL.format(' table:number-columns-repeated="900"')
    path = ods_of(tmp_path / "far.ods", row.format(cell))
    with pytest.raises(DataError, match=r"1 filled cells span 90,000,000, as far as AHP100000"):
        read_table([path])


def test_empty_rows_at_the_end_of_a_sheet_are_none(tmp_path: Path) -> None:
    row = "<table:table-row{}>{}</table:table-row>"
    end = row.format(' table:number-rows-repeated="1048000"', "<table:table-cell/>")
    filled = row.format("", _ODS_CELL.format("")) + row.format("", _ODS_CELL.format(""))
    assert read_table([ods_of(tmp_path / "a.ods", filled + end)]).num_rows == 1


def test_error_values_behind_cells_that_have_a_format_alone_are_found(tmp_path: Path) -> None:
    rows = (
        '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>2</v></c></row>'
        '<row r="2"><c r="A2" s="1"/><c r="B2" t="e"><v>#N/A</v></c></row>'
    )
    table = read_table([workbook_of(tmp_path / "a.xlsx", rows)])
    assert table.column("2").to_pylist() == ["#N/A"]


@pytest.mark.parametrize(("letters", "index"), [("A", 0), ("Z", 25), ("AA", 26), ("XFD", 16_383)])
def test_columns_are_numbered_as_spreadsheets_letter_them(letters: str, index: int) -> None:
    assert column_index(letters.encode()) == index
    assert column_letters(index) == letters
