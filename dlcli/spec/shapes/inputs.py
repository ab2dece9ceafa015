"""The data inputs of a network as far as the config alone tells."""

from dataclasses import replace

from dlcli.spec.data import ColumnSpec, DataSpec, as_names, as_size
from dlcli.spec.layers import FEATURES, may_hold_arrays, own_inputs
from dlcli.spec.shapes.shape import ROWS, Shape
from dlcli.spec.shapes.tensor import Tensor
from dlcli.spec.windows import WINDOW, WindowSpec

_CHANNELS = {"grey": 1, "rgb": 3, "rgba": 4}


def declared_inputs(data: DataSpec) -> dict[str, Tensor]:
    """Return the data inputs by name; without the data, how wide shared ones are is unknown."""
    listed = None if data.inputs is None else as_names(data.inputs)
    own = [name for name in own_inputs(data) if listed is None or name in listed]
    tensors = {name: _own(name, data.columns[name], data) for name in own}
    has_shared = listed is None or not set(listed) <= set(own)
    if may_hold_arrays(data):
        return {FEATURES: Tensor(), **tensors}
    if data.window is None:
        shape = (None,) if data.shape is None else data.shape
        features = Tensor(shape=(*ROWS, *shape), origin=repr(FEATURES))
        return {**({FEATURES: features} if has_shared else {}), **tensors}
    return _in_windows(data.window, tensors)


def _in_windows(window: WindowSpec, own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put an axis of steps into what a window holds."""
    steps = (*ROWS, window.length)
    tensors = {WINDOW: Tensor(shape=(*steps, None), origin=repr(WINDOW))}
    if window.static_names:
        tensors[FEATURES] = Tensor(shape=(*ROWS, None), origin=repr(FEATURES))
    for name, tensor in own.items():
        assert tensor.shape is not None
        is_static = name in window.static_names
        tensors[name] = tensor if is_static else replace(tensor, shape=(*steps, *tensor.shape[1:]))
    return tensors


def _own(name: str, column: ColumnSpec, data: DataSpec) -> Tensor:
    if column.type == "text":
        return Tensor(shape=(*ROWS, column.length), is_codes=True, origin=repr(name))
    if column.type == "image":
        sizes: Shape = as_size(column.size) or (None, None)
        channels = None if column.color is None else _CHANNELS[column.color]
        shape: Shape = column.shape or (*sizes, channels)
        return Tensor(shape=(*ROWS, *shape), origin=repr(name))
    codes = None
    if column.categories is not None:
        codes = len(column.categories) + ((column.unseen or data.unseen) == "ignore")
    return Tensor(shape=ROWS, is_codes=True, codes=codes, origin=repr(name))
