"""The whole config, line by line with its comments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from dlcli.data.cells import parse_dates
from dlcli.data.profile import TableProfile
from dlcli.data.table import Table
from dlcli.errors import DataError, UsageError
from dlcli.recipe.columns import (
    InputPlan,
    embed_categories,
    join_words,
    number_or_text,
    plan_input,
    plan_text,
    say_marker,
)
from dlcli.recipe.dependence import depends_on
from dlcli.recipe.images import SIZE, ImagePlan, image_network_lines, left_out, plan_images
from dlcli.recipe.network import (
    VOCABULARY,
    Size,
    choose_size,
    has_own_heads,
    head_lines,
    network_lines,
)
from dlcli.recipe.signal import estimate_signal
from dlcli.recipe.strong import (
    Strong,
    as_fast,
    choose_strong,
    scale_of,
    strong_callback_lines,
    strong_layer_lines,
    strong_training_lines,
)
from dlcli.recipe.targets import TargetPlan, plan_target
from dlcli.recipe.text import (
    CALLBACKS,
    WIDTH,
    Line,
    flow,
    line,
    quote,
    say,
    write_blocks,
    write_key,
    write_list,
    write_mapping,
)
from dlcli.terminal_text import counted

Preset = Literal["small", "strong", "fast"]
DEFAULT_PRESET: Preset = "strong"

FEWEST_ROWS = 10
FEWEST_FOR_VALIDATION = 100
"""Of fewer rows, a tenth is too few to tell when to stop."""
VALIDATION = 0.1
"""The share of the rows that tells when to stop."""
FEWEST_SHARED = 4
"""From so many columns with the same policy on it is written once, for all columns."""
SEED = 7
_MARKS = ("decimal", "thousands")

LOSSES: dict[str, tuple[Any, str]] = {
    "number": ("mse", "the mean squared error"),
    "binary": ("binary_crossentropy", "how improbable the right class is held"),
    "classes": ("sparse_categorical_crossentropy", "how improbable the right class is held"),
}
METRICS: dict[str, tuple[list[str], str]] = {
    "number": (["mae"], "how far predictions are off on average"),
    "binary": (["accuracy", "AUC"], "how many are right, and how well classes are told apart"),
    "classes": (["accuracy"], "how many are right"),
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything decided about a config."""

    name: str
    source: str
    read_settings: Mapping[str, Any]
    """Keys under `data` that reading the file takes."""
    targets: tuple[TargetPlan, ...]
    columns: tuple[InputPlan, ...]
    num_rows: int
    time: str | None
    """A column of moments, one for each row, in order."""
    preset: Preset = DEFAULT_PRESET
    signal: float | None = None
    """How much of the targets simple models tell, where that was asked."""
    images: ImagePlan | None = None
    """The images that alone are looked at, where there are any."""

    @property
    def inputs(self) -> list[InputPlan]:
        return [plan for plan in self.columns if plan.is_input]

    @property
    def has_validation(self) -> bool:
        return self.num_rows >= FEWEST_FOR_VALIDATION

    @property
    def is_plain_table(self) -> bool:
        """Whether it holds numbers, categories and dates, and neither images nor text alone."""
        return self.images is None and not any(item.is_text for item in self.inputs)

    @property
    def default_preset(self) -> Preset:
        """What is written unless one is asked for; waves over time alone do not continue a series."""
        is_time_alone = self.time is not None and len(self.inputs) == 1
        return DEFAULT_PRESET if self.is_plain_table and not is_time_alone else "small"

    @property
    def strong(self) -> Strong | None:
        """The strong recipe in its size for this table, where the preset asks for it."""
        if self.preset == "small" or not self.is_plain_table:
            return None
        strong = choose_strong(self.num_rows, len(self.inputs), self.signal)
        return as_fast(strong) if self.preset == "fast" else strong


def plan_config(
    profile: TableProfile,
    table: Table,
    targets: Sequence[str],
    *,
    name: str,
    source: str,
    read_settings: Mapping[str, Any],
    preset: Preset | None = None,
) -> Plan:
    """Decide on everything; raises DataError for a table that nothing can be learnt from.

    Without a preset it is the default one; a preset for images or texts, which have one network,
    raises UsageError.
    """
    plan = _plan(
        profile,
        table,
        targets,
        name=name,
        source=source,
        read_settings=read_settings,
    )
    if preset is None:
        preset = plan.default_preset
    elif not plan.is_plain_table:
        what = "images" if plan.images is not None else "texts"
        raise UsageError(
            f"--preset {preset}: presets are for tables of numbers and categories, and the inputs "
            f"here are {what}",
            hint=f"leave it out; {what} have one network",
        )
    plan = replace(plan, preset=preset)
    if plan.strong is None:
        return plan
    return _with_embeddings(_with_signal(_with_crowds(plan, table), profile, table))


