"""The sections of a model card, in Markdown."""

from collections.abc import Iterator
from typing import Any

from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.image import ImageInput
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.number import NumberInput
from dlcli.data.preprocessing import Preprocessing, TargetInfo
from dlcli.report.card.origins import Origin, origins_of
from dlcli.report.figures import format_value
from dlcli.report.markdown import figures_table, verdict_lines
from dlcli.report.policies import policy_effects
from dlcli.report.record import RunRecord
from dlcli.report.text import format_shape, markdown_table, markdown_text
from dlcli.report.verdict import judge
from dlcli.spec.problems import join_names

MOST_COLUMNS = 60
MOST_NAMES = 12
"""Categories and classes that are listed."""


def card_sections(record: RunRecord) -> str:
    """Return everything below the head."""
    table = None
    if record.preprocessing is not None:
        table = Preprocessing.from_json(record.preprocessing["table"])
    origins = origins_of(record)
    parts = [
        f"# {markdown_text(record.name)}",
        _summary(record, table),
        "## Figures",
        *_figures(record),
        "## Use",
        _use(record, table),
        *(["## Inputs", *_inputs(table), "## Predictions", _targets(table)] if table else []),
        "## Training data",
        *_data(record, origins),
        "## Training",
        *_training(record),
        "## Limits",
        "\n".join(f"- {text}" for text in _limits(record, table)),
        *_citations(origins),
    ]
    return "\n\n".join(part for part in parts if part)


def _summary(record: RunRecord, table: Preprocessing | None) -> str:
    what = "a table"
    if table is not None:
        targets = markdown_text(join_names(target.name for target in table.targets))
        count = len(table.input_columns)
        what = f"{targets} from {count} column{'s' if count > 1 else ''} of a table"
        if table.window is not None:
            what += ", read as sequences"
    manifest = record.manifest
    return (
        f"A Keras network of {manifest['num_parameters']:,} parameters that predicts {what}, "
        f"trained by dlcli {manifest['dlcli']} on {manifest['created'][:10]}."
    )


def _figures(record: RunRecord) -> Iterator[str]:
    yield verdict_lines(judge(record, None))
    for target, figures in record.targets.items():
        if len(record.targets) > 1:
            yield f"### {markdown_text(target)}"
        yield figures_table(record, target, figures)
    if record.intervals:
        yield (
            f"On {record.num_rows:,} {record.part} rows that were not trained on; intervals from "
            "bootstrap samples of these rows. The other columns are baselines on the same rows."
        )


def _use(record: RunRecord, table: Preprocessing | None) -> str:
    sequences = table is not None and table.window is not None
    call = (
        'run.forecast(pd.read_csv("past.csv"))'
        if sequences
        else ('run.predict(pd.read_csv("rows.csv"))')
    )
    return (
        "The folder is a run of dlcli, with its preprocessing: columns go in, and predictions "
        "come out in the unit of the target.\n\n"
        "```sh\npip install dlcli\n"
        "dlcli predict FOLDER --data rows.csv --out predictions.csv\n"
        "dlcli serve FOLDER     # the same over HTTP, with a page to try it on\n```\n\n"
        f'```python\nimport dlcli\nimport pandas as pd\n\nrun = dlcli.load("FOLDER")\n{call}\n```\n\n'
        "`model.keras` opens with `keras.models.load_model` and takes the network's own numbers, "
        "which `preprocessing.json` tells how to make."
    )


def _inputs(table: Preprocessing) -> Iterator[str]:
    rows = [_input_row(column) for column in table.input_columns[:MOST_COLUMNS]]
    yield markdown_table(["column", "type", "training rows hold", "a missing cell"], rows)
    more = len(table.input_columns) - MOST_COLUMNS
    if more > 0:
        yield f"and {more:,} more columns, which `preprocessing.json` lists."


def _input_row(column: InputColumn) -> list[str]:
    settings = column.settings
    holds = ""
    if isinstance(column, NumberInput):
        holds = f"{format_value(column.minimum)} to {format_value(column.maximum)}"
    elif isinstance(column, CategoryInput):
        holds = join_names(list(column.categories), most=MOST_NAMES)
    elif isinstance(column, ImageInput):
        holds = f"images of shape {list(column.shape)}"
    policy = settings.missing
    missing = {"error": "is refused", "drop": "leaves its row without a prediction"}.get(
        str(policy)
    )
    if missing is None:
        fill = getattr(column, "fill", None)
        missing = f"becomes {format_value(fill)}" if fill is not None else f"is filled ({policy})"
    return [settings.name, settings.type, holds, missing]


