import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dlcli.commands.optimize import OptimizeOptions, optimize
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.errors import RunError, UsageError

REPOSITORY = Path(__file__).parents[2]
DAY = ("day=2024-05-05",)
NOT_MET = "no point found that meets every condition; the one that comes nearest misses"


def _best(run, **options):
    found = optimize(str(run.path), OptimizeOptions(fixed=DAY, **options))
    return found, found.answer.solutions[0]


def _copy(run, folder):
    """Copy a run with its data beside it, as a project that was moved."""
    shutil.copytree(run.path.parent, folder)
    return folder / run.path.name


@pytest.fixture(scope="module")
def brazing_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("brazing") / "run"
    config = REPOSITORY / "configs" / "brazing.yaml"
    return train(config, TrainOptions(out=out), QuietDisplay()).run


def test_the_optimum_of_brazing_is_at_least_as_good_as_its_best_row(brazing_run):
    found = optimize(str(brazing_run.path), OptimizeOptions(minimize=("stress_max_mpa",)))
    solution = found.answer.solutions[0]
    with (REPOSITORY / "datasets" / "brazing.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    best = min(float(row["stress_max_mpa"]) for row in rows)
    assert solution.predictions["stress_max_mpa"] <= best
    assert found.answer.best_row is not None
    assert found.answer.best_row.goals == {"stress_max_mpa": best}
    assert solution.is_inside
    assert len(solution.nearest) == 3
    assert "brazing.csv, row" in solution.nearest[0].place
    assert solution.nearest[0].distance == pytest.approx(solution.distance)


def test_the_optimum_of_a_known_function_is_found(linear_run):
    found, solution = _best(linear_run, minimize=("y",), bounds=("colour=red,blue",))
    assert solution.predictions["y"] == pytest.approx(-10, abs=0.01)
    assert solution.inputs["a"] == pytest.approx(0, abs=1e-3)
    assert solution.inputs["b"] == pytest.approx(5, abs=1e-3)
    assert solution.inputs["colour"] == "blue"
    assert solution.inputs["flag"] is False
    assert solution.inputs["day"] == "2024-05-05"
    assert solution.at_bound["b"] == "upper"
    assert "better values may lie beyond the bounds of a (lower, 0), b (upper, 5)" in (
        found.to_text()
    )


def test_whole_numbers_conditions_and_fixed_inputs_are_kept(linear_run):
    _, solution = _best(
        linear_run,
        maximize=("y",),
        integers=("a",),
        bounds=("b=0:5", "flag=no"),
        conditions=("a + 2*b <= 7.5", "z >= -4.5"),
    )
    # a = 4 and b = 0 break nothing; a = 5 needs b >= 0.5, which is worth it.
    assert solution.inputs["a"] == 5
    assert solution.inputs["b"] == pytest.approx(0.5, abs=1e-3)
    assert solution.predictions["y"] == pytest.approx(3 * 5 - 2 * 0.5 + 5, abs=0.01)
    assert all(room >= -1e-6 for room in solution.slack.values())


def test_equations_of_inputs_and_predictions_are_met(linear_run):
    _, solution = _best(
        linear_run, minimize=("a",), conditions=("z = 1", "y / b = 2", "a + b <= 5")
    )
    # With colour red and no flag, b = a + 1 and 3a - 2b + 5 = 2b have the one solution 1, 2.
    assert solution.inputs["a"] == pytest.approx(1, abs=1e-3)
    assert solution.inputs["b"] == pytest.approx(2, abs=1e-3)
    assert solution.predictions["z"] == pytest.approx(1, abs=1e-3)


def test_a_target_value_and_weights(linear_run):
    _, solution = _best(linear_run, targets=("y=12.5",))
    assert solution.predictions["y"] == pytest.approx(12.5, abs=1e-3)
    _, for_y = _best(linear_run, minimize=("y",), maximize=("a",), weights=("y=10",))
    _, for_a = _best(linear_run, minimize=("y",), maximize=("a",), weights=("a=10",))
    assert for_y.inputs["a"] == pytest.approx(0, abs=1e-3)
    assert for_a.inputs["a"] == pytest.approx(10, abs=1e-3)


def test_a_front_trades_one_goal_for_another(linear_run):
    options = OptimizeOptions(
        minimize=("y",), maximize=("a",), fixed=DAY, pareto=True, points=5, bounds=("b=0:1",)
    )
    found = optimize(str(linear_run.path), options)
    solutions = found.answer.solutions
    assert len(solutions) == 5
    pairs = [(each.goals["y"], each.goals["a"]) for each in solutions]
    assert pairs == sorted(pairs)
    for y, a in pairs:
        assert y == pytest.approx(3 * a - 2, abs=0.02)
    assert "5 points, none better than another in every goal" in found.to_text()


def test_a_probability_is_maximized(classes_run):
    found = optimize(str(classes_run.path), OptimizeOptions(maximize=("kind=middle",)))
    solution = found.answer.solutions[0]
    assert solution.predictions == {"kind": "middle"}
    assert solution.probabilities["kind"]["middle"] > 0.5
    assert found.answer.best_row is None
    assert "kind=middle" in found.to_text()


def test_the_same_seed_gives_the_same_json(linear_run):
    first, again = (
        optimize(str(linear_run.path), OptimizeOptions(minimize=("y",), fixed=DAY)).to_json()
        for _ in range(2)
    )
    assert first == again
    json.dumps(first, allow_nan=False)
    assert first["searched"]["colour"] == {
        "kind": "category", "choices": ["blue", "green", "red"],
    }  # fmt: skip
    assert first["fixed"] == {"day": "2024-05-05"}


def test_inside_stays_where_the_data_lie(linear_run):
    free, anywhere = _best(linear_run, minimize=("y",))
    _, inside = _best(linear_run, minimize=("y",), inside=True)
    assert free.answer.spacing is not None
    assert inside.distance <= free.answer.spacing.most + 1e-9
    assert inside.is_inside
    assert inside.predictions["y"] >= anywhere.predictions["y"]


def test_extrapolation_is_allowed_and_said(linear_run):
    found, solution = _best(linear_run, minimize=("y",), bounds=("a=-5:20",))
    assert solution.inputs["a"] == pytest.approx(-5, abs=1e-3)
    assert (
        "--bounds a=-5:20 reaches beyond the training range 0 to 10: predictions there are "
        "extrapolated"
    ) in found.warnings
    assert solution.is_inside is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conditions": ("a + b <= -8",)}, f"{NOT_MET} 'a + b <= -8' by 3"),
        ({"conditions": ("y >= 100",)}, f"{NOT_MET} 'y >= 100' by "),
        ({"pareto": True}, "--pareto needs two goals or more, got 1"),
        (
            {"pareto": True, "maximize": ("a",), "weights": ("a=2",)},
            "--pareto weighs no goal against another, so --weight means nothing",
        ),
    ],
)
def test_what_cannot_be_met_says_so(linear_run, options, message):
    with pytest.raises(UsageError) as caught:
        _best(linear_run, minimize=("y",), **options)
    assert caught.value.message.startswith(message)


