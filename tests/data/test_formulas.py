"""Apostrophes before formulas: put there by writers, taken off by readers."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dlcli.data.formats.formulas import escape, unescape, unescape_text
from dlcli.data.readers import read_table
from dlcli.data.writers import open_writer

TEXTS = st.text(alphabet="'=+-@\t\rax1.,e", max_size=6)


@given(st.lists(TEXTS | st.none(), max_size=5), st.booleans())
def test_reading_undoes_what_escaping_did(texts: list[str | None], formulas: bool) -> None:
    column = pa.chunked_array([pa.array(texts, pa.string())])
    escaped = escape(column, formulas=formulas)
    assert unescape(escaped).to_pylist() == texts
    assert [t if t is None else unescape_text(t) for t in escaped.to_pylist()] == texts


@given(TEXTS)
def test_no_escaped_text_is_a_formula(text: str) -> None:
    (escaped,) = escape(pa.chunked_array([[text]]), formulas=True).to_pylist()
    is_number = text.lstrip("+-")[:1].isdigit() or text.lstrip("+-")[:1] in ".,"
    assert escaped[:1] not in tuple("=@\t\r")
    assert escaped[:1] not in tuple("+-") or is_number


@pytest.mark.parametrize("suffix", ["csv", "tsv.gz"])
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(name="=a", cells=["'-x", "-x", "''=1", "-1.5", "x'"], formulas=True)
@given(
    name=TEXTS.filter(lambda text: text.strip()),
    cells=st.lists(TEXTS.filter(bool), min_size=1, max_size=4),
    formulas=st.booleans(),
)
def test_names_and_cells_survive_a_file(
    tmp_path: Path, suffix: str, name: str, cells: list[str], formulas: bool
) -> None:
    # With a text that is neither number nor date, so that the column stays text.
    table = pa.table({name: [*cells, "word"], "other": ["word"] * (len(cells) + 1)})
    path = tmp_path / f"a.{suffix}"
    with open_writer(path, table.schema, escape_formulas=formulas) as writer:
        writer.write(table)
    again = read_table([path])
    assert again.names == [name, "other"]
    assert again.column(name).to_pylist() == [*cells, "word"]
