from pathlib import Path

import pytest

from dlcli import memory
from dlcli.memory import available_bytes, show_bytes, total_bytes


def test_some_of_the_memory_is_free() -> None:
    assert 1e8 < available_bytes() <= total_bytes() < 1e14


def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    for name, text in {"max": "30000000", "current": "20000000"}.items():
        (tmp_path / f"memory.{name}").write_text(f"{text}\n")
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 4000000\n")
    assert (total_bytes(), available_bytes()) == (30_000_000, 14_000_000)
    (tmp_path / "memory.max").write_text("max\n")
    assert available_bytes() > 14_000_000


@pytest.mark.parametrize(
    ("count", "text"),
    [(12, "12 bytes"), (1500, "1.5 KB"), (2e9, "2.0 GB"), (412e9, "412 GB"), (5e12, "5000 GB")],
)
def test_amounts_are_short(count: float, text: str) -> None:
    assert show_bytes(count) == text
