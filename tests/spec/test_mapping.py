import pytest

from dlcli.errors import SpecError
from dlcli.spec.mapping import source_of
from dlcli.spec.merging import merge_values
from dlcli.spec.run import build_spec


def test_values_without_end_are_refused() -> None:
    deep: list[object] = []
    for _ in range(900):
        deep = [deep]
    with pytest.raises(SpecError, match=r"layers.*: nested more than 60 levels deep"):
        source_of({"layers": deep})
    with pytest.raises(SpecError, match="more than 50,000 values") as caught:
        source_of({"layers": [1] * 60_000})
    assert "given beside the config" in str(caught.value.hint)


@pytest.mark.parametrize("key", ["extends", "init_from"])
def test_a_name_longer_than_files_have_is_refused(key: str) -> None:
    with pytest.raises(SpecError, match="cannot be read: File name too long"):
        build_spec(merge_values({key: "x" * 5000, "layers": []}))


def test_more_blocks_than_anyone_writes_are_refused() -> None:
    blocks = {f"b{i}": [f"b{i + 1}"] for i in range(15_000)} | {"b15000": [{"Dense": 1}]}
    values = {"data": {"source": "a.csv", "target": "y"}, "blocks": blocks, "layers": ["b0"]}
    with pytest.raises(SpecError, match="15,001 blocks; a config has at most 100"):
        build_spec(merge_values(values))
