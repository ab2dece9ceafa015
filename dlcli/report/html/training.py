"""How the training went: the loss and every metric by epoch, and the learning rate."""

import numpy as np

from dlcli.languages import spoken, spoken_each, translated
from dlcli.report.html.charts import Charts, lines, thin_epochs
from dlcli.report.html.elements import Markup, chart_grid, section, table
from dlcli.report.record import RunRecord
from dlcli.report.text import refit_text

_RATE = "learning_rate"
_VALIDATION = "val_"
MOST_CHARTS = 8
"""Charts of the training; history.csv has the rest."""

Series = list[float | None]


def training_section(record: RunRecord, charts: Charts) -> Markup | None:
    """Return the curves of a training; None where it logged nothing."""
    history = {name: values for name, values in record.history.items() if name != "epoch"}
    if not history:
        return None
    names = [name for name in history if not name.startswith(_VALIDATION) and name != _RATE]
    figures = [_curves(charts, history, name) for name in names[:MOST_CHARTS]]
    if _RATE in history and len(set(history[_RATE])) > 1:
        figures.append(_rate(charts, history[_RATE]))
    return section("training", "Training", _facts(record), chart_grid(figures))


def _curves(charts: Charts, history: dict[str, Series], name: str) -> Markup:
    epochs = thin_epochs(len(history[name]))
    series = [{"label": spoken("training"), "values": [history[name][at] for at in epochs]}]
    about = "on the training rows"
    marks = []
    watched = history.get(f"{_VALIDATION}{name}")
    if watched:
        series.append({"label": spoken("validation"), "values": [watched[at] for at in epochs]})
        about = "on training and validation rows"
        if name == "loss":
            best = int(np.nanargmin([np.nan if value is None else value for value in watched]))
            marks.append({"x": best + 1, "label": spoken("lowest validation loss")})
    chart = lines(
        (epochs + 1).tolist(),
        series,
        labels=(spoken("epoch"), name),
        wholeX=True,
        marks=marks,
        canLog=True,
    )
    return charts.add(name, about, chart)


def _rate(charts: Charts, values: Series) -> Markup:
    epochs = thin_epochs(len(values))
    series = [{"label": spoken("learning rate"), "values": [values[at] for at in epochs]}]
    chart = lines(
        (epochs + 1).tolist(),
        series,
        labels=spoken_each("epoch", "learning rate"),
        wholeX=True,
        canLog=True,
    )
    return charts.add("learning rate", "of the optimizer", chart)


def _facts(record: RunRecord) -> Markup:
    manifest = record.manifest
    epochs, seconds = manifest["epochs"], manifest["seconds"]
    training = manifest.get("training", {})
    is_compiled = training.get("path") == "compiled"
    how = spoken("compiled") if is_compiled else spoken("Keras's own loop")
    reason = training.get("reason")
    rows = [
        [spoken("epochs"), translated(f"{epochs['done']:,} of {epochs['asked']:,}")],
        [spoken("time in epochs"), f"{seconds.get('loop', 0.0):.2f} s"],
        [
            spoken("loop"),
            f"{how} ({manifest.get('backend', '')})"
            + (f": {translated(reason)}" if reason else ""),
        ],
    ]
    if manifest.get("refit"):
        rows.insert(1, [spoken("refit"), translated(refit_text(manifest["refit"]))])
    return table(["", ""], rows, class_="facts")
