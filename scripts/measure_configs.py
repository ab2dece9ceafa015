"""Train every config and write the figures it reaches into its comment and configs/README.md."""

import argparse
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcli.commands.train import TrainedRun, TrainOptions, train
from dlcli.console import training_display

CONFIGS = Path(__file__).parents[1] / "configs"
TABLE = CONFIGS / "README.md"

UNITS = {
    "compressive_strength": "MPa",
    "Concrete compressive strength(MPa, megapascals) ": "MPa",
    "stress_max_mpa": "MPa",
    "PE": "MW",
    "V": "cm Hg",
    "Next_Tmax": "°C",
    "Next_Tmin": "°C",
    "calories": "kcal",
}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How one figure is written."""

    name: str
    label: str
    decimals: int


BASELINES = ("linear", "logistic", "mean", "majority")
"""What a network has to beat: least squares or logistic regression, else the commonest answer."""

REPEATED = ("seasonal_naive", "naive")
"""Baselines of windows, the better one first."""

NUMBERS = (
    Shown(name="RootMeanSquaredError", label="RMSE", decimals=2),
    Shown(name="MeanAbsoluteError", label="MAE", decimals=2),
    Shown(name="R2Score", label="R2", decimals=3),
)
CLASSES = (
    Shown(name="Accuracy", label="accuracy", decimals=3),
    Shown(name="BalancedAccuracy", label="balanced", decimals=3),
    Shown(name="AUC", label="AUC", decimals=3),
)

RARE = (
    Shown(name="F1Score", label="F1", decimals=3),
    Shown(name="Precision", label="precision", decimals=3),
    Shown(name="Recall", label="recall", decimals=3),
    Shown(name="AveragePrecision", label="average precision", decimals=3),
)


def reached(metrics: dict[str, Any]) -> str:
    """Return the test figures of the network and, in brackets, of the best baseline.

    Without a test part it is the loss of the training part.
    """
    if "test" not in metrics["parts"]:
        return f"loss {metrics['parts']['train']['keras']['loss']:.9f}"
    network = metrics["parts"]["test"]["targets"]
    simple = next(metrics["baselines"][name] for name in BASELINES if name in metrics["baselines"])
    texts = []
    for target, figures in network.items():
        baseline = simple["test"]["targets"][target]
        wanted = (*NUMBERS, *(RARE if _is_rare(figures) else CLASSES))
        shown = [each for each in wanted if each.name in figures]
        parts = [_figure(each, figures, baseline, UNITS.get(target, "")) for each in shown]
        parts += repeated(metrics, target)
        texts.append(f"{target} {', '.join(parts)}" if len(network) > 1 else ", ".join(parts))
    return "; ".join(texts)


def repeated(metrics: dict[str, Any], target: str) -> list[str]:
    """Return the error of the baseline that repeats the past of each window, where there is one."""
    found = [name for name in REPEATED if name in metrics["baselines"]]
    if not found:
        return []
    baseline = metrics["baselines"][found[0]]["test"]["targets"][target]
    return [f"{found[0]} RMSE {baseline['RootMeanSquaredError']:.2f}"]


def _is_rare(figures: dict[str, Any]) -> bool:
    """Tell two classes of which the last one is so rare that accuracy says nothing."""
    matrix = figures.get("ConfusionMatrix")
    return matrix is not None and len(matrix) == 2 and sum(matrix[1]) < 0.05 * sum(map(sum, matrix))


def _figure(
    shown: Shown, figures: dict[str, Any], baseline: dict[str, Any] | None, unit: str
) -> str:
    with_unit = f" {unit}" if unit and shown.name.endswith("Error") else ""
    text = f"{shown.label} {figures[shown.name]:.{shown.decimals}f}{with_unit}"
    return text if baseline is None else f"{text} ({baseline[shown.name]:.{shown.decimals}f})"


def network(layers: list[dict[str, Any]]) -> str:
    """Return the layers in order with their widths."""
    members = [layer for layer in layers if layer["name"].startswith("member_")]
    if members:
        return f"{len(members)} x ({network(members[0]['layers'])})"
    named = [layer for layer in layers if layer["layer"] != "InputLayer"]
    return ", ".join(
        f"{layer['layer']} {layer['output_shape'][-1]}"
        if layer["num_parameters"]
        else layer["layer"]
        for layer in named
    )


def lesson(text: str) -> str:
    """Return what a config's first comment says it shows."""
    found = re.search(r"^# Shows: (.*?)\n#\n", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise SystemExit("a config needs a comment '# Shows: ...' and after it a line '#'")
    said = " ".join(line.removeprefix("# ") for line in found[1].splitlines())
    return said[0].upper() + said[1:]


def row(config: Path, trained: TrainedRun, figures: str) -> str:
    """Return a config's row of the table."""
    manifest = trained.manifest
    source = Path(manifest["data"]["sources"][0]["path"]).name
    rows = manifest["data"]["counts"]["rows"]["read"]
    cells = [
        f"[`{config.name}`]({config.name})",
        lesson(config.read_text(encoding="utf-8")),
        f"`{source}`, {rows:,} row{'s' * (rows != 1)}",
        network(manifest["layers"]),
        figures,
        f"{manifest['epochs']['done']:,}",
        f"{manifest['seconds']['loop']:.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


def _reaches(metrics: dict[str, Any]) -> str:
    if "test" not in metrics["parts"]:
        return "# reaches on the training part"
    has_line = {"linear", "logistic"} & set(metrics["baselines"])
    return f"# reaches on the test part ({'linear baseline' if has_line else 'commonest class'})"


def replace_line(path: Path, start: str, line: str) -> None:
    """Put `line` in the place of the one line that starts with `start`, or at the end."""
    lines = path.read_text(encoding="utf-8").splitlines()
    places = [index for index, each in enumerate(lines) if each.startswith(start)]
    if places:
        lines[places[0]] = line
    else:
        lines.insert(_place(lines, line), line)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _place(lines: list[str], line: str) -> int:
    """Return where a new line belongs: a row in the order of the table, else below '#'."""
    if not line.startswith("|"):
        return lines.index("#") + 1
    rows = [index for index, each in enumerate(lines) if each.startswith("| [`")]
    return next((index for index in rows if lines[index] > line), rows[-1] + 1)


def measure(config: Path) -> None:
    """Train one config and write what it reaches."""
    with tempfile.TemporaryDirectory() as folder:
        trained = train(
            config, TrainOptions(out=Path(folder) / "run"), training_display(quiet=True)
        )
    figures = reached(trained.metrics)
    replace_line(config, "# reaches", f"{_reaches(trained.metrics)}: {figures}")
    line = row(config, trained, figures)
    replace_line(TABLE, f"| [`{config.name}`]", line)
    training = trained.manifest["training"]
    print(line, training["path"], training["reason"] or "", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("configs", nargs="*", type=Path, default=sorted(CONFIGS.glob("*.yaml")))
    for path in parser.parse_args().configs:
        measure(path)
