import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcli.data import room
from dlcli.data.dataset import prepare_dataset
from dlcli.data.network_inputs import check_network
from dlcli.errors import DataError, SpecError
from dlcli.memory import available_bytes
from dlcli.model.keras_import import load_keras
from dlcli.spec.components import ComponentSpec
from dlcli.spec.data import ColumnSpec, DataSpec
from dlcli.spec.run import RunSpec, load_spec
from dlcli.spec.shapes.weights import count_weights


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


def _spec(folder: Path, *lines: str) -> RunSpec:
    (folder / "table.csv").write_text("a,b,y\n" + "1,2,3\n4,5,6\n" * 40)
    config = folder / "wide.yaml"
    data = "data: {source: table.csv, target: y, split: {test: 0}}"
    config.write_text("\n".join([data, *lines, "loss: mse", "epochs: 1"]) + "\n")
    return load_spec(config)


def _check(spec: RunSpec) -> None:
    check_network(spec, prepare_dataset(spec.data, folder=Path(), seed=0))


def test_weights_that_memory_does_not_hold_are_refused_at_their_layer(tmp_path: Path) -> None:
    layers = "layers: [{Dense: 1000000}, {Dense: {units: 1000000, name: wide}}, {Dense: 1}]"
    with pytest.raises(SpecError, match=r"Dense makes 1,000,000,000,000 of ") as caught:
        _check(_spec(tmp_path, layers, "optimizer: Adam"))
    assert "4 numbers for each with Adam: 16000 GB" in str(caught.value)
    assert "wide.yaml:2:" in str(caught.value)


def test_a_batch_that_memory_does_not_hold_is_refused_with_one_that_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "available_bytes", lambda: 1_000_000)
    lines = ("layers: [{Dense: 10000}, {Dense: 1}]", "optimizer: SGD", "batch_size: 80")
    spec = _spec(tmp_path, *lines)
    with pytest.raises(SpecError, match=r"3\.2 MB for a batch of 80 rows") as caught:
        _check(spec)
    assert "batch_size: 16" in str(caught.value)
    _check(replace(spec, batch_size=16))


@pytest.mark.parametrize(
    ("name", "arguments", "shape"),
    [
        ("Dense", {"units": 7}, (5,)),
        ("Embedding", {"input_dim": 9, "output_dim": 4}, (3,)),
        ("Conv1D", {"filters": 4, "kernel_size": 3}, (9, 2)),
        ("Conv2D", {"filters": 4, "kernel_size": [3, 2], "groups": 2}, (8, 8, 6)),
        ("Conv2DTranspose", {"filters": 4, "kernel_size": 3}, (8, 8, 6)),
        ("SimpleRNN", {"units": 5}, (9, 2)),
        ("GRU", {"units": 5}, (9, 2)),
        ("LSTM", {"units": 5}, (9, 2)),
    ],
)
def test_weights_are_counted_as_keras_makes_them(
    name: str, arguments: dict[str, Any], shape: tuple[int, ...]
) -> None:
    counted = count_weights(
        ComponentSpec(kind="layer", name=name, arguments=arguments), ((None, *shape),)
    )
    layer = getattr(load_keras("tensorflow").layers, name)(
        **{
            key: tuple(value) if isinstance(value, list) else value
            for key, value in arguments.items()
        }
    )
    layer.build((None, *shape))
    biases = sum(math.prod(each.shape) for each in layer.weights if "bias" in each.path)
    assert counted == layer.count_params() - biases


def test_layers_around_others_count_what_is_in_them() -> None:
    inner = ComponentSpec(kind="layer", name="LSTM", arguments={"units": 5})
    both = ComponentSpec(kind="layer", name="Bidirectional", arguments={"layer": inner})
    assert count_weights(both, ((None, 9, 2),)) == 2 * count_weights(inner, ((None, 9, 2),))
    dense = ComponentSpec(kind="layer", name="Dense", arguments={"units": 7})
    every = ComponentSpec(kind="layer", name="TimeDistributed", arguments={"layer": dense})
    assert count_weights(every, ((None, 9, 2),)) == 14
