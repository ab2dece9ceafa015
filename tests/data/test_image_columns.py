"""Columns of images from folders, tables of paths, arrays and pixels, up to the network's input."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlcli.data.dataset import Dataset, prepare_dataset
from dlcli.data.preprocessing import FEATURES, Preprocessing
from dlcli.data.readers import read_table
from dlcli.errors import DataError
from dlcli.spec.data import ColumnSpec, DataSpec, SplitSpec, ZcaScale

RANDOM = np.random.default_rng(0)


def save(path: Path, height: int = 6, width: int = 5, *, channels: int = 3) -> np.ndarray:
    """Write an image of noise and return its pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (height, width) if channels == 1 else (height, width, channels)
    pixels = RANDOM.integers(0, 255, shape).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def photos(tmp_path) -> Path:
    for name in ("cat", "dog"):
        for number in range(10):
            save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


def prepare(source: Path | str, folder: Path, **settings) -> Dataset:
    spec = DataSpec(source=str(source), **{"target": "class"} | settings)
    return prepare_dataset(spec, folder=folder, seed=1)


def again(preprocessing: Preprocessing) -> Preprocessing:
    return Preprocessing.from_json(json.loads(json.dumps(preprocessing.to_json())))


def test_a_folder_of_class_folders_gives_bytes_and_classes(photos, tmp_path):
    dataset = prepare("photos", tmp_path)
    assert dataset.preprocessing.targets[0].classes == ("cat", "dog")
    train = dataset.train
    assert train.inputs["image"].dtype == np.uint8
    assert train.inputs["image"].shape == (16, 6, 5, 3)
    first = int(train.rows[0])
    name = ["cat", "dog"][first // 10]
    expected = np.asarray(Image.open(photos / name / f"{first % 10}.png"))
    np.testing.assert_array_equal(train.inputs["image"][0], expected)
    assert train.targets["class"][0] == first // 10


def test_rows_are_in_the_order_of_classes_and_names(photos):
    save(photos / "cat" / "deep" / "a.PNG")
    (photos / ".hidden").mkdir()
    (photos / "cat" / ".DS_Store").write_text("")
    table = read_table([photos])
    assert table.names == ["image", "class"]
    paths = table.column("image").to_pylist()
    assert paths[:2] == ["cat/0.png", "cat/1.png"]
    assert paths[10] == "cat/deep/a.PNG"
    assert table.column("class").to_pylist()[9:12] == ["cat", "cat", "dog"]
    assert str(table.locate(10)) == "photos, image 11"


def test_files_that_are_no_images_are_named_in_a_warning(photos, tmp_path):
    (photos / "cat" / "notes.txt").write_text("hello")
    (photos / "dog" / "scan.tif").write_text("hello")
    (warning, *_) = prepare("photos", tmp_path).warnings
    assert warning.endswith("GIF or WebP image: cat/notes.txt and 1 more")


def test_grey_folders_give_one_channel_and_mixed_ones_three(tmp_path):
    for name in ("a", "b"):
        for number in range(5):
            save(tmp_path / "grey" / name / f"{number}.png", channels=1)
            save(tmp_path / "both" / name / f"{number}.png", channels=1 + 2 * (number == 4))
    assert prepare("grey", tmp_path).train.inputs["image"].shape[1:] == (6, 5, 1)
    assert prepare("both", tmp_path).train.inputs["image"].shape[1:] == (6, 5, 3)
    columns = {"image": ColumnSpec(color="grey")}
    assert prepare("both", tmp_path, columns=columns).train.inputs["image"].shape[-1] == 1


def test_images_of_several_sizes_are_resized_where_the_config_says(photos, tmp_path):
    save(photos / "cat" / "0.png", 12, 9)
    with pytest.raises(DataError, match=r"2 sizes \(height x width\): 6 x 5 \(19\), 12 x 9 \(1\)"):
        prepare("photos", tmp_path)
    columns = {"image": ColumnSpec(size=(8, 7))}
    assert prepare("photos", tmp_path, columns=columns).train.inputs["image"].shape[1:] == (8, 7, 3)
    square = {"image": ColumnSpec(size=8)}
    assert prepare("photos", tmp_path, columns=square).train.inputs["image"].shape[1:] == (8, 8, 3)


def test_a_table_names_images_beside_itself(photos, tmp_path):
    lines = ["file,kind,weight"]
    lines += [f"photos/{k}/{n}.png,{k},{n}" for k in ("cat", "dog") for n in range(10)]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    dataset = prepare("list.csv", tmp_path, target="kind")
    assert dataset.preprocessing.input_specs["file"].shape == (6, 5, 3)
    assert dataset.preprocessing.input_specs[FEATURES].shape == (1,)
    record = dataset.image_files["file"]
    assert record["files"] == 20
    assert record["bytes"] == sum(path.stat().st_size for path in photos.rglob("*.png"))
    save(photos / "cat" / "3.png")
    assert prepare("list.csv", tmp_path, target="kind").image_files["file"] != record


def test_the_fingerprint_of_a_folder_follows_its_images(photos, tmp_path):
    (before,) = prepare("photos", tmp_path).sources
    (same,) = prepare("photos", tmp_path).sources
    assert before == same
    save(photos / "dog" / "3.png")
    (after,) = prepare("photos", tmp_path).sources
    assert before.sha256 != after.sha256


def test_policies_drop_what_gives_no_image_and_count_it(photos, tmp_path):
    (photos / "cat" / "4.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"photos, image 5: 'cat/4.png' is no PNG"):
        prepare("photos", tmp_path)
    dataset = prepare("photos", tmp_path, unreadable="drop")
    assert dataset.counts["rows"]["dropped"] == 1
    assert dataset.counts["columns"]["image"]["dropped"] == {"unreadable": 1}
    assert dataset.train.num_rows + dataset.test.num_rows == 19


def test_a_missing_path_can_drop_its_row_alone(photos, tmp_path):
    lines = ["file,class", *(f"photos/cat/{n}.png,a\nphotos/dog/{n}.png,b" for n in range(9)), ",b"]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match="has 1 missing cell"):
        prepare("list.csv", tmp_path)
    dataset = prepare("list.csv", tmp_path, missing="drop")
    assert dataset.counts["columns"]["file"]["dropped"] == {"missing": 1}


def test_parts_may_have_folders_of_their_own(photos, tmp_path):
    for name in ("cat", "dog"):
        save(tmp_path / "judge" / name / "0.png")
    dataset = prepare("photos", tmp_path, split=SplitSpec(test="judge"))
    assert dataset.train.num_rows == 20
    assert dataset.test.num_rows == 2
    assert [source.path.name for source in dataset.sources] == ["photos", "judge"]


def test_standard_scale_is_fitted_channel_by_channel_on_training_images_alone(photos, tmp_path):
    dataset = prepare("photos", tmp_path, scale="standard")
    spec = dataset.preprocessing.input_specs["image"]
    pixels = dataset.train.inputs["image"].astype(np.float64)
    scaled = pixels * np.array(spec.scale) + np.array(spec.offset)
    np.testing.assert_allclose(scaled.mean(axis=(0, 1, 2)), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.std(axis=(0, 1, 2)), 1, atol=1e-9)
    assert spec.dtype == "uint8"
    assert again(dataset.preprocessing).input_specs == dataset.preprocessing.input_specs


def test_minmax_brings_pixels_to_0_and_1(photos, tmp_path):
    spec = prepare("photos", tmp_path, scale="minmax").preprocessing.input_specs["image"]
    pixels = prepare("photos", tmp_path).train.inputs["image"]
    assert pixels.min() * spec.scale[0] + spec.offset[0] == pytest.approx(0)
    assert pixels.max() * spec.scale[0] + spec.offset[0] == pytest.approx(1)


def test_zca_is_applied_at_prediction_as_in_training(photos, tmp_path):
    dataset = prepare("photos", tmp_path, scale=ZcaScale(zca=0.1))
    preprocessing = dataset.preprocessing
    assert preprocessing.input_specs["image"].dtype == "float32"
    trained = preprocessing.network_inputs(dataset.train.inputs)["image"]
    table = read_table([photos]).take(dataset.train.rows)
    applied = again(preprocessing).apply(table, with_targets=False)
    np.testing.assert_array_equal(
        again(preprocessing).network_inputs(applied.inputs)["image"], trained
    )
    assert abs(float(trained.mean())) < 1e-4


def test_other_images_are_read_as_training_read_them(photos, tmp_path):
    columns = {"image": ColumnSpec(size=(4, 4), color="grey")}
    preprocessing = again(prepare("photos", tmp_path, columns=columns).preprocessing)
    save(tmp_path / "one.png", 40, 30)
    applied = preprocessing.apply(read_table([tmp_path / "one.png"]), with_targets=False)
    assert applied.inputs["image"].shape == (1, 4, 4, 1)


def test_without_a_size_other_images_must_have_that_of_training(photos, tmp_path):
    preprocessing = again(prepare("photos", tmp_path).preprocessing)
    save(tmp_path / "one.png", 40, 30)
    with pytest.raises(DataError, match=r"'one\.png' is 40 x 30 pixels, where 6 x 5 are expected"):
        preprocessing.apply(read_table([tmp_path / "one.png"]), with_targets=False)


def test_bare_images_stand_for_the_column_of_any_name(photos, tmp_path):
    lines = ["file,class", *(f"photos/cat/{n}.png,a\nphotos/dog/{n}.png,b" for n in range(10))]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    preprocessing = again(prepare("list.csv", tmp_path).preprocessing)
    applied = preprocessing.apply(read_table([photos]), with_targets=False)
    assert applied.inputs["file"].shape == (20, 6, 5, 3)


def test_arrays_get_the_channel_of_grey_images(tmp_path):
    images = RANDOM.integers(0, 255, (30, 4, 4)).astype(np.uint8)
    np.savez(tmp_path / "data.npz", image=images, flat=images.reshape(30, 16), y=np.arange(30) / 7)
    dataset = prepare("data.npz", tmp_path, target="y", drop="flat")
    assert dataset.train.inputs["image"].shape == (24, 4, 4, 1)
    assert dataset.train.inputs["image"].dtype == np.uint8
    shaped = prepare(
        "data.npz",
        tmp_path,
        target="y",
        drop="image",
        columns={"flat": ColumnSpec(shape=(4, 4, 1))},
    )
    np.testing.assert_array_equal(shaped.train.inputs["flat"], dataset.train.inputs["image"])


def test_arrays_of_another_shape_are_refused_at_prediction(tmp_path):
    np.savez(tmp_path / "data.npz", image=np.zeros((30, 4, 4)), y=np.arange(30) / 7)
    np.savez(tmp_path / "new.npz", image=np.zeros((2, 5, 4)))
    preprocessing = again(prepare("data.npz", tmp_path, target="y").preprocessing)
    with pytest.raises(DataError, match=r"shape \[5, 4, 1\], and the network takes \[4, 4, 1\]"):
        preprocessing.apply(read_table([tmp_path / "new.npz"]), with_targets=False)


def test_arrays_may_stand_for_files_that_were_resized_to_their_shape(photos, tmp_path):
    columns = {"image": ColumnSpec(size=(4, 4), color="grey")}
    preprocessing = again(prepare("photos", tmp_path, columns=columns).preprocessing)
    np.savez(tmp_path / "new.npz", image=np.zeros((2, 4, 4), np.uint8))
    applied = preprocessing.apply(read_table([tmp_path / "new.npz"]), with_targets=False)
    assert applied.inputs["image"].shape == (2, 4, 4, 1)
    np.savez(tmp_path / "other.npz", image=np.zeros((2, 5, 5), np.uint8))
    with pytest.raises(DataError, match=r"shape \[5, 5, 1\], and the network takes \[4, 4, 1\]"):
        preprocessing.apply(read_table([tmp_path / "other.npz"]), with_targets=False)


@pytest.fixture
def pixels_csv(tmp_path) -> np.ndarray:
    pixels = RANDOM.integers(0, 16, (40, 6))
    rows = [[*row, label] for row, label in zip(pixels.tolist(), "ab" * 20, strict=True)]
    lines = ["p0,p1,p2,p3,p4,p5,class", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "pixels.csv").write_text("\n".join(lines))
    return pixels


def test_shape_makes_an_image_of_columns_in_their_order(pixels_csv, tmp_path):
    dataset = prepare("pixels.csv", tmp_path, shape=(2, 3, 1))
    preprocessing = again(dataset.preprocessing)
    assert preprocessing.input_specs[FEATURES].shape == (2, 3, 1)
    taken = preprocessing.network_inputs(dataset.train.inputs)[FEATURES]
    expected = pixels_csv[dataset.train.rows].reshape(-1, 2, 3, 1)
    np.testing.assert_array_equal(taken, expected)


def test_pixels_in_columns_can_be_whitened(pixels_csv, tmp_path):
    dataset = prepare("pixels.csv", tmp_path, shape=(2, 3, 1), scale="zca")
    taken = again(dataset.preprocessing).network_inputs(dataset.train.inputs)[FEATURES]
    covariance = np.cov(taken.reshape(len(taken), -1).T, bias=True)
    np.testing.assert_allclose(covariance, np.eye(6), atol=0.05)
    # What the importance of a column shuffles is still the column itself.
    np.testing.assert_array_equal(dataset.train.inputs[FEATURES], pixels_csv[dataset.train.rows])
