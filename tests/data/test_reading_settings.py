"""How files are read: options of the command line, and what public data sets need."""

from pathlib import Path
from typing import Any

import pytest

from dlcli.data.dataset import prepare_dataset
from dlcli.data.readers import ReadOptions, read_table
from dlcli.data.reading_settings import parse_settings, registry_settings, with_registry
from dlcli.errors import UsageError
from dlcli.spec.data import DataSpec, SplitSpec


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ({}, {}),
        ({"separator": ";", "decimal": None}, {"separator": ";"}),
        ({"separator": r"\t"}, {"separator": "\t"}),
        ({"decimal": ",", "thousands": "."}, {"decimal": ",", "thousands": "."}),
        ({"header": 'a, "b, c"'}, {"header": ("a", "b, c")}),
        ({"sheet": "2"}, {"sheet": 2}),
        ({"sheet": "Sheet2", "encoding": "cp1252"}, {"sheet": "Sheet2", "encoding": "cp1252"}),
    ],
)
def test_options_are_the_keys_of_a_config(
    options: dict[str, str | None], settings: dict[str, Any]
) -> None:
    assert parse_settings(options) == settings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"separator": "ab"}, "--separator: expected one character, got 'ab'"),
        ({"decimal": ";"}, "--decimal: expected . or ,, got ';'"),
        ({"encoding": "nix"}, "--encoding: unknown text encoding 'nix'"),
        ({"sheet": "0"}, "--sheet: "),
        ({"header": ""}, "--header: "),
    ],
)
def test_wrong_options_are_told_as_in_a_config(options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_settings(options)
    assert caught.value.message.startswith(message)


def test_a_data_set_brings_its_settings_and_the_config_wins() -> None:
    spec = DataSpec(source="dataset:wine-quality-red", target="quality")
    assert with_registry(spec).separator == ";"
    assert with_registry(DataSpec(source="dataset:ccpp", target="PE", sheet="Sheet3")).sheet == (
        "Sheet3"
    )
    assert registry_settings("wine.csv") == {}


def test_the_source_alone_reads_a_file_without_header(shared_datasets: Path) -> None:
    spec = DataSpec(source="dataset:pima-original", target="outcome", split=SplitSpec(test=0.2))
    dataset = prepare_dataset(spec, folder=shared_datasets, seed=1)
    assert dataset.train.num_rows + dataset.test.num_rows == 768
    assert dataset.preprocessing.read_options.header[0] == "pregnancies"


def test_other_files_are_read_by_what_they_show(tmp_path: Path) -> None:
    options = ReadOptions(separator=";", header=("a", "b"), decimal=",", is_other_file=True)
    path = tmp_path / "a.csv"
    for text in ("1,5;2\n", "a;b\n1,5;2\n", 'a,b,predicted_b\n"1,5",2,3\n'):
        path.write_text(text, encoding="utf-8")
        table = read_table([path], options)
        assert table.names[:2] == ["a", "b"]
        assert table.arrow.to_pylist()[0].items() >= {"a": 1.5, "b": 2}.items()


def test_the_configs_own_file_is_read_as_the_config_says(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    assert read_table([path], ReadOptions(separator=";")).names == ["a,b"]
    table = read_table([path], ReadOptions(header=("a", "b")))
    assert table.num_rows == 2
