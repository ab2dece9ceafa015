"""Shapes of layers that slide a window along the axes between rows and channels, or pool them."""

from dlcli.spec.shapes.shape import Arguments, MisfitError, Rule, Shape, need_rank

_AXES = {1: "steps", 2: "height, width", 3: "depth, height, width"}


def spatial(arguments: Arguments, shape: Shape, rank: int) -> Shape:
    """Return the sizes between rows and channels; raises MisfitError for another number of axes."""
    channels_first = arguments.channels_first
    needs = f"channels, {_AXES[rank]}" if channels_first else f"{_AXES[rank]}, channels"
    need_rank(shape, rank + 2, f"(rows, {needs})")
    return shape[2:] if channels_first else shape[1:-1]


def channels_of(arguments: Arguments, shape: Shape) -> int | None:
    """Return the size of the channel axis."""
    return shape[1] if arguments.channels_first else shape[-1]


def around(arguments: Arguments, shape: Shape, sizes: Shape, channels: int | None = -1) -> Shape:
    """Put rows and channels around new sizes; -1 keeps the channels."""
    kept = channels_of(arguments, shape) if channels == -1 else channels
    return (shape[0], kept, *sizes) if arguments.channels_first else (shape[0], *sizes, kept)


def convolution(rank: int) -> Rule:
    """Filters over windows of `kernel_size`."""

    def rule(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
        sizes = _slide(arguments, taken[0], rank, "kernel_size")
        channels, groups = channels_of(arguments, taken[0]), arguments["groups"] or 1
        if channels is not None and channels % groups:
            raise MisfitError(
                f"channels that make {groups} groups", hint="another number of groups"
            )
        if arguments["filters"] % groups:
            raise MisfitError(f"filters that make {groups} groups, as `groups` says")
        return around(arguments, taken[0], sizes, arguments["filters"])

    return rule


def depthwise(rank: int) -> Rule:
    """Filters over windows of each channel on its own."""

    def rule(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
        sizes = _slide(arguments, taken[0], rank, "kernel_size")
        channels = channels_of(arguments, taken[0])
        given = None if channels is None else channels * arguments["depth_multiplier"]
        return around(arguments, taken[0], sizes, given)

    return rule


def transposed(rank: int) -> Rule:
    """Convolution the other way round: every entry becomes a window."""

    def rule(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
        sizes = spatial(arguments, taken[0], rank)
        kernels = arguments.sizes("kernel_size", rank)
        strides = arguments.sizes("strides", rank)
        dilations = arguments.sizes("dilation_rate", rank)
        extra: tuple[int | None, ...] = (None,) * rank
        if arguments["output_padding"] is not None:
            extra = arguments.sizes("output_padding", rank)
            if any((added or 0) >= stride for added, stride in zip(extra, strides, strict=True)):
                raise MisfitError("an output_padding below its strides")
        _check_strides(strides, dilations)
        grown = tuple(
            _grow(arguments["padding"], *each)
            for each in zip(sizes, kernels, strides, dilations, extra, strict=True)
        )
        return around(arguments, taken[0], grown, arguments["filters"])

    return rule


def _grow(
    padding: str, size: int | None, kernel: int, stride: int, dilation: int, extra: int | None
) -> int | None:
    if size is None:
        return None
    window = (kernel - 1) * dilation + 1
    if padding == "valid":
        added = max(window, stride) - window if extra is None else extra
        return (size - 1) * stride + window + added
    return size * stride if extra is None else (size - 1) * stride + window % 2 + extra


def pooling(rank: int) -> Rule:
    """One number for each window of `pool_size`, channel by channel."""

    def rule(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
        return around(arguments, taken[0], _slide(arguments, taken[0], rank, "pool_size"))

    return rule


def adaptive_pooling(rank: int) -> Rule:
    """Windows such that `output_size` entries are left along every axis."""

    def rule(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
        spatial(arguments, taken[0], rank)
        return around(arguments, taken[0], arguments.sizes("output_size", rank))

    return rule


def global_pooling(rank: int) -> Rule:
    """One number for each channel."""

    def rule(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
        spatial(arguments, taken[0], rank)
        channels = channels_of(arguments, taken[0])
        if arguments["keepdims"]:
            return around(arguments, taken[0], (1,) * rank)
        return (taken[0][0], channels)

    return rule


def of_rank(rank: int) -> Rule:
    """Whatever has `rank` axes between rows and channels, passed on."""

    def rule(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
        spatial(arguments, taken[0], rank)
        return taken[0]

    return rule


def _slide(arguments: Arguments, shape: Shape, rank: int, window: str) -> Shape:
    """Return how many windows fit along every axis; raises MisfitError where none does."""
    sizes = spatial(arguments, shape, rank)
    windows = arguments.sizes(window, rank)
    strides = windows if arguments["strides"] is None else arguments.sizes("strides", rank)
    has_dilation = arguments["dilation_rate"] is not None
    dilations = arguments.sizes("dilation_rate", rank) if has_dilation else (1,) * rank
    _check_strides(strides, dilations)
    left: list[int | None] = []
    for size, width, stride, dilation in zip(sizes, windows, strides, dilations, strict=True):
        covered = dilation * (width - 1) + 1
        if size is None:
            left.append(None)
        elif arguments["padding"] != "valid":
            left.append((size - 1) // stride + 1)
        elif size < covered:
            raise MisfitError(
                f"at least {covered} entries along every axis under its {window}",
                hint=f"a smaller {window}, padding: same, or fewer layers that shrink before it",
            )
        else:
            left.append((size - covered) // stride + 1)
    return tuple(left)


def _check_strides(strides: tuple[int, ...], dilations: tuple[int, ...]) -> None:
    if max(strides) > 1 and max(dilations) > 1:
        raise MisfitError("strides or dilation_rate to be 1", hint="leave one of the two out")
