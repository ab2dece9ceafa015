"""Results as JSON Lines: one appended for each tool and split, so that a stopped run goes on."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one tool reached on one split."""

    set: str
    split: int
    tool: str
    version: str
    """Of the peer; of dlcli a hash of what `init` writes."""
    train_rows: int
    test_rows: int
    seconds: float
    """Of all cores, for fitting and predicting: other work on the machine does not count."""
    figures: dict[str, float]
    """RootMeanSquaredError, or LogLoss and Accuracy; of intervals `covered` and `width`."""

    @property
    def key(self) -> tuple[str, int, str, str]:
        return self.set, self.split, self.tool, self.version


def read_results(path: Path) -> list[Result]:
    """Return the results of a file, the last one of each key; a line cut off by a kill is none."""
    found: dict[Any, Result] = {}
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        values = _parse(text)
        if values is not None:
            result = Result(**{field.name: values[field.name] for field in fields(Result)})
            found[result.key] = result
    return list(found.values())


def append_result(path: Path, result: Result) -> None:
    """Write a result below the others."""
    # After a line that a kill cut off, a new one begins.
    start = "" if not path.exists() or path.read_bytes()[-1:] in (b"", b"\n") else "\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(start + json.dumps(asdict(result)) + "\n")


def _parse(text: str) -> dict[str, Any] | None:
    try:
        values = json.loads(text)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None
