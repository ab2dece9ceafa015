"""Image files to arrays: decoded by Pillow within bounds, turned upright, resized as it is told."""

import os
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from dlcli.spec.data import Aspect, Color, Interpolation

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
"""What is decoded; Pillow knows more formats, of which each is one more way in for a bad file."""

MOST_PIXELS = 80_000_000
"""Larger images are refused: a file of some kilobytes can ask for all memory."""

DOES_NOT_EXIST = "does not exist"

CHANNELS: dict[Color, int] = {"grey": 1, "rgb": 3, "rgba": 4}
_MODES: dict[Color, str] = {"grey": "L", "rgb": "RGB", "rgba": "RGBA"}
_METHODS: dict[Interpolation, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos3": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
}
_ORIENTATION = 0x0112
_TURNED = {5, 6, 7, 8}
"""Orientations in which height and width change places."""

# What Pillow was seen to raise for damaged files of the formats above.
_DAMAGES = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
)
_FILES_AT_ONCE = 64
_Item = TypeVar("_Item")
_Given = TypeVar("_Given")


class UnreadableImageError(Exception):
    """Why a file gives no image, in words that follow its name."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the head of an image file says; the size is that of the upright image."""

    height: int
    width: int
    color: Color


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How every file becomes an array."""

    height: int
    width: int
    color: Color
    resizes: bool
    """Whether images of another size are resized; else they are refused."""
    interpolation: Interpolation = "bilinear"
    aspect: Aspect = "stretch"

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, CHANNELS[self.color]


OnCount = Callable[[int], None]
"""Told how many files are done."""


def look_at_images(
    paths: Sequence[Path], on_count: OnCount = lambda count: None
) -> list[Look | UnreadableImageError]:
    """Read the heads of files, or tell what keeps each from being read."""
    with _strict_pillow():
        return list(_map(_look, paths, on_count))


def decode_images(
    paths: Sequence[Path], decoding: Decoding, on_count: OnCount = lambda count: None
) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Return the pixels [files, height, width, channels] and, by position, why files have none."""
    pixels = np.zeros((len(paths), *decoding.shape), dtype=np.uint8)
    reasons: dict[int, str] = {}

    def decode(place: int) -> UnreadableImageError | None:
        try:
            pixels[place] = _decode(paths[place], decoding)
        except UnreadableImageError as error:
            return error
        return None

    with _strict_pillow():
        for place, error in enumerate(_map(decode, range(len(paths)), on_count)):
            if error is not None:
                reasons[place] = str(error)
    return pixels, reasons


def count_sizes(looks: Sequence[Look | UnreadableImageError]) -> Counter[tuple[int, int]]:
    """Count the heights and widths of the files that can be read."""
    return Counter((look.height, look.width) for look in looks if isinstance(look, Look))


def common_color(looks: Sequence[Look | UnreadableImageError]) -> Color:
    """Return grey where every image is, else rgb."""
    return "rgb" if any(isinstance(k, Look) and k.color != "grey" for k in looks) else "grey"


def _map(
    function: Callable[[_Item], _Given], items: Sequence[_Item], on_count: OnCount
) -> Iterator[_Given]:
    """Apply a function that mostly waits for files or runs in C, on several threads."""
    with ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="images") as executor:
        for start in range(0, len(items), _FILES_AT_ONCE):
            yield from executor.map(function, items[start : start + _FILES_AT_ONCE])
            on_count(min(start + _FILES_AT_ONCE, len(items)))


@contextmanager
def _strict_pillow() -> Iterator[None]:
    """Make an error of Pillow's warning of bombs; its other warnings concern what is not read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _look(path: Path) -> Look | UnreadableImageError:
    try:
        with _opened(path) as image:
            width, height = image.size
            if image.getexif().get(_ORIENTATION) in _TURNED:
                width, height = height, width
            return Look(height=height, width=width, color=_color_of(image))
    except UnreadableImageError as error:
        return error


def _decode(path: Path, decoding: Decoding) -> NDArray[np.uint8]:
    with _opened(path) as image:
        if decoding.resizes:
            # JPEG halves itself while it decodes, down to twice the size that is asked for.
            side = 2 * max(decoding.height, decoding.width)
            image.draft(None, (side, side))
        upright = ImageOps.exif_transpose(image)
        converted = _converted(upright, decoding.color)
        size = (decoding.width, decoding.height)
        if converted.size != size and not decoding.resizes:
            width, height = converted.size
            raise UnreadableImageError(
                f"is {height} x {width} pixels, where {decoding.height} x {decoding.width} are "
                "expected"
            )
        pixels = np.asarray(_resized(converted, size, decoding), dtype=np.uint8)
        return pixels.reshape(decoding.shape)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a file; everything that goes wrong until it is closed becomes UnreadableImageError."""
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise UnreadableImageError("is empty")
            file.seek(0)
            with Image.open(file, formats=FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise _too_large(f"has {image.width * image.height:,} pixels")
                yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large("has too many pixels") from None
    except UnidentifiedImageError:
        raise UnreadableImageError("is no PNG, JPEG, BMP, GIF or WebP image") from None
    except FileNotFoundError:
        raise UnreadableImageError(DOES_NOT_EXIST) from None
    except IsADirectoryError:
        raise UnreadableImageError("is a folder") from None
    except PermissionError:
        raise UnreadableImageError("may not be read") from None
    except _DAMAGES:
        raise UnreadableImageError("is cut off or damaged") from None


def _too_large(found: str) -> UnreadableImageError:
    return UnreadableImageError(f"{found}, and more than {MOST_PIXELS:,} are refused")


def _color_of(image: Image.Image) -> Color:
    if image.mode in ("1", "L", "I") or image.mode.startswith("I;16"):
        return "grey"
    if image.mode == "F":
        raise UnreadableImageError("holds fractions instead of pixels of 8 or 16 bits")
    if image.has_transparency_data:
        return "rgba"
    if image.mode == "P":
        colors = np.array(image.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
        return "grey" if (colors == colors[:, :1]).all() else "rgb"
    return "rgb"


def _converted(image: Image.Image, color: Color) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        # Pillow would cut 16 bits off at 255 instead of bringing them to 8.
        deep = np.asarray(image).astype(np.int64).clip(0, 65535)
        image = Image.fromarray((deep >> 8).astype(np.uint8))
    if color != "rgba" and image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(_MODES[color])


def _resized(image: Image.Image, size: tuple[int, int], decoding: Decoding) -> Image.Image:
    if image.size == size:
        return image
    method = _METHODS[decoding.interpolation]
    if decoding.aspect == "crop":
        return ImageOps.fit(image, size, method)
    if decoding.aspect == "pad":
        return ImageOps.pad(image, size, method)
    return image.resize(size, method)
