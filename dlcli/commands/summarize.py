"""Summarize: a config's network, a finished run, or a data file."""

import csv
import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from dlcli.checks.judging import Verdict
from dlcli.checks.text import format_verdicts
from dlcli.commands.evaluate import stored_evaluation
from dlcli.errors import RunError, UsageError
from dlcli.languages import spoken, translated
from dlcli.permission import check_allowed
from dlcli.report import (
    format_coverage,
    format_figure,
    format_layers,
    format_scores,
    format_temperatures,
    format_thresholds,
    from_disk_text,
    refit_text,
)
from dlcli.report.blocks import format_blocks
from dlcli.report.folds import folds_blocks
from dlcli.runs import RUNS, RunFolder, is_packed, open_run
from dlcli.terminal_text import counted

POLICY_VERBS = {
    "filled": "missing cells filled",
    "unreadable": "unreadable cells",
    "unseen": "unseen categories",
}
MOST_COLUMNS = 6
"""Columns that a run's text names one by one."""

NEAR_ZERO = 1e-3
"""Weights that count as zero: an L1 penalty drives them towards 0, and Adam rarely onto it."""

CONFIG_SUFFIXES = {".yaml", ".yml"}


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A description as text and as JSON values."""

    text: str
    values: Any

    def with_pictures(self, paths: Sequence[Path]) -> Self:
        """Name the pictures that were drawn, below the text and in the values."""
        text = "\n".join([f"{self.text}\n", *(translated(f"drawn: {path}") for path in paths)])
        return replace(self, text=text, values={**self.values, "plots": [str(p) for p in paths]})


def summarize(
    what: str,
    *,
    overrides: tuple[str, ...] = (),
    weights: bool = False,
    plot: Path | None = None,
    plots: Path | None = None,
    suffix: str = "svg",
    force: bool = False,
    reading: Mapping[str, str | None] | None = None,
) -> Summary:
    """Describe a config's network, a run, or a data file or folder, told apart by what it is.

    `reading` says how a data file is read, in the words of options; `plots` is a folder for
    pictures, and `force` lets them and `plot` replace pictures that are there.
    """
    path = Path(what)
    is_file = what.startswith("dataset:") or (
        path.suffix.lower() not in CONFIG_SUFFIXES and not _names_run(what)
    )
    given = [key for key, value in (reading or {}).items() if value is not None]
    if given and not is_file:
        raise UsageError(f"--{given[0]} says how a data file is read, and {what} is none")
    if is_file:
        if weights or plot is not None:
            raise UsageError(f"{what} is a data file; --weights and --plot need a config or a run")
        return _summarize_file(what, reading or {}, plots=plots, suffix=suffix, force=force)
    if plot is not None:
        importlib.import_module("dlcli.diagram").check_drawable(plot, force=force)
    if path.suffix.lower() in CONFIG_SUFFIXES:
        if plots is not None:
            raise UsageError(
                f"{what} is a config; --plots draws data files and runs",
                hint="--plot FILE draws its network",
            )
        return _summarize_config(path, overrides, weights=weights, plot=plot)
    run = open_run(what)
    summary = _summarize_run(run, weights=weights, plot=plot)
    if plots is None:
        return summary
    return summary.with_pictures(_draw_run(run, plots, suffix=suffix, force=force))


def _names_run(what: str) -> bool:
    """Tell a run from data; a name of both is the run, and with a slash the folder of images.

    What cannot be looked at is a file.
    """
    path = Path(what)
    with suppress(PermissionError):
        if is_packed(path):
            return True
        names_run = (RUNS / path).is_dir() and not path.is_absolute()
        if names_run and not what.endswith("/"):
            return True
        if not path.is_dir():
            return names_run or not path.suffix
        if any(any(path.glob(each)) for each in ("manifest.json", "*/manifest.json", "*.y*ml")):
            return True  # Images within a run or among configs make it no folder of images.
        image_files: Any = importlib.import_module("dlcli.data.image_folder").image_files
        return not image_files(path)
    return False


def _members_text(manifest: dict[str, Any]) -> str:
    members = manifest.get("members")
    return f" of {members} members" if members else ""


def run_text(run: RunFolder) -> str:
    """Describe a finished run in a screen of text."""
    manifest = run.load_manifest()
    epochs, sizes = manifest["epochs"], manifest["data"]["split"]["sizes"]
    done = f"{epochs['done']} of {epochs['asked']} epochs in {manifest['seconds']['loop']:.2f} s"
    rows = ", ".join(f"{count:,} {spoken(part)}" for part, count in sizes.items())
    unit = "window" if "windows" in manifest["data"] else "row"
    lines = [
        f"run         {run.path}" + ("  (interrupted)" if manifest["status"] != "complete" else ""),
        f"data        {rows} {unit}s",
        f"network     {manifest['num_parameters']:,} parameters{_members_text(manifest)}",
        f"training    {done}, {_path_text(manifest)}",
    ]
    if "from_disk" in manifest["data"]:
        lines.insert(2, f"from disk   {from_disk_text(manifest['data'])}")
    if manifest.get("refit"):
        lines.append(f"refit       {refit_text(manifest['refit'])}")
    if "windows" in manifest["data"]:
        lines.insert(2, f"windows     {_windows_text(manifest['data']['windows'])}")
    if manifest.get("imports"):
        lines.append(f"code        of its own: {', '.join(manifest['imports'])}")
    lines += [f"start       {text}" for text in _start(manifest)]
    lines += [f"policies    {text}" for text in _policies(manifest["data"]["counts"])]
    lines += [f"warning     {text}" for text in manifest["data"]["warnings"]]
    if manifest["data"]["validation_is_test"]:
        lines.append(
            "warning     the test part was watched while training: not an independent test"
        )
    if not manifest["onnx"]["written"]:
        lines.append(f"warning     scored by Keras, without ONNX: {manifest['onnx']['reason']}")
    folds = run.load_metrics().get("folds")
    folded = [] if folds is None else ["", format_blocks(folds_blocks(folds))]
    try:
        evaluation = stored_evaluation(run)
    except RunError as error:
        lines += [_loss_text(run), "", error.message]
        return "\n".join([*map(translated, lines), *folded])
    lines += [f"threshold   {text}" for text in format_thresholds(evaluation.thresholds)]
    lines += [f"calibrated  {text}" for text in format_temperatures(evaluation.temperatures)]
    lines += [f"intervals   {text}" for text in format_coverage(evaluation.coverage)]
    lines += [f"left out    {name}: {why}" for name, why in evaluation.left_out.items()]
    lines += ["", f"{evaluation.what}, {counted(evaluation.rows, unit)}"]
    lines = [*map(translated, lines), format_scores(evaluation.targets, evaluation.baselines)]
    lines += folded
    verdicts = [Verdict(**each) for each in manifest.get("checks", [])]
    if verdicts:
        lines += ["", format_verdicts(verdicts)]
    return "\n".join(lines)


def _windows_text(record: dict[str, Any]) -> str:
    """Say what a window is, and what the split and gaps cost."""
    step = "" if record["step"] is None else f" by {record['step']}"
    text = f"{record['length']} rows{step}, {record['horizon']} predicted"
    if record["series"] > 1:
        text += f", in {record['series']:,} series"
    lost = [
        f"{record[key]:,} across {where}"
        for key, where in (("across_parts", "parts"), ("across_gaps", "gaps"))
        if record[key]
    ]
    return f"{text}; left out {' and '.join(lost)}" if lost else text


def _loss_text(run: RunFolder) -> str:
    """Say what training itself saw, for a run that has nothing else to be judged by."""
    after = run.load_metrics()["parts"]["train"]["keras"]["loss"]
    with run.history.open(encoding="utf-8", newline="") as file:
        last = list(csv.DictReader(file))[-1]["loss"]
    return f"loss        {float(last):.9g} in the last epoch, {after:.9g} after it"


def _policies(counts: dict[str, Any]) -> Iterator[str]:
    """Say what the policies did to how many rows and cells; `manifest.json` has it by column."""
    dropped = counts["rows"]["dropped"]
    if dropped:
        yield f"{dropped:,} of {counted(counts['rows']['read'], 'row')} dropped"
    for kind, verb in POLICY_VERBS.items():
        found = {name: each[kind] for name, each in counts["columns"].items() if each.get(kind)}
        if len(found) > MOST_COLUMNS:
            cells = sum(sum(entry["cells"].values()) for entry in found.values())
            yield f"{cells:,} {verb} in {len(found)} columns; manifest.json names each"
            continue
        for name, entry in found.items():
            value = f" with {format_figure(entry['value'])}" if "value" in entry else ""
            cells = sum(entry["cells"].values())
            yield f"{cells:,} {verb} in {name}: {entry['policy']}{value}"


def _start(manifest: dict[str, Any]) -> Iterator[str]:
    """Say which layers began with the weights of an earlier run, and which were not trained."""
    start = manifest.get("init_from")
    if start is not None:
        taken, left = start["taken"], start["left"]
        text = f"weights of {len(taken)} of {len(taken) + len(left)} layers from {start['run']}"
        if left:
            name, reason = next(iter(left.items()))
            more = f", and {len(left) - 1} more" if len(left) > 1 else ""
            text += f"; not {name}: {reason}{more}"
        yield text
    if manifest.get("frozen"):
        names = manifest["frozen"]
        more = f" and {len(names) - MOST_COLUMNS} more" if len(names) > MOST_COLUMNS else ""
        yield f"not trained: {', '.join(names[:MOST_COLUMNS])}{more}"


def run_json(run: RunFolder) -> dict[str, Any]:
    """Describe a finished run as JSON values."""
    try:
        scores: Any = stored_evaluation(run).to_json()
    except RunError:
        scores = None
    return {"run": str(run.path), "scores": scores, "manifest": run.load_manifest()}


def _path_text(manifest: dict[str, Any]) -> str:
    training = manifest["training"]
    if training["path"] == "compiled":
        without_xla = f", without XLA: {training['reason']}" if training["reason"] else ""
        return f"compiled ({manifest['backend']}){without_xla}"
    return f"Keras's own loop ({manifest['backend']}): {training['reason']}"


def _summarize_run(run: RunFolder, *, weights: bool, plot: Path | None) -> Summary:
    manifest = run.load_manifest()
    text, values = run_text(run), run_json(run)
    text += "\n\n" + format_layers(manifest["layers"])
    if plot is not None:
        _draw(manifest["layers"], plot, title=manifest["name"])
    if weights:
        run.check_files(run.model)
        importlib.import_module("dlcli.bundle.store").load_own_classes(run, manifest)
        scoring = importlib.import_module("dlcli.bundle.keras_score")
        model = scoring.KerasScorer.open(run.model, own_classes=bool(manifest.get("imports"))).model
        values |= _weights(model)
        text += "\n\n" + _format_weights(values)
    return Summary(text=text, values=values)


def _summarize_config(
    path: Path, overrides: tuple[str, ...], *, weights: bool, plot: Path | None
) -> Summary:
    spec_module: Any = importlib.import_module("dlcli.spec.run")
    spec = spec_module.load_spec(path, overrides)
    check_allowed(spec.imports, str(path))
    read = importlib.import_module("dlcli.commands.reading").read_configured(spec)
    dataset = importlib.import_module("dlcli.data.dataset").encode_parts(read, read.split)
    infos = dataset.preprocessing.targets
    spec_module.resolve_objectives(spec, {info.name: info.classes for info in infos})
    importlib.import_module("dlcli.data.network_inputs").check_network(spec, dataset)
    keras = _load_keras(spec.backend)
    keras.utils.set_random_seed(spec.seed)
    inputs = dataset.preprocessing.input_specs
    model = importlib.import_module("dlcli.model.build").build_model(spec, inputs)
    describe = importlib.import_module("dlcli.model.describe").describe_layers
    layers = [asdict(layer) for layer in describe(model)]
    text = f"{spec.name}\n\n{format_layers(layers)}"
    values: dict[str, Any] = {"name": spec.name, "layers": layers}
    if plot is not None:
        _draw(layers, plot, title=spec.name)
    if weights:
        values |= _weights(model)
        text += "\n\n" + _format_weights(values)
    return Summary(text=text, values=values)


def _draw_run(run: RunFolder, folder: Path, *, suffix: str, force: bool) -> tuple[Path, ...]:
    drawing: Any = importlib.import_module("dlcli.drawing")
    record = importlib.import_module("dlcli.report.record").load_record(run)
    curve = importlib.import_module("dlcli.plots.fit").fit_curve(run)
    pictures = importlib.import_module("dlcli.plots.runs").run_pictures(record, curve)
    network = drawing.chart_path(folder, "network", suffix)
    drawing.make_folder(folder)
    importlib.import_module("dlcli.diagram").check_drawable(network, force=force)
    drawn: tuple[Path, ...] = drawing.draw_pictures(pictures, folder, suffix=suffix, force=force)
    _draw(record.manifest["layers"], network, title=record.name)
    return (*drawn, network)


def _summarize_file(
    what: str,
    reading: Mapping[str, str | None],
    *,
    plots: Path | None,
    suffix: str,
    force: bool,
) -> Summary:
    readers: Any = importlib.import_module("dlcli.data.readers")
    settings_module: Any = importlib.import_module("dlcli.data.reading_settings")
    profiling = importlib.import_module("dlcli.data.profile")
    given = settings_module.parse_settings(reading)
    paths = importlib.import_module("dlcli.data.sources").resolve_source(what, folder=Path())
    options = readers.ReadOptions(**{**settings_module.registry_settings(what), **given})
    readers.check_options_apply(paths, options)
    table = readers.read_table(paths, options)
    marks = {"decimal": options.decimal, "thousands": options.thousands}
    profile = profiling.profile_table(table, **marks)
    summary = Summary(text=profiling.format_profile(profile), values=profile.to_json())
    if plots is None:
        return summary
    drawing: Any = importlib.import_module("dlcli.drawing")
    pictures = importlib.import_module("dlcli.plots.tables").table_pictures(table, profile, **marks)
    paths = drawing.draw_pictures(pictures, plots, suffix=suffix, force=force)
    return summary.with_pictures(paths)


def _load_keras(backend: str) -> Any:
    return importlib.import_module("dlcli.model.keras_import").load_keras(backend)


def _draw(layers: list[dict[str, Any]], path: Path, *, title: str) -> None:
    importlib.import_module("dlcli.diagram").draw_network(layers, path, title=title)


def _weights(model: Any) -> dict[str, Any]:
    """Return the weights by path, and how many of each are nearly zero."""
    numpy = importlib.import_module("numpy")
    arrays = {weight.path: numpy.asarray(weight.numpy()) for weight in model.weights}
    return {
        "weights": {name: array.tolist() for name, array in arrays.items()},
        "near_zero": {
            "below": NEAR_ZERO,
            "counts": {
                name: int((numpy.abs(array) < NEAR_ZERO).sum())
                for name, array in arrays.items()
                if array.dtype.kind == "f"
            },
        },
    }


def _format_weights(values: dict[str, Any]) -> str:
    # NumPy's own layout of arrays is the one that people know.
    numpy = importlib.import_module("numpy")
    counts, parts = values["near_zero"]["counts"], []
    for name, listed in values["weights"].items():
        array = numpy.asarray(listed)
        near = counts.get(name)
        note = f", {near:,} of {array.size:,} within {NEAR_ZERO:g} of 0" if near else ""
        shown = numpy.array2string(array, precision=9, threshold=200)
        parts.append(f"{name} {list(array.shape)}{note}\n{shown}")
    return "\n\n".join(parts)
