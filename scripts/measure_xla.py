"""Train with XLA and without, and tell after how many batches XLA has won back its compiling.

`python scripts/measure_xla.py` does so for configs of several sizes, and for what `dlcli init` writes.
"""

import os
import tempfile
from math import inf
from pathlib import Path

from typer.testing import CliRunner

import dlcli
from dlcli.cli import app
from dlcli.model.keras_import import load_keras
from dlcli.spec.run import load_spec

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIGS = (
    *("concrete-original", "concrete", "pima", "ccpp", "digits-mlp", "sine", "bank-marketing"),
    *("bias-correction", "wine-quality"),
)
WRITTEN = {
    "pima": "outcome",
    "concrete": "compressive_strength",
    "iris": "species",
    "diabetes": "progression",
}
EPOCHS = 10
ALONE = ("baselines=null", "callbacks=[]", "refit=null", "calibrate=null", f"epochs={EPOCHS}")


def write_config(table: str, target: str) -> Path:
    """Write what `init` makes of a table to the working directory."""
    path = Path(f"{table}.yaml")
    source = REPOSITORY / "datasets" / f"{table}.csv"
    arguments = ["init", str(source), "--target", target, "--out", str(path)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    return path


def measure(config: Path) -> tuple[int, float, float]:
    """Return the number of parameters, and the seconds to compile and by batch."""
    from dlcli.training.batches import count_batches

    with tempfile.TemporaryDirectory() as folder:
        run = dlcli.train(config, overrides=ALONE, out=Path(folder) / "run")
        manifest = run.manifest
    seconds = manifest["seconds"]
    rows = manifest["data"]["split"]["sizes"]["train"]
    steps = count_batches(rows, load_spec(config, ()).batch_size)
    each = (seconds["loop"] - seconds["first_epoch"]) / (steps * (EPOCHS - 1))
    return manifest["num_parameters"], seconds["compile"], each


def main() -> None:
    """Measure every config both ways, in one process."""
    load_keras("tensorflow")
    # After Keras, which must be loaded lean.
    from dlcli.training import epochs

    def choose(wins: bool) -> None:
        epochs.TINY_FROM_BATCHES = epochs.XLA_FROM_BATCHES = 0 if wins else inf

    configs = {name: REPOSITORY / "configs" / f"{name}.yaml" for name in CONFIGS}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        written = {f"init {name}": write_config(name, WRITTEN[name]) for name in WRITTEN}
        print(
            f"{'config':20} weights  s to compile: graph, XLA  ms a batch: graph, XLA  even after"
        )
        for name, config in (configs | written).items():
            choose(wins=False)
            weights, graph, graph_batch = measure(config)
            choose(wins=True)
            _, xla, xla_batch = measure(config)
            even = (xla - graph) / (graph_batch - xla_batch) if graph_batch > xla_batch else inf
            print(
                f"{name:20} {weights:7,} {graph:21.2f} {xla:4.2f} {1e3 * graph_batch:18.3f} "
                f"{1e3 * xla_batch:.3f} {max(0.0, even):10,.0f} batches",
                flush=True,
            )
        os.chdir(REPOSITORY)


if __name__ == "__main__":
    main()
