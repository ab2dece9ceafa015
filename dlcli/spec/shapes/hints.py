"""What to do about a tensor with too many or too few axes for the layer that takes it."""

from dlcli.spec.shapes.members import MEMBER_LAYERS
from dlcli.spec.shapes.recurrent import RECURRENT
from dlcli.spec.shapes.tensor import Tensor

_HIGHER = {
    f"{kind}{rank}D": f"{kind}{rank + 1}D"
    for kind in ("Conv", "MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling")
    for rank in (1, 2)
}


def rank_hint(called: str, rank: int, tensor: Tensor) -> str | None:
    """Return what makes `rank` axes of a tensor."""
    assert tensor.shape is not None
    have, sizes = len(tensor.shape), tensor.shape[1:]
    if called in MEMBER_LAYERS and tensor.members is not None:
        return f"members: {tensor.members} on it gives each member weights of its own"
    if called.startswith("Global") and have == 2:
        return "leave it out: what it takes is one row of numbers already"
    if have == rank - 1 and tensor.is_codes:
        count = tensor.codes or "NUMBER_OF_CODES"
        return (
            f"an Embedding before it makes numbers of the codes: "
            f"Embedding: {{input_dim: {count}, output_dim: 16}}"
        )
    forgetful = _forgets_steps(tensor)
    if have == rank - 1 and forgetful:
        return f"return_sequences: true on the {forgetful} before it keeps every step"
    if have < rank:
        return _reshape_hint(rank, sizes)
    if rank == 2:
        return "a Flatten or pooling layer before it makes one row of numbers"
    if have == rank + 1 and called in _HIGHER:
        return f"{_HIGHER[called]} takes such tensors"
    if have == rank + 1:
        return f"TimeDistributed: {{layer: {called}}} applies it to every step"
    return "a Reshape before it"


def _forgets_steps(tensor: Tensor) -> str | None:
    """Return the recurrent layer that gives its last step alone, as a message calls it."""
    layer, wrapped = tensor.layer, ""
    if layer is not None and layer.name == "Bidirectional":
        layer, wrapped = layer.arguments["layer"], " inside the Bidirectional"
    if layer is None or layer.name not in RECURRENT or layer.arguments.get("return_sequences"):
        return None
    return f"{layer.name}{wrapped}"


def _reshape_hint(rank: int, sizes: tuple[int | None, ...]) -> str:
    if rank - 1 - len(sizes) > 1 and rank > 3:
        return "a Reshape before it, e.g. Reshape: [height, width, channels]"
    target = [-1 if size is None else size for size in sizes][:1] or [1]
    known = [size for size in sizes if size is not None]
    target = list(known) if len(known) == len(sizes) and known else target
    target += [1] * (rank - 1 - len(target))
    purpose = " makes every number a step" if rank == 3 and len(sizes) == 1 else ""
    return f"Reshape: [{', '.join(map(str, target))}] before it{purpose}"
