"""Networks that start with the weights of an earlier run."""

import keras
import numpy as np
import pytest

from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.errors import DataError, RunError
from dlcli.runs import RunFolder
from dlcli.spec.run import load_spec


def tuned(config, run, tmp_path, *overrides) -> RunFolder:
    options = TrainOptions(
        overrides=(f"init_from={run.path}", "epochs=2", *overrides), out=tmp_path / "run"
    )
    return train(config, options, QuietDisplay()).run


def weights(run: RunFolder, layer: str):
    return [np.asarray(w) for w in keras.models.load_model(run.model).get_layer(layer).weights]


def test_frozen_layers_keep_the_weights_of_the_earlier_run(tmp_path, concrete_config, trained_run):
    run = tuned(concrete_config, trained_run, tmp_path, "freeze={all_but: [dense_1]}")
    start = run.load_manifest()["init_from"]
    assert (len(start["taken"]), start["left"], start["preprocessing"]) == (3, {}, "keep")
    first, last = start["taken"][0], start["taken"][-1]
    assert run.load_manifest()["frozen"] == [first, last]
    for layer in (first, last):
        for now, then in zip(weights(run, layer), weights(trained_run, layer), strict=True):
            np.testing.assert_array_equal(now, then)
    assert not np.array_equal(weights(run, "dense_1")[0], weights(trained_run, "dense_1")[0])
    spec = load_spec(run.config)
    assert spec.init_from is not None
    assert spec.init_from.run == str(trained_run.path)


def test_a_layer_of_another_shape_is_left_out_and_told(tmp_path, concrete_config, trained_run):
    from dlcli.commands.summarize import run_text

    layers = "layers=[Dense: {units: 5, name: own}, Dense: {units: 3, name: dense_1}, Dense: 1]"
    with pytest.raises(RunError, match="has weights for no layer"):
        tuned(concrete_config, trained_run, tmp_path, layers)
    units = weights(trained_run, "dense")[0].shape[1]
    layers = f"layers=[Dense: {{units: {units}, name: dense}}, Dense: {{units: 3, name: dense_1}}, Dense: 1]"
    run = tuned(concrete_config, trained_run, tmp_path, layers)
    start = run.load_manifest()["init_from"]
    assert start["taken"] == ["dense"]
    assert start["left"]["dense_1"].startswith("shape ")
    assert "weights of 1 of 3 layers from" in run_text(run)


def test_the_preprocessing_is_kept_unless_refitting_is_asked_for(
    tmp_path, concrete_config, concrete_csv, trained_run
):
    half = tmp_path / "half.csv"
    half.write_text("\n".join(concrete_csv.read_text().splitlines()[:400]) + "\n")
    data = f"data.source={half}"
    kept = tuned(concrete_config, trained_run, tmp_path, data)
    assert kept.preprocessing.read_bytes() == trained_run.preprocessing.read_bytes()
    options = TrainOptions(
        overrides=(
            data,
            "epochs=1",
            f"init_from={{run: {trained_run.path}, preprocessing: refit}}",
        ),
        out=tmp_path / "refit",
    )
    refitted = train(concrete_config, options, QuietDisplay()).run
    assert refitted.preprocessing.read_bytes() != trained_run.preprocessing.read_bytes()


def test_other_columns_are_refused(tmp_path, concrete_config, trained_run):
    with pytest.raises(DataError, match="'age' is there and not here"):
        tuned(concrete_config, trained_run, tmp_path, "data.drop=[age]")
