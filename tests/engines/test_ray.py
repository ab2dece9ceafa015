"""Trainings on a real Ray cluster of two machines, which are processes with a network of their own."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = [pytest.mark.ray, pytest.mark.slow]

REPOSITORY = Path(__file__).parents[2]
ADDRESS = "127.0.0.1:6399"
SECONDS = 400.0
"""The longest that anything takes on a busy machine."""
CONFIG = (REPOSITORY / "tests" / "swept.yaml").read_text(encoding="utf-8").replace("swept", "far")
# An epoch takes the same time on any machine, and all of them some seconds.
NAPS = """
import time
import keras

class Nap(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        time.sleep(0.05)
"""
EPOCHS = 120
LONG = CONFIG.replace("epochs: 8", f"epochs: {EPOCHS}\ncallbacks: [Nap]\nimports: [naps.py]")


@dataclass(frozen=True)
class Cluster:
    """A network with nothing but the loopback address, and what runs in it."""

    holder: int
    hidden: Path
    """A folder that the second machine does not see."""
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    def command(self, *arguments: str) -> list[str]:
        return ["nsenter", f"--net=/proc/{self.holder}/ns/net", *arguments]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start dlcli in the network."""
        process = subprocess.Popen(
            self.command(sys.executable, "-m", "dlcli", *arguments),
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run dlcli in the network; return what it prints, of a failure what it says."""
        return self.end(self.start(*arguments), code=code)

    def end(self, process: "subprocess.Popen[str]", *, code: int = 0) -> str:
        """Wait for a command; return what it prints, of a failure what it says."""
        output, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == code, errors
        return errors if code else output

    def processes(self) -> list[int]:
        """Return the processes that are in the network, but for the one that holds it."""
        own, found = Path(f"/proc/{self.holder}/ns/net").readlink(), []
        for item in Path("/proc").iterdir():
            if item.name.isdigit() and int(item.name) != self.holder:
                try:
                    is_in = (item / "ns" / "net").readlink() == own
                except OSError:
                    continue
                if is_in and "Z" not in (item / "stat").read_text().rpartition(")")[2].split()[:1]:
                    found.append(int(item.name))
        return found

    def working(self) -> list[int]:
        """Return the workers that do a task at this moment."""
        lines = {each: _command_line(each) for each in self.processes()}
        return sorted(each for each, line in lines.items() if "ray::RayWorker" in line)


def _command_line(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray's own 15 would let everything else on a busy machine come first.
        "RAY_worker_niceness": "0",
    }


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    up = "ip link set lo up && echo up && exec sleep infinity"
    holder = subprocess.Popen(["unshare", "--net", "sh", "-c", up], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"up\n", "these tests make a network, as only root may"
    made = Cluster(holder=holder.pid, hidden=tmp_path_factory.mktemp("hidden"))
    ray = str(Path(sys.executable).with_name("ray"))
    # A socket's path has room for a hundred characters.
    folder = Path(f"/tmp/ray-{os.getpid()}")
    small = ["--num-cpus", "1", "--object-store-memory", "100000000", "--disable-usage-stats"]
    small += ["--node-ip-address", "127.0.0.1"]
    head = ["--head", "--port", "6399", "--include-dashboard", "false", "--temp-dir", str(folder)]
    hides = f"mount -t tmpfs none {made.hidden} && exec "
    second = " ".join([ray, "start", "--address", ADDRESS, *small[:-3], *small[-2:]])
    try:
        for command in (
            made.command(ray, "start", *head, *small),
            made.command("unshare", "--mount", "sh", "-c", hides + second),
        ):
            subprocess.run(command, env=_environment(), check=True, capture_output=True)
        yield made
    finally:
        for process in made.processes():
            os.kill(process, signal.SIGKILL)
        _await(lambda: not made.processes(), seconds=10)
        for each in made.started:
            each.communicate()
        holder.kill()
        holder.communicate()
        subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.fixture
def write(tmp_path, monkeypatch) -> Callable[..., str]:
    """Write a config beside its table and its code, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(1)
    rows = [f"{x:.4f},{3 * x + 1:.4f}" for x in random.normal(0, 1, 120)]
    Path("t.csv").write_text("\n".join(["x,y", *rows]) + "\n", encoding="utf-8")
    Path("naps.py").write_text(NAPS, encoding="utf-8")

    def written(more: str = "", base: str = CONFIG) -> str:
        Path("c.yaml").write_text(base + more, encoding="utf-8")
        return "c.yaml"

    return written


def _await(
    seen: Callable[[], Any],
    process: "subprocess.Popen[str] | None" = None,
    *,
    seconds: float = SECONDS,
) -> Any:
    """Wait until something is there, while a process is at work on it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = seen()
        if found:
            return found
        assert process is None or process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


def _files(folder: str) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*")}


def _history(run: str) -> list[dict[str, float]]:
    with Path(run, "history.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{name: float(value) for name, value in row.items()} for row in rows]


def _metrics(run: str) -> dict[str, Any]:
    return json.loads(Path(run, "metrics.json").read_text(encoding="utf-8"))


FAR = ("--engine", "ray", "--address", ADDRESS, "--allow-code")


def test_a_sweep_whose_worker_is_killed_is_that_of_one_machine(cluster, write):
    axes = "{optimizer.Adam.learning_rate: [0.001, 0.01, 1e30]}"
    config = write(f"sweep: {{axes: {axes}, sampler: grid, workers: 2}}\n", LONG)
    driver = cluster.start("sweep", config, *FAR, "--out", "far", "--json")
    # Whichever of the two is killed has saved a state to go on from.
    saved = [Path(f"far/trials/000{number}/state.npz") for number in (0, 1)]
    _await(lambda: all(path.is_file() for path in saved), driver)
    os.kill(cluster.working()[0], signal.SIGKILL)
    far = json.loads(cluster.end(driver))
    near = json.loads(
        cluster.run(*("sweep", config, "--allow-code", "--workers", "0", "--out", "near", "--json"))
    )
    states = [trial["state"] for trial in far["trials"]]
    assert states == ["complete", "complete", "failed"]
    assert sorted(trial["attempts"] for trial in far["trials"][:2]) == [1, 2]
    (again,) = [trial for trial in far["trials"] if trial["attempts"] == 2]
    assert 0 < again["went_on_after"] < EPOCHS
    assert again["epochs"] == EPOCHS
    for one, other in zip(far["trials"], near["trials"], strict=True):
        assert one.get("figure") == other.get("figure")
        assert one.get("metrics") == other.get("metrics")
    assert _history("far/trials/0001") == _history("near/trials/0001")
    assert _history("far/best") == _history("near/best")
    assert "engine: local" in Path("far/trials/0000/config.yaml").read_text(encoding="utf-8")
    assert _files("far") - {"workers", "workers/worker-1.log", "workers/worker-2.log"} == _files(
        "near"
    )


@pytest.mark.parametrize("several", ["folds: 3\n", "ensemble: 2\n"])
def test_folds_and_members_that_train_at_once_are_those_of_one_machine(cluster, write, several):
    config = write(several, LONG.replace(str(EPOCHS), "60"))
    driver = cluster.start("train", config, *FAR, "--workers", "2", "--out", "far", "--quiet")
    staged = "*/resume/folds/*.npz" if "folds" in several else "*/resume/members/*.npz"
    _await(lambda: list(Path().glob(staged)), driver)
    os.kill(cluster.working()[0], signal.SIGKILL)
    cluster.end(driver)
    cluster.run("train", config, "--allow-code", "--out", "near", "--quiet")
    far, near = _metrics("far"), _metrics("near")
    assert far["parts"] == near["parts"]
    if "folds" in several:
        assert far["folds"]["targets"] == near["folds"]["targets"]
        assert Path("far/out_of_fold.csv").read_text() == Path("near/out_of_fold.csv").read_text()
    assert _history("far") == _history("near")
    assert _files("far") == _files("near")


def test_two_processes_train_the_network_that_one_trains(cluster, write):
    pytest.importorskip("jax")
    base = LONG.replace("seed: 3", "seed: 3\nbackend: jax").replace(
        "Dense: 1]", "Dropout: 0.1, Dense: 1]"
    )
    config = write("", base)
    driver = cluster.start("train", config, *FAR, "--workers", "2", "--out", "far", "--quiet")
    _await(lambda: list(Path().glob("*/resume/state.npz")), driver)
    os.kill(cluster.working()[-1], signal.SIGKILL)
    cluster.end(driver)
    cluster.run("train", config, "--allow-code", "--out", "near", "--quiet")
    far, near = _history("far"), _history("near")
    assert len(far) == len(near) == EPOCHS
    for one, other in zip(far, near, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    manifest = json.loads(Path("far/manifest.json").read_text(encoding="utf-8"))
    assert manifest["training"]["went_on_after"] > 0
    assert manifest["training"]["path"] == "compiled"
    predicted = [
        np.genfromtxt(f"{run}/predictions.csv", delimiter=",", names=True)["predicted_y"]
        for run in ("far", "near")
    ]
    np.testing.assert_allclose(predicted[0], predicted[1], rtol=1e-3, atol=1e-4)
    assert _files("far") == _files("near")


def test_a_worker_without_the_data_is_told_before_anything_runs(cluster, write):
    config = write("sweep: {axes: {batch_size: [8, 16]}, sampler: grid, workers: 2}\n")
    hidden = cluster.hidden / "t.csv"
    hidden.write_bytes(Path("t.csv").read_bytes())
    told = cluster.run(
        *("sweep", config, *FAR, "--out", "s", "--set", f"data.source={hidden}"), code=4
    )
    assert f"lacks what the config reads: {hidden} is not there" in told
    assert not list(Path("s/trials").glob("*"))


def test_more_workers_than_there_is_room_for_are_refused(cluster, write):
    config = write("folds: 3\n")
    told = cluster.run("train", config, *FAR, "--workers", "3", code=6)
    assert "the cluster has room for 2 of 3 workers, of 1 CPUs each" in told
