"""How much of the rows that judge the network its prediction intervals hold."""

from typing import Any

from dlcli.languages import spoken_each
from dlcli.report.figures import format_value
from dlcli.report.html.elements import Markup, element, note, section, table
from dlcli.report.record import RunRecord


def intervals_section(record: RunRecord) -> Markup | None:
    """Return the coverage and the width of intervals by level; None for runs without any."""
    coverage = record.metrics.get("coverage")
    if not coverage:
        return None
    blocks: list[Markup | None] = []
    for name, rows in coverage["calibration"]["rows"].items():
        if len(coverage["calibration"]["rows"]) > 1:
            blocks.append(element("h3", name))
        blocks += [
            _levels_table(coverage["targets"].get(name, {})),
            note(_about(coverage, name, rows)),
        ]
    return section("intervals", "Prediction intervals", *blocks)


def _levels_table(levels: dict[str, Any]) -> Markup | None:
    if not levels:
        return None
    rows = [
        [level, f"{found['covered']:.1%}", format_value(found["width"])]
        for level, found in levels.items()
    ]
    return table(
        spoken_each("asked for", "held", "mean width"), rows, numeric=range(3), class_="figures"
    )


def _about(coverage: dict[str, Any], name: str, rows: int) -> str:
    calibration = coverage["calibration"]
    text = f"Split conformal intervals from the errors on {rows:,} {calibration['part']} rows"
    if calibration["by_spread"][name]:
        text += ", in units of how far the network's members spread"
    if coverage.get("reason"):
        return f"{text}. How much they hold is not known: {coverage['reason']}."
    return (
        f"{text}; held is the share of the {coverage['part']} rows that lie inside. "
        "dlcli predict --interval 0.9 writes the ends of each."
    )
