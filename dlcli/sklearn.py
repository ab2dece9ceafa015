"""Networks as scikit-learn estimators, configured by the keys of a config; needs scikit-learn."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlcli.api import Run
from dlcli.bundle.store import check_has_members
from dlcli.commands.estimating import (
    CALLED,
    ESTIMATOR,
    HeldRun,
    check_config,
    hold_run,
    open_held,
    train_in_memory,
    unpack_bytes,
)
from dlcli.conformal import check_level, make_intervals
from dlcli.data.frames import table_of
from dlcli.data.table import Table
from dlcli.errors import DlcliError, RunError, UsageError
from dlcli.exporting.columns import Arrays, output_arrays
from dlcli.files import reading, written_whole
from dlcli.predictions import TargetPrediction
from dlcli.runs import open_run

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import (
        _check_sample_weight,
        check_is_fitted,
        check_X_y,
        validate_data,
    )
except ImportError:
    raise UsageError(
        "dlcli.sklearn needs scikit-learn 1.6 or newer", hint="pip install 'dlcli[sklearn]'"
    ) from None

__all__ = ["EstimatorError", "NetworkClassifier", "NetworkRegressor", "load"]

HIDDEN = ({"Dense": {"units": 64, "activation": "relu"}},) * 2
"""The layers before the output of a network that no `layers` describe."""

TARGET, WEIGHT = "target", "sample_weight"

_OWN_KEYS = ("source", "target", "sample_weight", "inputs")
"""Keys of `data` that fit() answers itself."""


NO_TARGET_SETTINGS: dict[str, Any] = {"target_scale": "none", "target_clip": False}
"""What a config says of targets where it says nothing."""


class EstimatorError(DlcliError, ValueError):
    """What dlcli says against the settings or the data, raised as scikit-learn expects it."""


class _Network(BaseEstimator):  # type: ignore[misc]
    """What both estimators share."""

    def __init__(
        self,
        *,
        layers: Sequence[Any] | None = None,
        blocks: Mapping[str, Any] | None = None,
        loss: Any = None,
        metrics: Any = (),
        optimizer: Any = "Adam",
        batch_size: int = 32,
        epochs: int = 100,
        shuffle: bool = True,
        callbacks: Sequence[Any] = (),
        refit: Any = False,
        ensemble: Any = None,
        init_from: Any = None,
        freeze: Any = None,
        scale: Any = "standard",
        validation: float = 0,
        data: Mapping[str, Any] | None = None,
        seed: int = 0,
        backend: str = "tensorflow",
        threads: int | None = None,
    ) -> None:
        self.layers = layers
        self.blocks = blocks
        self.loss = loss
        self.metrics = metrics
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.epochs = epochs
        self.shuffle = shuffle
        self.callbacks = callbacks
        self.refit = refit
        self.ensemble = ensemble
        self.init_from = init_from
        self.freeze = freeze
        self.scale = scale
        self.validation = validation
        self.data = data
        self.seed = seed
        self.backend = backend
        self.threads = threads

    @property
    def history_(self) -> dict[str, list[float]]:
        """The figures of every epoch, by name."""
        check_is_fitted(self)
        return dict(self._history)

    @property
    def n_iter_(self) -> int:
        """The epochs that were trained."""
        check_is_fitted(self)
        return max(map(len, self._history.values()), default=0)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_run")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._allows_nan()
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Return the parameters and the packed run, as which the network is pickled."""
        state = dict(super().__getstate__())
        if "_run" in state:
            state["_run"] = state["_run"].content
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        state = dict(state)
        content = state.pop("_run", None)
        super().__setstate__(state)
        if content is not None:
            self._run = open_held(content)

    def save(self, path: str | Path) -> None:
        """Write the packed run, without pickle, for `dlcli.sklearn.load` and `dlcli unpack`."""
        check_is_fitted(self)
        with _as_value_error(), written_whole(Path(path)) as temporary:
            temporary.write_bytes(self._run.content)

    def to_run(self, out: str | Path) -> Run:
        """Write the run as a folder, which must not be there, and open it as `dlcli.Run`."""
        check_is_fitted(self)
        with _as_value_error():
            return Run(unpack_bytes(self._run.content, Path(out)))

    def output_arrays(self, data: Any) -> Arrays:
        """Return the predictions of a table as `dlcli export` names them, by name of output."""
        predictions, _ = self._run.predict(table_of(data))
        return output_arrays(predictions)

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, numeric: bool) -> NDArray[Any]:  # noqa: N803
        """Train and return `y` as it was checked."""
        called = _names_of(y)
        frame, X, y = self._checked(X, y, numeric=numeric)  # noqa: N806
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
            if not sample_weight.any():
                raise ValueError("the sample weights are all zero: no row is left to train on")
        targets, columns, record = self._target_columns(frame, y, called)
        names = list(frame.names)
        weight = _free_name(WEIGHT, [*names, *columns])
        own = frame.arrow
        for name, values in columns.items():
            own = own.append_column(name, pa.array(values))
        if sample_weight is not None:
            # A row that counts nothing takes no part in scaling either.
            own = own.append_column(weight, pa.array(sample_weight))
            own = own.take(pa.array(np.flatnonzero(sample_weight > 0)))
        with _as_value_error():
            config = self._config(columns, targets, weight if sample_weight is not None else None)
            trained = train_in_memory(
                check_config(config),
                table_of(own),
                threads=self.threads,
                record={**record, "features": names},
            )
        self._run = trained.run
        self._history = _by_name(trained.history)
        checked: NDArray[Any] = y
        return checked

    def _checked(self, X: Any, y: Any, *, numeric: bool) -> tuple[Table, Any, Any]:  # noqa: N803
        """Return the inputs as a table, and both checked as scikit-learn does."""
        checks = {"multi_output": numeric, "y_numeric": numeric}
        if not _is_frame(X):
            if numeric:
                _check_numbers(y)
            X, y = validate_data(  # noqa: N806
                self, X, y, dtype="numeric", ensure_all_finite=self._finite(), **checks
            )
            return self._as_table(X), X, y
        validate_data(self, X, y, skip_check_array=True)
        if numeric:
            _check_numbers(y)
        _, y = check_X_y(np.zeros((len(X), 1)), y, estimator=self, **checks)
        return self._as_table(X), X, y

    def _predictions(self, X: Any) -> tuple[TargetPrediction, ...]:  # noqa: N803
        check_is_fitted(self)
        if _is_frame(X):
            validate_data(self, X, reset=False, skip_check_array=True)
        else:
            X = validate_data(  # noqa: N806
                self, X, reset=False, dtype="numeric", ensure_all_finite=self._finite()
            )
        with _as_value_error():
            predictions, kept = self._run.predict(self._as_table(X))
        if len(kept) < len(X):
            row = np.setdiff1d(np.arange(len(X)), kept)[0]
            raise EstimatorError(
                f"row {row} has no prediction: the run drops such rows; fill missing cells instead, "
                "with data={'missing': 'median'}"
            )
        return tuple(predictions.values())

    def _spreads(self, X: Any) -> list[NDArray[np.float64]]:  # noqa: N803
        """Return how far the members are apart in every row, for each target."""
        check_is_fitted(self)
        with _as_value_error():
            check_has_members(self._run.bundle, CALLED)
        return [np.asarray(each.member_spread) for each in self._predictions(X)]

    def _as_table(self, X: Any) -> Table:  # noqa: N803
        with _as_value_error():
            if _is_frame(X):
                return table_of(X)
            names = getattr(self, "feature_names_in_", None)
            if names is None:
                names = [f"x{index}" for index in range(X.shape[1])]
            return table_of(dict(zip(names, np.asarray(X).T, strict=True)))

    def _config(
        self, columns: Mapping[str, Any], targets: Mapping[str, Any], weight: str | None
    ) -> dict[str, Any]:
        if self.data is not None and not isinstance(self.data, Mapping):
            raise EstimatorError(
                f"data: expected a mapping of keys, got {type(self.data).__name__}; "
                "e.g. data={'missing': 'median'}"
            )
        given = dict(self.data or {})
        for key in _OWN_KEYS:
            if key in given:
                raise EstimatorError(f"data: {key!r} is what fit() is given; leave it out")
        settings = {"scale": self.scale, **self._own_data(), **given}
        split = {"test": 0, "validation": self.validation, **settings.pop("split", {})}
        data = {
            **settings,
            "target": list(columns),
            "split": split,
            "columns": {**targets, **settings.get("columns", {})},
        }
        if weight is not None:
            data["sample_weight"] = weight
        values = {
            "name": "estimator",
            "seed": self.seed,
            "backend": self.backend,
            "data": data,
            "blocks": self.blocks,
            "layers": self._layers(len(columns)) if self.layers is None else self.layers,
            "loss": self.loss,
            "metrics": self.metrics,
            "optimizer": self.optimizer,
            "batch_size": self.batch_size,
            "epochs": self.epochs,
            "shuffle": self.shuffle,
            "callbacks": self.callbacks,
            "refit": self.refit,
            "ensemble": self.ensemble,
            "init_from": self.init_from,
            "freeze": self.freeze,
            "baselines": [],
            **self._own_keys(),
        }
        return {name: value for name, value in values.items() if value is not None}

    def _own_keys(self) -> dict[str, Any]:
        """Return the keys of a config that only one of the two has."""
        return {}

    def _own_data(self) -> dict[str, Any]:
        """Return the keys of `data` that only one of the two has as parameters."""
        return {}

    def _layers(self, outputs: int) -> list[Any]:
        raise NotImplementedError

    def _target_columns(
        self, frame: Table, y: NDArray[Any], called: Sequence[str]
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Return the settings and the values of the target columns, and what the run records.

        `called` are the names that `y` came with, or none.
        """
        raise NotImplementedError

    def _allows_nan(self) -> bool:
        if not isinstance(self.data, Mapping):
            return False
        return bool(self.data.get("missing", "error") != "error")

    def _finite(self) -> Any:
        return "allow-nan" if self._allows_nan() else True


class NetworkRegressor(RegressorMixin, _Network):  # type: ignore[misc]
    """A network for numbers: one target, or several as the columns of `y`.

    The parameters are the keys of a config; `scale`, `target_scale`, `target_clip` and `validation`
    stand for `data.scale`, ... and `data.split.validation`, and `data` for any other key of that
    section. Without `layers` the network has two of 64 units.
    """

    def __init__(
        self,
        *,
        layers: Sequence[Any] | None = None,
        blocks: Mapping[str, Any] | None = None,
        loss: Any = None,
        loss_weights: Mapping[str, float] | None = None,
        metrics: Any = (),
        optimizer: Any = "Adam",
        batch_size: int = 32,
        epochs: int = 100,
        shuffle: bool = True,
        callbacks: Sequence[Any] = (),
        refit: Any = False,
        ensemble: Any = None,
        init_from: Any = None,
        freeze: Any = None,
        scale: Any = "standard",
        target_scale: str = "standard",
        target_clip: bool = False,
        validation: float = 0,
        data: Mapping[str, Any] | None = None,
        seed: int = 0,
        backend: str = "tensorflow",
        threads: int | None = None,
    ) -> None:
        super().__init__(
            layers=layers,
            blocks=blocks,
            loss=loss,
            metrics=metrics,
            optimizer=optimizer,
            batch_size=batch_size,
            epochs=epochs,
            shuffle=shuffle,
            callbacks=callbacks,
            refit=refit,
            ensemble=ensemble,
            init_from=init_from,
            freeze=freeze,
            scale=scale,
            validation=validation,
            data=data,
            seed=seed,
            backend=backend,
            threads=threads,
        )
        self.loss_weights = loss_weights
        self.target_scale = target_scale
        self.target_clip = target_clip

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """Train on rows `X` and numbers `y`, [rows] or [rows, targets]."""
        y = self._fit(X, y, sample_weight, numeric=True)
        self._is_flat = y.ndim == 1
        return self

    def predict(
        self,
        X: Any,  # noqa: N803
        *,
        interval: float | None = None,
    ) -> NDArray[np.float64]:
        """Return the prediction of every row, shaped like the `y` of `fit`.

        With an `interval` such as 0.9, each stands with the ends between which that share of what
        is measured later should lie, last: [rows, 3] or [rows, targets, 3]. They are made from the
        errors on the rows that `validation` holds back.
        """
        predictions = self._predictions(X)
        if interval is None:
            return self._shaped([np.asarray(each.values) for each in predictions])
        with _as_value_error():
            check_level(interval)
            intervals = make_intervals(self._run.calibration, interval, what=CALLED)
        ends = [intervals.ends(each) for each in predictions]
        return self._shaped(
            [
                np.stack([np.asarray(each.values), *(pair or ())], axis=-1)
                for each, pair in zip(predictions, ends, strict=True)
            ]
        )

    def predict_spread(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Return how far the members of an `ensemble` are apart, shaped like `predict`."""
        return self._shaped(self._spreads(X))

    def _shaped(self, columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        return columns[0] if self._is_flat else np.stack(columns, axis=1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _own_keys(self) -> dict[str, Any]:
        return {"loss_weights": self.loss_weights}

    def _own_data(self) -> dict[str, Any]:
        return {"target_scale": self.target_scale, "target_clip": self.target_clip}

    def _layers(self, outputs: int) -> list[Any]:
        return [*HIDDEN, {"Dense": outputs}]

    def _target_columns(
        self, frame: Table, y: NDArray[Any], called: Sequence[str]
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        table = y[:, None] if y.ndim == 1 else y
        count = table.shape[1]
        wanted = called or ([TARGET] if count == 1 else [f"{TARGET}_{i}" for i in range(count)])
        taken, columns = list(frame.names), {}
        for name, values in zip(wanted, table.T, strict=True):
            name = _free_name(name, taken)
            taken.append(name)
            columns[name] = np.asarray(values, np.float64)
        settings = {name: {"type": "number"} for name in columns}
        return settings, columns, {"is_flat": y.ndim == 1}


class NetworkClassifier(ClassifierMixin, _Network):  # type: ignore[misc]
    """A network for classes.

    The parameters are the keys of a config; `scale` and `validation` stand for `data.scale` and
    `data.split.validation`, and `data` for any other key of that section. Without `layers` the
    network has two of 64 units; its output is one sigmoid unit for two classes, else softmax.
    """

    def __init__(
        self,
        *,
        layers: Sequence[Any] | None = None,
        blocks: Mapping[str, Any] | None = None,
        loss: Any = None,
        metrics: Any = (),
        optimizer: Any = "Adam",
        batch_size: int = 32,
        epochs: int = 100,
        shuffle: bool = True,
        callbacks: Sequence[Any] = (),
        refit: Any = False,
        ensemble: Any = None,
        class_weight: Any = None,
        threshold: Any = None,
        calibrate: str = "none",
        init_from: Any = None,
        freeze: Any = None,
        scale: Any = "standard",
        validation: float = 0,
        data: Mapping[str, Any] | None = None,
        seed: int = 0,
        backend: str = "tensorflow",
        threads: int | None = None,
    ) -> None:
        super().__init__(
            layers=layers,
            blocks=blocks,
            loss=loss,
            metrics=metrics,
            optimizer=optimizer,
            batch_size=batch_size,
            epochs=epochs,
            shuffle=shuffle,
            callbacks=callbacks,
            refit=refit,
            ensemble=ensemble,
            init_from=init_from,
            freeze=freeze,
            scale=scale,
            validation=validation,
            data=data,
            seed=seed,
            backend=backend,
            threads=threads,
        )
        self.class_weight = class_weight
        self.threshold = threshold
        self.calibrate = calibrate

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """Train on rows `X` and classes `y` [rows]."""
        self._fit(X, y, sample_weight, numeric=False)
        return self

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the class of every row."""
        (prediction,) = self._predictions(X)
        classes: NDArray[Any] = self.classes_
        return classes[prediction.codes]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Return the probability of every class [rows, classes], in the order of `classes_`."""
        (prediction,) = self._predictions(X)
        return np.asarray(prediction.probabilities)

    def predict_spread(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Return how far the members of an `ensemble` are apart in the class of every row [rows]."""
        (spread,) = self._spreads(X)
        return spread

    def _layers(self, outputs: int) -> list[Any]:
        count = len(self.classes_)
        if count <= 2:
            return [*HIDDEN, {"Dense": {"units": 1, "activation": "sigmoid"}}]
        return [*HIDDEN, {"Dense": {"units": count, "activation": "softmax"}}]

    def _own_keys(self) -> dict[str, Any]:
        weights = self.class_weight
        if isinstance(weights, Mapping):
            names = dict(zip(self.classes_.tolist(), _class_names(self.classes_), strict=True))
            weights = {names.get(label, str(label)): weight for label, weight in weights.items()}
        return {
            "class_weight": weights,
            "threshold": self.threshold,
            "calibrate": self.calibrate,
        }

    def _target_columns(
        self, frame: Table, y: NDArray[Any], called: Sequence[str]
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        names = _class_names(self.classes_)
        name = _free_name(called[0] if called else TARGET, frame.names)
        settings = {name: {"type": "category", "categories": names}}
        columns = {name: np.array(names, dtype=object)[codes].tolist()}
        return settings, columns, {"classes": self.classes_.tolist()}


def load(path: str | Path) -> NetworkRegressor | NetworkClassifier:
    """Open a run as a fitted estimator: a packed one, its folder, or the newest run of a name.

    Frames go in with the columns of the run's own table. Raises RunError.
    """
    given = Path(path)
    if not given.is_file():
        return estimator_of(hold_run(open_run(path)), called=str(path))
    with reading(given, RunError):
        content = given.read_bytes()
    return estimator_of(open_held(content, called=str(path)), called=str(path))


def estimator_of(held: HeldRun, *, called: str) -> NetworkRegressor | NetworkClassifier:
    """Return a run as a fitted estimator; raises RunError where it predicts what none does."""
    infos = held.bundle.preprocessing.targets
    estimator: NetworkRegressor | NetworkClassifier
    if all(info.classes is None for info in infos):
        estimator = NetworkRegressor()
    elif len(infos) == 1:
        estimator = NetworkClassifier()
    else:
        listed = ", ".join(repr(info.name) for info in infos)
        raise RunError(
            f"{called} predicts {listed}, of which some are classes: no estimator does",
            hint="train one run for each target; dlcli.load opens this one",
        )
    _take_run(estimator, held)
    return estimator


def _take_run(estimator: NetworkRegressor | NetworkClassifier, held: HeldRun) -> None:
    """Make an estimator what it would be after `fit`, with the parameters of the run's config."""
    known = estimator.get_params()
    own = {key: value for key, value in held.config.items() if key in known and key != "data"}
    data = dict(held.config["data"])
    targets = {info.name for info in held.bundle.preprocessing.targets}
    columns = data.get("columns", {})
    data["columns"] = {name: each for name, each in columns.items() if name not in targets}
    split = data.pop("split", {})
    if isinstance(split.get("validation"), int | float):
        own["validation"] = split["validation"]
    own["scale"] = data.pop("scale", "none")
    if isinstance(estimator, NetworkRegressor):
        own |= _target_settings(data, [columns.get(name, {}) for name in sorted(targets)])
    own["data"] = {key: value for key, value in data.items() if key not in _OWN_KEYS}
    estimator.set_params(**own)
    record = held.manifest.get(ESTIMATOR, {})
    names = record.get("features", held.bundle.preprocessing.needed_columns)
    estimator._run = held
    estimator._history = {}
    estimator.n_features_in_ = len(names)
    estimator.feature_names_in_ = np.array(names, dtype=object)
    infos = held.bundle.preprocessing.targets
    if isinstance(estimator, NetworkClassifier):
        estimator.classes_ = np.array(record.get("classes", infos[0].classes))
    else:
        estimator._is_flat = record.get("is_flat", len(infos) == 1)


def _target_settings(data: dict[str, Any], columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Take the settings of targets out of `data`; those of their columns count where all agree."""
    found: dict[str, Any] = {}
    for name, of_column in (("target_scale", "scale"), ("target_clip", "clip")):
        whole = data.pop(name, NO_TARGET_SETTINGS[name])
        given = [whole if each.get(of_column) is None else each[of_column] for each in columns]
        found[name] = given[0] if all(each == given[0] for each in given) else whole
    return found


def _class_names(classes: NDArray[Any]) -> list[str]:
    """Return a name for every class, none of them blank and no two the same."""
    names = [str(each).strip() for each in classes.tolist()]
    if all(names) and len(set(names)) == len(names):
        return names
    return [repr(each) for each in classes.tolist()]


def _check_numbers(y: Any) -> None:
    """Raise for texts where numbers are to be predicted."""
    if y is None:
        return
    values = np.asarray(y)
    text = next((each for each in values.ravel()[:1000].tolist() if isinstance(each, str)), None)
    if text is not None:
        raise EstimatorError(
            f"NetworkRegressor predicts numbers, and y holds the text {text!r}; "
            "NetworkClassifier predicts classes"
        )


def _is_frame(X: Any) -> bool:  # noqa: N803
    """Tell whether these are columns with names, rather than an array."""
    columns = getattr(X, "columns", None)
    if columns is None or not hasattr(X, "__arrow_c_stream__"):
        return False
    return all(isinstance(name, str) for name in columns)


def _names_of(y: Any) -> list[str]:
    """Return what the columns of `y` are called: none of an array, or where a name is no text."""
    names = list(getattr(y, "columns", ())) or [getattr(y, "name", None)]
    usable = all(isinstance(name, str) and name.strip() for name in names)
    return names if usable and len(set(names)) == len(names) else []


def _free_name(wanted: str, taken: Sequence[str]) -> str:
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name


def _by_name(history: list[dict[str, float]]) -> dict[str, list[float]]:
    names = dict.fromkeys(name for logs in history for name in logs)
    return {name: [logs[name] for logs in history if name in logs] for name in names}


@contextmanager
def _as_value_error() -> Iterator[None]:
    """Raise what dlcli says as the ValueError that scikit-learn's tools handle."""
    try:
        yield
    except EstimatorError:
        raise
    except DlcliError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise EstimatorError(f"{error.message}{hint}", problems=error.problems) from error
