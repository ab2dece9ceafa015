import gc
import os
import signal
import threading
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from dlcli.commands.train import TrainOptions, train, train_spec
from dlcli.console import QuietDisplay
from dlcli.errors import SpecError, TrainingError
from dlcli.predictions import TargetPrediction
from dlcli.runs import RunFolder, load_json
from dlcli.spec.run import build_spec, load_spec
from dlcli.spec.source import parse_source


def _train(config, tmp_path, *overrides, display=None, name="run"):
    options = TrainOptions(overrides=overrides, out=tmp_path / name)
    return train(config, options, display or QuietDisplay()).run


def _weights(run: RunFolder):
    model = keras.models.load_model(run.model)
    return [np.asarray(weight) for weight in model.weights]


def _table(tmp_path: Path, text: str, config: str) -> Path:
    (tmp_path / "data.csv").write_text(text, encoding="utf-8")
    path = tmp_path / "config.yaml"
    path.write_text(config, encoding="utf-8")
    return path


def test_a_run_folder_holds_what_the_design_names(trained_run):
    names = {item.name for item in trained_run.path.iterdir()}
    assert names == {
        "calibration.json",
        "config.yaml",
        "history.csv",
        "manifest.json",
        "metrics.json",
        "model.keras",
        "model.onnx",
        "predictions.csv",
        "preprocessing.json",
        "profile.json",
        "report.html",
    }


def test_plain_keras_opens_the_model_and_predicts_the_same(trained_run, concrete_csv):
    from dlcli.bundle.store import Bundle, open_scorer
    from dlcli.data.readers import read_table

    bundle = Bundle.load(trained_run)
    table = read_table([concrete_csv], bundle.preprocessing.read_options)
    applied = bundle.preprocessing.apply(table, with_targets=False)
    scored = bundle.predict(applied, open_scorer(trained_run))["compressive_strength"]
    model = keras.models.load_model(trained_run.model)
    scaled = model.predict(applied.inputs["features"], verbose=0)[:, 0]
    plain = bundle.preprocessing.restore_target("compressive_strength", scaled)
    assert isinstance(scored, TargetPrediction)
    assert scored.values == pytest.approx(plain, rel=1e-5)


def test_the_same_config_trains_to_identical_weights(tmp_path, concrete_config, trained_run):
    again = _train(concrete_config, tmp_path, "epochs=3")
    for first, second in zip(_weights(trained_run), _weights(again), strict=True):
        assert np.array_equal(first, second)
    assert trained_run.history.read_bytes() == again.history.read_bytes()
    assert trained_run.onnx.read_bytes() == again.onnx.read_bytes()


def _kept_by_tensorflow():
    from tensorflow.python.framework import ops

    gc.collect()
    graphs = [each for each in gc.get_objects() if type(each).__name__ == "FuncGraph"]
    return set(ops.gradient_registry._registry), graphs


def test_a_training_leaves_no_graph_behind(tmp_path, concrete_config, trained_run):
    gradients, graphs = _kept_by_tensorflow()  # held, so that none of them goes meanwhile
    _train(concrete_config, tmp_path, "epochs=1")
    gradients_since, graphs_since = _kept_by_tensorflow()
    assert gradients_since == gradients
    assert {*map(id, graphs_since)} == {*map(id, graphs)}


def test_another_seed_trains_to_other_weights(tmp_path, concrete_config, trained_run):
    other = _train(concrete_config, tmp_path, "epochs=3", "seed=8")
    assert not np.array_equal(_weights(trained_run)[0], _weights(other)[0])


def test_the_manifest_says_what_ran(trained_run, concrete_csv):
    manifest = trained_run.load_manifest()
    assert manifest["status"] == "complete"
    assert manifest["epochs"] == {"asked": 3, "done": 3}
    assert manifest["training"]["path"] == "compiled"
    assert manifest["overrides"] == ["epochs=3"]
    assert manifest["onnx"]["max_difference"] < 1e-3
    assert manifest["data"]["sources"][0]["bytes"] == concrete_csv.stat().st_size
    # The page shows the manifest, and is made again at any time.
    assert set(manifest["files"]) == {item.name for item in trained_run.path.iterdir()} - {
        "manifest.json",
        "report.html",
    }


def test_the_written_config_trains_to_the_same_run(tmp_path, trained_run):
    again = _train(trained_run.config, tmp_path)
    assert again.onnx.read_bytes() == trained_run.onnx.read_bytes()


def test_keras_figures_agree_with_ours_where_the_target_is_not_scaled(tmp_path, concrete_config):
    overrides = ("epochs=3", "data.target_scale=none", "metrics=[RootMeanSquaredError, R2Score]")
    run = _train(concrete_config, tmp_path, *overrides)
    test = load_json(run.metrics)["parts"]["test"]
    ours = test["targets"]["compressive_strength"]
    assert test["keras"]["root_mean_squared_error"] == pytest.approx(
        ours["RootMeanSquaredError"], rel=1e-4
    )
    assert test["keras"]["loss"] == pytest.approx(ours["MeanSquaredError"], rel=1e-4)
    assert test["keras"]["r2_score"] == pytest.approx(ours["R2Score"], abs=1e-4)


