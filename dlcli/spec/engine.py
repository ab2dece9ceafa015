"""The `engine` key: where a config trains, on this machine or on a Ray cluster."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from dlcli.spec.containers import OneOf
from dlcli.spec.fields import Choice, Integer, Number, Text
from dlcli.spec.problems import KeyPath, Problems
from dlcli.spec.sections import Section, setting

ENGINE_NAMES = ("local", "ray")


@dataclass(frozen=True, kw_only=True)
class LocalSpec:
    """This machine."""

    devices: int | Literal["all"] = setting(
        OneOf((Integer(minimum=1), Choice(("all",)))),
        "Devices that share every batch of one network, GPUs where there are some; `all` takes "
        "what there is.",
        default=1,
    )


@dataclass(frozen=True, kw_only=True)
class RaySpec:
    """A Ray cluster that is there already."""

    address: str = setting(
        Text("an address"),
        "HOST:PORT of the cluster's head; `auto` is the cluster that this machine is in.",
        default="auto",
    )
    workers: int = setting(
        Integer(minimum=1),
        "With `folds` or `ensemble`, how many networks train at once; else the processes that "
        "train one network together, on JAX. Sweeps have `sweep.workers`.",
        default=1,
    )
    num_cpus: float = setting(
        Number(exclusive_minimum=0), "CPUs that are kept for each worker.", default=1
    )
    num_gpus: float = setting(
        Number(minimum=0),
        "GPUs that are kept for each worker; 0.5 lets two of them share one.",
        default=0,
    )


@dataclass(frozen=True, kw_only=True)
class EngineSpec:
    """One engine with its settings."""

    local: LocalSpec | None = setting(Section(LocalSpec), "Train on this machine.", default=None)
    ray: RaySpec | None = setting(Section(RaySpec), "Train on a Ray cluster.", default=None)


Engine = str | EngineSpec
ENGINE = OneOf((Choice(ENGINE_NAMES), Section(EngineSpec)))


def engine_name(engine: Engine) -> str:
    """Return which engine is meant."""
    if isinstance(engine, str):
        return engine
    return "local" if engine.ray is None else "ray"


def local_settings(engine: Engine) -> LocalSpec:
    """Return how this machine is used; the defaults where another engine is meant."""
    if isinstance(engine, EngineSpec) and engine.local is not None:
        return engine.local
    return LocalSpec()


def ray_settings(engine: Engine) -> RaySpec:
    """Return how the cluster is used; the defaults where there are no settings."""
    if isinstance(engine, EngineSpec) and engine.ray is not None:
        return engine.ray
    return RaySpec()


def as_trained_here(spec: Any) -> Any:
    """Return a config as whoever is sent a part of the work trains it: on its own machine."""
    return replace(spec, engine="local") if engine_name(spec.engine) == "ray" else spec


def num_processes(spec: Any) -> int:
    """Return how many processes train the run's own network together."""
    if engine_name(spec.engine) != "ray" or spec.folds is not None or spec.ensemble is not None:
        return 1
    return ray_settings(spec.engine).workers


def check_engine(spec: Any, problems: Problems) -> None:
    """Report an engine that cannot do what the config asks of it."""
    engine = spec.engine
    if isinstance(engine, EngineSpec) and (engine.local is None) == (engine.ray is None):
        problems.add(
            ("engine",),
            "expected one engine, local or ray",
            hint="e.g. engine: {ray: {workers: 4}}",
            on_key=True,
        )
        return
    processes = 1 if spec.sweep is not None else num_processes(spec)
    if processes > 1:
        _check_processes(spec, processes, problems)
    devices = local_settings(engine).devices
    if isinstance(devices, int) and devices > 1:
        _check_shares(spec, devices, ("engine", "local", "devices"), "devices", problems)


def _check_processes(spec: Any, processes: int, problems: Problems) -> None:
    path: KeyPath = ("engine", "ray", "workers")
    if spec.backend != "jax":
        problems.add(
            path,
            f"{processes} processes cannot train one network on {spec.backend}: Keras 3 does not "
            "support TensorFlow's distribution over processes",
            hint="backend: jax; folds, ensembles and sweeps take many workers on either backend",
        )
        return
    _check_shares(spec, processes, path, "processes", problems)


def _check_shares(spec: Any, count: int, path: KeyPath, what: str, problems: Problems) -> None:
    if spec.batch_size % count:
        problems.add(
            path,
            f"{count} {what} cannot share batches of {spec.batch_size} rows evenly",
            hint=f"batch_size: {-(-spec.batch_size // count) * count}, or another number of {what}",
        )
