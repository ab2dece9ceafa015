"""Going on with a training: what it was asked for and read, compared with what is asked now."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dlcli.data.dataset import Dataset
from dlcli.errors import RunError
from dlcli.spec.differences import ABSENT, Difference, find_differences
from dlcli.spec.problems import show_value
from dlcli.spec.run import RunSpec
from dlcli.spec.writing import to_canonical
from dlcli.staging import StagedRun

MOST_DIFFERENCES = 5


def asked_by(spec: RunSpec) -> dict[str, Any]:
    """Return the config as a run in the making records it."""
    return {"name": spec.name, "config": _as_json(to_canonical(spec, folder=Path()))}


def check_same_config(staged: StagedRun, spec: RunSpec) -> None:
    """Raise RunError for a config that would train to something else; `epochs` may rise."""
    record = staged.record
    then, now = record["config"], _as_json(to_canonical(spec, folder=Path()))
    differences = [_told(each) for each in find_differences(_compared(then), _compared(now))]
    if now["epochs"] < then["epochs"]:
        text = f"{then['epochs']} then, {now['epochs']} now, and it may only rise"
        differences.append(("epochs", text))
    if differences:
        raise RunError(
            _listing(f"{_place(staged)}: the config is not the one of this training", differences),
            hint="--resume takes the config and the --set of the first command; to train something "
            "else, leave --resume out",
        )
    if now["epochs"] > then["epochs"]:
        staged.write_record({**record, "config": now})


def check_same_data(staged: StagedRun, dataset: Dataset) -> None:
    """Record the data that a training reads; raise RunError where a resumed one reads others."""
    now = {
        "files": [{"name": item.path.name, "sha256": item.sha256} for item in dataset.sources],
        "split": dataset.split_record["sha256"],
    }
    then = staged.data_record
    if then is None:
        staged.write_data_record(now)
        return
    differences = list(_data_differences(then, now))
    if differences:
        raise RunError(
            _listing(f"{_place(staged)}: the data are not those of this training", differences),
            hint="bring the data back as they were, or train anew without --resume",
        )


def _data_differences(then: dict[str, Any], now: dict[str, Any]) -> Iterator[tuple[str, str]]:
    before, files = then["files"], now["files"]
    if len(before) != len(files):
        yield "files", f"{len(before)} then, {len(files)} now"
        return
    for old, new in zip(before, files, strict=True):
        if old["sha256"] != new["sha256"]:
            yield new["name"], f"sha256 {old['sha256'][:12]} then, {new['sha256'][:12]} now"
    if then["split"] != now["split"] and before == files:
        yield "split", "other rows in the parts"


def _told(difference: Difference) -> tuple[str, str]:
    shown = [
        "not given" if value is ABSENT else show_value(value)
        for value in (difference.left, difference.right)
    ]
    return difference.key, f"{shown[0]} then, {shown[1]} now"


def _listing(what: str, differences: list[tuple[str, str]]) -> str:
    lines = [f"  {key}: {text}" for key, text in differences[:MOST_DIFFERENCES]]
    more = len(differences) - MOST_DIFFERENCES
    return "\n".join([what, *lines, *([f"  and {more} more"] if more > 0 else [])])


def _place(staged: StagedRun) -> str:
    place = staged.out or staged.replaces or staged.path.parent
    return str(place)


def _compared(config: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that decide what comes out; files are compared by what is in them."""
    data = {key: value for key, value in config["data"].items() if key != "source"}
    split = data.get("split", {})
    data["split"] = {key: value for key, value in split.items() if not _names_files(key, value)}
    others = {key: value for key, value in config.items() if key not in ("epochs", "engine")}
    return {**others, "data": data}


def _names_files(key: str, value: Any) -> bool:
    is_part = key in ("test", "validation")
    return is_part and isinstance(value, str | list) and value != "test"


def _as_json(values: Any) -> Any:
    """Return plain values as JSON gives them back; numbers that it lacks become words."""
    if isinstance(values, dict):
        return {str(key): _as_json(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_as_json(value) for value in values]
    if isinstance(values, float) and not math.isfinite(values):
        return str(values)
    return json.loads(json.dumps(values))
