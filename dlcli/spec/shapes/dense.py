"""Shapes of layers that keep every axis or change the last one."""

import re

from dlcli.spec.shapes.shape import Arguments, MisfitError, Rule, Shape, axis_of


def same(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Any shape, passed on."""
    return taken[0]


def along_axis(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Any shape that has the axes which `axis` names."""
    axes = arguments["axis"]
    for axis in [axes] if isinstance(axes, int) else axes or ():
        if axis_of(axis, taken[0]) == 0:
            raise MisfitError("an axis other than that of the rows", hint="axis: -1 is the last")
    return taken[0]


def group_normalization(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Any shape whose channels fall into groups of equal size."""
    shape = along_axis(arguments, taken)
    channels, groups = shape[axis_of(arguments["axis"], shape)], arguments["groups"]
    if channels is not None and groups > 0 and channels % groups:
        raise MisfitError(
            f"channels that make {groups} groups of equal size",
            hint=f"groups: a divisor of {channels}, or -1 for one channel each",
        )
    return shape


def prelu(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Any shape that has the shared axes."""
    axes = arguments["shared_axes"]
    for axis in [axes] if isinstance(axes, int) else axes or ():
        if not 1 <= axis < len(taken[0]):
            raise MisfitError(f"an axis {axis}, which shared_axes names")
    return taken[0]


def dense(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Any shape with an axis beside the rows; the last one becomes the units."""
    (shape,) = taken
    if len(shape) < 2:
        raise MisfitError("(rows, numbers)", rank=2)
    return (*shape[:-1], arguments["units"])


def embedding(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Any shape of whole numbers; each becomes a vector."""
    return (*taken[0], arguments["output_dim"])


_EINSUM = re.compile(r"([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)")


def einsum_dense(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape | None:
    """The shape that the equation names; other forms of equation are left to Keras."""
    found = _EINSUM.fullmatch(arguments["equation"].replace(" ", ""))
    if found is None:
        return None
    letters, _, given = found.groups()
    written = arguments["output_shape"]
    written = [written] if isinstance(written, int) else list(written)
    (shape,) = taken
    if len(letters) != len(shape):
        return None
    if len(written) != len(given) - 1:
        raise MisfitError(
            f"an output_shape of {len(given) - 1} sizes, one for each of {given!r} after the rows"
        )
    sizes = dict(zip(letters, shape, strict=True))
    result: list[int | None] = [shape[0]]
    for letter, size in zip(given[1:], written, strict=True):
        known = sizes.get(letter)
        if size is not None and known is not None and size != known:
            raise MisfitError(f"{size} entries along {letter!r}, as its output_shape says")
        # Keras leaves a size open that output_shape leaves open.
        result.append(size)
    return tuple(result)


def category_encoding(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape | None:
    """Whole numbers; the last axis becomes one entry for each token."""
    (shape,) = taken
    tokens = arguments["num_tokens"]
    if arguments["output_mode"] == "one_hot" and (len(shape) == 1 or shape[-1] is not None):
        return (*shape, tokens) if len(shape) == 1 or shape[-1] != 1 else (*shape[:-1], tokens)
    # Keras drops the rows of a tensor without another axis.
    return None if len(shape) == 1 or shape[-1] is None else (*shape[:-1], tokens)


def number_embedding(codes: str, *, per_code: int = 1) -> Rule:
    """Return the rule of a layer that turns each number into several; `codes` says how many."""

    def rule(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
        (shape,) = taken
        if len(shape) != 2:
            raise MisfitError("(rows, features)", rank=2)
        made = arguments[codes] * (1 if arguments["phase"] else per_code)
        size = (arguments["units"] or made) + int(arguments["keep_numbers"])
        if not arguments["flatten"]:
            return (*shape, size)
        return (shape[0], None if shape[1] is None else shape[1] * size)

    return rule
