"""The strong recipe: embedded numbers, wide layers, a decaying rate; what is known to do well on tables.

Its parts are published: periodic embeddings of numbers (Gorishniy, Rubachev, Babenko 2022,
arXiv:2203.05556), clipped inputs, a learned scale, rates and decay by group of weights, smoothed
labels (RealMLP, Holzmüller, Grinsztajn, Steinwart 2024, arXiv:2407.04491), many members in one
network (TabM, Gorishniy, Kotelnikov, Babenko 2025, arXiv:2410.24210). `benchmarks/quality` tells how
its numbers were chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from dlcli.recipe.columns import InputPlan
from dlcli.recipe.network import free_name, head_lines
from dlcli.recipe.targets import TargetPlan
from dlcli.recipe.text import CALLBACKS, LAYERS, Line, flow, line, write_mapping
from dlcli.spec.layers import FEATURES


@dataclass(frozen=True, kw_only=True)
class Strong:
    """Every number of the recipe."""

    members: int = 4
    """Networks that are trained side by side; their mean is the prediction."""
    units: tuple[int, ...] = (128, 128)
    dropout: float = 0.1
    scaling: str = "robust"
    """What becomes of numbers before the network: `robust`, smoothly clipped, or `quantile`."""
    frequencies: int = 16
    embedding: int = 8
    """Numbers that stand for each number."""
    sigma: float = 0.1
    """How short the waves are at first: the shorter, the sooner a network learns noise."""
    category_units: int = 8
    """Numbers that stand for each category."""
    validation: float = 0.1
    """The share of all rows that intervals and temperatures are made from."""
    refits: bool = True
    """Whether a second training takes the validation rows as well."""
    smoothing: float = 0.02
    """The share of each label that is spread over all classes."""
    huber: bool = False
    """Whether errors of a number beyond a deviation count by their size and not by their square."""
    batch_size: int
    steps: int
    """How often the weights change, about."""
    patience: float = 1.0
    """The share of the epochs that may pass without a better validation loss. All of them: while the
    learning rate is high no epoch is as good as the last ones may become."""
    tolerance: float = 0.1
    """How much worse than the best epoch the last one may be that a second training goes on to."""
    learning_rate: float = 2e-3
    warmup: float = 0.05
    weight_decay: float = 1e-2
    beta_2: float = 0.95
    scale_factor: float = 6.0
    """How many times faster the learned scale learns than the rest."""
    frequency_factor: float = 0.1


CLEAN_FROM = 0.6
"""From this share on of the target that simple models tell (`recipe.signal`), a table is clean."""
_CLEAN: dict[str, Any] = {"scaling": "quantile", "sigma": 0.5, "huber": True}
"""Short waves over ranks bend to what single rows show, and learn the noise of others by heart. Summed
squares would be those of a few rows that are nothing like the others, which would then decide which epoch
is best; noisy numbers keep squares, since of skewed noise they alone find the mean."""
_NOISY: dict[str, Any] = {"dropout": 0.2}
_MANY: dict[str, Any] = {"scaling": "quantile", "refits": False, "smoothing": 0.0}
"""Of many rows, ranks are sure, a second training gains little, and labels need no smoothing."""
_JUDGED: dict[str, Any] = {"validation": 0.2}
"""Of numbers, the errors on fewer rows make intervals too narrow: their best epoch was chosen on the
same rows. A second training takes them as well, so that they cost nothing."""
_FASTER: dict[str, Any] = {"learning_rate": 4e-3}
"""Thousands of rows are passed over fewer times, and are not learnt to the end at less."""
_FEW = Strong(units=(64, 64), batch_size=16, steps=600, dropout=0.05, smoothing=0.05)

# By the rows of the table, up to so many; `steps` says how long a training takes.
_SIZES_OF_CLASSES: tuple[tuple[float, Strong], ...] = (
    (100, _FEW),
    (1000, Strong(**_NOISY, batch_size=32, steps=500)),
    (2500, Strong(**_NOISY, batch_size=64, steps=1000)),
    (6000, Strong(**_NOISY, batch_size=128, steps=1000)),
    (20_000, Strong(**_NOISY, **_MANY, batch_size=256, steps=1000, validation=0.05)),
    (100_000, Strong(**_MANY, batch_size=512, steps=1000, validation=0.02)),
    (inf, Strong(**_MANY, members=2, batch_size=1024, steps=1500, validation=0.01)),
)
"""No network follows classes row by row, or for long, without becoming too sure of them."""
_SIZES_OF_NOISY: tuple[tuple[float, Strong], ...] = (
    (100, replace(_FEW, steps=100, dropout=0.3)),
    (1000, Strong(**_NOISY, **_JUDGED, batch_size=32, steps=500)),
    (2500, Strong(**_NOISY, **_JUDGED, batch_size=64, steps=1000)),
    (4000, Strong(**_NOISY, **_JUDGED, **_FASTER, batch_size=128, steps=1000)),
    (6000, Strong(**_NOISY, **_JUDGED, **_FASTER, batch_size=128, steps=1500)),
    *_SIZES_OF_CLASSES[4:],
)
_SIZES_OF_CLEAN: tuple[tuple[float, Strong], ...] = (
    (100, replace(_FEW, huber=True)),
    (2500, Strong(**_CLEAN, **_JUDGED, batch_size=128, steps=1000)),
    (6000, Strong(**_CLEAN, **_JUDGED, **_FASTER, batch_size=128, steps=1500)),
    (20_000, Strong(**_MANY | _CLEAN | _FASTER, batch_size=256, steps=3000, validation=0.05)),
    (100_000, Strong(**_MANY | _CLEAN | _FASTER, batch_size=512, steps=3000, validation=0.02)),
    (inf, Strong(**_MANY | _CLEAN, members=2, batch_size=1024, steps=1500, validation=0.01)),
)
MOST_EMBEDDED = 100
"""Of more inputs, each is embedded in fewer numbers."""
TRAINED = 0.8
"""The share of the rows that trains, about."""
FEWEST_EPOCHS = 3


def choose_strong(num_rows: int, num_inputs: int, signal: float | None = None) -> Strong:
    """Return the recipe for a table of so many rows and input columns.

    `signal` is the share of a number that they tell; of classes it is None.
    """
    sizes = _SIZES_OF_CLASSES
    if signal is not None:
        sizes = _SIZES_OF_CLEAN if signal >= CLEAN_FROM else _SIZES_OF_NOISY
    found = next(each for most, each in sizes if num_rows < most)
    return replace(found, embedding=4) if num_inputs > MOST_EMBEDDED else found


def count_epochs(strong: Strong, num_rows: int) -> int:
    """Return the passes over a table of so many rows in which its weights change `steps` times."""
    epochs = strong.steps * strong.batch_size / (TRAINED * num_rows)
    # To two digits, as a person would write it.
    return max(FEWEST_EPOCHS, round(epochs) if epochs < 100 else 10 * round(epochs / 10))


def as_fast(strong: Strong) -> Strong:
    """Return the recipe with a single network, trained once and for half the epochs.

    Rows that judge are lost to it.
    """
    return replace(
        strong,
        members=1,
        units=strong.units[:2],
        steps=strong.steps // 2,
        refits=False,
        validation=min(strong.validation, Strong.validation),
    )


def scale_of(strong: Strong, signal: float | None) -> tuple[Any, str]:
    """Return `data.scale`, and what it does."""
    if strong.scaling == "quantile":
        why = "" if signal is None else f": simple models tell {signal:.0%} of the target"
        return "quantile", f"numbers by their rank, as a normal distribution has them{why}"
    return {"robust": 3}, "numbers to median 0 and quartiles 1 apart, and never beyond 3"


def strong_layer_lines(
    inputs: Sequence[InputPlan], targets: Sequence[TargetPlan], strong: Strong
) -> list[Line]:
    """Write the layer list."""
    embedded = [plan for plan in inputs if plan.is_embedded]
    has_features = len(embedded) < len(inputs)
    lines = [LAYERS]
    taken = {FEATURES, *(plan.name for plan in inputs), *(target.name for target in targets)}
    names = [free_name(name, taken) for name in ("numbers", "categories")]
    if has_features:
        lines += _number_lines(inputs, strong, name=names[0] if embedded else None)
    if embedded:
        lines += _category_lines(embedded, strong, names=names if has_features else [])
    layer = "Dense" if strong.members == 1 else "EnsembleDense"
    for number, units in enumerate(strong.units):
        arguments: dict[str, Any] = {"units": units, "activation": "silu"}
        about = f"{units} weighted sums, each bent by silu"
        if strong.members > 1 and number == 0:
            # The layers before are shared: embeddings of each member's own are most of the work.
            arguments["members"] = strong.members
            about += f", in {strong.members} networks that learn side by side"
        lines.append(line(f"  - {layer}: {flow(arguments)}", about))
        if strong.dropout:
            about = f"{strong.dropout:.0%} are left out at random, against learning by heart"
            lines.append(line(f"  - Dropout: {strong.dropout:g}", about))
    return [*lines, *head_lines(targets, strong.units[-1], layer=layer, activation="silu")]


def _number_lines(inputs: Sequence[InputPlan], strong: Strong, *, name: str | None) -> list[Line]:
    """Write what becomes of the numbers, and of the features of 0 and 1 beside them."""
    has_numbers = _has_numbers(inputs)
    start: dict[str, Any] = {} if name is None else {"inputs": FEATURES}
    end: dict[str, Any] = {} if name is None else {"name": name}
    scale = {**start, **({} if has_numbers else end)}
    lines = [line(f"  - {_layer('FeatureScale', scale)}", "every input times a learnt number")]
    if has_numbers:
        embedding = {
            "frequencies": strong.frequencies,
            "units": strong.embedding,
            "sigma": strong.sigma,
            "keep_numbers": True,
            **end,
        }
        about = f"{strong.embedding} numbers for every input, from waves whose lengths are learnt"
        text = write_mapping("  - PeriodicEmbedding", embedding)
        lines.append(line(text, f"{about}, and the input itself"))
    return lines


def _category_lines(
    embedded: Sequence[InputPlan], strong: Strong, *, names: Sequence[str]
) -> list[Line]:
    """Write the vectors of the categories, and how they join the numbers under these names."""
    arguments: dict[str, Any] = {"units": strong.category_units}
    if names:
        arguments["name"] = names[1]
    arguments["inputs"] = [plan.name for plan in embedded]
    text = write_mapping("  - CategoryEmbedding", arguments)
    about = f"{strong.category_units} learnt numbers for every category"
    lines = [line(text, about)]
    if names:
        joined = {"inputs": names}
        lines.append(line(f"  - Concatenate: {flow(joined)}", "side by side"))
    return lines


def _layer(name: str, arguments: dict[str, Any]) -> str:
    return f"{name}: {flow(arguments)}" if arguments else name


def strong_training_lines(
    inputs: Sequence[InputPlan], strong: Strong, *, num_rows: int, has_validation: bool
) -> list[Line]:
    """Write optimizer, schedule, batches and epochs for a table of so many rows."""
    epochs = count_epochs(strong, num_rows)
    factors = {}
    if any(not plan.is_embedded for plan in inputs):
        factors["scale"] = strong.scale_factor
    if _has_numbers(inputs):
        factors["frequencies"] = strong.frequency_factor
    lines = [
        line("optimizer:", "how training changes the weights"),
        line("  GroupedAdamW:", "Adam that treats groups of weights in their own way"),
        line("    learning_rate:", "how far it changes them at a time"),
        line("      FlatCosineDecay:", "the rate rises at first, and falls along a cosine"),
        line(f"        initial_learning_rate: {strong.learning_rate:g}", "its peak"),
        line(f"        decay_steps: {epochs} epochs", "until it has fallen to 0"),
        line(f"        warmup: {strong.warmup:g}", "the share of them in which it rises"),
        line("        flat: 0", "the share of them in which it stays at its peak"),
    ]
    if factors:
        about = "times the rate: " + " and ".join(_FACTORS[name] for name in factors)
        lines.append(line(f"    learning_rate_factors: {flow(factors)}", about))
    lines += [
        line(f"    weight_decay: {strong.weight_decay:g}", "needless weights fade"),
        line("    weight_decay_on: [kernel]", "but only those between layers"),
        line(f"    beta_2: {strong.beta_2:g}", "how long it remembers how large gradients are"),
        line(f"batch_size: {strong.batch_size}", "rows per change of the weights"),
        line(f"epochs: {epochs}", "passes over the training rows"),
    ]
    if has_validation and strong.refits:
        about = "then train anew with the validation rows too, until the last epoch that was good"
        refit = {"tolerance": strong.tolerance, "schedule": "shorten"}
        lines.append(line(f"refit: {flow(refit)}", about))
    return lines


def strong_callback_lines(strong: Strong, *, num_rows: int, has_validation: bool) -> list[Line]:
    """Write which epoch's weights are kept."""
    if not has_validation:
        return []
    patience = max(FEWEST_EPOCHS, round(strong.patience * count_epochs(strong, num_rows)))
    about = f"stop after {patience} epochs without a better validation loss"
    end = "and go back to the weights of the best one"
    if strong.patience >= 1:
        about = "never stop early: the last epochs, at a low rate, may be the best"
        end = "but go back to the weights of the best one"
    return [
        CALLBACKS,
        line("  - EarlyStopping:", "which epoch is the best"),
        line(f"      patience: {patience}", about),
        line("      restore_best_weights: true", end),
    ]


_FACTORS = {"scale": "fast for what matters", "frequencies": "slow for the waves"}


def _has_numbers(inputs: Sequence[InputPlan]) -> bool:
    return any(plan.is_number for plan in inputs)