def _with_crowds(plan: Plan, table: Table) -> Plan:
    """Return the plan with the columns of many categories that a target depends on."""

    def judged(column: InputPlan) -> InputPlan:
        if column.crowd is None:
            return column
        if any(depends_on(each, column.name, table, **_marks(plan)) for each in plan.targets):
            return column.crowd
        what = f"{column.crowd.categories:,} categories of few rows each"
        return replace(column, reason=f"{what}, between which the target hardly differs")

    return replace(plan, columns=tuple(map(judged, plan.columns)))


def _marks(plan: Plan) -> dict[str, str]:
    """Return the marks that numbers are written with, where they are not the usual ones."""
    return {key: plan.read_settings[key] for key in _MARKS if key in plan.read_settings}


def _with_signal(plan: Plan, profile: TableProfile, table: Table) -> Plan:
    if any(each.task != "number" for each in plan.targets):
        return plan
    signal = estimate_signal(profile, table, plan.inputs, plan.targets, **_marks(plan))
    return replace(plan, signal=signal)


def _with_embeddings(plan: Plan) -> Plan:
    """Return the plan with a learnt vector for every category of its inputs."""
    return replace(plan, columns=tuple(map(embed_categories, plan.columns)))


def _plan(
    profile: TableProfile,
    table: Table,
    targets: Sequence[str],
    *,
    name: str,
    source: str,
    read_settings: Mapping[str, Any],
) -> Plan:
    file = profile.files[0] if profile.files else "the file"
    if profile.num_rows < FEWEST_ROWS:
        raise DataError(
            f"{file} has {counted(profile.num_rows, 'row')}; a network needs at least {FEWEST_ROWS}"
        )
    planned = tuple(plan_target(profile, table, target) for target in targets)
    if profile.images:
        return _plan_images(profile, planned, name=name, source=source, read_settings=read_settings)
    columns = [
        plan_input(column, profile.num_rows)
        for column in profile.columns
        if column.name not in targets
    ]
    if not any(plan.is_input for plan in columns):
        columns = [
            plan_text(plan, vocabulary=VOCABULARY - 2) if plan.is_text else plan for plan in columns
        ]
    _check_inputs(columns, file, targets)
    return Plan(
        name=name,
        source=source,
        read_settings=read_settings,
        targets=planned,
        columns=tuple(columns),
        num_rows=profile.num_rows,
        time=_time_column(profile, table, columns),
    )


def _plan_images(
    profile: TableProfile,
    targets: tuple[TargetPlan, ...],
    *,
    name: str,
    source: str,
    read_settings: Mapping[str, Any],
) -> Plan:
    images = plan_images(profile.images[0])
    taken = {images.column.name, *(target.name for target in targets)}
    names = [column.name for column in profile.columns]
    names += [each.name for each in profile.images if each.name not in names]
    others = [left_out(each, [images.column.name]) for each in names if each not in taken]
    return Plan(
        name=name,
        source=source,
        read_settings=read_settings,
        targets=targets,
        columns=(images.column, *others),
        num_rows=profile.num_rows,
        time=None,
        images=images,
    )


def _check_inputs(columns: Sequence[InputPlan], file: str, targets: Sequence[str]) -> None:
    if any(plan.is_input for plan in columns):
        return
    names = " and ".join(map(repr, targets))
    if not columns:
        raise DataError(f"{file} holds only {names}: there is nothing to predict from")
    reasons = "; ".join(f"{plan.name!r} {plan.reason}" for plan in columns[:5])
    raise DataError(f"no column is left to predict {names} from: {reasons}")


def _time_column(profile: TableProfile, table: Table, columns: Sequence[InputPlan]) -> str | None:
    """Return a date column that makes the table a series: a moment per row, in order."""
    for plan in columns:
        column = profile.column(plan.name)
        if column.type == "date" and plan.is_input and column.distinct == profile.num_rows:
            moments, _ = parse_dates(table.column(plan.name), column.date_format)
            if (moments[1:] > moments[:-1]).all():
                return plan.name
    return None


