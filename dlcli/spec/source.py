"""YAML text to plain values plus the place of every key; knows nothing of the grammar."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dlcli.errors import LocatedProblem, SpecError
from dlcli.files import refusal
from dlcli.spec.places import KeyPlace, Place, Source, format_problem
from dlcli.spec.problems import KeyPath, closest, join_names
from dlcli.spec.scalars import parse_scalar
from dlcli.spec.syntax import explain_syntax

MAX_BYTES = 1_000_000
"""A config is written by hand; more than this is a mistake or an attack."""
MAX_DEPTH = 60
"""Deeper than any network needs, far above the recursion that later checks use."""
MAX_NODES = 50_000
"""Bounds what aliases may expand to."""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
UNWRITABLE = re.compile("[\0\ud800-\udfff]")
"""What no file name and no text file can hold."""


def read_source(path: Path) -> Source:
    """Read a YAML file; raises SpecError at the first thing that is not YAML 1.2 as we take it."""
    return parse_source(read_text(path), file=path)


def parse_source(text: str, *, file: Path) -> Source:
    """Turn YAML text into values and places."""
    return _Composer(text, file).compose()


def read_text(path: Path) -> str:
    """Read a config's text, its line ends as they are; raises SpecError where it is none."""
    try:
        if path.is_dir():
            raise SpecError(f"{path} is a folder; expected a YAML file")
        with path.open("rb") as file:
            # What is no regular file tells no size.
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file", hint=neighbour_hint(path)) from None
    except OSError as error:
        raise refusal(error, path, "cannot be read", SpecError) from None
    if len(content) > MAX_BYTES:
        size = max(path.stat().st_size, len(content))
        raise SpecError(
            f"{path}: {size:,} bytes; a config has at most {MAX_BYTES:,}",
            hint="is this a data file? name it under data.source",
        )
    return _decode(content, path)


def neighbour_hint(path: Path) -> str | None:
    """Return a hint for a file that is not there: the config that was probably meant."""
    folder = path.parent
    if not folder.is_dir():
        return f"there is no folder {folder}"
    configs = sorted(item.name for item in folder.iterdir() if item.suffix in {".yaml", ".yml"})
    near = closest(path.name, configs) or closest(f"{path.name}.yaml", configs)
    if near is not None:
        return f"did you mean {folder / near}?"
    return f"in that folder: {join_names(configs, most=5)}" if configs else None


def _decode(content: bytes, path: Path) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SpecError(
            f"{path}:{line}: not {encoding.removesuffix('-sig').upper()} text: "
            f"byte 0x{content[error.start]:02x} cannot be read",
            hint="save the file as UTF-8",
        ) from None


@dataclass
class _Frame:
    """A mapping or list that is being filled."""

    container: dict[str, Any] | list[Any]
    path: KeyPath
    anchor: str | None
    key: str | None = None
    key_place: Place | None = None


@dataclass
class _Anchor:
    value: Any
    path: KeyPath


