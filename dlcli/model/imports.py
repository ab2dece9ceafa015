"""Classes of the files under `imports`, run and found; only where `--allow-code` allowed it."""

import importlib.util
from pathlib import Path
from types import ModuleType

from dlcli.errors import SpecError
from dlcli.files import hash_file
from dlcli.permission import check_allowed

_MODULES: dict[str, ModuleType] = {}
"""What was run in this process, by the sha256 of its text: Keras registers a class once."""


def load_imports(files: tuple[str, ...], what: str) -> None:
    """Run the files, which registers their classes with Keras; raises UsageError, SpecError."""
    check_allowed(files, what)
    for file in files:
        digest = hash_file(Path(file))
        if digest not in _MODULES:
            _MODULES[digest] = _run(Path(file), digest)


def find_class(name: str) -> type | None:
    """Return a class of the files that were run; of two with one name the one run last."""
    for module in reversed(_MODULES.values()):
        found = getattr(module, name, None)
        if isinstance(found, type):
            return found
    return None


def _run(path: Path, digest: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"imports_{digest[:12]}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (ArithmeticError, AttributeError, ImportError, LookupError, NameError, OSError,
            RuntimeError, SyntaxError, TypeError, ValueError) as error:  # fmt: skip
        raise SpecError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    return module
