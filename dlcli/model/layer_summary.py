"""One layer of a built network, as records and tables show it; no Keras."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LayerSummary:
    """One layer of the built network."""

    name: str
    layer: str
    output_shape: tuple[int | None, ...]
    num_parameters: int
    activation: str | None
    inputs: tuple[str, ...]
    layers: "tuple[LayerSummary, ...]" = ()
    """The layers of a block."""