def test_a_diverging_training_is_an_error_and_leaves_no_run(tmp_path, concrete_config):
    with pytest.raises(TrainingError) as caught:
        _train(concrete_config, tmp_path, "optimizer={SGD: {learning_rate: 1e6}}")
    assert "training diverged: the loss became" in caught.value.message
    assert "epoch" in caught.value.message
    assert "learning_rate" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


class _StopsAfterTheFirstEpoch(QuietDisplay):
    def __init__(self):
        self.epochs = 0

    def on_epoch(self, epoch, logs):
        self.epochs += 1

    def should_stop(self):
        return self.epochs > 0


def test_a_stopped_training_keeps_what_it_reached(tmp_path, concrete_config):
    run = _train(
        concrete_config,
        tmp_path,
        "epochs=100000",
        "callbacks=[]",
        display=_StopsAfterTheFirstEpoch(),
    )
    manifest = run.load_manifest()
    assert manifest["status"] == "interrupted"
    assert 1 <= manifest["epochs"]["done"] < 100000
    assert run.onnx.is_file()


def test_sigint_stops_training_after_the_epochs_in_flight(tmp_path, concrete_config):
    class _Interrupting(QuietDisplay):
        def on_epoch(self, epoch, logs):
            if epoch == 0:
                os.kill(os.getpid(), signal.SIGINT)

    assert threading.current_thread() is threading.main_thread()
    run = _train(
        concrete_config, tmp_path, "epochs=100000", "callbacks=[]", display=_Interrupting()
    )
    assert run.load_manifest()["status"] == "interrupted"


def test_callbacks_write_inside_the_run(tmp_path, concrete_config):
    run = _train(
        concrete_config,
        tmp_path,
        "epochs=2",
        "callbacks=[CSVLogger, ModelCheckpoint: {save_best_only: true}]",
    )
    assert (run.path / "epochs.csv").read_text(encoding="utf-8").startswith("epoch,")
    assert zipfile.is_zipfile(run.path / "checkpoints" / "best.keras")


CLASSES = "x,colour\n" + "".join(f"{i % 7},{'red blue green'.split()[i % 3]}\n" for i in range(60))


def test_text_classes_train_and_keep_their_names(tmp_path):
    config = _table(
        tmp_path,
        CLASSES,
        """
data: {source: data.csv, target: colour}
layers: [Dense: {units: 4, activation: relu}, Dense: {units: 3, activation: softmax}]
metrics: [accuracy]
class_weight: balanced
epochs: 2
""",
    )
    run = _train(config, tmp_path)
    figures = load_json(run.metrics)["parts"]["test"]["targets"]["colour"]
    assert set(figures["Classes"]) == {"red", "blue", "green"}
    assert load_spec(run.config).loss.name == "SparseCategoricalCrossentropy"
    header = run.predictions.read_text(encoding="utf-8").splitlines()[0]
    assert header == (
        "row,colour,predicted_colour,probability_blue,probability_green,probability_red"
    )


@pytest.mark.parametrize(
    ("layers", "loss", "message"),
    [
        ("[Dense: {units: 2, activation: softmax}]", "null", "has 3 classes"),
        ("[Dense: 1]", "mse", "compares numbers"),
        ("[Dense: {units: 1, activation: sigmoid}]", "binary_crossentropy", "1 unit tells 2 apart"),
    ],
)
def test_a_head_that_does_not_fit_the_classes_is_refused_before_training(
    tmp_path, layers, loss, message
):
    text = f"data: {{source: data.csv, target: colour}}\nlayers: {layers}\nepochs: 1\n"
    if loss != "null":
        text += f"loss: {loss}\n"
    config = _table(tmp_path, CLASSES, text)
    with pytest.raises(SpecError, match=message):
        _train(config, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ("learning_rate_factors: {kernels: 2}", "did you mean 'kernel'?"),
        ("weight_decay_on: [scale]", "choose from bias, kernel, "),
    ],
)
def test_a_pattern_that_matches_no_weight_is_told_at_its_argument(
    tmp_path, concrete_config, arguments, hint
):
    given = f"optimizer={{GroupedAdamW: {{{arguments}}}}}"
    argument, _, _ = arguments.partition(":")
    with pytest.raises(SpecError, match=f"' of {argument} matches no weight that") as caught:
        _train(concrete_config, tmp_path, given)
    assert hint in str(caught.value)


def test_an_int_learning_rate_is_taken(tmp_path, concrete_config):
    run = _train(concrete_config, tmp_path, "epochs=1", "optimizer={SGD: {momentum: 0}}")
    assert run.load_manifest()["status"] == "complete"


def test_a_spec_without_a_file_trains_too(tmp_path, concrete_csv):
    text = (
        f"data: {{source: '{concrete_csv}', target: compressive_strength}}\n"
        "layers: [Dense: 1]\nepochs: 1\n"
    )
    spec = build_spec(parse_source(text, file=Path("inline.yaml")))
    run = train_spec(spec, TrainOptions(out=tmp_path / "run"), QuietDisplay()).run
    assert load_spec(run.config).epochs == 1
