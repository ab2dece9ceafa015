"""The `sweep` and `folds` keys: what they take, what they refuse, and the points that they mean."""

from collections import Counter
from pathlib import Path

import pytest

from dlcli.errors import SpecError
from dlcli.spec.points import build_trial, planned_points, with_point
from dlcli.spec.run import RunSpec, build_spec, load_spec
from dlcli.spec.sweep import direction_of
from dlcli.spec.writing import to_yaml

BASE = """\
data: {source: t.csv, target: y, split: {validation: 0.2}}
layers:
  - Dense: {units: 8, name: hidden}
  - Dense: 1
metrics: [mae, R2Score]
optimizer: Adam
epochs: 9
"""


def spec_of(tmp_path: Path, text: str, base: str = BASE) -> RunSpec:
    config = tmp_path / "config.yaml"
    config.write_text(base + text, encoding="utf-8")
    return load_spec(config)


def refusal(tmp_path: Path, text: str, base: str = BASE) -> str:
    with pytest.raises(SpecError) as caught:
        spec_of(tmp_path, text, base)
    return caught.value.message + "\n" + str(caught.value.hint)


@pytest.mark.parametrize(
    ("axes", "told"),
    [
        ("{layers.0.Dense.unit: [4]}", "did you mean 'units'?"),
        ("{layers.hiden.units: [4]}", "did you mean 'hidden'?"),
        ("{layers.7.Dense.units: [4]}", "there is no item '7' in a list of 2"),
        ("{optimizr.Adam.learning_rate: [0.1]}", "did you mean 'optimizer'?"),
        ("{data.columns.y.scael: [standard]}", "did you mean 'scale'?"),
        ("{layers.0.Dense.units: [4, 0]}", "in a trial with layers.0.Dense.units = 0"),
        ("{layers.0.Dense.units: {int: [0, 4]}}", "expected a whole number of at least 1, got 0"),
        ("{batch_size: 16}", "write it at its key, or as a list: [16]"),
        ("{batch_size: []}", "list at least one value"),
        ("{batch_size: [8, 8]}", "this value stands in the list twice"),
        ("{batch_size: {int: [9, 2]}}", "write the smaller one first: int: [2, 9]"),
        ("{batch_size: {int: [9]}}", "expected its two ends"),
        ("{batch_size: {int: [1.5, 9]}}", "expected a whole number"),
        ("{optimizer.Adam.learning_rate: {log: [0, 1]}}", "expected ends above 0"),
        ("{optimizer.Adam.learning_rate: {log: [1, 2], step: 1}}", "log takes no step"),
        ("{backend: [jax, tensorflow]}", "Keras takes one backend a process"),
        ("{layers: [[Dense: 1]], layers.0.Dense.units: [4]}", "one holds the other"),
        ("{}", "no axis is given"),
    ],
)
def test_axes_that_no_trial_could_take_are_refused(tmp_path, axes, told):
    assert told in refusal(tmp_path, f"sweep: {{axes: {axes}}}\n")


