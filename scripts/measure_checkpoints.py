"""Which share of a training goes into the state that `--resume` needs, as it is saved by default.

`python scripts/measure_checkpoints.py` trains shipped networks for about `--seconds` each, small and
wide ones, compiled and through Keras's own fit, and exits with 1 where a share is 5 % or more.
"""

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlcli
from dlcli.model.keras_import import load_keras

REPOSITORY = Path(__file__).resolve().parents[1]
MOST_SHARE = 0.05
_WIDE = [*({"Dense": {"units": 1500, "activation": "relu"}} for _ in range(3)), {"Dense": 1}]
_BY_BATCH = [{"ModelCheckpoint": {"filepath": "last.keras", "save_freq": 5000}}]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A config with what is changed of it."""

    name: str
    config: str
    overrides: dict[str, Any]


CASES = (
    Case(name="concrete", config="concrete.yaml", overrides={"callbacks": []}),
    Case(
        name="concrete, Keras's fit",
        config="concrete.yaml",
        overrides={"callbacks": _BY_BATCH},
    ),
    Case(
        name="three layers of 1,500 units",
        config="concrete.yaml",
        overrides={"callbacks": [], "layers": _WIDE},
    ),
)


def measure(case: Case, seconds: float) -> float:
    """Train ever longer until it takes about as many seconds; return the share."""
    config, epochs, took = REPOSITORY / "configs" / case.config, 30, 0.0
    while took < 0.6 * seconds:
        run = dlcli.train(config, overrides={**case.overrides, "epochs": epochs})
        took = run.manifest["seconds"]["loop"]
        # The first epochs take longer than those that follow.
        epochs = int(epochs * min(20.0, 1.2 * seconds / took))
    manifest = run.manifest
    took, saving = manifest["seconds"]["loop"], manifest["seconds"]["state"]
    share = saving / took
    print(
        f"| {case.name} | {manifest['num_parameters']:,} | {took:.1f} | "
        f"{manifest['training']['saves']} | {saving:.2f} | {share:.1%} |",
        flush=True,
    )
    return share


def main() -> int:
    """Measure every case and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of each training, about")
    asked = parser.parse_args()
    load_keras("tensorflow")
    print("| training | weights | seconds | saves | seconds of saving | share |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="dlcli-checkpoints-") as folder:
        os.chdir(folder)
        shares = [measure(case, asked.seconds) for case in CASES]
        os.chdir("/")
    return 0 if max(shares) < MOST_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
