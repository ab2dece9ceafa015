"""Which files of a folder are images, and which of its folders are classes."""

import os
from collections.abc import Iterator
from pathlib import Path

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


def class_folders(path: Path) -> list[Path]:
    """Return the sub-folders in the order of their names; hidden ones are none."""
    return sorted(
        each for each in path.iterdir() if each.is_dir() and not each.name.startswith(".")
    )


def image_files(folder: Path) -> list[Path]:
    """Return the images in a folder and below it, in the order of their paths."""
    return sorted(file for file in _files(folder) if file.suffix.lower() in IMAGE_SUFFIXES)


def other_files(folder: Path) -> list[Path]:
    """Return the files that are no images, in the order of their paths."""
    return sorted(file for file in _files(folder) if file.suffix.lower() not in IMAGE_SUFFIXES)


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent) / name for name in names if not name.startswith("."))
