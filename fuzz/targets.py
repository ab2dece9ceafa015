"""What is fuzzed: functions of bytes that may raise DlcliError and nothing else."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dlcli.bundle.store import Bundle
from dlcli.commands.evaluate import stored_evaluation
from dlcli.data.readers import ReadOptions, read_blocks, read_table
from dlcli.errors import DlcliError, SpecError
from dlcli.runs import RunFolder
from dlcli.spec.merging import merge_values
from dlcli.spec.overrides import apply_override
from dlcli.spec.run import build_spec
from dlcli.spec.source import parse_source
from fuzz.bounds import bounded, check_refusal

FOLDER = Path(tempfile.mkdtemp(prefix="dlcli-fuzz-"))
_FEW_ROWS = 7
"""Of a block, so that small tables have several."""
_MOST_BLOCKS = 3000

CONFIG = """
data: {source: a.csv, target: y, scale: standard, split: {test: 0.2}}
blocks: {b: [Dense: 4]}
layers: [b, Dropout: 0.1, Dense: 1]
loss: mse
optimizer: {Adam: {learning_rate: 1e-3}}
callbacks: [EarlyStopping: {patience: 3, monitor: loss}, CSVLogger]
checks: [test.mae < 3]
epochs: 2
"""


def config(content: bytes) -> None:
    """Check the text of a config."""
    source = parse_source(content.decode("utf-8", "replace"), file=Path("fuzz.yaml"))
    if isinstance(source.values, dict):
        source.values.pop("extends", None)
        source.values.pop("imports", None)
    build_spec(source)


def override(content: bytes) -> None:
    """Check a config with one `--set`."""
    source = parse_source(CONFIG, file=Path("fuzz.yaml"))
    text = content.decode("utf-8", "replace")
    if "imports" not in text:
        build_spec(apply_override(source, text))


def mapping(content: bytes) -> None:
    """Check a config that is given as JSON values."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        raise SpecError("no JSON") from None
    if isinstance(values, dict) and not {"extends", "imports"} & values.keys():
        build_spec(merge_values(values))


def _table(suffix: str) -> Callable[[bytes], None]:
    def read(content: bytes) -> None:
        path = FOLDER / f"table{suffix}"
        path.write_bytes(content)
        rows = max(_FEW_ROWS, len(content) // _MOST_BLOCKS)
        with bounded():
            read_table([path])
        with bounded():
            for _ in read_blocks(path, ReadOptions(), rows=rows):
                pass

    return read


def _bounded(read: Callable[[bytes], None]) -> Callable[[bytes], None]:
    def run(content: bytes) -> None:
        with bounded():
            read(content)

    return run


def _record(name: str, read: Callable[[RunFolder], Any]) -> Callable[[bytes], None]:
    def load(content: bytes) -> None:
        folder = FOLDER / "run"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
        if name != "manifest.json":
            files = {name: hashlib.sha256(content).hexdigest()}
            manifest = {"format": 1, "files": files}
            (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        read(RunFolder(folder))

    return _bounded(load)


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "config": _bounded(config),
    "set": _bounded(override),
    "mapping": _bounded(mapping),
    "csv": _table(".csv"),
    "jsonl": _table(".jsonl"),
    "xlsx": _table(".xlsx"),
    "parquet": _table(".parquet"),
    "manifest": _record("manifest.json", lambda run: run.load_manifest()),
    "metrics": _record("metrics.json", stored_evaluation),
    "preprocessing": _record("preprocessing.json", Bundle.load),
}


MOST_BYTES: Mapping[str, int] = {
    **dict.fromkeys(TARGETS, 20_000),
    # What people write by hand; a longer one says the same more often.
    **dict.fromkeys(("config", "mapping"), 4_000),
    "set": 400,
}


def try_bytes(name: str, content: bytes) -> bool:
    """Run one input; tell whether it was taken. Anything but DlcliError passes through."""
    try:
        TARGETS[name](content)
    except DlcliError as error:
        check_refusal(error)
        return False
    return True
