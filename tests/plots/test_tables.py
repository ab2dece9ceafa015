"""Pictures of a table: what is drawn, and that the same table gives the same picture."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.plots.tables import pairwise_correlations


def invoke(*arguments: object):
    return CliRunner().invoke(app, ["summarize", *map(str, arguments)], prog_name="dlcli")


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Numbers with gaps, whole numbers, a category, a date, a constant; odd names."""
    random = np.random.default_rng(2)
    lines = ["x,$y_{bad},color,day,size,列,same"]
    for row in range(60):
        gap = "" if row % 7 == 0 else f"{random.normal():.3f}"
        day = f"2024-{row % 12 + 1:02d}-{row % 28 + 1:02d}"
        size, kind = row % 4, random.choice(["<red>", "green"])
        lines.append(f"{random.normal():.3f},{gap},{kind},{day},{size},{row * row},5")
    path = tmp_path / "mixed.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def drawn_in(folder: Path) -> dict[str, bytes]:
    """Return the pictures less the names of clip paths, which the layout's last digits decide."""
    return {
        path.name: re.sub(rb"\bp[0-9a-f]{10}\b", b"", path.read_bytes())
        if path.suffix == ".svg"
        else path.read_bytes()
        for path in folder.iterdir()
    }


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_columns_correlations_and_missing_cells_are_drawn(mixed: Path, suffix: str) -> None:
    folder = mixed.parent / "plots"
    result = invoke(mixed, "--plots", folder, "--format", suffix)
    assert result.exit_code == 0, result.output
    names = {f"columns.{suffix}", f"correlations.{suffix}", f"missing.{suffix}"}
    assert {path.name for path in folder.iterdir()} == names
    assert all(f"drawn: {folder / name}" in result.stdout for name in names)
    before = drawn_in(folder)
    assert invoke(mixed, "--plots", folder, "--format", suffix).exit_code == 2
    again = invoke(mixed, "--plots", folder, "--format", suffix, "--force", "--json")
    assert len(json.loads(again.stdout)["plots"]) == 3
    assert drawn_in(folder) == before


def test_every_column_has_its_name_in_the_picture(mixed: Path) -> None:
    invoke(mixed, "--plots", mixed.parent / "plots")
    text = (mixed.parent / "plots" / "columns.svg").read_text(encoding="utf-8")
    for name in ("x", "$y_{bad}", "color", "day", "size", "列", "same"):
        assert f">{name}</text>" in text
    assert ">&lt;red&gt;</text>" in text


def test_a_table_without_gaps_or_pairs_has_fewer_pictures(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("a,b\n" + "".join(f"{row},z\n" for row in range(20)))
    invoke(path, "--plots", tmp_path / "plots")
    assert [each.name for each in (tmp_path / "plots").iterdir()] == ["columns.svg"]


def test_many_columns_take_several_pictures(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    header = ",".join(f"c{at}" for at in range(30))
    rows = "".join(",".join(f"{row * at % 17}.5" for at in range(30)) + "\n" for row in range(20))
    path.write_text(f"{header}\n{rows}")
    invoke(path, "--plots", tmp_path / "plots")
    names = sorted(each.name for each in (tmp_path / "plots").iterdir())
    assert names == ["columns-1.svg", "columns-2.svg", "columns-3.svg", "correlations.svg"]


def test_correlations_are_over_the_rows_that_have_both() -> None:
    random = np.random.default_rng(4)
    one, two = random.normal(size=50), random.normal(size=50)
    one[::5] = np.nan
    two[::7] = np.nan
    known = np.isfinite(one) & np.isfinite(two)
    found = pairwise_correlations([one, two])
    assert found[0, 1] == pytest.approx(np.corrcoef(one[known], two[known])[0, 1])
    assert np.diag(found) == pytest.approx([1.0, 1.0])


def test_a_config_has_no_plots(concrete_config: Path, tmp_path: Path) -> None:
    result = invoke(concrete_config, "--plots", tmp_path / "plots")
    assert result.exit_code == 2
    assert "--plots draws data files and runs" in result.stderr
