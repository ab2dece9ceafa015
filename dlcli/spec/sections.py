"""Sections: mappings with fixed keys, declared as frozen dataclasses."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dlcli.spec.fields import INVALID, Field, JsonSchema, report_unexpected
from dlcli.spec.problems import KeyPath, Problems, closest, join_names, suggest
from dlcli.spec.renamed import RENAMED

_MOST_ADVISED = 100
"""Unknown keys for which the nearest known one is looked up; more of them are never shown."""


@dataclass(frozen=True)
class Setting:
    """One key of a section: its kind, whether it must be given, and its reference text."""

    kind: Field
    help: str
    required: bool


def setting(kind: Field, help: str, **default: Any) -> Any:
    """Declare a key of a section dataclass; without `default=` it must be given."""
    described = Setting(kind, help, not default)
    return dataclasses.field(metadata={"setting": described}, **default)


@dataclass(frozen=True)
class Section:
    """A mapping with fixed keys: the fields of a frozen dataclass made with `setting`."""

    cls: type

    @property
    def expectation(self) -> str:
        return f"a mapping ({join_names(self.settings(), most=5)})"

    def settings(self) -> dict[str, Setting]:
        """Return the keys with what they hold."""
        return {
            item.name: item.metadata["setting"]
            for item in dataclasses.fields(self.cls)
            if "setting" in item.metadata
        }

    def accepts(self, value: object) -> bool:
        return isinstance(value, dict)

    def check(self, value: object, path: KeyPath, problems: Problems) -> Any:
        parsed = self.parse(value, path, problems)
        if parsed is INVALID or any(item is INVALID for item in parsed.values()):
            return INVALID
        return self.cls(**parsed)

    def parse(self, value: object, path: KeyPath, problems: Problems) -> Any:
        """Return the values of the keys that are given, INVALID for the wrong and missing ones."""
        if not isinstance(value, dict):
            return report_unexpected(self, value, path, problems)
        meant = self._report_unknown(value, path, problems)
        parsed: dict[str, Any] = {}
        for name, setting in self.settings().items():
            if name in value:
                parsed[name] = _check_given(setting, value[name], (*path, name), problems)
            elif setting.required:
                parsed[name] = INVALID
                if name not in meant:
                    message = f"{name!r} is missing{_inside(path)}"
                    problems.add(path, message, hint=setting.help, on_key=True, missing=name)
        return parsed

    def _report_unknown(
        self, value: Mapping[Any, object], path: KeyPath, problems: Problems
    ) -> set[str | None]:
        """Report keys that are none of this section's; return those that they were meant to be."""
        settings = self.settings()
        unknown = [str(key) for key in value if key not in settings]
        for key in unknown[_MOST_ADVISED:]:
            if problems.is_full:
                break
            problems.add((*path, key), f"unknown key {key!r}{_inside(path)}", on_key=True)
        unknown = unknown[:_MOST_ADVISED]
        meant = {key: RENAMED.get((*path, key)) or closest(key, settings) for key in unknown}
        for key in unknown:
            hint = suggest(key, settings)
            if (*path, key) in RENAMED:
                hint = f"it is called {meant[key]!r} here; `dlcli upgrade` renames it in the file"
            elif meant[key] is None:
                others = [name for name in settings if name not in value]
                hint = problems.homes.get(key, _say_choice(others))
                problems.misplaced.update({key} & problems.homes.keys())
            message = f"unknown key {key!r}{_inside(path)}"
            problems.add((*path, key), message, hint=hint, on_key=True)
        return set(meant.values())

    def schema(self) -> JsonSchema:
        settings = self.settings()
        return {
            "type": "object",
            "properties": {
                name: {**setting.kind.schema(), "description": setting.help}
                for name, setting in settings.items()
            },
            "required": [name for name, setting in settings.items() if setting.required],
            "additionalProperties": False,
        }


def find_homes(section: Section, inside: str = "at the top level") -> Iterator[tuple[str, str]]:
    """Yield every key of a section and its sections, with words for where it belongs."""
    for name, setting in section.settings().items():
        yield name, f"it belongs {inside}"
        if isinstance(setting.kind, Section):
            parent = "" if inside == "at the top level" else inside.removeprefix("under ") + "."
            yield from find_homes(setting.kind, f"under {parent}{name}")


def _check_given(setting: Setting, value: object, path: KeyPath, problems: Problems) -> Any:
    if value is None and not setting.kind.accepts(None):
        hint = "give it a value" + ("" if setting.required else ", or leave the key out")
        return report_unexpected(setting.kind, value, path, problems, hint=hint)
    return setting.kind.check(value, path, problems)


def _say_choice(names: list[str]) -> str:
    return f"choose from {join_names(names)}" if names else "leave it out"


def _inside(path: KeyPath) -> str:
    return f" in {path[-1]}" if path else ""
