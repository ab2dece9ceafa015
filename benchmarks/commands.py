"""The table of latencies: every command that should be instant, beside what it is compared with."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bars import Bar, Section
from benchmarks.figures import (
    alternate,
    differences,
    format_number,
    format_range,
    format_table,
    ratios,
    spread,
)
from benchmarks.processes import REPOSITORY, Finished, run_dlcli, run_peer, run_python, say

PREDICTED_ROWS = 100
CONCRETE = REPOSITORY / "configs" / "concrete.yaml"
CONCRETE_CSV = REPOSITORY / "datasets" / "concrete.csv"
CONCRETE_INPUTS = 8

LEAN_IMPORT = "from dlcli.model.keras_import import load_keras; load_keras('tensorflow')"

TEN_MISTAKES = """\
nme: broken
sed: 1
data:
  source: table.csv
  targt: y
  split: {test: half}
  scale: standrd
layers:
  - Dens: 64
  - Dense: {units: -3, activation: rleu}
  - Dense: 1
optimizer: {Adam: {lerning_rate: 1e-3}}
batch_size: many
epochs: 0
"""


EXPLANATION = """\
Seconds of the whole process, files warm: median, least to greatest, and the median ratio to an empty
Python and to a lean import of Keras."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Something that is run in a folder which holds what `prepare` writes."""

    name: str
    run: Callable[[Path], Finished]
    max_seconds: float | None = None
    """The bar on its latency."""


Seconds = dict[str, list[float]]
"""Case name to its wall seconds, in the order of the pairs."""


def prepare(folder: Path) -> None:
    """Train a run into `folder`, and write the files that the cases read."""
    say("commands: training a run")
    run_dlcli(
        ["train", str(CONCRETE), "--out", "run", "--quiet", "--set", "epochs=5"], folder=folder
    )
    (folder / "mistakes.yaml").write_text(TEN_MISTAKES, encoding="utf-8")
    with CONCRETE_CSV.open(encoding="utf-8") as file:
        (folder / "rows.csv").write_text(
            "".join(islice(file, PREDICTED_ROWS + 1)), encoding="utf-8"
        )


def _command(*arguments: str, exit_code: int = 0) -> Callable[[Path], Finished]:
    return lambda folder: run_dlcli(arguments, folder=folder, exit_code=exit_code)


def _code(source: str) -> Callable[[Path], Finished]:
    return lambda folder: run_python(["-c", source], folder=folder)


def _train_one_epoch(folder: Path) -> Finished:
    arguments = ["train", str(CONCRETE), "--quiet", "--set", "epochs=1"]
    return run_dlcli(arguments, folder=folder)


def _predict_with_keras(folder: Path) -> Finished:
    arguments = ["run/model.keras", "rows.csv", str(CONCRETE_INPUTS), "keras.csv"]
    return run_peer("keras_predict", arguments, folder=folder)


EMPTY, LEAN, PLAIN = "python -c pass", "lean import keras", "plain import keras"
PREDICT, KERAS_PREDICT = "predict, 100 rows of CSV", "Keras: load, predict 100 rows"
TRAIN = "train, one epoch"

CASES = (
    Case(name=EMPTY, run=_code("pass")),
    Case(name="--help", run=_command("--help"), max_seconds=0.2),
    Case(name="validate", run=_command("validate", str(CONCRETE)), max_seconds=0.6),
    Case(
        name="validate, ten mistakes",
        run=_command("validate", "mistakes.yaml", exit_code=3),
        max_seconds=0.6,
    ),
    Case(name="schema", run=_command("schema"), max_seconds=0.6),
    Case(name="explain Dense", run=_command("explain", "Dense"), max_seconds=0.6),
    Case(name="summarize RUN", run=_command("summarize", "run"), max_seconds=0.6),
    Case(name="evaluate RUN", run=_command("evaluate", "run")),
    Case(
        name=PREDICT,
        run=_command(
            "predict", "run", "--data", "rows.csv", "--out", "out.csv", "--force", "--quiet"
        ),
        max_seconds=1.2,
    ),
    Case(name=KERAS_PREDICT, run=_predict_with_keras),
    Case(name=LEAN, run=_code(LEAN_IMPORT)),
    Case(name=PLAIN, run=_code("import keras")),
    Case(name=TRAIN, run=_train_one_epoch),
)


def measure_commands(*, pairs: int) -> Section:
    """Run every case once a pair, in alternating order, after a first time that does not count."""
    seconds: Seconds = {case.name: [] for case in CASES}
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prepare(folder)
        for pair in range(-1, pairs):
            say(f"commands: pair {pair + 1} of {pairs}")
            for case in alternate(CASES, pair):
                finished = case.run(folder)
                if pair >= 0:
                    seconds[case.name].append(finished.wall_seconds)
    return Section(markdown=format_commands(seconds), bars=make_bars(seconds), samples=seconds)


def make_bars(seconds: Seconds) -> tuple[Bar, ...]:
    """Return what the latencies promise."""
    latencies = [
        Bar(
            what=f"`{case.name}`: latency",
            bound=case.max_seconds,
            measured=spread(seconds[case.name]),
            unit="s",
            at_least=False,
        )
        for case in CASES
        if case.max_seconds is not None
    ]
    return (
        *latencies,
        Bar(
            what="one-epoch `train` beyond a lean import of Keras",
            bound=2.5,
            measured=differences(seconds[TRAIN], seconds[LEAN]),
            unit="s",
            at_least=False,
        ),
        Bar(
            what="`predict` of 100 rows against loading and predicting with Keras",
            bound=8.0,
            measured=ratios(seconds[KERAS_PREDICT], seconds[PREDICT]),
        ),
    )


def format_commands(seconds: Seconds) -> str:
    """Lay the table out in Markdown."""
    rows = []
    for name, samples in seconds.items():
        found = spread(samples)
        rows.append(
            [
                name,
                format_number(found.median),
                format_range(found),
                f"{format_number(ratios(samples, seconds[EMPTY]).median)}x",
                f"{format_number(ratios(samples, seconds[LEAN]).median)}x",
            ]
        )
    header = ["command", "seconds", "range", f"of {EMPTY}", f"of {LEAN}"]
    return f"## Commands\n\n{EXPLANATION}\n\n{format_table(header, rows)}"
