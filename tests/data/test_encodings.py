"""Chinese text and Western text, told apart without being read."""
# ruff: noqa: RUF001 - letters of other scripts are what is told apart

import pytest

from dlcli.data.formats.encodings import CHINESE, WESTERN, likely_encoding


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("城市,价格\n北京,1\n", "gbk", CHINESE),
        ("姓名,备注\n张三,“好”，很贵\n", "gb18030", CHINESE),
        ("größe,länge,café\n", "cp1252", WESTERN),
        ("crème brûlée,naïve,Ångström", "latin-1", WESTERN),
        ("país,año,ñandú,pingüino,“sí”", "cp1252", WESTERN),
        ("город,цена\nмосква,1\nказань,2\nстаница,3", "cp1251", WESTERN),
        ("plain", "ascii", WESTERN),
    ],
)
def test_the_encoding_is_told_from_the_bytes(text: str, encoding: str, expected: str) -> None:
    assert likely_encoding(text.encode(encoding)) == expected


def test_a_character_that_is_cut_in_two_does_not_matter() -> None:
    text = "城市,价格\n北京,1\n上海,2\n广州,3\n深圳,4\n天津,5\n重庆,6".encode("gbk")
    assert likely_encoding(text[1:]) == likely_encoding(text[:-1]) == CHINESE
