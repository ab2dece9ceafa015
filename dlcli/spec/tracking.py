"""The `track` key: where runs are logged beside their own folder."""

from dataclasses import dataclass

from dlcli.spec.containers import ListOf, OneOf
from dlcli.spec.fields import Boolean, Choice, Text
from dlcli.spec.sections import Section, setting

TRACKERS = ("mlflow", "tensorboard")


@dataclass(frozen=True, kw_only=True)
class MlflowSpec:
    """Which MLflow server and which experiment."""

    uri: str | None = setting(
        Text("an address"),
        "The tracking server; MLFLOW_TRACKING_URI or MLflow's own default without it.",
        default=None,
    )
    experiment: str | None = setting(
        Text("a name"), "The experiment; the config's name without it.", default=None
    )
    model: bool = setting(
        Boolean(),
        "Log the run as a model too, which `mlflow.pyfunc.load_model` opens; needs pandas.",
        default=False,
    )


@dataclass(frozen=True, kw_only=True)
class TrackSpec:
    """Trackers with their settings."""

    mlflow: MlflowSpec | None = setting(
        Section(MlflowSpec), "Log to an MLflow server.", default=None
    )
    tensorboard: bool = setting(
        Boolean(), "Write TensorBoard's event files into the run folder.", default=False
    )


TRACK = OneOf((Choice(TRACKERS), ListOf(Choice(TRACKERS), 1), Section(TrackSpec)))


def trackers_of(track: str | tuple[str, ...] | TrackSpec | None) -> tuple[str, ...]:
    """Return the names of the trackers that a config asks for."""
    if track is None:
        return ()
    if isinstance(track, str):
        return (track,)
    if isinstance(track, TrackSpec):
        asked = {"mlflow": track.mlflow is not None, "tensorboard": track.tensorboard}
        return tuple(name for name in TRACKERS if asked[name])
    return tuple(dict.fromkeys(track))


def mlflow_settings(track: str | tuple[str, ...] | TrackSpec | None) -> MlflowSpec:
    """Return the settings of MLflow, its defaults where there are none."""
    if isinstance(track, TrackSpec) and track.mlflow is not None:
        return track.mlflow
    return MlflowSpec()
