"""Every shipped config is checked against its data, trained for an epoch and used to predict."""

import json
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pyarrow.parquet
import pytest

from dlcli.bundle.score import Scorer
from dlcli.commands.predict import predict
from dlcli.commands.train import TrainOptions, train
from dlcli.commands.validate import validate
from dlcli.console import QuietDisplay

REPOSITORY = Path(__file__).parents[1]
CONFIGS = sorted((REPOSITORY / "configs").glob("*.yaml"))
EXPORTED = ("iris", "wine", "diabetes", "breast_cancer", "digits")
RANDOM_ROWS = 64
WITHOUT_TEST_PART = {"backpropagation"}


@pytest.fixture(scope="module", autouse=True)
def public_sets(shared_datasets):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLCLI_DATASETS", str(shared_datasets))
        yield


@pytest.fixture(scope="module", params=CONFIGS, ids=lambda path: path.stem)
def trained(request, public_sets, tmp_path_factory):
    """A run of each config, cut to one epoch."""
    out = tmp_path_factory.mktemp(request.param.stem) / "run"
    return train(request.param, TrainOptions(overrides=("epochs=1",), out=out), QuietDisplay())


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_config_fits_its_data(config):
    (checked,) = validate((config,), with_data=True)
    assert checked.error is None
    if config.stem in WITHOUT_TEST_PART:
        assert checked.rows == {"train": 1}
    else:
        assert checked.rows["train"] > checked.rows["test"] > 0


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_config_says_what_it_shows_and_reaches(config):
    text = config.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert re.search(r"^# Shows: ", text, re.MULTILINE)
    assert re.search(r"^# reaches on the (test|training) part.*: .*\d", text, re.MULTILINE)
    assert re.search(rf"^name: {config.stem}$", text, re.MULTILINE)


def test_table_lists_every_config_with_the_figures_in_its_comment():
    table = (REPOSITORY / "configs" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[`([^`]*)`\]", table, re.MULTILINE)
    assert listed == [config.name for config in CONFIGS]
    for config in CONFIGS:
        text = config.read_text(encoding="utf-8")
        (figures,) = re.findall(r"^# reaches on the \w+ part.*?: (.*)$", text, re.MULTILINE)
        assert f"| {figures} |" in table


@pytest.mark.slow
def test_training_takes_the_compiled_path(trained):
    assert trained.manifest["status"] == "complete"
    training = trained.manifest["training"]
    assert training["path"] == "compiled", training["reason"]


@pytest.mark.slow
def test_predict_gives_a_row_for_every_row_of_the_source(trained, tmp_path):
    source, *own_parts = trained.manifest["data"]["sources"]
    out = tmp_path / "predictions.parquet"
    predicted = predict(str(trained.run.path), Path(source["path"]), out)
    made = pyarrow.parquet.read_table(out)
    rows = trained.manifest["data"]["counts"]["rows"]
    # A test part with a file of its own is no row of the source.
    expected = rows["read"] - (rows["test"] if own_parts else 0)
    if predicted.windows is not None:
        expected = predicted.windows * trained.manifest["data"]["windows"]["horizon"]
        assert predicted.windows >= trained.manifest["data"]["counts"]["rows"]["train"]
    assert made.num_rows == predicted.rows == expected
    assert _targets(trained) == [
        name.removeprefix("predicted_")
        for name in made.column_names
        if name.startswith("predicted_")
    ]


@pytest.mark.slow
def test_plain_keras_gives_what_the_onnx_file_gives(trained):
    assert trained.manifest["onnx"]["written"], trained.manifest["onnx"]["reason"]
    scorer = Scorer.open(trained.run.onnx)
    model = keras.models.load_model(trained.run.model)
    random = np.random.default_rng(0)
    shapes = {tensor.name: tensor.shape[1:] for tensor in model.inputs}
    inputs = {
        name: random.standard_normal((RANDOM_ROWS, *shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
    scored = scorer.predict(inputs)
    # Keras's Random layers change images in every call that does not say otherwise.
    given = model(inputs if len(inputs) > 1 else next(iter(inputs.values())), training=False)
    named = given if isinstance(given, dict) else dict(zip(scored, [given], strict=True))
    for name, output in scored.items():
        expected = keras.ops.convert_to_numpy(named[name])
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_exported_tables_are_what_scikit_learn_carries(tmp_path):
    script = REPOSITORY / "scripts" / "export_sklearn_datasets.py"
    subprocess.run([sys.executable, script, tmp_path], check=True, capture_output=True)
    for name in EXPORTED:
        committed = REPOSITORY / "datasets" / f"{name}.csv"
        assert (tmp_path / f"{name}.csv").read_bytes() == committed.read_bytes()


def _targets(trained):
    return list(json.loads(trained.run.metrics.read_text())["parts"]["train"]["targets"])
