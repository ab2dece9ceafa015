"""Shapes of recurrent layers, and of layers that wrap another one."""

from dlcli.spec.components import ComponentSpec
from dlcli.spec.shapes.shape import ROWS, Arguments, MisfitError, Rule, Shape, need_rank

RECURRENT = {"RNN", "SimpleRNN", "GRU", "LSTM", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"}


def recurrent(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape:
    """(rows, steps, numbers); the units of the last step, or of every step."""
    shape = taken[0]
    need_rank(shape, 3, "(rows, steps, numbers)")
    _check_states(arguments)
    return _of_steps(arguments, shape, (arguments["units"],))


def rnn(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape | None:
    """(rows, steps, ...); what its cell makes of the last step, or of every step."""
    shape = taken[0]
    need_rank(shape, 3, "(rows, steps, numbers)")
    _check_states(arguments)
    units = _units_of_cell(arguments["cell"])
    return None if units is None else _of_steps(arguments, shape, (units,))


def _units_of_cell(cell: object) -> int | None:
    """Return what the last of stacked cells gives."""
    if isinstance(cell, tuple | list):
        return _units_of_cell(cell[-1]) if cell else None
    if not isinstance(cell, ComponentSpec):
        return None
    units = cell.arguments.get("units")
    return _units_of_cell(cell.arguments.get("cells")) if units is None else int(units)


def conv_lstm(rank: int) -> Rule:
    """(rows, steps, ..., channels); a convolution of every step with the state before."""

    def rule(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape | None:
        shape = taken[0]
        axes = {1: "length", 2: "height, width", 3: "depth, height, width"}[rank]
        channels = f"channels, {axes}" if arguments.channels_first else f"{axes}, channels"
        need_rank(shape, rank + 3, f"(rows, steps, {channels})")
        _check_states(arguments)
        keys = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")
        convolution = ComponentSpec(
            kind="layer", name=f"Conv{rank}D", arguments={key: arguments[key] for key in keys}
        )
        step = _infer_step(arguments, convolution, shape)
        return None if step is None else _of_steps(arguments, shape, step[1:])

    return rule


def bidirectional(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape | None:
    """What its recurrent layer gives, forwards and backwards."""
    layer = arguments["layer"]
    if layer.name not in RECURRENT:
        raise MisfitError("a recurrent layer inside", hint="Bidirectional: {LSTM: 32}")
    shape = arguments.infer(layer, taken[:1])
    merge = arguments["merge_mode"]
    if merge is None:
        raise MisfitError(
            "a merge_mode, since without one it gives two tensors", hint="merge_mode: concat"
        )
    if shape is None or merge != "concat":
        return shape
    return (*shape[:-1], None if shape[-1] is None else 2 * shape[-1])


def time_distributed(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape | None:
    """(rows, steps, ...); its layer is applied to every step."""
    (shape,) = taken
    if len(shape) < 3:
        raise MisfitError("(rows, steps, ...)", rank=3)
    step = _infer_step(arguments, arguments["layer"], shape)
    return None if step is None else (shape[0], shape[1], *step[1:])


def wrapping(arguments: Arguments, taken: tuple[Shape, ...]) -> Shape | None:
    """What the layer inside gives."""
    return arguments.infer(arguments["layer"], taken)


def _infer_step(arguments: Arguments, layer: ComponentSpec, shape: Shape) -> Shape | None:
    try:
        return arguments.infer(layer, ((shape[0], *shape[2:]),))
    except MisfitError as misfit:
        raise MisfitError(f"{misfit.needs} in every step", hint=misfit.hint) from None


def _of_steps(arguments: Arguments, shape: Shape, given: Shape) -> Shape:
    steps = (shape[1],) if arguments["return_sequences"] else ()
    return (*ROWS, *steps, *given)


def _check_states(arguments: Arguments) -> None:
    if arguments["return_state"]:
        raise MisfitError(
            "return_state: false, since a layer passes on one tensor", hint="leave return_state out"
        )
