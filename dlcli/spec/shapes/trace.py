"""Shapes from the data inputs through every layer to the outputs, with what does not fit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dlcli.spec.blocks import Blocks
from dlcli.spec.components import ComponentSpec
from dlcli.spec.layers import FEATURES, INPUT, Columns, Graph, LayerSpec, Source, layer_path
from dlcli.spec.problems import KeyPath, Problems
from dlcli.spec.shapes.hints import rank_hint
from dlcli.spec.shapes.members import members_of
from dlcli.spec.shapes.shape import Arguments, MisfitError, Shape, format_shape
from dlcli.spec.shapes.table import RULES
from dlcli.spec.shapes.tensor import Tensor, take_columns
from dlcli.spec.shapes.weights import Sizes, count_weights

# What these give holds the codes that they take.
_KEEP_CODES = {"Flatten", "Identity", "Permute", "RepeatVector", "Reshape"}
# Their weights fit one size of the last axis.
_SIZED_WEIGHTS = {
    *(
        "Dense",
        "EinsumDense",
        "EnsembleDense",
        "LSTM",
        "GRU",
        "SimpleRNN",
        "RNN",
        "Bidirectional",
        "TimeDistributed",
    ),
    *("BatchNormalization", "LayerNormalization", "RMSNormalization", "GroupNormalization"),
    *("MultiHeadAttention", "GroupQueryAttention", "AdditiveAttention", "SpectralNormalization"),
    *(f"{kind}{rank}D" for kind in ("Conv", "ConvLSTM") for rank in (1, 2, 3)),
    *(f"Conv{rank}DTranspose" for rank in (1, 2, 3)),
    *(f"{kind}Conv{rank}D" for kind in ("Separable", "Depthwise") for rank in (1, 2)),
}
# The argument that says how many codes there are.
_COUNTS = {
    "Embedding": "input_dim",
    "ReversibleEmbedding": "input_dim",
    "CategoryEncoding": "num_tokens",
}


@dataclass(frozen=True, kw_only=True)
class Tracer:
    """Follows the tensors of one list of layers; `problems` and `sizes` grow."""

    layers: tuple[LayerSpec, ...]
    graph: Graph
    inputs: Mapping[str, Tensor]
    blocks: Blocks
    problems: Problems
    sizes: Sizes
    inside: KeyPath = ("layers",)

    def trace(self) -> list[Tensor]:
        """Return what every layer gives; unknown after a layer that does not fit."""
        made: list[Tensor] = []
        fed: list[list[Tensor]] = []
        for index, layer in enumerate(self.layers):
            fed.append(self._taken(index, made))
            origin = self.graph.origin(index)
            if origin != index:
                earlier = [fed[use] for use in range(index) if self.graph.origin(use) == origin]
                self._check_same_weights(index, fed[index], earlier)
            # What is shared makes no weights of its own.
            tracer = self if origin == index else replace(self, sizes=Sizes())
            made.append(tracer._apply(index, layer, self.layers[origin].component, fed[index]))
        return made

    def _taken(self, index: int, made: list[Tensor]) -> list[Tensor]:
        sources = self.graph.sources[index]
        if sources is None:
            inputs = list(self.inputs.values())
            # Which of several inputs the first layer takes is for others to complain about.
            return inputs if len(inputs) == 1 else [Tensor()]
        return [self._source(source, made) for source in sources]

    def _source(self, source: Source, made: list[Tensor]) -> Tensor:
        if isinstance(source, int):
            return made[source]
        if isinstance(source, Columns):
            return take_columns(source, self.inputs)
        return self.inputs.get(source, Tensor())

    def _apply(
        self, index: int, layer: LayerSpec, component: ComponentSpec, taken: list[Tensor]
    ) -> Tensor:
        origin = repr(layer.name) if layer.name else f"the {layer.component.name} before it"
        if component.name in self.blocks:
            given = self._follow_block(component.name, taken[0])
            return replace(given, origin=origin, called=component.name)
        self._check_codes(index, layer, component, taken[0])
        if component.name == "CategoryEmbedding":
            self._check_categories(index, layer, component, taken)
        keeps = component.name in _KEEP_CODES
        return Tensor(
            shape=self._shape(index, layer, component, taken),
            is_codes=keeps and taken[0].is_codes,
            codes=taken[0].codes if keeps else None,
            origin=origin,
            called=component.name,
            layer=component,
            members=members_of(component, taken),
        )

    def _follow_block(self, name: str, tensor: Tensor) -> Tensor:
        block = self.blocks[name]
        taken = replace(tensor, origin=f"{INPUT!r}, which the block takes")
        inner = Tracer(
            layers=block.layers,
            graph=block.graph,
            inputs={INPUT: taken},
            blocks=self.blocks,
            problems=self.problems,
            sizes=self.sizes,
            inside=("blocks", name),
        )
        return inner.trace()[-1]

    def _shape(
        self, index: int, layer: LayerSpec, component: ComponentSpec, taken: list[Tensor]
    ) -> Shape | None:
        shapes = tuple(tensor.shape for tensor in taken if tensor.shape is not None)
        if len(shapes) < len(taken):
            return None
        try:
            shape = self._infer(component, shapes)
        except MisfitError as misfit:
            hint = misfit.hint
            if misfit.rank is not None:
                odd = self._odd_one(misfit.rank, taken)
                hint = rank_hint(component.name, misfit.rank, odd)
            received = " and ".join(str(tensor) for tensor in taken)
            self.problems.add(
                layer_path(index, layer, inside=self.inside),
                f"{component.name} needs {misfit.needs}, got {received}",
                hint=hint,
                on_key=True,
            )
            return None
        if shape is not None:
            self._count(index, layer, component, shapes, shape)
        return shape

    def _count(
        self,
        index: int,
        layer: LayerSpec,
        component: ComponentSpec,
        taken: tuple[Shape, ...],
        shape: Shape,
    ) -> None:
        path = layer_path(index, layer, inside=self.inside)
        self.sizes.add(path, weights=count_weights(component, taken), output=shape)

    def _odd_one(self, rank: int, taken: list[Tensor]) -> Tensor:
        """Return the tensor with another number of axes, the first one where there is none."""
        odd = (tensor for tensor in taken if tensor.shape and len(tensor.shape) != rank)
        return next(odd, taken[0])

    def _infer(self, component: ComponentSpec, shapes: tuple[Shape, ...]) -> Shape | None:
        if component.name in self.blocks:
            return self._follow_block(component.name, Tensor(shape=shapes[0])).shape
        rule = RULES.get(component.name)
        if rule is None:
            return None
        return rule(Arguments(component=component, infer=self._infer), shapes)

    def _check_same_weights(
        self, index: int, taken: list[Tensor], earlier: list[list[Tensor]]
    ) -> None:
        """Report a layer used once more on another size than the one its weights have."""
        layer, origin = self.layers[index], self.layers[self.graph.origin(index)]
        component = origin.component
        is_block = component.name in self.blocks
        if not is_block and component.name not in _SIZED_WEIGHTS:
            return
        if component.arguments.get("data_format") == "channels_first":
            return
        axes = slice(None) if is_block else slice(-1, None)
        uses = [(tensor, use[0]) for use in earlier for tensor in taken[:1]]
        for tensor, first in uses:
            if tensor.shape is None or first.shape is None:
                continue
            if _may_be_equal(tensor.shape[axes], first.shape[axes]):
                continue
            self.problems.add(
                layer_path(index, layer, inside=self.inside),
                f"{origin.name!r} has weights for {format_shape(first.shape)}, got {tensor}",
                hint=f"a Dense layer before it makes the sizes equal; or {component.name} "
                "once more, with weights of its own",
                on_key=True,
            )
            return

    def _check_codes(
        self, index: int, layer: LayerSpec, component: ComponentSpec, tensor: Tensor
    ) -> None:
        """Report an Embedding with fewer vectors than there are codes to look up."""
        argument = _COUNTS.get(component.name)
        if argument is not None and tensor.is_whole is False:
            self.problems.add(
                layer_path(index, layer, inside=self.inside),
                f"{component.name} looks whole numbers from 0 up, and {tensor.origin} holds others",
                hint="columns: {NAME: {encode: ordinal}} gives a column whole numbers and an input "
                "of its own",
                on_key=True,
            )
        if argument is None or tensor.codes is None:
            return
        written = component.arguments[argument]
        if written < tensor.codes:
            self.problems.add(
                layer_path(index, layer, argument, inside=self.inside),
                f"{argument} is {written}, but {tensor.origin} holds whole numbers from 0 to "
                f"{tensor.codes - 1}",
                hint=f"{argument}: {tensor.codes}",
            )

    def _check_categories(
        self, index: int, layer: LayerSpec, component: ComponentSpec, taken: list[Tensor]
    ) -> None:
        """Report inputs that hold no codes of categories, and tables that are too small for them."""
        sizes = component.arguments.get("vocabulary_sizes") or [None] * len(taken)
        sources = self.graph.sources[index] or [None] * len(taken)
        for tensor, size, source in zip(taken, sizes, sources, strict=False):
            # What a layer gives may hold codes all the same; columns that share a tensor do not.
            is_input = not tensor.called and tensor.shape is not None
            if isinstance(source, Columns) or (is_input and not tensor.is_codes):
                column = _own_name(tensor)
                self.problems.add(
                    layer_path(index, layer, inside=self.inside),
                    f"{component.name} looks up categories, and {tensor.origin} holds numbers",
                    hint=f"columns: {{{column}: {{encode: ordinal}}}} gives a category an input of "
                    "its own, which holds whole numbers",
                    on_key=True,
                )
            elif size is not None and tensor.codes is not None and size < tensor.codes:
                self.problems.add(
                    layer_path(index, layer, "vocabulary_sizes", inside=self.inside),
                    f"a table of {size} vectors, but {tensor.origin} holds whole numbers from 0 to "
                    f"{tensor.codes - 1}",
                    hint="leave vocabulary_sizes out, and they are those of the data",
                )


def _own_name(tensor: Tensor) -> str:
    """Return the column that a data input is named after, for a hint."""
    name = tensor.origin.strip("'")
    return "NAME" if name in (FEATURES, "") or " " in name else name


def _may_be_equal(one: Shape, other: Shape) -> bool:
    if len(one) != len(other):
        return False
    pairs = zip(one, other, strict=True)
    return all(left == right for left, right in pairs if None not in (left, right))
