"""Keep the catalogues of messages up to date: `python scripts/languages.py` after any new message.

It extracts what dlcli's source can say into `dlcli/languages/messages.pot`, brings each language's
`dlcli.po` to that state, keeps what is translated, compiles `dlcli.mo`, and lists what is missing.
"""

import ast
import struct
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from message_templates import Template, extract, placeholders_of, skeleton_of

LANGUAGES = Path(__file__).resolve().parent.parent / "dlcli" / "languages"
TEMPLATES = LANGUAGES / "messages.pot"
HEADER = (
    "Project-Id-Version: dlcli\n"
    "Language: {language}\n"
    "MIME-Version: 1.0\n"
    "Content-Type: text/plain; charset=UTF-8\n"
    "Content-Transfer-Encoding: 8bit\n"
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A message with its translation; `context` tells single words and separators from messages."""

    context: str
    source: str
    target: str
    places: tuple[str, ...] = ()


def read_catalogue(path: Path) -> list[Entry]:
    """Read the entries of a .po file, without its header."""
    entries: list[Entry] = []
    fields: dict[str, str] = {}
    places: list[str] = []
    key = ""
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("#:"):
            places += line[2:].split()
        elif line.startswith('"'):
            fields[key] += ast.literal_eval(line)
        elif line and not line.startswith("#"):
            key, _, text = line.partition(" ")
            fields[key] = ast.literal_eval(text)
        elif not line and fields:
            if fields["msgid"]:
                entries.append(
                    Entry(
                        context=fields.get("msgctxt", ""),
                        source=fields["msgid"],
                        target=fields["msgstr"],
                        places=tuple(places),
                    )
                )
            fields, places = {}, []
    return entries


def format_catalogue(entries: Iterable[Entry], *, language: str) -> str:
    """Write entries as a .po file."""
    blocks = [_format_entry(Entry(context="", source="", target=HEADER.format(language=language)))]
    return "\n".join([*blocks, *map(_format_entry, entries)])


def _format_entry(entry: Entry) -> str:
    lines = [f"#: {place}" for place in entry.places]
    if entry.context:
        lines.append(f"msgctxt {_quoted(entry.context)}")
    lines += [f"msgid {_quoted(entry.source)}", f"msgstr {_quoted(entry.target)}"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    lines = escaped.replace("\n", "\\n\n").splitlines() or [""]
    if len(lines) == 1:
        return f'"{lines[0]}"'
    return "\n".join(['""', *(f'"{line}"' for line in lines)])


def compile_catalogue(entries: Iterable[Entry], *, language: str) -> bytes:
    """Return the bytes of a .mo file, as gettext reads it, with what is translated."""
    texts = {"": HEADER.format(language=language)}
    for entry in entries:
        if entry.target:
            texts[f"{entry.context}\x04{entry.source}" if entry.context else entry.source] = (
                entry.target
            )
    pairs = sorted((key.encode(), text.encode()) for key, text in texts.items())
    start = 28 + 16 * len(pairs)
    keys, offset = _placed([key for key, _ in pairs], start)
    values, _ = _placed([text for _, text in pairs], offset)
    head = struct.pack(
        "<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 28 + 16 * len(pairs)
    )
    body = b"".join(key + b"\0" for key, _ in pairs) + b"".join(text + b"\0" for _, text in pairs)
    return head + keys + values + body


def _placed(texts: list[bytes], offset: int) -> tuple[bytes, int]:
    """Return the table of lengths and offsets, and where the texts end."""
    table = b""
    for text in texts:
        table += struct.pack("<2I", len(text), offset)
        offset += len(text) + 1
    return table, offset


def merge(templates: Iterable[Template], known: Iterable[Entry]) -> list[Entry]:
    """Return an entry for every template, translated where one of its skeleton was; words stay."""
    by_skeleton = {skeleton_of(entry.source): entry for entry in known if not entry.context}
    merged = []
    for template in templates:
        old = by_skeleton.get(template.skeleton)
        target = "" if old is None else _renamed(old, template.text)
        merged.append(
            Entry(context="", source=template.text, target=target, places=(template.path,))
        )
    return [*merged, *(entry for entry in known if entry.context)]


def _renamed(entry: Entry, source: str) -> str:
    """Return a translation with the placeholders that its message has now."""
    new = dict(zip(placeholders_of(entry.source), placeholders_of(source), strict=True))
    target, at = "", 0
    for placeholder in placeholders_of(entry.target):
        begin = entry.target.index(placeholder, at)
        target += entry.target[at:begin] + new.get(placeholder, placeholder)
        at = begin + len(placeholder)
    return target + entry.target[at:]


def missing(templates: Iterable[Template], entries: Iterable[Entry]) -> list[str]:
    """List the messages that the source has, and that are not translated."""
    done = {skeleton_of(entry.source) for entry in entries if entry.target and not entry.context}
    return [template.text for template in templates if template.skeleton not in done]


def catalogues() -> Mapping[str, Path]:
    """Return the .po file of every language."""
    return {path.parts[-3]: path for path in sorted(LANGUAGES.glob("*/LC_MESSAGES/dlcli.po"))}


def main() -> int:
    """Bring all catalogues up to date; returns 1 where a translation is missing."""
    templates = extract()
    plain = [Entry(context="", source=t.text, target="", places=(t.path,)) for t in templates]
    TEMPLATES.write_text(format_catalogue(plain, language=""), encoding="utf-8")
    is_complete = True
    for language, path in catalogues().items():
        entries = merge(templates, read_catalogue(path))
        path.write_text(format_catalogue(entries, language=language), encoding="utf-8")
        path.with_suffix(".mo").write_bytes(compile_catalogue(entries, language=language))
        left = missing(templates, entries)
        is_complete = is_complete and not left
        print(f"{language}: {len(templates) - len(left)} of {len(templates)} messages translated")
        for text in left:
            print(f"  {text!r}")
        if left:
            print(
                f"give them a msgstr in {path} (the same text where none is needed); run it again"
            )
    return 0 if is_complete else 1


if __name__ == "__main__":
    sys.exit(main())
