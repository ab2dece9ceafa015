"""Where a command trains: the engine of the config, and what the command line says of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dlcli.data.sources import fingerprint
from dlcli.engines.needs import Needs, needs_of
from dlcli.errors import SpecError, UsageError
from dlcli.spec.engine import (
    Engine,
    EngineSpec,
    check_engine,
    engine_name,
    local_settings,
    ray_settings,
)
from dlcli.spec.problems import Problems
from dlcli.spec.run import RunSpec


@dataclass(frozen=True, kw_only=True)
class AskedEngine:
    """What the command line says of the engine; None leaves the config's own."""

    name: str | None = None
    address: str | None = None
    workers: int | None = None
    devices: str | None = None


def with_engine(spec: RunSpec, asked: AskedEngine) -> RunSpec:
    """Return the config with the engine of the command line; raises UsageError and SpecError."""
    engine = _engine_of(spec.engine, asked)
    if engine == spec.engine:
        return spec
    placed = replace(spec, engine=engine)
    problems = Problems()
    check_engine(placed, problems)
    for problem in problems.found:
        raise SpecError(f"{spec.name}: {problem.message}", hint=problem.hint)
    return placed


def _engine_of(engine: Engine, asked: AskedEngine) -> Engine:
    name = asked.name or engine_name(engine)
    of_ray = {"address": asked.address, "workers": asked.workers}
    of_ray = {key: value for key, value in of_ray.items() if value is not None}
    if of_ray and name != "ray":
        raise UsageError(
            f"--{next(iter(of_ray))} is for a Ray cluster, and the engine is {name}",
            hint="--engine ray, or `engine: ray` in the config",
        )
    if asked.devices is not None and name != "local":
        raise UsageError(
            f"--devices is for this machine, and the engine is {name}",
            hint="engine.ray.num_gpus says how many GPUs each worker has",
        )
    own = engine if engine_name(engine) == name else name
    if of_ray:
        settings: dict[str, Any] = of_ray
        return EngineSpec(ray=replace(ray_settings(own), **settings))
    if asked.devices is not None:
        return EngineSpec(local=replace(local_settings(own), devices=_devices(asked.devices)))
    return own


def _devices(text: str) -> Any:
    if text == "all":
        return text
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise UsageError(f"--devices {text}: expected a number of devices, or all")
    return int(text)


def needs_of_spec(spec: RunSpec, paths: Sequence[Path]) -> Needs:
    """Return what a worker elsewhere must have to train a config from files at these paths."""
    own = [Path(each) for each in spec.imports]
    if spec.init_from is not None:
        own.append(Path(spec.init_from.run) / "model.keras")
    found = [fingerprint(path) for path in dict.fromkeys([*paths, *own]) if path.exists()]
    return needs_of(spec.backend, [(each.path, each.sha256) for each in found])
