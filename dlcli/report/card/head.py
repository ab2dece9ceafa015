"""The head of a model card: what hubs read, in the YAML of Hugging Face."""

from typing import Any

import yaml

from dlcli.data.preprocessing import Preprocessing
from dlcli.report.card.origins import origins_of
from dlcli.report.figures import is_regression, shown_figures
from dlcli.report.record import RunRecord

METRICS = {
    "MeanSquaredError": "mse",
    "RootMeanSquaredError": "rmse",
    "MeanAbsoluteError": "mae",
    "R2Score": "r_squared",
    "MeanAbsolutePercentageError": "mape",
    "Accuracy": "accuracy",
    "BalancedAccuracy": "balanced_accuracy",
    "Precision": "precision",
    "Recall": "recall",
    "F1Score": "f1",
    "AUC": "roc_auc",
    "AveragePrecision": "average_precision",
}
"""Figures by the names that the hub has for them."""


def card_head(record: RunRecord, *, license: str | None) -> str:
    """Return the YAML between the rules."""
    task = _task(record)
    results = _results(record, task)
    metrics = list(dict.fromkeys(metric["type"] for one in results for metric in one["metrics"]))
    tags = ["dlcli", "keras", *(["onnx"] if record.manifest["onnx"]["written"] else [])]
    values: dict[str, Any] = {
        "license": license,
        "library_name": "keras",
        "pipeline_tag": task,
        "tags": [*tags, *([task] if task else [])],
        "metrics": metrics,
        "model-index": [{"name": record.name, "results": results}] if results else None,
    }
    kept = {key: value for key, value in values.items() if value}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=100)


def _task(record: RunRecord) -> str | None:
    """Return what the hub calls the task; it has no name for numbers from images or texts."""
    if record.preprocessing is None:
        return None
    table = Preprocessing.from_json(record.preprocessing["table"])
    if table.window is not None:
        return "time-series-forecasting"
    kinds = {column.settings.type for column in table.input_columns}
    of_classes = any(target.classes is not None for target in table.targets)
    for kind in ("image", "text"):
        if kinds == {kind}:
            return f"{kind}-classification" if of_classes else None
    return "tabular-classification" if of_classes else "tabular-regression"


def _results(record: RunRecord, task: str | None) -> list[dict[str, Any]]:
    titles = [origin.title for origin in origins_of(record)]
    dataset = {"name": ", ".join(titles) or "a table", "type": "tabular", "split": record.part}
    results = []
    for target, figures in record.targets.items():
        metrics = [
            {"type": METRICS[figure], "value": figures[figure], "name": f"{figure} of {target}"}
            for figure in shown_figures(figures)
            if figure in METRICS and isinstance(figures[figure], int | float)
        ]
        fallback = "tabular-regression" if is_regression(figures) else "tabular-classification"
        if metrics:
            named = {"type": task or fallback, "name": f"{target} from a table"}
            results.append({"task": named, "dataset": dict(dataset), "metrics": metrics})
    return results
