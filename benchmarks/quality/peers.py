"""The peers, each with its own default settings, on the same rows."""
# ruff: noqa: TID253, PLC0415 - peers are optional, and imported when they are measured

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dlcli.metrics import classification_metrics, regression_metrics

LEVEL = 0.9
"""Of the intervals that are compared."""
CALIBRATION_SHARE = 0.1
"""Of the training rows, held back for CatBoost's intervals as dlcli's default holds them back."""
KERAS_EPOCHS = 50


@dataclass(frozen=True, kw_only=True)
class Task:
    """One split of one table, ready for a peer."""

    train: pd.DataFrame
    test: pd.DataFrame
    target: str
    is_classes: bool
    seed: int

    @property
    def classes(self) -> list[Any]:
        return sorted(set(self.train[self.target]) | set(self.test[self.target]))

    def inputs(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the inputs of both parts: numbers, and categories as such; dates as numbers."""
        both = pd.concat([self.train, self.test], ignore_index=True).drop(columns=self.target)
        for name in both.columns:
            if pd.api.types.is_numeric_dtype(both[name]):
                continue
            dates = pd.to_datetime(both[name], format="%Y-%m-%d", errors="coerce")
            if dates.notna().any():
                parts = {
                    part: getattr(dates.dt, part)
                    for part in ("year", "month", "day", "day_of_week")
                }
                both = both.drop(columns=name).join(pd.DataFrame(parts).add_prefix(f"{name}."))
            else:
                both[name] = both[name].fillna("missing").astype("category")
        return both[: len(self.train)], both[len(self.train) :].reset_index(drop=True)

    def codes(self, part: pd.DataFrame) -> NDArray[np.int64]:
        """Return the class of every row of a part, as its place in `classes`."""
        return np.searchsorted(np.array(self.classes), part[self.target].to_numpy())

    def judge(self, predicted: NDArray[Any], known: Any = None) -> dict[str, float]:
        """Return the figures of numbers [rows], or of probabilities of the `known` classes."""
        if not self.is_classes:
            scores = regression_metrics(self.test[self.target].to_numpy(float), predicted)
            return _chosen(scores, "RootMeanSquaredError", "MeanAbsoluteError")
        shares = np.zeros((len(predicted), len(self.classes)))
        shares[:, np.searchsorted(np.array(self.classes), np.asarray(known))] = predicted
        names = tuple(map(str, self.classes))
        scores = classification_metrics(self.codes(self.test), shares, names)
        return _chosen(scores, "LogLoss", "Accuracy", "CalibrationError")


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A tool beside dlcli."""

    name: str
    package: str
    measure: Callable[[Task], dict[str, float]]
    can_judge_classes: bool = True

    @property
    def version(self) -> str | None:
        """Return the version that is installed, None where none is."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None


def _boosting(task: Task) -> dict[str, float]:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if task.is_classes else HistGradientBoostingRegressor
    return _fit_and_judge(kind(categorical_features="from_dtype", random_state=task.seed), task)


def _catboost(task: Task) -> dict[str, float]:
    return _fit_and_judge(_new_catboost(task), task)


def _catboost_intervals(task: Task) -> dict[str, float]:
    """Split conformal intervals: errors on a tenth of the training rows, held back at random."""
    order = np.random.default_rng(task.seed).permutation(len(task.train))
    held = max(int(np.ceil(LEVEL / (1 - LEVEL))), round(CALIBRATION_SHARE * len(order)))
    train, test = task.inputs()
    actual = task.train[task.target].to_numpy(float)
    fitted = _new_catboost(task).fit(train.iloc[order[held:]], actual[order[held:]])
    errors = np.abs(actual[order[:held]] - fitted.predict(train.iloc[order[:held]]))
    place = int(np.ceil((held + 1) * LEVEL))
    reach = float(np.sort(errors)[min(place, held) - 1])
    off = np.abs(task.test[task.target].to_numpy(float) - fitted.predict(test))
    return {"covered": float(np.mean(off <= reach)), "width": 2 * reach}


def _new_catboost(task: Task) -> Any:
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostClassifier if task.is_classes else CatBoostRegressor
    train, _ = task.inputs()
    return kind(
        cat_features=list(train.select_dtypes("category").columns),
        random_seed=task.seed,
        verbose=False,
        allow_writing_files=False,
    )


def _forest(task: Task) -> dict[str, float]:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if task.is_classes else RandomForestRegressor
    forest = kind(random_state=task.seed, n_jobs=os.cpu_count())
    return _fit_and_judge(_prepared(forest, task, is_scaled=False), task)


def _perceptron(task: Task) -> dict[str, float]:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import StandardScaler

    if task.is_classes:
        return _fit_and_judge(
            _prepared(MLPClassifier(random_state=task.seed), task, is_scaled=True), task
        )
    network = TransformedTargetRegressor(
        MLPRegressor(random_state=task.seed), transformer=StandardScaler()
    )
    return _fit_and_judge(_prepared(network, task, is_scaled=True), task)


def _keras(task: Task) -> dict[str, float]:
    """The network of Keras's own introduction: two layers of 64, Adam, on scaled numbers."""
    from dlcli.model.keras_import import load_keras

    keras = load_keras("tensorflow")
    keras.utils.set_random_seed(task.seed)
    train, test = task.inputs()
    prepare = _preparation(train, is_scaled=True).fit(train)
    x, x_test = (np.asarray(prepare.transform(part), np.float32) for part in (train, test))
    y = task.codes(task.train) if task.is_classes else task.train[task.target].to_numpy(float)
    mean, deviation = (0.0, 1.0) if task.is_classes else (y.mean(), y.std() or 1.0)
    units, activation, loss = 1, "linear", "mse"
    if task.is_classes:
        units, activation, loss = (
            len(task.classes),
            "softmax",
            "sparse_categorical_crossentropy",
        )
    layers = keras.layers
    network = keras.Sequential(
        [
            layers.Input(x.shape[1:]),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(units, activation=activation),
        ]
    )
    network.compile(optimizer="adam", loss=loss)
    network.fit(x, (y - mean) / deviation, epochs=KERAS_EPOCHS, verbose=0)
    given = network.predict(x_test, verbose=0)
    if task.is_classes:
        return task.judge(given, task.classes)
    return task.judge(given[:, 0] * deviation + mean)


def _fit_and_judge(model: Any, task: Task) -> dict[str, float]:
    train, test = task.inputs()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the perceptron's default ends before it converges
        model.fit(train, task.train[task.target])
    if task.is_classes:
        return task.judge(model.predict_proba(test), model.classes_)
    return task.judge(np.asarray(model.predict(test), float))


def _prepared(model: Any, task: Task, *, is_scaled: bool) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(_preparation(task.inputs()[0], is_scaled=is_scaled), model)


def _preparation(inputs: pd.DataFrame, *, is_scaled: bool) -> Any:
    """Return what models take that read numbers alone: gaps filled, categories as 0 and 1."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    categories = list(inputs.select_dtypes("category").columns)
    numbers = [name for name in inputs.columns if name not in categories]
    steps = [SimpleImputer(strategy="median", keep_empty_features=True)]
    if is_scaled:
        steps.append(StandardScaler())
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer(
        (make_pipeline(*steps), numbers), (encoder, categories), verbose_feature_names_out=False
    )


def _chosen(scores: dict[str, Any], *names: str) -> dict[str, float]:
    return {name: float(scores[name]) for name in names}


PEERS = (
    Peer(name="HistGradientBoosting", package="scikit-learn", measure=_boosting),
    Peer(name="CatBoost", package="catboost", measure=_catboost),
    Peer(name="random forest", package="scikit-learn", measure=_forest),
    Peer(name="scikit-learn MLP", package="scikit-learn", measure=_perceptron),
    Peer(name="plain Keras MLP", package="keras", measure=_keras),
    Peer(
        name="CatBoost intervals",
        package="catboost",
        measure=_catboost_intervals,
        can_judge_classes=False,
    ),
)


def find_peer(name: str) -> Peer:
    """Return the peer of this name; raises ValueError."""
    found = next((peer for peer in PEERS if peer.name == name), None)
    if found is None:
        listed = ", ".join(peer.name for peer in PEERS)
        raise ValueError(f"no peer is called {name!r}: expected one of {listed}")
    return found
