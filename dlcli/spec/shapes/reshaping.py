"""Shapes of layers that rearrange, repeat, cut and pad what they take."""

import math

from dlcli.spec.shapes.shape import Arguments, MisfitError, Rule, Shape, need_rank, product
from dlcli.spec.shapes.windows import around, spatial


def flatten(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Any shape; one axis beside the rows is left."""
    return (taken[0][0], product(taken[0][1:]))


def reshape(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Any shape with as many numbers as the target shape."""
    (shape,) = taken
    target = tuple(arguments["target_shape"])
    if target.count(-1) > 1:
        raise MisfitError("one -1 in target_shape at most", hint="write the other size out")
    count, known = product(shape[1:]), math.prod(size for size in target if size != -1)
    wanted = " x ".join(str(size) for size in target if size != -1)
    if -1 not in target:
        if count is not None and count != known:
            raise MisfitError(
                f"{known} numbers in each row ({wanted})",
                hint=f"sizes whose product is {count}; -1 stands for the one that follows",
            )
        return (shape[0], *target)
    if count is not None and (known == 0 or count % known):
        raise MisfitError(
            f"a multiple of {known} numbers in each row ({wanted})",
            hint=f"sizes whose product divides {count}",
        )
    rest = None if count is None else count // known
    return (shape[0], *(rest if size == -1 else size for size in target))


def permute(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """As many axes as `dims` names, counted from 1 after the rows."""
    (shape,) = taken
    dims = tuple(arguments["dims"])
    if sorted(dims) != list(range(1, len(dims) + 1)):
        raise MisfitError(
            f"each number from 1 to {len(dims)} once in dims", hint="axis 1 is the first after rows"
        )
    need_rank(shape, len(dims) + 1, f"{len(dims)} axes beside the rows, as dims lists them")
    return (shape[0], *(shape[dim] for dim in dims))


def repeat_vector(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """(rows, numbers); every row becomes n equal steps."""
    (shape,) = taken
    need_rank(shape, 2, "(rows, numbers)")
    return (shape[0], arguments["n"], shape[1])


def cropping(rank: int) -> Rule:
    """Cut entries off both ends of every axis between rows and channels."""

    def rule(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
        sizes = spatial(arguments, taken[0], rank)
        cut = _pairs(arguments, "cropping", rank)
        for size, (before, after) in zip(sizes, cut, strict=True):
            if size is not None and before + after >= size:
                raise MisfitError(
                    f"more than {before + after} entries along every axis that it cuts",
                    hint="a smaller cropping",
                )
        kept = (
            None if size is None else size - before - after
            for size, (before, after) in zip(sizes, cut, strict=True)
        )
        return around(arguments, taken[0], tuple(kept))

    return rule


def zero_padding(rank: int) -> Rule:
    """Add zeros at both ends of every axis between rows and channels."""

    def rule(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
        sizes = spatial(arguments, taken[0], rank)
        added = _pairs(arguments, "padding", rank)
        padded = (
            None if size is None else size + before + after
            for size, (before, after) in zip(sizes, added, strict=True)
        )
        return around(arguments, taken[0], tuple(padded))

    return rule


def up_sampling(rank: int) -> Rule:
    """Repeat every entry along every axis between rows and channels."""

    def rule(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
        sizes = spatial(arguments, taken[0], rank)
        times = arguments.sizes("size", rank)
        grown = (
            None if size is None else size * factor
            for size, factor in zip(sizes, times, strict=True)
        )
        return around(arguments, taken[0], tuple(grown))

    return rule


def resizing(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Images; they become `height` by `width`."""
    spatial(arguments, taken[0], 2)
    return around(arguments, taken[0], (arguments["height"], arguments["width"]))


def _pairs(arguments: Arguments, name: str, rank: int) -> list[tuple[int, int]]:
    """Return how many entries at both ends: one number, one for each axis, or a pair for each."""
    value = arguments[name]
    if isinstance(value, int):
        return [(value, value)] * rank
    if isinstance(value, dict):
        raise MisfitError(f"a number or a list as {name}")
    if rank == 1:
        before, after = arguments.sizes(name, 2)
        return [(before, after)]
    if len(value) != rank:
        raise MisfitError(f"a number, or a list of {rank}, as {name}")
    pairs = [(item, item) if isinstance(item, int) else tuple(item) for item in value]
    if any(len(pair) != 2 for pair in pairs):
        raise MisfitError(f"numbers or pairs of numbers as {name}")
    return [(before, after) for before, after in pairs]