def write_config(plan: Plan, *, about: Sequence[str]) -> str:
    """Write the config as YAML; `about` is said at its top."""
    blocks = [
        [line("", text) for text in about],
        [
            line(write_key("", "name", flow(plan.name)), f"runs are kept under runs/{plan.name}/"),
            line(f"seed: {SEED}", "same seed, same split, same start, same network"),
        ],
        _data_lines(plan),
        *_learning_blocks(plan),
    ]
    return write_blocks(blocks)


def _learning_blocks(plan: Plan) -> list[list[Line]]:
    """Write the network, what it is trained for, and how."""
    objective = _objective_lines(plan)
    strong = plan.strong
    if strong is not None:
        return [
            strong_layer_lines(plan.inputs, plan.targets, strong),
            objective,
            strong_training_lines(
                plan.inputs, strong, num_rows=plan.num_rows, has_validation=plan.has_validation
            ),
            strong_callback_lines(
                strong, num_rows=plan.num_rows, has_validation=plan.has_validation
            ),
        ]
    if plan.images is not None:
        size = SIZE
        layers = image_network_lines(plan.images, head_lines(plan.targets, size.units[-1]))
    else:
        size = choose_size(plan.num_rows)
        layers = network_lines(plan.inputs, plan.targets, size)
    return [layers, objective, _training_lines(size), _callback_lines(plan, size)]


def _data_lines(plan: Plan) -> list[Line]:
    lines = [
        line("data:", "what is read, and what becomes of it"),
        line(f"  source: {flow(plan.source)}", _about_source(plan)),
        *_reading_lines(plan.read_settings),
        *_target_lines(plan.targets),
        *_drop_lines(plan),
        *_column_lines(plan),
        *_indicator_lines(plan),
        *_split_lines(plan),
    ]
    if any(not item.is_text for item in plan.inputs):
        about = "inputs are brought to mean 0 and deviation 1"
        scale: Any = "standard"
        if plan.strong is not None:
            scale, about = scale_of(plan.strong, plan.signal)
        if plan.images is not None:
            about = "pixels are brought to mean 0 and deviation 1, channel by channel"
        lines.append(line(f"  scale: {flow(scale)}", about))
    if any(target.task == "number" for target in plan.targets):
        about = "the target too, while training; reports use its unit"
        lines.append(line("  target_scale: standard", about))
        if plan.strong is not None and plan.time is None:
            about = "predictions stay within what the training rows hold"
            lines.append(line("  target_clip: true", about))
    return lines


def _about_source(plan: Plan) -> str:
    if plan.images is not None and plan.source.endswith("/"):
        return "a folder with a folder for each class, relative to this file"
    return "the file, relative to this one"


def _reading_lines(settings: Mapping[str, Any]) -> list[Line]:
    about = {
        "sheet": "the sheet of the workbook",
        "separator": "what stands between cells",
        "decimal": "the decimal mark of its numbers",
        "thousands": "the mark between thousands",
        "encoding": "how its letters are stored",
        "header": "the file has no header row: name its columns here, in order",
    }
    return [
        line(
            write_list("  header: ", value) if key == "header" else f"  {key}: {flow(value)}",
            about.get(key, ""),
        )
        for key, value in settings.items()
    ]


def _target_lines(targets: Sequence[TargetPlan]) -> list[Line]:
    if len(targets) == 1:
        (target,) = targets
        lines = [line(f"  target: {flow(target.name)}", target.about)]
    else:
        lines = [line("  target:", "what is predicted")]
        lines += [line(f"    - {flow(target.name)}", target.about) for target in targets]
    also = [line(f"  # {say(target.name)} has {target.also}") for target in targets if target.also]
    return [*lines, *(each for item in also for each in _wrapped(item))]


def _drop_lines(plan: Plan) -> list[Line]:
    dropped = [item for item in plan.columns if not item.is_input]
    if plan.time is not None:
        # The column that orders the rows is an input only when it is named as one.
        names = [item.name for item in plan.inputs]
        return [line(write_list("  inputs: ", names), "what it is predicted from")]
    if not dropped:
        return []
    return [
        line("  drop:", "columns that are no inputs"),
        *(line(f"    - {flow(item.name)}", item.reason) for item in dropped),
    ]


