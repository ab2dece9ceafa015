"""A network for images: how they are read, augmented and looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

from dlcli.data.image_profile import ImageProfile
from dlcli.errors import DataError
from dlcli.recipe.columns import InputPlan
from dlcli.recipe.network import Size
from dlcli.recipe.text import LAYERS, Line, flow, line

LARGEST_SIDE = 128
"""Larger images are resized to it: four times the pixels take four times as long."""
FEWEST_PIXELS = 8
"""Halving stops at this side."""
FILTERS = (16, 32, 64, 128)
SIZE = Size(units=(64,), batch_size=32, epochs=100, patience=15)


@dataclass(frozen=True, kw_only=True)
class ImagePlan:
    """How the images of one column become the network's input."""

    column: InputPlan
    height: int
    width: int
    is_small: bool
    """Whether they are so small that they may be letters or digits."""


def plan_images(profile: ImageProfile) -> ImagePlan:
    """Decide on the size; raises DataError where no image can be read."""
    if profile.is_array:
        height, width = (*profile.shape, 1)[:2]
        return _plan(profile, height, width, {}, "")
    if profile.unreadable:
        first = profile.unreadable[0]
        raise DataError(
            f"{len(profile.unreadable):,} of the images cannot be read, such as {first}",
            hint="mend or remove them; `dlcli summarize` lists them",
        )
    height, width, _ = profile.sizes[0]
    side = max(FEWEST_PIXELS, min(LARGEST_SIDE, *(min(size[:2]) for size in profile.sizes)))
    if len(profile.sizes) == 1 and max(height, width) <= LARGEST_SIDE:
        settings: dict[str, object] = {"type": "image", "size": [height, width]}
        return _plan(profile, height, width, settings, "all have this size, others are resized")
    shown = f"{len(profile.sizes):,} sizes" if len(profile.sizes) > 1 else f"{height} x {width}"
    about = f"height and width that all are resized to, from {shown}"
    return _plan(profile, side, side, {"type": "image", "size": [side, side]}, about)


def image_network_lines(plan: ImagePlan, heads: Sequence[Line]) -> list[Line]:
    """Write the layer list: augmentation, convolutions that halve the image, the output."""
    lines = [LAYERS, *_augmentation_lines(plan)]
    side = min(plan.height, plan.width)
    for number, filters in enumerate(FILTERS):
        arguments = {
            "filters": filters,
            "kernel_size": 3,
            "padding": "same",
            "activation": "relu",
        }
        about = f"{filters} patterns of 3 x 3 pixels" if number == 0 else f"{filters} of these"
        lines.append(line(f"  - Conv2D: {flow(arguments)}", about))
        if side < FEWEST_PIXELS:
            break
        side //= 2
        lines.append(line("  - MaxPooling2D", f"halves height and width, to {side}"))
    return [
        *lines,
        line("  - GlobalAveragePooling2D", "the mean of each pattern over the image"),
        line("  - Dropout: 0.2", "20% are left out at random, against learning by heart"),
        *heads,
    ]


def _augmentation_lines(plan: ImagePlan) -> list[Line]:
    flip = line("  - RandomFlip: horizontal", "mirrored or not")
    if plan.is_small:
        flip = line("  # - RandomFlip: horizontal", "unless left and right matter, as in letters")
    return [
        line("  # The next ones change each image a little, at random and while training alone."),
        flip,
        line("  - RandomRotation: 0.03", "up to 3% of a full turn, either way"),
        line(
            "  - RandomTranslation: {height_factor: 0.1, width_factor: 0.1}", "moved by up to 10%"
        ),
    ]


def _plan(
    profile: ImageProfile, height: int, width: int, settings: dict[str, object], about: str
) -> ImagePlan:
    return ImagePlan(
        column=InputPlan(name=profile.name, settings=settings, reason=about),
        height=height,
        width=width,
        is_small=max(height, width) <= 32,
    )


def left_out(name: str, images: Sequence[str]) -> InputPlan:
    """Return a column that is no input beside images."""
    reason = f"this network looks at {images[0]!r} alone"
    return InputPlan(name=name, is_input=False, reason=reason)
