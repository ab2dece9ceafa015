"""Warnings about a network and its data together."""

from pathlib import Path

import numpy as np
import pytest

from dlcli.data.dataset import prepare_dataset
from dlcli.spec.run import load_spec, targets_as_classes
from dlcli.training.advice import training_warnings

CONFIG = """
data: {{source: data.csv, target: y, split: {{test: 0.2}}{data}}}
layers: {layers}
epochs: 1
"""


def warnings(
    folder: Path, *, data: str = "", layers: str = "[Dense: 1]", large: float = 1, target: float = 1
) -> tuple[str, ...]:
    rows = [
        f"{i % 7 / 7},{i * large},{i % 5 * target},{'good' if i % 2 else 'bad'} word{i % 3}"
        for i in range(50)
    ]
    (folder / "data.csv").write_text("\n".join(["small,large,y,note", *rows]))
    drop = ", drop: note" if "note" not in data else ""
    (folder / "net.yaml").write_text(CONFIG.format(data=data + drop, layers=layers))
    spec = load_spec(folder / "net.yaml")
    dataset = prepare_dataset(
        spec.data, folder=Path(), seed=1, class_targets=targets_as_classes(spec)
    )
    return training_warnings(spec, dataset)


def test_plain_data_needs_no_warning(tmp_path: Path) -> None:
    assert warnings(tmp_path) == ()


def test_inputs_of_very_different_size_are_told_once(tmp_path: Path) -> None:
    (warning,) = warnings(tmp_path, large=1000)
    assert warning.startswith("inputs are not scaled, and 'large' reaches 4.9e+04 where 'small'")
    assert "`scale: standard`" in warning


@pytest.mark.parametrize(
    "settings",
    [
        {"data": ", scale: standard"},
        {"data": ", columns: {large: {scale: minmax}}"},
        {"layers": "[BatchNormalization, Dense: 1]"},
    ],
)
def test_what_is_scaled_somewhere_is_not_told(tmp_path: Path, settings: dict[str, str]) -> None:
    assert warnings(tmp_path, large=1000, **settings) == ()


def test_a_large_target_is_told_unless_it_is_scaled(tmp_path: Path) -> None:
    (warning,) = warnings(tmp_path, target=1000)
    assert warning.startswith("target 'y' is ")
    assert "`target_scale: standard`" in warning
    assert warnings(tmp_path, target=1000, data=", target_scale: standard") == ()


def test_words_that_enter_a_dense_layer_are_told(tmp_path: Path) -> None:
    data = ", inputs: note, columns: {note: {type: text, vocabulary: 20, length: 4}}"
    (warning,) = warnings(tmp_path, data=data)
    assert warning.startswith("the words of 'note' enter Dense as plain numbers")
    embedded = "[Embedding: {input_dim: 20, output_dim: 2}, Flatten, Dense: 1]"
    assert warnings(tmp_path, data=data, layers=embedded) == ()


def test_pixels_up_to_255_are_told_unless_something_scales_them(tmp_path: Path) -> None:
    image = np.arange(24 * 16, dtype=np.uint8).reshape(24, 4, 4)
    np.savez(tmp_path / "data.npz", image=image, y=np.arange(24) / 24)
    for layers, scale, told in (
        ("[Flatten, Dense: 1]", "none", True),
        ("[Flatten, Dense: 1]", "minmax", False),
        ("[Rescaling: 0.004, Flatten, Dense: 1]", "none", False),
    ):
        text = (
            f"data: {{source: data.npz, target: y, scale: {scale}}}\nlayers: {layers}\nepochs: 1\n"
        )
        (tmp_path / "net.yaml").write_text(text)
        spec = load_spec(tmp_path / "net.yaml")
        dataset = prepare_dataset(spec.data, folder=Path(), seed=1)
        pixels = [text for text in training_warnings(spec, dataset) if "pixels" in text]
        assert len(pixels) == told
        assert all("pixels of 'image' reach 255 and are not scaled" in text for text in pixels)