@dataclass
class _Composer:
    """Builds values from parser events without recursion, so that depth is ours to bound."""

    text: str
    file: Path
    places: dict[KeyPath, KeyPlace] = field(default_factory=dict)
    anchors: dict[str, _Anchor] = field(default_factory=dict)
    stack: list[_Frame] = field(default_factory=list)
    root: Any = None
    num_documents: int = 0
    num_nodes: int = 0
    last: str = ""

    def __post_init__(self) -> None:
        self.lines = self.text.splitlines() or [""]

    def compose(self) -> Source:
        self._refuse_unprintable()
        for event in self._events():
            self._take(event)
        return Source(values=self.root, places=self.places, file=self.file)

    def _refuse_unprintable(self) -> None:
        found = _UNPRINTABLE.search(self.text)
        if found is not None:
            before = f"{self.text[: found.start()]}.".splitlines()
            raise self._error(
                f"character {found.group()!r} is not allowed in YAML",
                self._place_at(len(before) - 1, len(before[-1]) - 1),
                hint="delete it; is this a text file?",
            )

    def _events(self) -> Iterator[Any]:
        try:
            yield from yaml.parse(self.text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            mark, message, hint = explain_syntax(error, self.lines)
            place = self._place_at(mark.line, mark.column) if mark else Place(file=str(self.file))
            raise self._error(message, place, hint=hint) from None
        except yaml.YAMLError as error:
            raise self._error(f"not valid YAML: {error}", Place(file=str(self.file))) from None

    def _take(self, event: Any) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self.num_documents += 1
                if self.num_documents > 1:
                    raise self._error(
                        "a second YAML document starts here",
                        self._place(event),
                        hint="remove the '---'",
                    )
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                frame = self.stack.pop()
                if frame.anchor is not None:
                    self.anchors[frame.anchor] = _Anchor(frame.container, frame.path)

    def _open(self, event: Any) -> None:
        self._refuse_tag(event)
        if self._awaits_key():
            raise self._error("a key must be text, not a mapping or list", self._place(event))
        if len(self.stack) >= MAX_DEPTH:
            raise self._error(f"nested more than {MAX_DEPTH} levels deep", self._place(event))
        container: dict[str, Any] | list[Any] = (
            {} if isinstance(event, yaml.MappingStartEvent) else []
        )
        path = self._put(container, self._place(event))
        self.stack.append(_Frame(container, path, event.anchor))

    def _scalar(self, event: Any) -> None:
        self._refuse_tag(event)
        self._refuse_unwritable(event)
        if self._awaits_key():
            self._take_key(event, self._place(event))
            return
        value = event.value
        if event.implicit[0]:  # a plain scalar; quoted ones stay text
            try:
                value = parse_scalar(event.value)
            except ValueError as error:
                raise self._error(
                    f"{error} is no number to compute with", self._place(event)
                ) from None
        path = self._put(value, self._place(event))
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchor(value, path)

    def _alias(self, event: Any) -> None:
        anchor = self.anchors.get(event.anchor)
        if anchor is None:
            raise self._error(
                f"alias *{event.anchor} names no anchor before it", self._place(event)
            )
        if self._awaits_key():
            raise self._error("an alias cannot be a key", self._place(event))
        path = self._put(None, self._place(event))
        self._set(self._copy(anchor.value, anchor.path, path, self._place(event)))

    def _copy(self, value: Any, old: KeyPath, new: KeyPath, place: Place) -> Any:
        self._count(place)
        if old in self.places:
            self.places.setdefault(new, self.places[old])
        if isinstance(value, dict):
            return {k: self._copy(v, (*old, k), (*new, k), place) for k, v in value.items()}
        if isinstance(value, list):
            return [self._copy(v, (*old, i), (*new, i), place) for i, v in enumerate(value)]
        return value

    def _count(self, place: Place) -> None:
        self.num_nodes += 1
        if self.num_nodes > MAX_NODES:
            raise self._error(f"more than {MAX_NODES:,} values, counting every alias", place)

    def _awaits_key(self) -> bool:
        return (
            bool(self.stack)
            and isinstance(self.stack[-1].container, dict)
            and self.stack[-1].key is None
        )

    def _take_key(self, event: Any, place: Place) -> None:
        frame, key = self.stack[-1], event.value
        if key in frame.container:
            first = self.places[(*frame.path, key)].key
            raise self._error(
                f"key {key!r} stands twice here", place, hint=f"the first is on line {first.line}"
            )
        if key == "<<" and event.implicit[0]:  # a quoted one is an ordinary name
            raise self._error(
                "merge keys ('<<') are not part of YAML 1.2",
                place,
                hint="write the keys out, or start from another config with `extends`",
            )
        frame.key, frame.key_place = key, place

    def _put(self, value: Any, place: Place) -> KeyPath:
        self._count(place)
        path: KeyPath = ()
        key_place = place
        if self.stack:
            frame = self.stack[-1]
            if isinstance(frame.container, dict):
                assert frame.key is not None
                assert frame.key_place is not None
                path, key_place = (*frame.path, frame.key), frame.key_place
            else:
                path = (*frame.path, len(frame.container))
                frame.container.append(None)
        self.places[path] = KeyPlace(key=key_place, value=place)
        self._set(value)
        return path

    def _set(self, value: Any) -> None:
        if not self.stack:
            self.root = value
            return
        frame = self.stack[-1]
        if isinstance(frame.container, list):
            frame.container[-1] = value
        elif frame.key is not None:
            frame.container[frame.key] = value
            self.last = frame.key
            frame.key = None
        else:
            frame.container[self.last] = value

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None and event.tag != "!":
            tag = event.tag.replace("tag:yaml.org,2002:", "!!", 1)
            raise self._error(
                f"tag {tag!r} is not allowed",
                self._place(event),
                hint="write the plain value",
            )

    def _refuse_unwritable(self, event: Any) -> None:
        """Refuse what an escape in quotes can say and no file name or text file can hold."""
        found = UNWRITABLE.search(event.value)
        if found is not None:
            raise self._error(
                f"character {found.group()!r} cannot be in a text", self._place(event)
            )

    def _place(self, event: Any) -> Place:
        start, end = event.start_mark, event.end_mark
        same_line = start.line == end.line
        return self._place_at(
            start.line, start.column, (end.column - start.column) if same_line else 1
        )

    def _place_at(self, line: int, column: int, length: int = 1) -> Place:
        text = self.lines[line] if line < len(self.lines) else ""
        return Place(
            file=str(self.file), line=line + 1, column=column + 1, length=max(length, 1), text=text
        )

    def _error(self, message: str, place: Place, *, hint: str | None = None) -> SpecError:
        problem = LocatedProblem(
            file=place.file,
            line=place.line or None,
            column=place.column or None,
            message=message,
            hint=hint,
        )
        return SpecError(format_problem(message, place), hint=hint, problems=[problem])
