"""The strong recipe: embedded numbers, wide layers, a decaying rate; what is known to do well on tables.

Its parts are published: periodic embeddings of numbers (Gorishniy, Rubachev, Babenko 2022,
arXiv:2203.05556), quantile inputs, a learned scale, rates and decay by group of weights (RealMLP,
Holzmüller, Grinsztajn, Steinwart 2024, arXiv:2407.04491), many members in one network (TabM,
Gorishniy, Kotelnikov, Babenko 2025, arXiv:2410.24210). `benchmarks/quality` tells how its numbers
were chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dlcli.recipe.columns import InputPlan
from dlcli.recipe.network import head_lines
from dlcli.recipe.targets import TargetPlan
from dlcli.recipe.text import Line, flow, line


@dataclass(frozen=True, kw_only=True)
class Strong:
    """Every number of the recipe."""

    members: int = 8
    """Networks that are trained side by side; their mean is the prediction."""
    units: tuple[int, ...] = (256, 256, 256)
    dropout: float = 0.1
    frequencies: int = 16
    embedding: int = 8
    """Numbers that stand for each number."""
    sigma: float = 0.1
    """How short the waves are at first: the shorter, the sooner a network learns noise."""
    is_shared: bool = False
    """Whether the members share their weights but for factors."""
    has_scale: bool = False
    """Whether every input is multiplied by a learned number, one for each member, before it is
    embedded; the embedding then has members as well."""
    keeps_numbers: bool = False
    """Whether each number stands beside the waves that it becomes."""
    validation: float = 0.1
    """The share of all rows that tells which epoch was best."""
    refits: bool = False
    """Whether a second training takes the validation rows as well, for the best number of epochs."""
    batch_size: int = 128
    epochs: int = 200
    patience: int = 50
    learning_rate: float = 2e-3
    warmup: float = 0.05
    weight_decay: float = 1e-2
    beta_2: float = 0.95
    scale_factor: float = 6.0
    """How many times faster the learned scale learns than the rest."""
    frequency_factor: float = 0.1


# Short waves that every member has for itself bend to what a thousand rows show, and learn the noise
# of fewer by heart.
_BENDING = Strong(sigma=0.5, has_scale=True, keeps_numbers=True)

# By the rows of the table, up to so many: a training takes about as long as rows * epochs * members.
_SIZES: tuple[tuple[int, Strong], ...] = (
    (100, Strong(units=(64, 64), batch_size=16, epochs=150)),
    (1000, Strong(batch_size=32, epochs=80, patience=40)),
    (2000, replace(_BENDING, epochs=100, patience=60)),
    (5000, replace(_BENDING, epochs=60, patience=30)),
    (20_000, replace(_BENDING, members=4, epochs=50, patience=25)),
    (
        100_000,
        replace(_BENDING, members=4, units=(256, 256), batch_size=256, epochs=20, patience=10),
    ),
)
_LARGEST = replace(_BENDING, members=2, units=(256, 256), batch_size=1024, epochs=8, patience=4)
MOST_EMBEDDED = 100
"""Of more inputs, each is embedded in fewer numbers."""


def choose_strong(num_rows: int, num_inputs: int) -> Strong:
    """Return the recipe for a table of so many rows and input columns."""
    found = next((each for most, each in _SIZES if num_rows < most), _LARGEST)
    return replace(found, embedding=4) if num_inputs > MOST_EMBEDDED else found


def as_fast(strong: Strong) -> Strong:
    """Return the recipe with a single network and fewer epochs."""
    return replace(
        strong,
        members=1,
        units=strong.units[:2],
        epochs=max(5, strong.epochs // 2),
        patience=max(3, strong.patience // 2),
    )


def strong_layer_lines(
    inputs: Sequence[InputPlan], targets: Sequence[TargetPlan], strong: Strong
) -> list[Line]:
    """Write the layer list."""
    lines = [line("layers:")]
    starts_here = {"members": strong.members} if strong.members > 1 else {}
    side_by_side = f"in {strong.members} networks that learn side by side" if starts_here else ""
    if strong.has_scale:
        scale = f"FeatureScale: {flow(starts_here)}" if starts_here else "FeatureScale"
        about = f"every input times a learnt number, {side_by_side}".removesuffix(", ")
        lines.append(line(f"  - {scale}", about))
    if _has_numbers(inputs):
        embedding: dict[str, Any] = {
            "frequencies": strong.frequencies,
            "units": strong.embedding,
            "sigma": strong.sigma,
        }
        about = f"{strong.embedding} numbers for every input, from waves whose lengths are learnt"
        if strong.keeps_numbers:
            embedding["keep_numbers"] = True
            about += ", and the input itself"
        if strong.has_scale:
            embedding |= starts_here
        lines.append(line(f"  - PeriodicEmbedding: {flow(embedding)}", about))
    layer = "Dense" if strong.members == 1 else "EnsembleDense"
    for number, units in enumerate(strong.units):
        arguments: dict[str, Any] = {"units": units, "activation": "silu"}
        about = f"{units} weighted sums, each bent by silu"
        if number == 0 and starts_here and not strong.has_scale:
            arguments |= starts_here
            about += f", {side_by_side}"
        if strong.members > 1 and strong.is_shared:
            arguments["shared"] = True
        lines.append(line(f"  - {layer}: {flow(arguments)}", about))
        if strong.dropout:
            about = f"{strong.dropout:.0%} are left out at random, against learning by heart"
            lines.append(line(f"  - Dropout: {strong.dropout}", about))
    return [*lines, *head_lines(targets, strong.units[-1], layer=layer, activation="silu")]


def strong_training_lines(
    inputs: Sequence[InputPlan], strong: Strong, *, has_validation: bool
) -> list[Line]:
    """Write optimizer, schedule, batches and epochs."""
    factors = {}
    if strong.has_scale:
        factors["scale"] = strong.scale_factor
    if _has_numbers(inputs):
        factors["frequencies"] = strong.frequency_factor
    lines = [
        line("optimizer:"),
        line("  GroupedAdamW:", "Adam that treats groups of weights in their own way"),
        line("    learning_rate:"),
        line("      FlatCosineDecay:", "the rate rises at first, and falls along a cosine"),
        line(f"        initial_learning_rate: {strong.learning_rate:g}", "its peak"),
        line(f"        decay_steps: {strong.epochs} epochs", "until it has fallen to 0"),
        line(f"        warmup: {strong.warmup:g}", "the share of them in which it rises"),
        line("        flat: 0", "the share of them in which it stays at its peak"),
    ]
    if factors:
        about = "times the rate: " + " and ".join(_FACTORS[name] for name in factors)
        lines.append(line(f"    learning_rate_factors: {flow(factors)}", about))
    refit = []
    if has_validation and strong.refits:
        about = "then train anew on the validation rows too, for the best number of epochs"
        refit = [line("refit: true", about)]
    return [
        *lines,
        line(f"    weight_decay: {strong.weight_decay:g}", "needless weights fade"),
        line("    weight_decay_on: [kernel]", "but only those between layers"),
        line(f"    beta_2: {strong.beta_2:g}", "how long it remembers how large gradients are"),
        line(f"batch_size: {strong.batch_size}", "rows per change of the weights"),
        line(f"epochs: {strong.epochs}", "passes over the training rows, at most"),
        *refit,
    ]


def strong_callback_lines(strong: Strong, *, has_validation: bool) -> list[Line]:
    """Write which epoch's weights are kept."""
    if not has_validation:
        return []
    about = f"stop after {strong.patience} epochs without a better validation loss"
    return [
        line("callbacks:"),
        line("  - EarlyStopping:"),
        line(f"      patience: {strong.patience}", about),
        line("      restore_best_weights: true", "and go back to the weights of the best one"),
    ]


_FACTORS = {"scale": "fast for what matters", "frequencies": "slow for the waves"}


def _has_numbers(inputs: Sequence[InputPlan]) -> bool:
    return any(plan.is_number for plan in inputs)
