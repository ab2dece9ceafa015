"""Schema: the grammar of configs as a file, and the settings with which an editor uses it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcli.errors import UsageError
from dlcli.files import check_output, reading, writing, written_whole
from dlcli.spec.schema import build_schema

SETTINGS = "settings.json"
SCHEMA = "dlcli.schema.json"
FOLDER = ".vscode"
GLOBS = ("configs/*.yaml",)
"""Which files are configs where nobody says it."""
_KEY = "yaml.schemas"


@dataclass(frozen=True, kw_only=True)
class WrittenSchema:
    """The files that were written; `is_changed` tells whether the settings had to be."""

    schema: Path
    settings: Path | None = None
    is_changed: bool = True


def vscode_settings(globs: tuple[str, ...]) -> dict[str, Any]:
    """Return the workspace setting by which the YAML extension checks these files."""
    return {_KEY: {f"./{FOLDER}/{SCHEMA}": list(globs or GLOBS)}}


def write_schema(path: Path, *, force: bool = False) -> WrittenSchema:
    """Write the grammar as JSON Schema; raises UsageError where the file exists already."""
    check_output(path, force=force)
    _write(path, schema_text())
    return WrittenSchema(schema=path)


def write_vscode(folder: Path, globs: tuple[str, ...]) -> WrittenSchema:
    """Write the schema into a workspace's `.vscode`, and add it to the settings that are there.

    A schema that this command wrote before is written anew; every other setting stays.
    """
    if folder.absolute().name != FOLDER:
        raise UsageError(
            f"{folder}: editors read the settings of a workspace from its folder {FOLDER}",
            hint=f"--out {folder / FOLDER}",
        )
    settings = folder / SETTINGS
    present = _read_settings(settings, globs)
    wanted = vscode_settings(globs)
    schemas = present.get(_KEY, {})
    if not isinstance(schemas, dict):
        raise UsageError(
            f"{settings}: {_KEY} is no mapping of schemas to files", hint=_by_hand(globs)
        )
    merged = {**present, _KEY: {**schemas, **wanted[_KEY]}}
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    _write(folder / SCHEMA, schema_text())
    if merged != present:
        _write(settings, json.dumps(merged, indent=2, ensure_ascii=False))
    return WrittenSchema(schema=folder / SCHEMA, settings=settings, is_changed=merged != present)


def _read_settings(path: Path, globs: tuple[str, ...]) -> dict[str, Any]:
    if not path.exists():
        return {}
    with reading(path, UsageError):
        content = path.read_bytes()
    try:
        values = json.loads(content.decode("utf-8-sig") or "{}")
    except ValueError:
        # Comments are allowed there, and would be lost.
        raise UsageError(f"{path} holds comments or is no JSON", hint=_by_hand(globs)) from None
    if not isinstance(values, dict):
        raise UsageError(
            f"{path} holds no settings, but {type(values).__name__}", hint=_by_hand(globs)
        )
    return values


def _by_hand(globs: tuple[str, ...]) -> str:
    setting = json.dumps(vscode_settings(globs), ensure_ascii=False)[1:-1]
    return f"add it by hand: {setting}; `dlcli schema --out {FOLDER}/{SCHEMA}` writes the schema"


def schema_text(*, ascii_only: bool = False) -> str:
    """Return the schema as JSON with a line for each definition: indented it is three times as long."""
    schema = build_schema()
    lines = {
        key: json.dumps(value, ensure_ascii=ascii_only)
        for key, value in schema.items()
        if key != "$defs"
    }
    definitions = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=ascii_only)}"
        for name, value in schema["$defs"].items()
    )
    body = ",\n".join(f"{json.dumps(key)}: {text}" for key, text in lines.items())
    return f'{{\n{body},\n"$defs": {{\n{definitions}\n}}}}'


def _write(path: Path, text: str) -> None:
    with written_whole(path) as temporary, writing(path):
        temporary.write_text(f"{text}\n", encoding="utf-8")
