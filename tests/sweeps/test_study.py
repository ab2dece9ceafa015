"""Trials in Optuna's storages: claimed once, given back, recorded; a journal that was cut off."""

import json
import subprocess
import sys

import pytest

from dlcli.spec.sweep import Axis, HalvingSpec
from dlcli.sweeps.study import JOURNAL, open_study

AXES = (
    Axis(key="units", choices=(8, 16)),
    Axis(key="rate", range="log", low=1e-4, high=1e-2),
    Axis(key="layers", choices=([{"Dense": 1}], ["Flatten", {"Dense": 1}])),
)


def study_in(folder, *, storage="journal", sampler="tpe", owner="aa" * 16, **settings):
    return open_study(
        storage,
        folder,
        name="s",
        owner=owner,
        planned=3,
        axes=AXES,
        direction="minimize",
        sampler=sampler,
        seed=3,
        halving=settings.get("halving"),
        most_resource=9,
    )


@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_trials_are_claimed_once_and_recorded(tmp_path, storage):
    study = study_in(tmp_path, storage=storage)
    study.plan([None, None, None])
    study.plan([None, None, None])
    claims = [study.claim() for _ in range(4)]
    assert claims[3] is None
    assert [claim.number for claim in claims[:3]] == [0, 1, 2]
    assert len({claim.point["rate"] for claim in claims[:3]}) == 3
    assert claims[0].point["layers"] in AXES[2].labels
    study.finish(0, "complete", 0.5, {"epochs": 3, "seconds": 1.5, "metrics": {"val_loss": 0.5}})
    error = {"message": "no", "hint": None, "exit_code": 5, "problems": []}
    study.finish(1, "failed", None, {"error": error})
    study.give_back(2)
    again = study_in(tmp_path, storage=storage)
    first, second, third = again.trials()
    assert (first.state, first.figure, first.epochs, first.attempts) == ("complete", 0.5, 3, 1)
    assert first.values == claims[0].point
    assert (second.state, second.error) == ("failed", error)
    assert (third.state, third.values) == ("waiting", claims[2].point)
    assert not again.is_finished(3)
    taken = again.claim()
    assert (taken.number, taken.point, taken.attempts) == (2, claims[2].point, 2)


def test_orphans_of_the_same_folder_wait_again_and_those_of_others_do_not(tmp_path):
    study = study_in(tmp_path)
    study.plan([None, None])
    study.claim()
    other = study_in(tmp_path, owner="bb" * 16)
    other.claim()
    again = study_in(tmp_path)
    again.give_back_orphans()
    assert [trial.state for trial in again.trials()] == ["waiting", "running"]


def test_planned_points_are_tried_as_they_are(tmp_path):
    points = [
        {"units": 16, "rate": 0.001, "layers": AXES[2].labels[1]},
        {"units": 8, "rate": 0.002, "layers": AXES[2].labels[0]},
    ]
    study = study_in(tmp_path, sampler="grid")
    study.plan(points)
    assert [trial.values for trial in study.trials()] == points
    assert [study.claim().point for _ in points] == points
    study.plan([*points, {**points[0], "units": 8}])
    assert len(study.trials()) == 3


def test_successive_halving_prunes_what_falls_behind(tmp_path):
    study = study_in(tmp_path, halving=HalvingSpec(min_resource=2, reduction_factor=2))
    assert study.rungs == [2, 4, 8]
    study.plan([None] * 4)
    figures = [0.1, 0.9, 0.8, 0.05]
    numbers = [study.claim().number for _ in figures]
    pruned = [
        study.report(number, figure, 2) for number, figure in zip(numbers, figures, strict=True)
    ]
    assert pruned == [True, True, True, False] or pruned[1:] == [True, True, False]
    assert study.report(numbers[3], float("nan"), 4)


def test_more_values_than_a_database_holds_go_by_their_places(tmp_path):
    many = Axis(key="note", choices=tuple(f"a long value {number:>40}" for number in range(60)))
    study = open_study(
        "journal",
        tmp_path,
        name="s",
        owner="aa",
        planned=1,
        axes=(many,),
        direction="maximize",
        sampler="grid",
        seed=0,
        halving=None,
        most_resource=1,
    )
    study.plan([{"note": many.labels[41]}])
    assert study.claim().point == {"note": many.labels[41]}
    assert study.trials()[0].values == {"note": many.labels[41]}


def test_a_line_that_a_killed_process_left_half_written_is_mended(tmp_path):
    study = study_in(tmp_path)
    study.plan([None, None])
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"op_code":5,"worker_id":"x')
    again = study_in(tmp_path)
    again.plan([None, None, None])
    assert again.claim().number == 0
    for line in (tmp_path / JOURNAL).read_bytes().splitlines():
        json.loads(line)


HOLDER = """
import fcntl, os, sys, time
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


def test_a_lock_ends_with_its_holder(tmp_path):
    study = study_in(tmp_path)
    lock = str(tmp_path / f"{JOURNAL}.lock")
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, lock], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    holder.kill()
    holder.wait()
    holder.stdout.close()
    study.plan([None])
    assert len(study.trials()) == 1