def _column_lines(plan: Plan) -> list[Line]:
    shared = _shared_policy(plan)
    lines = _shared_lines(plan, shared)
    own: list[Line] = []
    items: list[InputPlan | TargetPlan] = [*plan.targets, *plan.inputs]
    for item in items:
        settings = dict(item.settings)
        if shared and _follows(item, shared):
            continue
        if (
            "missing_values" in shared
            and settings.get("missing_values") == shared["missing_values"]
        ):
            del settings["missing_values"]
        if settings:
            own += _setting_lines(item.name, settings, item.reason)
    suggested = [each for item in plan.inputs if item.doubtful for each in _suggest(item)]
    if own:
        lines.append(line("  columns:", "settings of single columns"))
    elif suggested:
        lines.append(line("  # columns:", "settings of single columns"))
    return [*lines, *own, *suggested]


def _indicator_lines(plan: Plan) -> list[Line]:
    filled = [
        item
        for item in plan.inputs
        if item.is_number and item.settings.get("missing") not in (None, "drop")
    ]
    if not filled:
        return []
    about = "a feature beside each filled column tells which cells were missing"
    return [line("  missing_indicator: true", about)]


def _suggest(item: InputPlan) -> list[Line]:
    """Write settings that the user may want as a comment."""
    values = [number_or_text(marker.text) for marker in item.doubtful]
    text = write_key("    # ", item.name, flow({"missing_values": values, "missing": "median"}))
    held = join_words([say_marker(marker) for marker in item.doubtful])
    return [line(text, f"{held}: if that means missing")] if "\n" not in text else []


_ABOUT_CLASSES = {
    "type": "what it holds are names",
    "missing_values": "cells that mean missing, beside the empty cell",
    "unreadable": "what becomes of rows whose cell cannot be read",
    "missing": "what becomes of rows whose cell is missing",
}


def _setting_lines(name: str, settings: Mapping[str, Any], reason: str) -> list[Line]:
    categories = settings.get("categories")
    if categories is None:
        text = write_key("    ", name, flow(settings))
        if len(text) > WIDTH and len(quote(name)) < WIDTH:
            text = write_mapping(f"    {quote(name)}", settings)
        return [line(text, reason)]
    others = {key: value for key, value in settings.items() if key != "categories"}
    rows = [
        line(f"      {key}: {flow(value)}", _ABOUT_CLASSES[key]) for key, value in others.items()
    ]
    listed = line(write_list("      categories: ", categories), "all there are, in their order")
    return [line(write_key("    ", name, "").rstrip(), reason), *rows, listed]


def _shared_policy(plan: Plan) -> dict[str, Any]:
    """Return the missing policy that most number columns need, where there are many."""
    policies = [item.settings for item in plan.inputs if item.settings.get("missing") == "median"]
    words = {
        word
        for settings in policies
        for word in settings.get("missing_values", ())
        if isinstance(word, str)
    }
    followers = [settings for settings in policies if _is_word_policy(settings)]
    if len(followers) < FEWEST_SHARED:
        return {}
    return {**({"missing_values": sorted(words)} if words else {}), "missing": "median"}


def _is_word_policy(settings: Mapping[str, Any]) -> bool:
    words = settings.get("missing_values", ())
    return set(settings) <= {"missing", "missing_values"} and all(isinstance(w, str) for w in words)


def _follows(item: InputPlan | TargetPlan, shared: Mapping[str, Any]) -> bool:
    return (
        isinstance(item, InputPlan)
        and item.settings.get("missing") == "median"
        and _is_word_policy(item.settings)
        and set(item.settings.get("missing_values", ())) <= set(shared.get("missing_values", ()))
    )


def _shared_lines(plan: Plan, shared: Mapping[str, Any]) -> list[Line]:
    if not shared:
        return []
    count = sum(_follows(item, shared) for item in plan.inputs)
    lines = []
    if "missing_values" in shared:
        about = "cells that mean missing, beside the empty cell"
        lines.append(line(f"  missing_values: {flow(shared['missing_values'])}", about))
    about = f"{count} columns lack cells: their median is put there"
    return [*lines, line("  missing: median", about)]


def _split_lines(plan: Plan) -> list[Line]:
    parts: dict[str, Any] = {"test": 0.2}
    about = "20% of the rows judge the network"
    if plan.has_validation:
        parts["validation"] = VALIDATION if plan.strong is None else plan.strong.validation
        about += f", {parts['validation']:.0%} {_what_validation_tells(plan)}"
    classes = [target for target in plan.targets if target.task != "number"]
    lines = []
    if plan.time is not None:
        parts["time"] = plan.time
        about += "; the latest ones"
    elif len(plan.targets) == 1 and classes and classes[0].is_stratified:
        parts["stratify"] = True
        about += "; classes keep their shares"
    lines.append(line(f"  split: {flow(parts)}", about))
    if any(item.has_rare for item in plan.inputs):
        about = "a category that training has not seen sets no feature"
        if any(item.is_embedded for item in plan.inputs):
            about = "categories that training has not seen are one of their own"
        lines.append(line("  unseen: ignore", about))
    return lines


