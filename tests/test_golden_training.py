"""Loss curves of a few configs, kept as files: a refactor must reproduce them.

Another processor sums in another order, so figures agree within a tolerance. A change that means to
alter them rewrites the files with --update-golden, in a commit that says why.
"""

import csv
from pathlib import Path

import pytest

from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden" / "training"
EPOCHS = 25  # enough batches for XLA on the larger tables
TOLERANCE = 2e-3


@pytest.mark.parametrize("name", ["concrete", "brazing", "iris", "pima"])
def test_the_first_epochs_follow_the_golden_curve(name, tmp_path, request):
    options = TrainOptions(overrides=(f"epochs={EPOCHS}",), out=tmp_path / "run")
    run = train(REPOSITORY / "configs" / f"{name}.yaml", options, QuietDisplay()).run
    golden = GOLDEN / f"{name}.csv"
    if request.config.getoption("--update-golden"):
        golden.write_text(run.history.read_text(encoding="utf-8"), encoding="utf-8")
    expected, received = _read(golden), _read(run.history)
    assert list(received) == list(expected)
    for figure, values in expected.items():
        assert received[figure] == pytest.approx(values, rel=TOLERANCE, abs=1e-5), figure


def _read(path: Path) -> dict[str, list[float]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}
