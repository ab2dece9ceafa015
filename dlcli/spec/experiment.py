"""RunSpec: every key of a config, with its kind, its default and its reference text."""

from dataclasses import dataclass, field
from typing import Literal

from dlcli.spec.callbacks import CallbackField
from dlcli.spec.components import Component, ComponentSpec
from dlcli.spec.containers import ListOf, MapOf, OneOf
from dlcli.spec.data import DataSpec
from dlcli.spec.engine import ENGINE, EngineSpec
from dlcli.spec.ensemble import ENSEMBLE, EnsembleSpec
from dlcli.spec.fields import Boolean, Choice, Integer, Number, Text
from dlcli.spec.folds import FOLDS, FoldsSpec
from dlcli.spec.layers import LayerField, LayerSpec
from dlcli.spec.places import Source
from dlcli.spec.refit import REFIT, RefitSpec
from dlcli.spec.sections import Section, setting
from dlcli.spec.starting import FREEZE, INIT_FROM, Freeze, InitFrom
from dlcli.spec.sweep import SweepSpec
from dlcli.spec.thresholds import THRESHOLD
from dlcli.spec.tracking import TRACK, TrackSpec
from dlcli.spec.training import LOSS, METRICS, PerOutput

GRAMMAR_VERSION = 1

BASELINES = ("mean", "linear", "tree", "forest", "boosting", "knn")


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One experiment: data, network, training."""

    name: str = setting(
        Text("a name"), "The name of the runs; the file's own name without it.", default=""
    )
    version: int = setting(
        Integer(minimum=1), "The version of this grammar.", default=GRAMMAR_VERSION
    )
    extends: str | None = setting(
        Text("a file"),
        "Another config to start from: `data` is merged key by key, every other key is replaced.",
        default=None,
    )
    seed: int = setting(
        Integer(minimum=0, maximum=2**32 - 1),
        "Seeds the split, the initial weights, the batch order and dropout.",
        default=0,
    )
    backend: Literal["tensorflow", "jax"] = setting(
        Choice(("tensorflow", "jax")), "The library that Keras computes with.", default="tensorflow"
    )
    data: DataSpec = setting(
        Section(DataSpec),
        "The table, its columns and its split, e.g. data: {source: FILE, target: COLUMN}.",
    )
    imports: tuple[str, ...] = setting(
        ListOf(Text("a Python file")),
        "Python files with Keras classes of your own, which layers, losses, metrics and callbacks "
        "may then name. They run only with --allow-code.",
        default=(),
    )
    blocks: dict[str, tuple[LayerSpec, ...]] = setting(
        MapOf(ListOf(LayerField(), 1), "block names"),
        "Lists of layers under names of their own, each used like a layer: - NAME. Every use has "
        "weights of its own; `share` uses one once more.",
        default_factory=dict,
    )
    layers: tuple[LayerSpec, ...] = setting(
        ListOf(LayerField(), 1),
        "The network: Keras layers, each taking the one before it, e.g. [Dense: 64, Dense: 1].",
    )
    init_from: InitFrom | None = setting(
        INIT_FROM,
        "An earlier run: layers of the same name and shape start with its weights, and columns are "
        "scaled and encoded as there, e.g. init_from: runs/base/001.",
        default=None,
    )
    freeze: Freeze = setting(
        FREEZE,
        "Layers whose weights stay as they are, by name or pattern, or {all_but: [...]}, e.g. "
        'freeze: [trunk, "dense*"].',
        default=None,
    )
    loss: ComponentSpec | dict[str, ComponentSpec] | None = setting(
        PerOutput(LOSS, "loss"),
        "What training makes small, one for all outputs or one for each; without it mse for numbers "
        "and the crossentropy that fits for classes.",
        default=None,
    )
    loss_weights: dict[str, float] | None = setting(
        MapOf(Number(), "outputs"),
        "How much each output's loss counts in the sum.",
        default=None,
    )
    metrics: tuple[ComponentSpec, ...] | dict[str, tuple[ComponentSpec, ...]] = setting(
        PerOutput(METRICS, "metric"),
        "What is measured each epoch beside the loss, in the scale that training sees.",
        default=(),
    )
    optimizer: ComponentSpec = setting(
        Component("optimizer"),
        "How the weights are changed.",
        default=ComponentSpec(kind="optimizer", name="Adam"),
    )
    class_weight: str | dict[str, float] | None = setting(
        OneOf((Choice(("balanced",)), MapOf(Number(minimum=0), "classes"))),
        "How much each class counts in the loss: a weight by class name, or `balanced` for weights "
        "inverse to the class sizes of the training part.",
        default=None,
    )
    threshold: float | str | dict[str, float | str] | None = setting(
        THRESHOLD,
        "The probability from which the second of two classes is predicted: a number, or the "
        "figure for which it is chosen on the validation part; one, or one for each target. 0.5 "
        "without it.",
        default=None,
    )
    calibrate: Literal["none", "temperature"] = setting(
        Choice(("none", "temperature")),
        "How probabilities of classes are made as sure as they are right: temperature divides the "
        "logits by one number, the best on the validation part.",
        default="none",
    )
    baselines: tuple[str, ...] = setting(
        ListOf(Choice(BASELINES)),
        "Simpler models of the same rows whose scores stand beside the network's: `mean` (for "
        "classes the majority), `linear` (logistic regression); the others are scikit-learn's.",
        default=("mean", "linear"),
    )
    batch_size: int = setting(Integer(minimum=1), "Rows per weight update.", default=32)
    epochs: int = setting(Integer(minimum=1), "Passes over the training part, e.g. epochs: 100.")
    refit: bool | RefitSpec = setting(
        REFIT,
        "Whether to train once more, on training and validation rows together, for as many epochs "
        "as were best on the validation part; {epochs: all} for as many as there are.",
        default=False,
    )
    shuffle: bool = setting(
        Boolean(), "Whether every epoch sees the rows in a new order.", default=True
    )
    callbacks: tuple[ComponentSpec, ...] = setting(
        ListOf(CallbackField()), "Keras callbacks, called in this order.", default=()
    )
    checks: tuple[str, ...] = setting(
        ListOf(Text("a comparison")),
        "What the run's figures must reach, e.g. test.R2Score >= 0.85; exit code 7 where one falls "
        "short. `baseline.NAME` and `previous` stand for the same figure of a baseline or of the "
        "run before.",
        default=(),
    )
    ensemble: EnsembleSpec | None = setting(
        ENSEMBLE,
        "So many networks, trained one after the other with seeds of their own, that predict "
        "together: a number, or a mapping as in {members: 5, vary: folds}. Trials and folds judge "
        "single networks.",
        default=None,
    )
    folds: FoldsSpec | None = setting(
        FOLDS,
        "Cross-validation: so many networks, each judged on rows that it has not seen, beside the "
        "run's own; a number, or a mapping as in {n_splits: 5, n_repeats: 2}.",
        default=None,
    )
    sweep: SweepSpec | None = setting(
        Section(SweepSpec),
        "What `dlcli sweep` tries, e.g. sweep: {axes: {batch_size: [16, 32]}, trials: 20}; every "
        "other command takes the config as it stands.",
        default=None,
    )
    engine: str | EngineSpec = setting(
        ENGINE,
        "Where training runs: local, this machine, or ray, a cluster; or a mapping with settings, "
        "as in {ray: {address: HOST:6379, workers: 4}}.",
        default="local",
    )
    track: str | tuple[str, ...] | TrackSpec | None = setting(
        TRACK,
        "Where the run is logged beside its folder, after its last epoch: mlflow, tensorboard, both "
        "in a list, or a mapping with settings.",
        default=None,
    )
    origin: Source | None = field(default=None, compare=False, repr=False)

    @property
    def has_validation(self) -> bool:
        """Tell whether some rows are watched while training."""
        return self.data.split.validation != 0
