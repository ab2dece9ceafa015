"""What a training needs and what it gives back: plain values that can cross processes."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from dlcli.data.dataset import Dataset
from dlcli.model.layer_summary import LayerSummary
from dlcli.spec.heads import Objective
from dlcli.spec.run import RunSpec


@dataclass(frozen=True, kw_only=True)
class StartRecord:
    """What a network took from an earlier run."""

    run: str
    taken: tuple[str, ...]
    """Layers that start with its weights."""
    left: dict[str, str]
    """Layers with weights of their own, and why."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A training that chose the number of epochs on the validation part, for one on all rows."""

    epochs: int
    """The best one, counted from 1."""
    history: list[dict[str, float]]
    predictions: dict[str, dict[str, NDArray[Any]]]
    """Its raw outputs by part: `train`, without the validation rows, and `validation`."""
    evaluation: dict[str, float]
    """Keras's own figures on the validation part."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """One training: the checked config, the arrays, and the folder for what it writes."""

    spec: RunSpec
    dataset: Dataset
    objectives: tuple[Objective, ...]
    folder: Path
    threads: int | None = None
    memory_budget_bytes: int | None = None
    """Larger data train in blocks; None is a quarter of the memory."""
    state: Path | None = None
    """Where training keeps the state that it can go on from; None keeps none."""
    resumes: bool = False
    """Whether to go on from that state where there is one."""
    init_model: Path | None = None
    """The `model.keras` of the run that `init_from` names."""
    debug: bool = False
    keeps: bool = False
    """Whether the compiled network stays in this process, for the next training of its shape."""
    selection: Selection | None = None
    """What came before a training on all rows."""


def with_members(job: TrainingJob) -> TrainingJob:
    """Return the job of an ensemble as its network is read: every output has the members' answers."""
    if job.spec.ensemble is None:
        return job
    count = job.spec.ensemble.members
    return replace(job, objectives=tuple(replace(each, members=count) for each in job.objectives))


@dataclass(frozen=True, kw_only=True)
class OnnxRecord:
    """Whether the network stands in an ONNX file, and how far that is from Keras."""

    written: bool
    writer: str | None = None
    """`dlcli`, or `keras` for networks with layers beyond our table."""
    reason: str | None = None
    max_difference: float | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingOutcome:
    """What training reached; `model.keras` and, where it exports, `model.onnx` are in the job's folder."""

    history: list[dict[str, float]]
    predictions: dict[str, dict[str, NDArray[Any]]]
    """Part (`train`, `validation`, `test`) to output name to raw outputs [rows, units]."""
    evaluation: dict[str, dict[str, float]]
    """Part to Keras's own figures: loss and metrics, in the scale that training sees."""
    layers: tuple[LayerSummary, ...]
    num_parameters: int
    path: str
    uses_xla: bool
    reason: str | None
    compiled_calls: int
    blocks: int | None
    """Blocks of an epoch where the training part was streamed, None where the device held it."""
    seconds: dict[str, float | None]
    interrupted: bool
    went_on_after: int | None
    """Epochs that an earlier process had done, None where there was no such process."""
    started_from: StartRecord | None
    frozen: tuple[str, ...]
    """Layers that were not trained."""
    best_epoch: int | None
    """The best one on the validation part, counted from 1: by EarlyStopping's figure, else by the
    loss; None without such a part."""
    saves: int
    """How often the state was saved; `seconds` tells for how long."""
    onnx: OnnxRecord
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class JudgedNetwork:
    """What is known of a network that was trained to be judged, and not kept."""

    history: list[dict[str, float]]
    predictions: dict[str, dict[str, NDArray[Any]]]
    """Part to output name to raw outputs [rows, units], of the parts that were asked for."""
    evaluation: dict[str, dict[str, float]]
    """Part to Keras's own figures: loss and metrics, in the scale that training sees."""
    num_parameters: int
    path: str
    reused: bool
    """Whether the epochs were compiled by an earlier training."""
    interrupted: bool
    went_on_after: int | None
    """Epochs that an earlier process had done, None where there was no such process."""
    seconds: dict[str, float | None]


class Watcher(Protocol):
    """Whoever shows progress and may ask for an early end."""

    def on_stage(self, text: str) -> None: ...

    def on_start(self, *, epochs: int) -> None: ...

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None: ...

    def should_stop(self) -> bool: ...