@pytest.mark.parametrize(
    ("sweep", "told"),
    [
        ("metric: val_mea", "did you mean 'val_mae'?"),
        ("metric: learning_rate", "no epoch logs the figure"),
        ("sampler: tpee", "did you mean 'tpe'?"),
        ("pruner: halving", "expected none, successive_halving"),
        ("trials: 0", "at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path, sweep, told):
    assert told in refusal(tmp_path, f"sweep: {{axes: {{batch_size: [8]}}, {sweep}}}\n")


def test_a_problem_points_at_the_value_among_the_axes(tmp_path):
    told = refusal(tmp_path, "sweep:\n  axes:\n    batch_size: [8, none]\n")
    assert "config.yaml:10:21: batch_size: expected a whole number" in told


def test_a_sweep_without_a_validation_part_is_told_how_to_get_one(tmp_path):
    base = BASE.replace(", split: {validation: 0.2}", "")
    text = "sweep: {axes: {batch_size: [8]}}\n"
    assert "data.split.validation, or `folds`" in refusal(tmp_path, text, base)
    assert spec_of(tmp_path, text + "folds: 3\n", base).sweep is not None


def test_a_grid_of_a_million_points_needs_a_budget(tmp_path):
    axes = "{batch_size: {int: [1, 1000]}, epochs: {int: [1, 1000]}}"
    grid = f"axes: {axes}, sampler: grid"
    assert "this grid has 1,000,000 points (1000 x 1000)" in refusal(
        tmp_path, f"sweep: {{{grid}}}\n"
    )
    assert spec_of(tmp_path, f"sweep: {{{grid}, timeout: 60}}\n").sweep.num_trials == 1_000_000
    swept = spec_of(tmp_path, f"sweep: {{{grid}, trials: 5}}\n").sweep
    points = planned_points(swept, seed=3)
    assert len({(point["batch_size"], point["epochs"]) for point in points}) == 5


def test_a_grid_takes_no_range_without_points(tmp_path):
    axes = "{optimizer.Adam.learning_rate: {uniform: [0.1, 0.2]}}"
    told = refusal(tmp_path, f"sweep: {{axes: {axes}, sampler: grid}}\n")
    assert "has no points of its own" in told


def test_a_grid_has_every_point_once(tmp_path):
    axes = "{batch_size: [8, 16], epochs: {int: [2, 6], step: 2}}"
    swept = spec_of(tmp_path, f"sweep: {{axes: {axes}, sampler: grid}}\n").sweep
    points = planned_points(swept, seed=0)
    assert [(point["batch_size"], point["epochs"]) for point in points] == [
        *((8, 2), (8, 4), (8, 6)),
        *((16, 2), (16, 4), (16, 6)),
    ]


def test_random_points_lie_in_their_ranges_and_begin_alike(tmp_path):
    axes = (
        "{optimizer.Adam.learning_rate: {log: [1e-4, 1e-2]}, batch_size: {int: [8, 32], step: 8},"
        " layers.hidden.activation: [relu, tanh]}"
    )
    text = f"sweep: {{axes: {axes}, sampler: random, trials: %d}}\n"
    few = planned_points(spec_of(tmp_path, text % 20).sweep, seed=1)
    more = planned_points(spec_of(tmp_path, text % 400).sweep, seed=1)
    assert more[:20] == few
    rates = sorted(point["optimizer.Adam.learning_rate"] for point in more)
    assert rates[0] >= 1e-4 and rates[-1] <= 1e-2
    assert 5e-4 < rates[200] < 2e-3  # the median of a logarithmic range is its geometric mean
    assert Counter(point["batch_size"] for point in more).keys() == {8, 16, 24, 32}
    assert planned_points(spec_of(tmp_path, text % 20).sweep, seed=2) != few


def test_a_point_is_written_at_its_keys(tmp_path):
    text = """\
sweep:
  axes:
    layers.hidden.units: [4, 5]
    optimizer: [{SGD: {momentum: 0.9}}, Adam]
    data.columns.x.scale: [standard]
"""
    spec = spec_of(tmp_path, text)
    axes = spec.sweep.parsed_axes
    assert axes[1].labels == ("1: {SGD: {momentum: 0.9}}", "2: Adam")
    point = {
        "layers.hidden.units": 5,
        "optimizer": "1: {SGD: {momentum: 0.9}}",
        "data.columns.x.scale": "standard",
    }
    built = build_trial(spec.origin, axes, point, build_spec)
    assert built.sweep is None
    assert built.layers[0].component.arguments["units"] == 5
    assert built.optimizer.name == "SGD"
    assert built.data.columns["x"].scale == "standard"
    untouched = with_point(spec.origin, axes, {}).values
    assert untouched["optimizer"] == "Adam"


def test_files_of_an_axis_are_relative_to_the_config(tmp_path):
    axis = spec_of(tmp_path, "sweep: {axes: {data.source: [a.csv, /b.csv]}}\n").sweep.axes
    assert axis["data.source"] == [str(tmp_path / "a.csv"), "/b.csv"]


def test_a_sweep_is_written_as_it_is_read(tmp_path):
    text = """\
folds: {n_splits: 3, n_repeats: 2}
sweep:
  axes: {batch_size: {int: [8, 32], step: 8}, layers: [[{Dense: 1}], [{Dense: 2}, {Dense: 1}]]}
  pruner: {successive_halving: {min_resource: 1, reduction_factor: 2}}
  trials: 7
"""
    spec = spec_of(tmp_path, text)
    again = tmp_path / "again.yaml"
    again.write_text(to_yaml(spec, folder=tmp_path), encoding="utf-8")
    read = load_spec(again)
    assert read.sweep == spec.sweep
    assert read.folds == spec.folds


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("val_loss", None, "minimize"),
        ("val_PE_loss", None, "minimize"),
        ("val_auc", "AUC", "maximize"),
        ("r2_score", "R2Score", "maximize"),
        ("val_mae", "MeanAbsoluteError", "minimize"),
        ("val_mean", "Mean", None),
    ],
)
def test_the_direction_of_a_figure_is_known(name, kind, expected):
    metrics = {} if kind is None else {name.removeprefix("val_"): kind}
    assert direction_of(name, metrics) == expected


@pytest.mark.parametrize(
    ("folds", "told"),
    [
        ("1", "at least 2"),
        ("{n_split: 3}", "did you mean 'n_splits'?"),
        ("{n_splits: 3, time: x, n_repeats: 2}", "folds that follow time are the same each time"),
        ("{n_splits: 3, group: x, stratify: z}", "cannot follow both"),
    ],
)
def test_folds_that_cannot_be_are_refused(tmp_path, folds, told):
    assert told in refusal(tmp_path, f"folds: {folds}\n")


def test_folds_follow_what_the_split_follows(tmp_path):
    spec = spec_of(tmp_path, "folds: {n_splits: 3, group: x}\n")
    assert spec.data.split.group == "x"
    base = BASE.replace("validation: 0.2", "validation: 0.2, group: z")
    told = refusal(tmp_path, "folds: {n_splits: 3, group: x}\n", base)
    assert "data.split.group says otherwise" in told


def test_windows_have_no_folds(tmp_path):
    base = BASE.replace("split: {validation: 0.2}", "window: {time: t, length: 2, horizon: 1}")
    assert "folds cut rows" in refusal(tmp_path, "folds: 3\n", base)
