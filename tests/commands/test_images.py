"""A folder of photos from the first look at it to predictions, with files written here."""

import csv
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.commands.evaluate import evaluate
from dlcli.commands.init import init
from dlcli.commands.predict import predict
from dlcli.commands.summarize import summarize
from dlcli.commands.train import TrainOptions, train
from dlcli.commands.validate import validate
from dlcli.console import QuietDisplay
from dlcli.errors import DataError, UsageError
from dlcli.runs import RunFolder

EPOCHS = 12
PAGE = Path(__file__).parents[2] / "docs" / "images.md"


def draw(kind: str, random: np.random.Generator, *, side: int = 16) -> Image.Image:
    """Draw a bar or a dot of varying place and brightness on noise."""
    pixels = random.normal(80, 15, (side, side, 3))
    place = int(random.integers(4, side - 4))
    if kind == "bars":
        pixels[:, place - 1 : place + 1] += 100
    else:
        other = int(random.integers(4, side - 4))
        pixels[place - 2 : place + 2, other - 2 : other + 2] += 100
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def write_photos(folder: Path, *, count: int, grey: bool = False) -> None:
    random = np.random.default_rng(3)
    for kind in ("bars", "dots"):
        (folder / kind).mkdir(parents=True)
        for number in range(count):
            image = draw(kind, random)
            suffix = "jpg" if number % 2 else "png"
            path = folder / kind / f"{number:03d}.{suffix}"
            (image.convert("L") if grey else image).save(path, quality=95)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("photos")
    write_photos(home / "photos", count=40)
    write_photos(home / "grey", count=10, grey=True)
    return home


