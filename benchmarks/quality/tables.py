"""Results to Markdown: figures by set, ranks, intervals, and the bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, median, stdev

from benchmarks.figures import format_number, format_table
from benchmarks.quality.defaults import NAME
from benchmarks.quality.records import Result

CATBOOST, BOOSTING, KERAS = "CatBoost", "HistGradientBoosting", "plain Keras MLP"
INTERVALS = "CatBoost intervals"
MAIN = {"RootMeanSquaredError": "RMSE", "LogLoss": "log loss"}
"""What tools are ranked by; smaller is better."""
MOST_ERRORS_BEHIND = 1.0


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What a tool reached on a set."""

    values: tuple[float, ...]
    """Of the main figure, split by split."""
    seconds: float

    @property
    def mean(self) -> float:
        return mean(self.values)

    @property
    def error(self) -> float:
        """The standard error of the mean; 0 of a single split."""
        return stdev(self.values) / sqrt(len(self.values)) if len(self.values) > 1 else 0.0


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One promise beside its measurement; None where it was not measured."""

    what: str
    bound: str
    measured: str
    is_met: bool | None


Cells = dict[str, dict[str, Cell]]
"""Set to tool to what it reached."""


def gather(results: Sequence[Result]) -> Cells:
    """Group the results by set and tool, over the splits that every tool of the set has done."""
    cells: Cells = {}
    for name in dict.fromkeys(each.set for each in results):
        of_set = [each for each in results if each.set == name and _main(each) is not None]
        tools = list(dict.fromkeys(each.tool for each in of_set))
        done = [{each.split for each in of_set if each.tool == tool} for tool in tools]
        shared = set.intersection(*done) if done else set()
        if not shared:
            continue
        cells[name] = {}
        for tool in tools:
            own = sorted(
                (each for each in of_set if each.tool == tool and each.split in shared),
                key=lambda each: each.split,
            )
            cells[name][tool] = Cell(
                values=tuple(each.figures[str(_main(each))] for each in own),
                seconds=median(each.seconds for each in own),
            )
    return cells


def format_results(results: Sequence[Result], sets: Sequence[str]) -> str:
    """Lay out every table in Markdown."""
    cells = gather(results)
    shown = [name for name in sets if name in cells]
    tools = list(dict.fromkeys(tool for name in shown for tool in cells[name]))
    blocks = [
        "## Errors\n\nRMSE in the target's unit, or log loss: mean over the splits, ± its standard "
        "error. Smaller is better; the best one is bold.\n\n"
        + _figures_table(results, cells, shown, tools),
        "## Ranks\n\n" + _ranks_table(cells, shown, tools),
        "## CPU seconds\n\nFitting and predicting, the sum of all cores, the median over the splits.\n\n"
        + format_table(
            ["set", *tools],
            [[name, *(_seconds(cells[name].get(tool)) for tool in tools)] for name in shown],
        ),
    ]
    shares = _accuracy_table(results, cells, shown, tools)
    if shares:
        blocks.insert(1, "## Accuracy\n\nOf the same predictions, larger is better.\n\n" + shares)
    intervals = interval_rows(results)
    if intervals:
        blocks.append("## Intervals of 90 %\n\n" + _intervals_table(intervals))
    bars = make_bars(results)
    rows = [[b.what, b.bound, b.measured, _met(b.is_met)] for b in bars]
    blocks.append("## Bars\n\n" + format_table(["bar", "bound", "measured", "met"], rows))
    return "\n\n".join(blocks)


def ranks(cells: Cells, tools: Sequence[str]) -> dict[str, list[float]]:
    """Return the rank of each tool on each set that all of them were measured on; ties share one."""
    found: dict[str, list[float]] = {tool: [] for tool in tools}
    for of_set in cells.values():
        if not set(tools) <= set(of_set):
            continue
        means = {tool: of_set[tool].mean for tool in tools}
        for tool, own in means.items():
            below = sum(other < own for other in means.values())
            same = sum(other == own for other in means.values())
            found[tool].append(below + (same + 1) / 2)
    return found


def interval_rows(results: Sequence[Result]) -> dict[str, dict[str, tuple[float, float]]]:
    """Return set to tool to mean coverage and mean width, over the splits that both have done."""
    rows: dict[str, dict[str, tuple[float, float]]] = {}
    for name in dict.fromkeys(each.set for each in results):
        by_tool = {
            tool: {
                each.split: (each.figures["covered"], each.figures["width"])
                for each in results
                if each.set == name and each.tool == tool and "covered" in each.figures
            }
            for tool in (NAME, INTERVALS)
        }
        shared = set(by_tool[NAME]) & set(by_tool[INTERVALS])
        if shared:
            rows[name] = {
                tool: (
                    mean(found[split][0] for split in shared),
                    mean(found[split][1] for split in shared),
                )
                for tool, found in by_tool.items()
            }
    return rows


def make_bars(results: Sequence[Result]) -> tuple[Bar, ...]:
    """Return what the results promise."""
    cells = gather(results)
    return (
        _rank_bar(cells),
        _wins_bar(cells),
        *_interval_bars(interval_rows(results)),
        _keras_bar(cells),
    )


def _rank_bar(cells: Cells) -> Bar:
    what, bound = "mean rank against CatBoost's", "smaller"
    tools = [
        tool
        for tool in dict.fromkeys(tool for of_set in cells.values() for tool in of_set)
        if any(tool in of_set for of_set in cells.values())
    ]
    found = ranks(cells, tools) if {NAME, CATBOOST} <= set(tools) else {}
    if not found.get(NAME):
        return Bar(what=what, bound=bound, measured="not measured", is_met=None)
    own, other = mean(found[NAME]), mean(found[CATBOOST])
    return Bar(
        what=what, bound=bound, measured=f"{own:.2f} against {other:.2f}", is_met=own < other
    )


def _wins_bar(cells: Cells) -> Bar:
    what, bound = f"sets on which it is better than {BOOSTING}", "≥ 3 in 4"
    both = [of_set for of_set in cells.values() if {NAME, BOOSTING} <= set(of_set)]
    if not both:
        return Bar(what=what, bound=bound, measured="not measured", is_met=None)
    wins = sum(of_set[NAME].mean < of_set[BOOSTING].mean for of_set in both)
    return Bar(
        what=what, bound=bound, measured=f"{wins} of {len(both)}", is_met=4 * wins >= 3 * len(both)
    )


def _interval_bars(rows: dict[str, dict[str, tuple[float, float]]]) -> tuple[Bar, ...]:
    covering, narrow = "90 % intervals cover, on average", "their width against CatBoost's"
    if not rows:
        none = "not measured"
        return (
            Bar(what=covering, bound="88 to 92 %", measured=none, is_met=None),
            Bar(what=narrow, bound="< 1 times", measured=none, is_met=None),
        )
    covered = mean(each[NAME][0] for each in rows.values())
    ratios = [each[NAME][1] / each[INTERVALS][1] for each in rows.values()]
    # A mean of ratios that does not depend on which of the two is above the line.
    ratio = _geometric(ratios)
    return (
        Bar(
            what=covering,
            bound="88 to 92 %",
            measured=f"{covered:.1%} ({len(rows)} sets)",
            is_met=0.88 <= covered <= 0.92,
        ),
        Bar(
            what=narrow,
            bound="< 1 times",
            measured=f"{ratio:.3f} times ({min(ratios):.2f} to {max(ratios):.2f})",
            is_met=ratio < 1,
        ),
    )


def _keras_bar(cells: Cells) -> Bar:
    what = "worse than the plain Keras MLP, in standard errors, at most"
    bound = f"≤ {MOST_ERRORS_BEHIND:g}"
    behind = {}
    for name, of_set in cells.items():
        if {NAME, KERAS} <= set(of_set):
            own, other = of_set[NAME], of_set[KERAS]
            pairs = zip(own.values, other.values, strict=True)
            gaps = Cell(values=tuple(a - b for a, b in pairs), seconds=0)
            behind[name] = gaps.mean / gaps.error if gaps.error else 0.0
    if not behind:
        return Bar(what=what, bound=bound, measured="not measured", is_met=None)
    worst = max(behind, key=lambda name: behind[name])
    return Bar(
        what=what,
        bound=bound,
        measured=f"{behind[worst]:.2f} ({worst})",
        is_met=behind[worst] <= MOST_ERRORS_BEHIND,
    )


def _main(result: Result) -> str | None:
    return next((figure for figure in MAIN if figure in result.figures), None)


def _figures_table(
    results: Sequence[Result], cells: Cells, shown: Sequence[str], tools: Sequence[str]
) -> str:
    rows = []
    for name in shown:
        first = next(each for each in results if each.set == name and _main(each) is not None)
        best = min(cell.mean for cell in cells[name].values())
        splits = len(next(iter(cells[name].values())).values)
        rows.append(
            [
                f"{name}, {MAIN[str(_main(first))]}",
                f"{first.train_rows + first.test_rows:,}, {splits}",
                *(_cell(cells[name].get(tool), best) for tool in tools),
            ]
        )
    return format_table(["set", "rows, splits", *tools], rows)


def _accuracy_table(
    results: Sequence[Result], cells: Cells, shown: Sequence[str], tools: Sequence[str]
) -> str:
    rows = []
    for name in shown:
        shares = {
            tool: [
                each.figures["Accuracy"]
                for each in results
                if each.set == name and each.tool == tool and "Accuracy" in each.figures
            ]
            for tool in tools
        }
        if any(shares.values()):
            rows.append([name, *(f"{mean(each):.4f}" if each else "" for each in shares.values())])
    return format_table(["set", *tools], rows) if rows else ""


def _ranks_table(cells: Cells, shown: Sequence[str], tools: Sequence[str]) -> str:
    found = ranks({name: cells[name] for name in shown}, tools)
    rows = [
        [tool, f"{mean(each):.2f}", str(sum(rank == 1 for rank in each)), str(len(each))]
        for tool, each in sorted(found.items(), key=lambda item: mean(item[1] or [99]))
        if each
    ]
    return format_table(["tool", "mean rank", "first on", "of sets"], rows)


def _intervals_table(rows: dict[str, dict[str, tuple[float, float]]]) -> str:
    return format_table(
        ["set", "dlcli covers", "CatBoost covers", "dlcli's width", "CatBoost's width", "ratio"],
        [
            [
                name,
                *(f"{each[tool][0]:.1%}" for tool in (NAME, INTERVALS)),
                *(format_number(each[tool][1]) for tool in (NAME, INTERVALS)),
                f"{each[NAME][1] / each[INTERVALS][1]:.2f}",
            ]
            for name, each in rows.items()
        ],
    )


def _cell(cell: Cell | None, best: float) -> str:
    if cell is None:
        return ""
    text = f"{format_number(cell.mean)} ± {format_number(cell.error)}"
    return f"**{text}**" if cell.mean == best else text


def _seconds(cell: Cell | None) -> str:
    return "" if cell is None else format_number(cell.seconds)


def _met(is_met: bool | None) -> str:
    return "" if is_met is None else "yes" if is_met else "**no**"


def _geometric(values: Sequence[float]) -> float:
    product = 1.0
    for value in values:
        product *= value ** (1 / len(values))
    return product
