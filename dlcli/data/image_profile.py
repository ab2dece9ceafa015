"""What the images of a column look like: sizes, colours, values, and files that give none."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from dlcli.data.arrays import from_array_column, is_array_column
from dlcli.data.cells import missing_mask
from dlcli.data.columns.pixels import image_paths
from dlcli.data.table import Table

MOST_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class ImageProfile:
    """One column of image files or of arrays."""

    name: str
    is_array: bool
    count: int
    """Images that can be read, or rows."""
    sizes: tuple[tuple[int, int, int], ...] = ()
    """Height, width and number of files, the most frequent first."""
    colors: tuple[tuple[str, int], ...] = ()
    """grey, rgb or rgba, and the number of files."""
    shape: tuple[int, ...] = ()
    """Of a row's array."""
    dtype: str = ""
    minimum: float | None = None
    maximum: float | None = None
    unreadable: tuple[str, ...] = ()
    """Where files stand that give no image, and why."""


def profile_images(table: Table, names: Sequence[str]) -> tuple[ImageProfile, ...]:
    """Profile the columns `names`; of files only the heads are read."""
    return tuple(
        _profile_arrays(table, name)
        if is_array_column(table.column(name))
        else _profile_files(table, name)
        for name in names
    )


def format_image_profile(profile: ImageProfile, *, width: int) -> str:
    """Lay the profile out, a line for each thing it knows."""
    if profile.is_array:
        extent = ""
        if profile.minimum is not None:
            extent = f", values from {profile.minimum:g} to {profile.maximum:g}"
        shape = " x ".join(map(str, profile.shape))
        return f"{profile.name}: {profile.count:,} arrays of {shape} ({profile.dtype}){extent}"
    noun = "image" if profile.count == 1 else "images"
    sizes = [(f"{height} x {width}", count) for height, width, count in profile.sizes]
    lines = [
        f"{profile.name}: {profile.count:,} {noun}",
        f"  height x width  {_counted(sizes)}",
        f"  colour          {_counted(profile.colors)}",
    ]
    if profile.unreadable:
        lines.append(f"  cannot be read  {len(profile.unreadable):,}:")
        lines += [f"    {_cut(text, width - 4)}" for text in profile.unreadable[:MOST_SHOWN]]
        if len(profile.unreadable) > MOST_SHOWN:
            lines.append(f"    and {len(profile.unreadable) - MOST_SHOWN:,} more")
    return "\n".join(lines)


def _profile_arrays(table: Table, name: str) -> ImageProfile:
    values = from_array_column(table.column(name))
    is_known = bool(values.size) and bool(np.isfinite(values).all())
    return ImageProfile(
        name=name,
        is_array=True,
        count=len(values),
        shape=tuple(values.shape[1:]),
        dtype=str(values.dtype),
        minimum=float(values.min()) if is_known else None,
        maximum=float(values.max()) if is_known else None,
    )


def _profile_files(table: Table, name: str) -> ImageProfile:
    images: Any = import_module("dlcli.data.images")
    rows = np.flatnonzero(~missing_mask(table.column(name))).tolist()
    paths = image_paths(table, name, rows)
    looks = images.look_at_images(paths)
    seen = [look for look in looks if isinstance(look, images.Look)]
    sizes = images.count_sizes(looks).most_common()
    colors = [(color, sum(look.color == color for look in seen)) for color in images.CHANNELS]
    texts = table.column(name).take(rows).to_pylist() if rows else []
    return ImageProfile(
        name=name,
        is_array=False,
        count=len(seen),
        sizes=tuple((height, width, count) for (height, width), count in sizes),
        colors=tuple((color, count) for color, count in colors if count),
        unreadable=tuple(
            f"{table.locate(row)}: {text!r} {look}"
            for row, text, look in zip(rows, texts, looks, strict=True)
            if not isinstance(look, images.Look)
        ),
    )


def _counted(items: Sequence[tuple[str, int]]) -> str:
    shown = ", ".join(f"{text} ({count:,})" for text, count in items[:MOST_SHOWN])
    more = len(items) - MOST_SHOWN
    return (shown or "-") + (f" and {more:,} more" if more > 0 else "")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
