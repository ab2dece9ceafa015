"""Shapes of layers that take several tensors."""

from dlcli.spec.shapes.shape import (
    ROWS,
    Arguments,
    MisfitError,
    Shape,
    axis_of,
    format_shape,
    need_rank,
)


def elementwise(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Tensors whose sizes agree from the last axis on; a size of 1 fits every other one."""
    if arguments.component.name == "Subtract" and len(taken) != 2:
        raise MisfitError("two inputs")
    result = taken[0][1:]
    for shape in taken[1:]:
        result = _join(result, shape[1:])
    return (*ROWS, *result)


def _join(one: Shape, other: Shape) -> Shape:
    if len(one) < len(other):
        return _join(other, one)
    kept = len(one) - len(other)
    joined: list[int | None] = list(one[:kept])
    for left, right in zip(one[kept:], other, strict=True):
        if left is None or right is None:
            joined.append(None)
        elif left != right and 1 not in (left, right):
            raise MisfitError(
                "inputs of equal sizes",
                hint="a Dense layer before one of them makes the sizes equal; "
                "Concatenate joins different ones",
            )
        else:
            joined.append(right if left == 1 else left)
    return tuple(joined)


def concatenate(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Tensors of equal sizes but along `axis`, where they are put side by side."""
    ranks = {len(shape) for shape in taken}
    if len(ranks) > 1:
        longest = format_shape(max(taken, key=len))
        raise MisfitError(
            "inputs with equally many axes",
            hint=f"Flatten or pool what is {longest}" if 2 in ranks else "Reshape one of them",
        )
    axis = axis_of(arguments["axis"], taken[0])
    if axis == 0:
        raise MisfitError("an axis other than that of the rows", hint="axis: -1 is the last")
    sizes: list[int | None] = list(taken[0])
    for shape in taken[1:]:
        for position, size in enumerate(shape):
            known = sizes[position]
            if position == axis:
                sizes[position] = None if known is None or size is None else known + size
            elif known is None:
                sizes[position] = size
            elif size not in (None, known):
                raise MisfitError(
                    f"inputs that differ along axis {arguments['axis']} alone",
                    hint="Flatten or pool both, or another axis",
                )
    return tuple(sizes)


def dot(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Two tensors with an equal size along the axes that are summed over."""
    if len(taken) != 2:
        raise MisfitError("two inputs")
    left, right = taken
    axes = arguments["axes"]
    pair = (axes, axes) if isinstance(axes, int) else tuple(axes)
    if len(pair) != 2:
        raise MisfitError("one axis or two under axes")
    first, second = axis_of(pair[0], left), axis_of(pair[1], right)
    if 0 in (first, second):
        raise MisfitError("axes other than that of the rows", hint="axes: -1 is the last")
    sizes = (left[first], right[second])
    if None not in sizes and sizes[0] != sizes[1]:
        raise MisfitError(
            f"equal sizes along axes: {axes}, not {sizes[0]} and {sizes[1]}",
            hint="a Dense layer before one of them makes the sizes equal",
        )
    rest = (
        *(size for axis, size in enumerate(left) if axis != first),
        *(size for axis, size in enumerate(right) if axis not in (0, second)),
    )
    return rest if len(rest) > 1 else (*rest, 1)


def attention(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Query, value and key: (rows, steps, numbers) each; without a key the value is it."""
    if len(taken) not in (2, 3):
        raise MisfitError("a query and a value, or a query, a value and a key")
    for shape in taken:
        need_rank(shape, 3, "(rows, steps, numbers) for each input")
    query, value, key = taken[0], taken[1], taken[-1]
    _check_equal(query[-1], key[-1], "as many numbers in each step of query and key")
    _check_equal(value[1], key[1], "as many steps in value and key")
    return (*query[:-1], value[-1])


def multi_head_attention(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape | None:
    """Query, value and key with steps; one input attends to itself."""
    query, value, key = _query_value_key(taken)
    for shape in (query, value, key):
        if len(shape) < 3:
            # Keras makes something of it, with nothing to attend to.
            return None
    _check_equal(value[1], key[1], "as many steps in value and key")
    written = arguments["output_shape"]
    if written is None:
        return query
    return (*query[:-1], *([written] if isinstance(written, int) else written))


def group_query_attention(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """Query, value and key: (rows, steps, numbers) each, with equally many numbers."""
    query, value, key = _query_value_key(taken)
    for shape in (query, value, key):
        need_rank(shape, 3, "(rows, steps, numbers) for each input")
    if arguments["num_query_heads"] % arguments["num_key_value_heads"]:
        raise MisfitError("num_query_heads to be a multiple of num_key_value_heads")
    _check_equal(query[-1], value[-1], "as many numbers in each step of query and value")
    _check_equal(value[1], key[1], "as many steps in value and key")
    return query


def _query_value_key(taken: tuple[Shape, ...]) -> tuple[Shape, Shape, Shape]:
    if len(taken) > 3:
        raise MisfitError("a query and a value, or a query, a value and a key")
    query, value = taken[0], taken[min(1, len(taken) - 1)]
    return query, value, taken[2] if len(taken) == 3 else value


def _check_equal(one: int | None, other: int | None, needs: str) -> None:
    if one is not None and other is not None and one != other:
        raise MisfitError(needs, hint="a Dense layer before one of them makes the sizes equal")
