"""Image files to arrays: colours, sizes, bits, turned photos, and files that give none."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlcli.data.images import (
    MOST_PIXELS,
    Decoding,
    Look,
    UnreadableImageError,
    common_color,
    decode_images,
    look_at_images,
)

RED, GREY = (250, 10, 20), 90


def save(folder: Path, name: str, pixels: np.ndarray, mode: str | None = None, **options) -> Path:
    image = Image.fromarray(pixels)
    path = folder / name
    (image if mode is None else image.convert(mode)).save(path, **options)
    return path


def look(path: Path) -> Look:
    (found,) = look_at_images([path])
    assert isinstance(found, Look)
    return found


def decode(path: Path, **options) -> np.ndarray:
    settings = {"height": 4, "width": 6, "color": "rgb", "resizes": False} | options
    pixels, reasons = decode_images([path], Decoding(**settings))
    assert reasons == {}
    return pixels[0]


def why_not(path: Path, **options) -> str:
    settings = {"height": 4, "width": 6, "color": "rgb", "resizes": False} | options
    _, reasons = decode_images([path], Decoding(**settings))
    return reasons[0]


@pytest.fixture
def red() -> np.ndarray:
    return np.full((4, 6, 3), RED, np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp", "gif"])
def test_pixels_come_back_from_formats_that_keep_them(tmp_path, red, suffix):
    options = {"lossless": True} if suffix == "webp" else {}
    path = save(tmp_path, f"red.{suffix}", red, **options)
    assert look(path) == Look(height=4, width=6, color="rgb")
    np.testing.assert_array_equal(decode(path), red)


def test_jpeg_comes_back_nearly(tmp_path, red):
    path = save(tmp_path, "red.jpg", red, quality=95)
    assert np.abs(decode(path).astype(int) - red).max() < 8


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif"])
def test_grey_files_are_grey(tmp_path, suffix):
    path = save(tmp_path, f"grey.{suffix}", np.full((4, 6), GREY, np.uint8))
    assert look(path).color == "grey"
    assert np.abs(decode(path, color="grey").astype(int) - GREY).max() <= 1
    assert decode(path, color="grey").shape == (4, 6, 1)
    assert decode(path, color="rgb").shape == (4, 6, 3)


def test_black_and_white_become_0_and_255(tmp_path):
    path = save(tmp_path, "bits.png", np.eye(4, 6, dtype=np.uint8) * 255, mode="1")
    np.testing.assert_array_equal(decode(path, color="grey")[..., 0], np.eye(4, 6) * 255)


def test_16_bits_become_8_without_being_cut_off(tmp_path):
    deep = np.array([[0, 256, 65535]], np.uint16)
    path = save(tmp_path, "deep.png", deep)
    np.testing.assert_array_equal(
        decode(path, color="grey", height=1, width=3)[..., 0], [[0, 1, 255]]
    )


def test_transparency_shows_white_unless_it_is_asked_for(tmp_path, red):
    clear = np.concatenate([red, np.zeros((4, 6, 1), np.uint8)], axis=2)
    path = save(tmp_path, "clear.png", clear)
    assert look(path).color == "rgba"
    assert (decode(path) == 255).all()
    np.testing.assert_array_equal(decode(path, color="rgba"), clear)


def test_rgb_wins_where_one_image_has_colour(tmp_path, red):
    grey = save(tmp_path, "grey.png", red[..., 0])
    colored = save(tmp_path, "red.png", red)
    assert common_color(look_at_images([grey, grey])) == "grey"
    assert common_color(look_at_images([grey, colored])) == "rgb"


def test_a_turned_photo_is_turned_upright(tmp_path):
    pixels = np.zeros((4, 6), np.uint8)
    pixels[0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise shows it upright
    path = save(tmp_path, "turned.png", pixels, exif=exif)
    assert look(path) == Look(height=6, width=4, color="grey")
    upright = decode(path, height=6, width=4, color="grey")[..., 0]
    np.testing.assert_array_equal(upright, np.rot90(pixels, -1))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos3", "area"])
def test_an_even_image_stays_even_when_resized(tmp_path, red, interpolation):
    path = save(tmp_path, "red.png", red)
    resized = decode(path, height=9, width=5, resizes=True, interpolation=interpolation)
    np.testing.assert_array_equal(resized, np.full((9, 5, 3), RED))


def test_aspect_says_what_becomes_of_other_proportions(tmp_path):
    pixels = np.zeros((4, 8), np.uint8)
    pixels[:, 2:6] = 200  # the middle square is bright
    path = save(tmp_path, "wide.png", pixels)
    square = {"height": 4, "width": 4, "color": "grey", "resizes": True, "interpolation": "nearest"}
    assert (decode(path, aspect="crop", **square) == 200).all()
    assert (decode(path, aspect="stretch", **square)[:, 1:3] == 200).all()
    padded = decode(path, aspect="pad", **square)[..., 0]
    assert (padded[[0, 3]] == 0).all() and (padded[1:3, 1:3] == 200).all()


def test_large_jpegs_are_resized_like_small_ones(tmp_path):
    ramp = np.linspace(0, 255, 1024).astype(np.uint8)
    path = save(tmp_path, "ramp.jpg", np.tile(ramp, (512, 1)), quality=95)
    small = decode(path, height=4, width=8, color="grey", resizes=True)[..., 0]
    np.testing.assert_allclose(small[0], ramp.reshape(8, 128).mean(axis=1), atol=3)


def test_another_size_is_refused_where_nothing_resizes(tmp_path, red):
    path = save(tmp_path, "red.png", red)
    assert why_not(path, height=8, width=8) == "is 4 x 6 pixels, where 8 x 8 are expected"


def test_files_that_give_no_image_say_why(tmp_path, red):
    whole = save(tmp_path, "red.png", red)
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:45])
    (tmp_path / "folder.png").mkdir()
    Image.fromarray(red).save(tmp_path / "other.png", "TIFF")
    names = {
        "none.png": "does not exist",
        "empty.png": "is empty",
        "text.png": "is no PNG, JPEG, BMP, GIF or WebP image",
        "other.png": "is no PNG, JPEG, BMP, GIF or WebP image",
        "cut.png": "is cut off or damaged",
        "folder.png": "is a folder",
    }
    for name, reason in names.items():
        assert why_not(tmp_path / name) == reason, name


def test_a_cut_off_photo_is_found_when_its_pixels_are_read(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    path = save(tmp_path, "noise.jpg", noise)
    path.write_bytes(path.read_bytes()[:-500])
    assert look(path).height == 64
    assert why_not(path, height=64, width=64) == "is cut off or damaged"


@pytest.mark.parametrize("side", [9_000, 60_000])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, side):
    assert side**2 > MOST_PIXELS
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packed = b"IDAT" + zlib.compress(b"\0" * 1000)
    parts = [b"\x89PNG\r\n\x1a\n"]
    for chunk in (header, packed):
        parts += [struct.pack(">I", len(chunk) - 4), chunk, struct.pack(">I", zlib.crc32(chunk))]
    (tmp_path / "bomb.png").write_bytes(b"".join(parts))
    assert "more than 80,000,000 are refused" in why_not(tmp_path / "bomb.png")
    (found,) = look_at_images([tmp_path / "bomb.png"])
    assert isinstance(found, UnreadableImageError)


def test_the_count_of_files_is_told(tmp_path, red):
    path = save(tmp_path, "red.png", red)
    counts: list[int] = []
    decode_images(
        [path] * 130, Decoding(height=4, width=6, color="rgb", resizes=False), counts.append
    )
    assert counts == [64, 128, 130]
