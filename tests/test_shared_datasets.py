"""Every public file with its quirks: `init` writes a config for it, and the config trains."""

import json

import pytest

from dlcli.commands.init import init
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay

pytestmark = pytest.mark.slow

TARGETS = {
    "Advertising.csv": "sales",
    "Bias_correction_ucl.csv": "Next_Tmax",
    "Concrete_Data.xls": "Concrete compressive strength(MPa, megapascals) ",
    "Folds5x2_pp.xlsx": "PE",
    "bank-full.csv": "y",
    "cereal.csv": "rating",
    "iris.csv": "species",
    "pima-indians-diabetes.csv": "column 9",
    "reuters_corn_test.csv": "corn",
    "reuters_corn_train.csv": "corn",
    "winequality-red.csv": "quality",
    "winequality-white.csv": "quality",
}


def test_every_public_file_is_here(shared_datasets):
    files = {path.name for path in shared_datasets.iterdir() if path.suffix != ".md"}
    assert files == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_a_written_config_trains_for_a_few_epochs(name, shared_datasets, tmp_path):
    config = init(shared_datasets / name, (TARGETS[name],), tmp_path / "net.yaml")
    options = TrainOptions(overrides=("epochs=3", "refit=false"), out=tmp_path / "run")
    run = train(config, options, QuietDisplay()).run
    metrics = json.loads(run.metrics.read_text(encoding="utf-8"))
    (figures,) = metrics["parts"]["test"]["targets"].values()
    assert figures.get("RootMeanSquaredError", figures.get("LogLoss")) > 0
    assert run.load_manifest()["training"]["path"] == "compiled"
