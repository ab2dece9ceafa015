"""What fuzzing starts from: inputs that are taken, that were once findings, and words that mean something."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from dlcli.errors import DlcliError
from dlcli.spec import catalog
from dlcli.spec.data import DataSpec
from dlcli.spec.experiment import RunSpec
from dlcli.spec.sections import Section
from dlcli.spec.source import read_source
from fuzz.targets import MOST_BYTES

REPOSITORY = Path(__file__).parents[1]
CORPUS = REPOSITORY / "tests" / "fuzz_corpus"
_WORD = re.compile(r"[A-Za-z0-9_.]+")


def seeds(target: str) -> Iterator[bytes]:
    """Yield the inputs that a target starts from."""
    for file in sorted((CORPUS / target).glob("*")):
        yield file.read_bytes()
    if target in ("config", "mapping"):
        for file in _configs():
            content = file.read_bytes() if target == "config" else _as_json(file)
            if content and len(content) <= MOST_BYTES[target]:
                yield content


def known_words() -> list[str]:
    """Return the keys of configs and the names of the catalogue, which random letters never hit."""
    names = {name for kind in catalog.KINDS for name in catalog.names(kind)}
    names.update(Section(RunSpec).settings(), Section(DataSpec).settings())
    return sorted(name for name in names if _WORD.fullmatch(name))


def _configs() -> list[Path]:
    golden = REPOSITORY / "tests" / "golden" / "errors" / "configs"
    return [*sorted((REPOSITORY / "configs").glob("*.yaml")), *sorted(golden.glob("*.yaml"))]


def _as_json(file: Path) -> bytes:
    try:
        return json.dumps(read_source(file).values).encode()
    except DlcliError:
        return b""
