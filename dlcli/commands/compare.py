"""Compare: runs beside each other, in what they reached and in what they differ."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dlcli.comparison.records import RunRecord, label_of, read_record
from dlcli.errors import RunError, UsageError
from dlcli.report.blocks import Block
from dlcli.runs import open_run


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs beside the first of them, as tables and as JSON values."""

    blocks: tuple[Block, ...]
    values: dict[str, Any]


def compare(runs: Sequence[str]) -> Comparison:
    """Compare runs with the first one; raises RunError for runs with nothing in common."""
    records = [_open(run) for run in runs]
    _check_apart(records)
    settings: Any = importlib.import_module("dlcli.comparison.settings")
    data: Any = importlib.import_module("dlcli.comparison.data")
    text: Any = importlib.import_module("dlcli.comparison.text")
    scores = importlib.import_module("dlcli.comparison.scores").compare_scores(records)
    config, versions = settings.vary_settings(records), settings.vary_versions(records)
    facts, drift = data.vary_data(records), data.find_drift(records)
    blocks = [
        *text.score_blocks(records, scores),
        text.variation_block("config", records, config),
        text.variation_block("data", records, facts),
    ]
    if drift:
        blocks.append(text.drift_block(drift))
    blocks.append(text.variation_block("versions", records, versions))
    values = {
        "runs": [record.to_json() for record in records],
        "scores": scores.to_json(),
        "config": [variation.to_json() for variation in config],
        "data": [variation.to_json() for variation in facts],
        "columns": [change.to_json() for change in drift],
        "versions": [variation.to_json() for variation in versions],
    }
    return Comparison(blocks=tuple(blocks), values=values)


def _open(run: str) -> RunRecord:
    folder = open_run(run)
    folder.check_files(folder.metrics)
    record = read_record(folder)
    if record.problem is not None:
        raise RunError(record.problem, hint="copy the run folder whole, or leave it out")
    return record


def _check_apart(records: Sequence[RunRecord]) -> None:
    if len(records) < 2:
        raise UsageError(
            "a comparison needs two runs", hint="dlcli runs lists them, e.g. concrete/001"
        )
    paths = [record.run.path.resolve() for record in records]
    for index, path in enumerate(paths):
        if path in paths[:index]:
            raise UsageError(
                f"{label_of(records[index].run)} is named twice",
                hint="a name alone stands for its newest run; name others by number",
            )