def _what_validation_tells(plan: Plan) -> str:
    if plan.strong is None:
        return "tell when to stop"
    if all(target.task == "number" for target in plan.targets):
        return "tell which epoch is best and how far to trust it"
    return "tell which epoch is best and how sure it may be"


def _training_lines(size: Size) -> list[Line]:
    arguments = {"learning_rate": size.learning_rate}
    name, about = "Adam", "how weights change, and how fast"
    if size.weight_decay is not None:
        name, arguments["weight_decay"] = "AdamW", size.weight_decay
        about += "; needless ones fade"
    return [
        line(f"optimizer: {flow({name: arguments})}", about),
        line(f"batch_size: {size.batch_size}", "rows per change of the weights"),
        line(f"epochs: {size.epochs}", "passes over the training rows, at most"),
    ]


def _callback_lines(plan: Plan, size: Size) -> list[Line]:
    watched, monitor = "validation loss", []
    if not plan.has_validation:
        watched = "loss"
        monitor = [line("      monitor: loss", "there are no validation rows to watch")]
    slow = max(3, size.patience // 3)
    return [
        CALLBACKS,
        line("  - EarlyStopping:", "when training ends"),
        *monitor,
        line(
            f"      patience: {size.patience}",
            f"stop after so many epochs without a better {watched}",
        ),
        line("      restore_best_weights: true", "and go back to the weights of the best one"),
        line("  - ReduceLROnPlateau:", "smaller steps where large ones gain no more"),
        *monitor,
        line("      factor: 0.5", "halve the learning rate"),
        line(f"      patience: {slow}", "after so many such epochs"),
    ]


def _objective_lines(plan: Plan) -> list[Line]:
    lines = _loss_lines(plan.targets, _losses(plan))
    if plan.has_validation and any(target.task != "number" for target in plan.targets):
        about = "probabilities are made as sure as they are right on the validation rows"
        lines.append(line("calibrate: temperature", about))
    return lines


def _losses(plan: Plan) -> dict[str, tuple[Any, str]]:
    """Return the loss for each kind of target, and what it is."""
    strong = plan.strong
    if strong is None:
        return LOSSES
    losses = dict(LOSSES)
    if strong.smoothing:
        smoothed = {"label_smoothing": strong.smoothing}
        about = f"{LOSSES['binary'][1]}; no class is taken for certain"
        losses["binary"] = {"BinaryCrossentropy": smoothed}, about
        losses["classes"] = {"SmoothedSparseCategoricalCrossentropy": smoothed}, about
    if strong.huber:
        about = f"{LOSSES['number'][1]}, but large errors count by their size alone"
        losses["number"] = "huber", about
    return losses


def _loss_lines(targets: Sequence[TargetPlan], losses: Mapping[str, tuple[Any, str]]) -> list[Line]:
    if not has_own_heads(targets):
        loss, about = losses[targets[0].task]
        lines = [
            line(f"loss: {flow(loss)}", f"what training makes small: {about}"),
            line(
                f"metrics: {flow(METRICS[targets[0].task][0])}", "what each epoch shows beside it"
            ),
        ]
        rare = targets[0].rare_class
        if rare:
            about = f"{rare}: this makes every class count alike"
            lines.append(line("# class_weight: balanced", about))
        return lines
    return [
        line("loss:", "what training makes small, for each output"),
        *_lines_by_target(targets, losses),
        line("metrics:", "what each epoch shows beside it"),
        *_lines_by_target(targets, METRICS),
    ]


def _lines_by_target(
    targets: Sequence[TargetPlan], by_task: Mapping[str, tuple[Any, str]]
) -> list[Line]:
    found = [(each.name, *by_task[each.task]) for each in targets]
    return [line(write_key("  ", name, flow(value)), about) for name, value, about in found]


def _wrapped(item: Line) -> list[Line]:
    indent = item.text[: len(item.text) - len(item.text.lstrip())]
    return [replace(item, text=indent, comment=item.text.strip()[2:])]
