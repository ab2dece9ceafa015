"""A run scored on labelled files, which take the preprocessing of the run."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from dlcli.bundle.store import AnyScorer, Bundle, find_calibration, open_scorer
from dlcli.commands.evaluate import Evaluation
from dlcli.conformal import measure_coverage
from dlcli.data.counting import add_table_counts
from dlcli.data.preprocessing import Applied
from dlcli.data.readers import read_blocks, read_table
from dlcli.data.sources import fingerprint, resolve_source
from dlcli.data.table import Table
from dlcli.data.window_checks import check_holds_window
from dlcli.errors import DataError
from dlcli.predictions import TargetPrediction, join_predictions
from dlcli.runs import RunFolder
from dlcli.scores import score_naive, score_predictions

WHOLE_BYTES = 2**27
"""Files larger than this, all of them together, are scored block by block."""


def evaluate_files(
    run: RunFolder, data: tuple[Path, ...], *, threads: int | None = None
) -> Evaluation:
    """Score a run on labelled files; raises DataError where no row is left."""
    bundle = Bundle.load(run)
    files = resolve_source([str(path) for path in data], folder=Path())
    what = ", ".join(path.name for path in files)
    scorer = open_scorer(run, threads=threads)
    num_bytes = sum(path.stat().st_size for path in files if path.is_file())
    if num_bytes > WHOLE_BYTES and bundle.preprocessing.window is None:
        evaluation = _evaluate_blocks(run, bundle, scorer, files, what=what)
    else:
        table = read_table(files, bundle.preprocessing.read_options)
        evaluation = evaluate_table(run, bundle, scorer, table, what=what)
    return replace(evaluation, warnings=tuple(_trained_on(run, files)))


def evaluate_table(
    run: RunFolder, bundle: Bundle, scorer: AnyScorer, table: Table, *, what: str
) -> Evaluation:
    """Score a run on a labelled table, called `what`; raises DataError where no row is left."""
    applied = bundle.preprocessing.apply(table, with_targets=True)
    if len(applied.kept) == 0:
        if applied.windows is not None:
            check_holds_window(applied.windows.series, what)
        raise DataError(f"{what}: no row is left to score")
    return _evaluation(run, bundle, applied, bundle.predict(applied, scorer), what=what)


def _evaluate_blocks(
    run: RunFolder, bundle: Bundle, scorer: AnyScorer, files: list[Path], *, what: str
) -> Evaluation:
    """Score a run on files block by block: targets and predictions stay in memory, inputs do not."""
    predicted: list[dict[str, TargetPrediction]] = []
    seen: list[Applied] = []
    for file in files:
        for block in read_blocks(file, bundle.preprocessing.read_options):
            applied = bundle.preprocessing.apply(block, with_targets=True)
            if len(applied.kept):
                predicted.append(bundle.predict(applied, scorer))
            seen.append(replace(applied, inputs={}, scaled_targets={}))
    if not predicted:
        raise DataError(f"{what}: no row is left to score")
    predictions = {
        name: join_predictions([each[name] for each in predicted]) for name in predicted[0]
    }
    return _evaluation(run, bundle, _joined(seen), predictions, what=what)


def _joined(blocks: list[Applied]) -> Applied:
    """Return the rows of all blocks without their inputs."""
    weights = [each.sample_weight for each in blocks if each.sample_weight is not None]
    names = blocks[0].targets
    return replace(
        blocks[0],
        targets={name: np.concatenate([each.targets[name] for each in blocks]) for name in names},
        sample_weight=np.concatenate(weights) if weights else None,
        kept=np.arange(sum(len(each.kept) for each in blocks)),
        counts=add_table_counts([each.counts for each in blocks]),
    )


def _evaluation(
    run: RunFolder,
    bundle: Bundle,
    applied: Applied,
    predictions: dict[str, TargetPrediction],
    *,
    what: str,
) -> Evaluation:
    coverage = {}
    calibration = find_calibration(run, bundle)
    if calibration is not None:
        coverage = {
            "part": None,
            "data": what,
            "reason": None,
            "calibration": calibration.describe(),
            "targets": measure_coverage(
                calibration, predictions, applied.targets, applied.sample_weight
            ),
        }
    return Evaluation(
        run=run,
        what=what,
        rows=len(applied.kept),
        targets=score_predictions(predictions, applied.targets, applied.sample_weight),
        keras={},
        baselines={name: {"targets": figures} for name, figures in score_naive(applied).items()},
        counts=applied.counts,
        thresholds={
            name: {"value": value}
            for reading in bundle.readings
            for name, value in reading.thresholds.items()
        },
        temperatures={
            name: reading.temperature
            for reading in bundle.readings
            for name in reading.targets
            if reading.temperature != 1
        },
        coverage=coverage,
    )


def _trained_on(run: RunFolder, files: list[Path]) -> Iterator[str]:
    """Tell of files that the run was trained on, whose figures are no test."""
    record = run.load_manifest()["data"]
    known = {item["sha256"]: item["bytes"] for item in record["sources"]}
    own_tests = record["split"]["files"].get("test", [])
    for file in files:
        may_be_known = file.is_dir() or file.stat().st_size in known.values()
        if may_be_known and fingerprint(file).sha256 in known and file.name not in own_tests:
            yield (
                f"{file.name} is a file that this run was trained on, so these figures are no test: "
                f"`dlcli evaluate {run.path}` gives those of its test part"
            )