def test_a_goal_that_is_nowhere_a_number_says_so(linear_run):
    with pytest.raises(UsageError, match=r"no point found where '\(0 - 1 - a\) \*\* 0.5' is"):
        _best(linear_run, minimize=("(0 - 1 - a) ** 0.5",))


def test_changed_data_leave_the_real_rows_out(classes_run, tmp_path):
    run = _copy(classes_run, tmp_path / "moved")
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    manifest["data"]["sources"][0]["path"] = str(tmp_path / "gone" / "classes.csv")
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    options = OptimizeOptions(minimize=("noise",))
    # The data moved with the run: the config still leads to them.
    best = optimize(str(run), options).answer.best_row
    assert best is not None
    assert best.goals["noise"] == best.row.inputs["noise"]
    with (tmp_path / "moved" / "classes.csv").open("a", encoding="utf-8") as file:
        file.write("\n1,1,1,small")
    found = optimize(str(run), options)
    solution = found.answer.solutions[0]
    assert solution.at_bound["noise"] == "lower"
    assert (found.answer.best_row, solution.distance, solution.nearest) == (None, None, ())
    assert found.warnings[0].endswith(
        "is not the one that trained this run: it has changed; without it nothing is said of "
        "distances and real rows"
    )
    with pytest.raises(RunError, match="--inside needs the training data: the data file"):
        optimize(str(run), OptimizeOptions(minimize=("noise",), inside=True))


def test_keras_is_not_loaded(linear_run):
    code = (
        "import sys; from dlcli.commands.optimize import OptimizeOptions, optimize; "
        "from dlcli.commands.importance import ImportanceOptions, importance; "
        f"optimize({str(linear_run.path)!r}, "
        f"OptimizeOptions(minimize=('y',), fixed={DAY!r})).to_text(); "
        f"importance({str(linear_run.path)!r}, ImportanceOptions()).to_text(); "
        "print([m for m in ('keras', 'tensorflow', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    assert done.stdout.strip() == "[]"