@pytest.fixture(scope="module")
def run(home: Path) -> RunFolder:
    """What the commands of the page make of other photos, with fewer epochs."""
    blocks = re.findall(r"```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    commands = [line.removeprefix("$ dlcli ") for block in blocks for line in block.splitlines()]
    assert [command.split()[0] for command in commands[:4]] == [
        "summarize",
        "init",
        "validate",
        "train",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for command in commands:
            arguments = shlex.split(command)
            if arguments[0] == "train":
                arguments += ["--set", f"epochs={EPOCHS}"]
            outcome = CliRunner().invoke(app, arguments)
            assert outcome.exit_code == 0, f"{command}\n{outcome.output}"
    return RunFolder(home / "runs" / "photos" / "001")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_init_needs_no_target_and_writes_a_config_that_is_right(home: Path, run: RunFolder) -> None:
    text = (home / "photos.yaml").read_text()
    for line in ("source: photos/", "target: class", "size: [16, 16]", "RandomRotation", "Conv2D"):
        assert line in text
    (checked,) = validate((home / "photos.yaml",), with_data=True)
    assert checked.error is None
    assert checked.rows == {"train": 64, "test": 16}


def test_init_of_a_table_still_asks_for_its_target(home: Path) -> None:
    (home / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="which column is to be predicted"):
        init(home / "table.csv", (), home / "table.yaml")


def test_the_network_learns_with_augmentation_on_the_compiled_path(run: RunFolder) -> None:
    manifest = json.loads(run.manifest.read_text())
    assert manifest["training"]["path"] == "compiled"
    assert manifest["onnx"]["writer"] == "dlcli"
    assert manifest["onnx"]["max_difference"] < 1e-4
    (source,) = manifest["data"]["sources"]
    assert source["bytes"] > 10_000
    metrics = json.loads(run.metrics.read_text())
    assert metrics["parts"]["test"]["targets"]["class"]["Accuracy"] > 0.8


def test_evaluate_scores_a_folder_with_classes(home: Path, run: RunFolder) -> None:
    evaluation = evaluate(str(run.path), (home / "photos",))
    assert evaluation.rows == 80
    assert evaluation.targets["class"]["Accuracy"] > 0.8


def test_predict_names_every_image_of_a_folder(home: Path, run: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert predict(str(run.path), home / "photos" / "bars", out).rows == 40
    rows = rows_of(out)
    assert list(rows[0]) == ["image", "predicted_class", "probability_bars", "probability_dots"]
    assert [row["image"] for row in rows[:2]] == ["000.png", "001.jpg"]
    assert sum(row["predicted_class"] == "bars" for row in rows) > 30


def test_predict_takes_one_image_a_table_of_paths_and_grey_ones_alike(
    home: Path, run: RunFolder, tmp_path: Path
) -> None:
    predict(str(run.path), home / "photos" / "dots" / "003.jpg", tmp_path / "one.csv")
    (home / "list.csv").write_text("id,image\na,photos/dots/003.jpg\nb,grey/dots/003.jpg\n")
    predict(str(run.path), home / "list.csv", tmp_path / "list_out.csv")
    (one,), (same, _) = rows_of(tmp_path / "one.csv"), rows_of(tmp_path / "list_out.csv")
    assert (one["image"], same["image"], same["id"]) == ("003.jpg", "photos/dots/003.jpg", "a")
    assert one["probability_dots"] == same["probability_dots"]


def test_predict_refuses_a_damaged_image_with_its_place(
    home: Path, run: RunFolder, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"new, image 1: 'a.png' is no PNG"):
        predict(str(run.path), tmp_path / "new", tmp_path / "out.csv")


def test_streamed_images_give_the_same_network(home: Path, tmp_path: Path) -> None:
    overrides = ("epochs=1", "data.scale=minmax")
    weights = []
    for name, budget in (("whole", None), ("streamed", 40_000)):
        options = TrainOptions(overrides=overrides, out=tmp_path / name, memory_budget_bytes=budget)
        trained = train(home / "photos.yaml", options, QuietDisplay())
        assert (trained.manifest["training"]["blocks"] is None) == (budget is None)
        weights.append(trained.metrics["parts"]["test"]["keras"]["loss"])
    assert weights[0] == pytest.approx(weights[1], rel=1e-5)


def test_grey_folders_train_with_whitening(home: Path, tmp_path: Path) -> None:
    config = tmp_path / "grey.yaml"
    config.write_text(
        f"data:\n  source: {home / 'grey'}\n  target: class\n  scale: {{zca: 0.1}}\n"
        "layers:\n  - Conv2D: {filters: 4, kernel_size: 3, activation: relu}\n"
        "  - GlobalAveragePooling2D\n  - Dense: {units: 1, activation: sigmoid}\nepochs: 2\n"
    )
    trained = train(config, TrainOptions(out=tmp_path / "run"), QuietDisplay())
    out = tmp_path / "out.csv"
    predict(str(trained.run.path), home / "grey", out)
    test = rows_of(trained.run.predictions)
    rows = rows_of(out)
    for row in test:
        again = rows[int(row["row"]) - 1]
        assert float(again["probability_bars"]) == pytest.approx(
            float(row["probability_bars"]), abs=1e-5
        )


def test_summarize_counts_classes_sizes_and_colours(home: Path) -> None:
    (home / "photos" / "bars" / "note.txt").write_text("")
    summary = summarize(f"{home / 'photos'}/")
    for text in ("2 class folders", "bars  40", "80 images", "16 x 16 (80)", "rgb (80)"):
        assert text in summary.text
    assert summary.values["classes"] == (("bars", 40), ("dots", 40))
    assert "grey (20)" in summarize(str(home / "grey")).text


def test_summarize_tells_which_images_cannot_be_read(tmp_path: Path) -> None:
    draw("bars", np.random.default_rng(0)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    text = summarize(str(tmp_path)).text
    assert "1 image\n" in text
    assert "image 2: 'b.png' is empty" in text


def test_summarize_describes_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=np.arange(32).reshape(2, 4, 4), label=np.arange(2))
    text = summarize(str(tmp_path / "a.npz")).text
    assert "a.npz, 2 rows, 2 columns" in text
    assert "image: 2 arrays of 4 x 4 (float32), values from 0 to 31" in text
