"""A run scored on labelled files, which take the preprocessing of the run."""

from pathlib import Path

from dlcli.bundle.store import Bundle, open_scorer
from dlcli.commands.evaluate import Evaluation
from dlcli.data.readers import read_table
from dlcli.data.sources import resolve_source
from dlcli.errors import DataError
from dlcli.runs import RunFolder
from dlcli.scores import score_predictions


def evaluate_files(
    run: RunFolder, data: tuple[Path, ...], *, threads: int | None = None
) -> Evaluation:
    """Score a run on labelled files; raises DataError where no row is left."""
    bundle = Bundle.load(run)
    preprocessing = bundle.preprocessing
    files = resolve_source([str(path) for path in data], folder=Path())
    table = read_table(files, preprocessing.read_options)
    applied = preprocessing.apply(table, with_targets=True)
    if len(applied.kept) == 0:
        raise DataError(f"{data[0]}: no row is left to score")
    predictions = bundle.predict(applied, open_scorer(run, threads=threads))
    return Evaluation(
        run=run,
        what=", ".join(path.name for path in files),
        rows=len(applied.kept),
        targets=score_predictions(predictions, applied.targets, applied.sample_weight),
        keras={},
        baselines={},
        counts=applied.counts,
    )
