"""`dlcli sweep`: trials, the best as a run, budgets, failures, and what survives a kill."""

import csv
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.runs import RunFolder

RATES = "sweep: {axes: {optimizer.Adam.learning_rate: [0.001, 0.03]}, sampler: grid}\n"
REPOSITORY = Path(__file__).parents[2]
CONFIG = (Path(__file__).parents[1] / "swept.yaml").read_text(encoding="utf-8")
GRID = "sweep: {axes: {layers.hidden.units: [2, 8], optimizer.Adam.learning_rate: [0.001, 0.03]}, sampler: grid}\n"


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "t.csv"
    random = np.random.default_rng(1)
    rows = [f"{x:.4f},{3 * x + 1:.4f}" for x in random.normal(0, 1, 120)]
    path.write_text("\n".join(["x,y", *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def write(table, tmp_path, monkeypatch):
    """Write a config beside nothing else, in an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def written(sweep: str, base: str = CONFIG) -> str:
        path = tmp_path / "c.yaml"
        path.write_text(base.replace("t.csv", str(table)) + sweep, encoding="utf-8")
        return str(path)

    return written


def swept(*arguments: str, code: int = 0) -> dict:
    result = CliRunner().invoke(app, ["sweep", *arguments, "--json", "--workers", "0"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout) if not code else {"output": result.output}


def test_a_grid_tries_every_point_once_and_refits_the_best(write):
    config = write(GRID)
    found = swept(config)
    assert found["folder"] == "runs/swept/sweep-001"
    assert [trial["number"] for trial in found["trials"]] == [0, 1, 2, 3]
    assert {trial["state"] for trial in found["trials"]} == {"complete"}
    points = [tuple(trial["values"].values()) for trial in found["trials"]]
    assert points == [(2, 0.001), (2, 0.03), (8, 0.001), (8, 0.03)]
    best = min(found["trials"], key=lambda trial: trial["figure"])
    assert found["best"]["trial"] == best["number"]
    # The refitted run is an ordinary one, and reaches what the trial reached.
    run = RunFolder(Path(found["best"]["run"]))
    reached = run.load_metrics()["parts"]["validation"]["keras"]["loss"]
    assert reached == pytest.approx(best["figure"], rel=1e-5)
    text = run.config.read_text(encoding="utf-8")
    assert "sweep" not in text
    predicted = CliRunner().invoke(app, ["evaluate", found["folder"], "--json"])
    assert predicted.exit_code == 0, predicted.output
    page = Path(found["folder"], "report.html").read_text(encoding="utf-8")
    assert "Parallel coordinates" in page and "Importance" in page and "History" in page
    trial = Path(found["folder"], "trials", "0003")
    assert sorted(item.name for item in trial.iterdir()) == ["config.yaml", "history.csv"]
    with (trial / "history.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 8
    assert [each["reused"] for each in found["trials"]] == [False, True, False, True]
    # A second sweep gets a folder of its own, and a finished one is only told again.
    again = swept(config, "--resume")
    assert again["trials"] == found["trials"]


def test_a_trial_that_fails_is_recorded_and_the_others_go_on(write):
    axes = "{optimizer.Adam.learning_rate: [1e30, 0.01]}"
    found = swept(write(f"sweep: {{axes: {axes}, sampler: grid}}\n"))
    first, second = found["trials"]
    assert first["state"] == "failed"
    assert "training diverged" in first["error"]["message"]
    assert second["state"] == "complete"
    assert found["best"]["trial"] == 1
    page = Path(found["folder"], "report.html").read_text(encoding="utf-8")
    assert "training diverged" in page


def test_when_every_trial_fails_the_command_fails(write):
    axes = "{optimizer.SGD.learning_rate: [1e30, 1e31]}"
    base = CONFIG.replace("{Adam: {learning_rate: 0.01}}", "SGD")
    found = swept(write(f"sweep: {{axes: {axes}, sampler: grid}}\n", base), code=5)
    assert "every trial failed; the first one: training diverged" in found["output"]


def test_tpe_takes_values_within_the_ranges_and_prunes(write):
    axes = (
        "{optimizer.Adam.learning_rate: {log: [1e-5, 1e-1]}, batch_size: {int: [16, 32], step: 16}}"
    )
    found = swept(
        write(
            f"sweep: {{axes: {axes}, trials: 6, pruner: {{successive_halving: "
            "{min_resource: 1, reduction_factor: 2}}, metric: val_mae}\n"
        )
    )
    assert len(found["trials"]) == 6
    for trial in found["trials"]:
        assert 1e-5 <= trial["values"]["optimizer.Adam.learning_rate"] <= 1e-1
        assert trial["values"]["batch_size"] in (16, 32)
    states = [trial["state"] for trial in found["trials"]]
    assert set(states) <= {"complete", "pruned"}
    assert "pruned" in states
    assert found["metric"] == "val_mae"


def test_a_budget_of_time_leaves_the_rest_waiting_and_resume_finishes(write):
    config = write(RATES.replace("grid}", "grid, timeout: 1e-6}"))
    found = swept(config, "--out", "s")
    states = [trial["state"] for trial in found["trials"]]
    assert states == ["waiting"] * 2
    longer = swept(config, "--out", "s", "--resume", "--set", "sweep.timeout=600")
    assert [trial["state"] for trial in longer["trials"]] == ["complete"] * 2
    other = swept(config, "--out", "s", "--resume", "--set", "seed=4", code=6)
    assert "the config is not the one of this sweep: seed" in other["output"]
    twice = swept(config, "--out", "s", code=6)
    assert "sweeps are never overwritten" in twice["output"]


WHERE = "{optimizer.Adam.learning_rate: [0.001, 0.03], data.columns.x.scale: [minmax, robust]}"


def test_trials_over_the_memory_budget_train_from_disk(write):
    config = write(f"sweep: {{axes: {WHERE}, sampler: grid}}\n")
    found = swept(config, "--memory-budget", "3KB")
    assert {trial["state"] for trial in found["trials"]} == {"complete"}
    folder = Path(found["folder"])
    assert not (folder / "rows").exists()
    manifest = RunFolder(Path(found["best"]["run"])).load_manifest()
    assert manifest["data"]["from_disk"]["budget_bytes"] == 3000
    # A trial is the training of its own config, to the last bit.
    alone = folder / "trials" / "0003" / "config.yaml"
    arguments = ["train", str(alone), "--memory-budget", "3KB", "--out", "alone", "--quiet"]
    trained = CliRunner().invoke(app, arguments)
    assert trained.exit_code == 0, trained.output
    reached = RunFolder(Path("alone")).load_metrics()["parts"]["validation"]["keras"]["loss"]
    assert reached == pytest.approx(found["trials"][3]["figure"], rel=1e-6)


def test_bad_cells_of_large_data_are_told_before_a_sweep_has_a_folder(write, tmp_path):
    config = write(f"sweep: {{axes: {WHERE}, sampler: grid}}\n")
    bad = tmp_path / "bad.csv"
    bad.write_text("x,y\n" + "1.5,2\n2.5,3\n" * 2000 + "much,1\n", encoding="utf-8")
    told = swept(config, "--set", f"data.source={bad}", "--memory-budget", "3KB", code=4)
    assert "bad.csv, row 4002: 'much'" in told["output"]
    assert not Path("runs/swept").exists() or not list(Path("runs/swept").iterdir())


def test_folds_judge_every_trial_by_their_mean(write):
    config = write(RATES + "folds: 3\n")
    found = swept(config)
    for trial in found["trials"]:
        assert trial["deviation"] > 0
        assert trial["metrics"]["val_loss"] == trial["figure"]
    assert not RunFolder(Path(found["best"]["run"])).out_of_fold.exists()
    # The networks of the second rate take over what was compiled for the first one's folds.
    assert [each["reused"] for each in found["trials"]] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "told", "code"),
    [
        (["--storage", "mysql://x/y"], "expected journal, sqlite or postgresql://", 2),
        (["--set", "data.source=none.csv"], "none.csv", 4),
        (["--resume"], "nothing to resume", 6),
        (["--set", "sweep.axes={layers.9: [Flatten]}"], "there is no item '9'", 3),
    ],
)
def test_mistakes_are_told_before_anything_runs(write, arguments, told, code):
    config = write(GRID)
    result = CliRunner().invoke(app, ["sweep", config, *arguments])
    assert result.exit_code == code, result.output
    assert told in result.output
    assert not Path("runs").exists() or not list(Path("runs").rglob("trials"))


def test_a_config_without_a_sweep_is_told_what_one_looks_like(write):
    result = CliRunner().invoke(app, ["sweep", write("")])
    assert result.exit_code == 3
    assert "has no `sweep`" in result.output


def test_without_optuna_one_line_says_what_to_install(write, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "optuna" else real(name)
    )
    result = CliRunner().invoke(app, ["sweep", write(GRID)])
    assert result.exit_code == 2
    assert "pip install 'dlcli[sweep]'" in result.output


def test_an_unreachable_database_is_told_before_anything_runs(write):
    pytest.importorskip("psycopg")
    config = write(GRID)
    address = "postgresql://someone:secret@127.0.0.1:1/none"
    result = CliRunner().invoke(app, ["sweep", config, "--storage", address])
    assert result.exit_code == 6
    assert "postgresql://someone@127.0.0.1:1/none cannot be reached" in result.output
    assert "secret" not in result.output
    assert not list(Path("runs/swept").iterdir())


KILLED = "sweep: {axes: {optimizer.Adam.learning_rate: [0.001, 1e30]}, sampler: grid}\n"
EPOCHS = 200
# An epoch takes the same time on any machine, and all of them some seconds.
NAPS = """
import time
import keras

class Nap(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        time.sleep(0.02)
"""
LONG = CONFIG.replace("epochs: 8", f"epochs: {EPOCHS}\ncallbacks: [Nap]\nimports: [naps.py]")


def _await(seen, seconds: float = 120.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = seen()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to pass")


def _workers(folder: Path) -> list[int]:
    """Return the processes that work in a sweep."""
    found = []
    for item in Path("/proc").iterdir():
        try:
            line = (item / "cmdline").read_bytes() if item.name.isdigit() else b""
        except OSError:
            continue
        if b"dlcli.engines.worker" in line and str(folder.absolute()).encode() in line:
            found.append(int(item.name))
    return found


@pytest.mark.slow
def test_a_driver_and_a_worker_that_are_killed_lose_no_trial_and_no_saved_epoch(write):
    config, folder = write(KILLED, LONG), Path("s")
    Path("naps.py").write_text(NAPS, encoding="utf-8")
    driver = subprocess.Popen(
        [sys.executable, "-m", "dlcli", "sweep", config, "--out", "s", "--allow-code"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    state = folder / "trials" / "0000" / "state.npz"
    _await(state.is_file)
    (worker,) = _workers(folder)
    driver.kill()
    os.kill(worker, signal.SIGKILL)
    driver.wait()
    _await(lambda: not _workers(folder))
    with np.load(state) as saved:
        epoch = json.loads(saved["record"].tobytes())["epoch"]
    assert 0 < epoch < EPOCHS
    found = swept(config, "--out", "s", "--resume", "--allow-code")
    first, second = found["trials"]
    assert (first["state"], second["state"]) == ("complete", "failed")
    assert (first["attempts"], second["attempts"]) == (2, 1)
    assert first["went_on_after"] == epoch
    assert first["epochs"] == EPOCHS