def _targets(table: Preprocessing) -> str:
    return markdown_table(
        ["target", "is", "training rows hold"], [_target_row(target) for target in table.targets]
    )


def _target_row(target: TargetInfo) -> list[str]:
    if target.classes is None:
        span = f"{format_value(target.minimum)} to {format_value(target.maximum)}"
        return [target.name, "a number", span]
    counts = target.class_counts or ()
    listed = [f"{name} ({count:,})" for name, count in zip(target.classes, counts, strict=False)]
    return [
        target.name,
        f"one of {len(target.classes)} classes",
        join_names(listed or list(target.classes), most=MOST_NAMES),
    ]


def _data(record: RunRecord, origins: list[Origin]) -> Iterator[str]:
    data = record.manifest["data"]
    yield markdown_table(
        ["file", "what it is", "licence", "sha256"],
        [
            [
                each.file,
                each.title if each.page else "",
                each.licence or "not known to dlcli",
                each.sha256[:16],
            ]
            for each in origins
        ],
    )
    split = data.get("split", {})
    sizes = ", ".join(f"{size:,} {part}" for part, size in split.get("sizes", {}).items())
    seed = "" if split.get("seed") is None else f", seed {split['seed']}"
    yield f"Rows: {sizes} ({split.get('kind', 'given')} split{seed})."
    effects = list(policy_effects(data.get("counts", {})))
    if effects:
        yield "\n".join(
            f"- {each.rows:,} rows: {markdown_text(each.column)} {each.what}" for each in effects
        )


def _training(record: RunRecord) -> Iterator[str]:
    manifest = record.manifest
    epochs = manifest["epochs"]
    versions = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    ended = "" if record.is_complete else ", when it was interrupted"
    yield (
        f"{epochs['done']:,} of {epochs['asked']:,} epochs{ended}; seed {manifest['seed']}; "
        f"{manifest['backend']}. Versions: {versions}."
    )
    if manifest["layers"]:
        rows = [
            [each["name"], each["layer"], format_shape(each["output_shape"]),
             f"{each['num_parameters']:,}"]
            for each in manifest["layers"][:MOST_COLUMNS]
        ]  # fmt: skip
        yield markdown_table(["layer", "kind", "gives", "parameters"], rows)
    if record.config is not None:
        yield "`config.yaml`, from which `dlcli train` trains it again:"
        fence = "````" if "```" in record.config else "```"
        yield f"{fence}yaml\n{record.config.strip()}\n{fence}"


def _limits(record: RunRecord, table: Preprocessing | None) -> Iterator[str]:
    yield (
        "Predictions tell what went together in the training rows; they do not tell what causes "
        "what."
    )
    if table is not None and table.ranges:
        yield (
            "Outside the ranges above nothing was seen: numbers there are extrapolated, and may be "
            "far off."
        )
    for column in table.input_columns if table is not None else ():
        if isinstance(column, CategoryInput):
            name = markdown_text(column.settings.name)
            is_ignored = column.settings.unseen == "ignore"
            yield (
                f"A category of {name} that training has not seen "
                f"{'counts as none of them' if is_ignored else 'is refused'}."
            )
    for target in table.targets if table is not None else ():
        counts = target.class_counts
        if target.classes and counts:
            fewest = min(range(len(counts)), key=counts.__getitem__)
            yield (
                f"The rarest class of {markdown_text(target.name)}, "
                f"{markdown_text(target.classes[fewest])}, has {counts[fewest]:,} of "
                f"{sum(counts):,} training rows."
            )
    yield from _limits_of_figures(record)


def _limits_of_figures(record: RunRecord) -> Iterator[str]:
    data: dict[str, Any] = record.manifest["data"]
    if record.part is None:
        yield "Every row was trained on: how well it predicts others was not measured."
    for verdict in judge(record, None):
        if verdict.standing in ("even", "worse"):
            rival = next(each for each in verdict.rivals if each.is_baseline)
            told = "no better than" if verdict.standing == "even" else "worse than"
            yield (
                f"For {markdown_text(verdict.target)} it is {told} the baseline "
                f"`{rival.name}` on these rows."
            )
    if data.get("validation_is_test"):
        yield "The test part was watched while training: its figures are not independent."
    if not record.is_complete:
        yield "The training was interrupted; these are the weights that it had reached."
    for warning in data.get("warnings", []):
        yield markdown_text(warning)


def _citations(origins: list[Origin]) -> Iterator[str]:
    cited = {each.title: each for each in origins if each.citation}
    if not cited:
        return
    yield "## Citation"
    for title, each in cited.items():
        page = f" <{each.page}>" if each.page else ""
        yield f"{markdown_text(title)}: {markdown_text(each.citation or '')}{page}"
