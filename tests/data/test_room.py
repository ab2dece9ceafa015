from pathlib import Path

import pytest

from dlcli.data.dataset import prepare_dataset
from dlcli.data.room import available_bytes, show_bytes
from dlcli.errors import DataError
from dlcli.spec.data import ColumnSpec, DataSpec


def test_a_column_with_too_many_categories_is_refused_before_it_is_encoded(tmp_path: Path) -> None:
    users = int((available_bytes() / 4) ** 0.5 * 1.5)
    lines = "\n".join(f"u{index},{index % 7}" for index in range(users))
    (tmp_path / "users.csv").write_text(f"user,y\n{lines}\n")
    spec = DataSpec(
        source=str(tmp_path / "users.csv"),
        target="y",
        unseen="ignore",
        columns={"user": ColumnSpec(type="category")},
    )
    with pytest.raises(DataError, match="the arrays would take") as caught:
        prepare_dataset(spec, folder=Path(), seed=0)
    assert "'user' alone makes" in str(caught.value.hint)
    assert "Embedding" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("count", "text"),
    [(12, "12 bytes"), (1500, "1.5 KB"), (2e9, "2.0 GB"), (412e9, "412 GB"), (5e12, "5000 GB")],
)
def test_amounts_are_short(count: float, text: str) -> None:
    assert show_bytes(count) == text
