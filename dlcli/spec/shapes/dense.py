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


def category_embedding(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Whole numbers of one shape; each becomes a vector, side by side with those of the others."""
    first = taken[0]
    sizes = arguments["vocabulary_sizes"]
    if sizes is not None and len(sizes) != len(taken):
        raise MisfitError(f"{len(sizes)} inputs, one for each of its vocabulary_sizes")
    if any(len(shape) != len(first) or _differ(shape, first) for shape in taken):
        raise MisfitError("inputs of one shape")
    members = arguments["members"]
    if members is not None and len(first) != 1:
        raise MisfitError("one code a row, (rows), where it has members", rank=1)
    own = () if members is None else (members,)
    return (*first, *own, len(taken) * arguments["units"])


def _differ(one: Shape, other: Shape) -> bool:
    pairs = zip(one, other, strict=True)
    return any(left != right for left, right in pairs if None not in (left, right))


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


def feature_scale(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Any shape; with members, the numbers of a row or of each member."""
    (shape,) = taken
    if arguments["members"] is None:
        return shape
    if len(shape) not in (2, 3):
        raise MisfitError("(rows, features) or (rows, members, features)", rank=2)
    return _for_members(shape, arguments["members"])


def number_embedding(codes: str, *, per_code: int = 1) -> Rule:
    """Return the rule of a layer that turns each number into several; `codes` says how many."""

    def rule(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
        (shape,) = taken
        members = arguments["members"]
        if len(shape) != 2 and (members is None or len(shape) != 3):
            raise MisfitError("(rows, features)", rank=2)
        made = arguments[codes] * (1 if arguments["phase"] else per_code)
        size = (arguments["units"] or made) + int(arguments["keep_numbers"])
        shape = shape if members is None else _for_members(shape, members)
        if not arguments["flatten"]:
            return (*shape, size)
        return (*shape[:-1], None if shape[-1] is None else shape[-1] * size)

    return rule


def ensemble_dense(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """The numbers of a row, or of each member of an ensemble; the last axis becomes the units."""
    (shape,) = taken
    members = arguments["members"]
    if len(shape) not in (2, 3):
        raise MisfitError("(rows, numbers) or (rows, members, numbers)", rank=2)
    if len(shape) == 2 and members is None:
        raise MisfitError(
            "a number of members, or an input that has them", hint="members: 8 on this layer"
        )
    return (*_for_members(shape, members)[:-1], arguments["units"])


def _for_members(shape: Shape, members: int | None) -> Shape:
    """Return a shape with its member axis; raises MisfitError where it has another one."""
    if len(shape) == 2:
        return (shape[0], members, shape[1])
    if members is not None and shape[1] not in (None, members):
        raise MisfitError(
            f"an input of {members} members, or of none",
            hint=f"members: {shape[1]}, or leave it out where the input has members",
        )
    return shape if members is None else (shape[0], members, shape[2])
