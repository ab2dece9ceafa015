"""Every shipped config: its compiled epochs beside `model.fit` on the same arrays."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.bars import Bar, Section
from benchmarks.figures import Spread, format_number, format_ratio, format_table, ratios, spread
from benchmarks.processes import REPOSITORY, run_peer, say

EXPLANATION = """\
Milliseconds per epoch of the training loop, both ways in one process on the same arrays, with the
config's own callbacks."""


def measure_shipped(*, pairs: int, name: str | None = None) -> Section:
    """Compare the loops of every shipped config whose name contains `name`."""
    configs = find_configs(name)
    with TemporaryDirectory() as scratch:
        measured = {
            config.stem: _measure(config, pairs=pairs, folder=Path(scratch)) for config in configs
        }
    return Section(
        markdown=_format(measured),
        bars=_bars(measured),
        samples=measured,
    )


def find_configs(name: str | None) -> list[Path]:
    """Return the shipped configs whose name contains `name`, all of them without one."""
    configs = sorted((REPOSITORY / "configs").glob("*.yaml"))
    return [config for config in configs if name is None or name in config.stem]


def _measure(config: Path, *, pairs: int, folder: Path) -> dict[str, Any]:
    say(f"shipped: {config.stem}")
    values: dict[str, Any] = run_peer(
        "shipped_config", [str(config), str(pairs)], folder=folder
    ).values()
    return values


def _compare(values: dict[str, Any]) -> Spread:
    return ratios(values["fit_seconds"], values["compiled_seconds"])


def _bars(measured: dict[str, dict[str, Any]]) -> tuple[Bar, ...]:
    if not measured:
        return ()
    slowest = min(measured, key=lambda name: _compare(measured[name]).median)
    return (
        Bar(
            what=f"shipped configs: training loop against model.fit, the slowest ({slowest})",
            bound=1.0,
            measured=_compare(measured[slowest]),
        ),
    )


def _format(measured: dict[str, dict[str, Any]]) -> str:
    rows = [
        [
            name,
            values["path"],
            f"{_milliseconds(values['compiled_seconds'])} ms",
            f"{_milliseconds(values['fit_seconds'])} ms",
            format_ratio(_compare(values)),
        ]
        for name, values in measured.items()
    ]
    table = format_table(["config", "path", "dlcli", "model.fit", "ratio"], rows)
    return f"## Every shipped config\n\n{EXPLANATION}\n\n{table}"


def _milliseconds(seconds: list[float]) -> str:
    return format_number(1000 * spread(seconds).median)
