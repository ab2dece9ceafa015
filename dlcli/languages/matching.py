"""Finished messages back to the templates they were made from, and filled into translated ones."""

import gettext
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any, cast

DOMAIN = "dlcli"

WORD = "word"
"""The context of single words, which are translated only where a template has a place for them."""

WORD_PLACES = frozenset(
    "action after article as_what between called cells channels column_type counted described doubt end found "
    "given got how inside kind kind_text kinds left meant missing name_of named noun of on other part "
    "placed planned policy purpose reason relation said size standing state steps type unit units "
    "value verb wanted what where which whose why".split()
)
"""Placeholders that such words are filled into; names, cells and paths have others."""

PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\w+)(!r)?\}")
_QUOTED = r"""b?'(?:[^'\\\n]|\\.)*'|b?"(?:[^"\\\n]|\\.)*"|\(.*?\)|\[.*?\]|\{.*?\}|-?\d[\w.+-]*?|None|True|False|nan|-?inf"""
_ADJACENT = r"(?:[^\w].*?)?"
"""What fills a place right behind another one: nothing, or what begins with a blank or a mark."""

_APART = re.compile(
    r"`[^`]*`|(?<!\w)'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|\{.*\}|\((?:rows\b|\d)[^()]*\)"
)
"""What is not taken apart: code, and what is quoted."""
_EXCERPT = re.compile(r"\s*\d*\s*\|")
_PLACED = re.compile(
    r"(?P<place>\S*?[^\s:]:\d+(?::\d+)?: |--set \S+: |\S+\.ya?ml: )(?P<rest>.*)", re.DOTALL
)
_HAN = re.compile("[\u4e00-\u9fff]")
_WIDE = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uff60]")
SEPARATOR = "separator"
"""The context of what stands between messages that follow each other."""

_ORDER = ("; ", ": ", ", ", " or ", " and ")
"""Which separator is looked for first."""

_CONJUNCTIONS = (" or ", " and ")
"""Separators that stand within a message too: both sides must be known."""
_WORDS = re.compile(r"[A-Za-z]+")
_NAMED = re.compile(r"(?P<name>(?P<quoted>'(?:[^'\\]|\\.)*') |\S+ )(?P<rest>\S.*)")
_LABEL = re.compile(r"[a-z]+(?: [a-z]+)?(?:: |  +)\{\w+\}")
_FIGURE = re.compile(
    r"|[\d.,:%+\-/]+|`[^`]*`|'[^']*'|'[^']*\.\.\.|\"[^\"]*\"|\([^()]*\)|\[[^\]]*\]|\{.*\}"
    r"|[^\s:;,]+(?: [^\s:;,]+)?(?:, [^\s:;,]+(?: [^\s:;,]+)?)*"
)
"""What fills places as it is: figures, code, and names, also several."""
_COUNTED = re.compile(r"num(ber|_)|(n|row|line)$")
"""Places for numbers, by their names."""
_NUMBER = re.compile(r"[-+]?[\d.,_]+(?:e[-+]?\d+)?%?|-?inf|nan")
_NAMES = frozenset("classes columns inputs known names".split())
"""Places for names alone, perhaps with a count of further ones behind them."""
_MORE = re.compile(r" and [\d,]+ more$")
_JOINED = re.compile(r"(?:^| )(?:and|or) ")
_FEW_LETTERS, _SOME_LETTERS = 6, 16
_MOST_CHARACTERS = 3000
_MOST_SPLITS = 8


@dataclass(frozen=True)
class Template:
    """A message with places to fill, and its translation."""

    source: str
    target: str

    @cached_property
    def literals(self) -> list[str]:
        """What stands between the places, first and last included, with single braces."""
        return literals_of(self.source)

    @cached_property
    def places(self) -> list[tuple[str, bool]]:
        """The names of the places, and whether what is filled in is quoted."""
        return [(m[1], bool(m[2])) for m in PLACEHOLDER.finditer(self.source) if m[1]]

    @cached_property
    def weight(self) -> int:
        """The number of characters that the template itself gives."""
        return sum(map(len, self.literals))

    @cached_property
    def words(self) -> set[str]:
        """The words that stand in every message of this template, from end to end."""
        words: set[str] = set()
        for place, literal in enumerate(self.literals):
            # What is filled in beside a letter would be a part of the word.
            begin = re.sub("^[A-Za-z]+", "", literal) if place else literal
            is_last = place == len(self.literals) - 1
            words |= set(_WORDS.findall(begin if is_last else re.sub("[A-Za-z]+$", "", begin)))
        return words

    @cached_property
    def most_left(self) -> int:
        """How many words of prose a filled place may hold that stay as they are."""
        letters = sum(c.isalpha() for literal in self.literals for c in literal)
        return 0 if letters < _FEW_LETTERS else 1 if letters < _SOME_LETTERS else 1000

    @cached_property
    def is_bare(self) -> bool:
        """Whether it gives nothing but a word such as `of` between two places, as names have it too."""
        return len(self.places) > 1 and all(map(_PROSE.fullmatch, self.words))

    @cached_property
    def is_weak(self) -> bool:
        """Whether it gives so little that only figures and what is translated may fill it."""
        return not self.most_left

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What finds the places in a text, the first ones as short as can be."""
        return self._pattern(".*?")

    @cached_property
    def greedy_pattern(self) -> re.Pattern[str]:
        """What finds the places in a text, the first ones as long as can be."""
        return self._pattern(".*")

    def _pattern(self, any_text: str) -> re.Pattern[str]:
        lines = re.DOTALL if "\n" in self.source else 0
        pieces = [re.escape(self.literals[0])]
        for place, (_, is_quoted) in enumerate(self.places):
            is_adjacent = place and not self.literals[place]
            before, after = self.literals[place : place + 2]
            mark = before[-1:]
            if mark in tuple("`'") and after.startswith(mark):
                any_text = f"[^{mark}]*?"
            kind = _QUOTED if is_quoted else _ADJACENT if is_adjacent else any_text
            pieces.append(f"({kind}){re.escape(self.literals[place + 1])}")
        return re.compile("".join(pieces), lines)

    def fits(self, text: str) -> bool:
        """Tell whether all that is given stands in the text, in order."""
        first, *others = self.literals
        if not text.startswith(first) or not text.endswith(others[-1] if others else first):
            return False
        at = len(first)
        for literal in others:
            at = text.find(literal, at)
            if at < 0:
                return False
            at += len(literal)
        return True

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the translation with its places filled."""
        text, at = "", 0
        for match in PLACEHOLDER.finditer(self.target):
            text = beside(text, self.target[at : match.start()])
            text = beside(text, values[match[1]]) if match[1] else text + match.group()[0]
            at = match.end()
        return beside(text, self.target[at:])


def beside(left: str, right: str) -> str:
    """Put two texts together: with a blank between Chinese and Latin letters, none within Chinese."""
    begin, end = left.rstrip(" "), right.lstrip(" ")
    if not begin or not end:
        return left + right
    wide = bool(_WIDE.match(begin[-1])), bool(_WIDE.match(end[0]))
    if all(wide):
        return begin + end
    is_letter = (bool(_HAN.match(begin[-1])), bool(_HAN.match(end[0])))
    touches = left == begin and right == end
    if touches and any(is_letter) and not all(wide):
        other = end[0] if is_letter[0] else begin[-1]
        return f"{left} {right}" if other.isalnum() or other in "'\"`" else left + right
    return left + right


def literals_of(template: str) -> list[str]:
    """Return what stands between the places of a template."""
    literals, at = [""], 0
    for match in PLACEHOLDER.finditer(template):
        literals[-1] += template[at : match.start()]
        at = match.end()
        if match[1]:
            literals.append("")
        else:
            literals[-1] += match.group()[0]
    literals[-1] += template[at:]
    return literals


@dataclass(frozen=True)
class Found:
    """A translation, and how many words of prose in it are still those of the original."""

    text: str
    left: int
    is_sure: bool = False
    """Whether it comes from a template that gives enough of it."""


class Translator:
    """Translates messages by the templates of a catalogue."""

    def __init__(
        self,
        messages: Mapping[str, str],
        words: Mapping[str, str],
        separators: Mapping[str, str],
    ) -> None:
        self._words = {word: text.strip() for word, text in words.items()}
        self._separators = {each: separators[each] for each in _ORDER if each in separators}
        self._exact: dict[str, str] = {}
        self._templates: list[Template] = []
        for source, target in _with_stripped(messages):
            template = Template(source, target)
            if template.places:
                self._templates.append(template)
            else:
                self._exact.setdefault("".join(template.literals), template.fill({}))
        self._templates.sort(key=lambda template: -template.weight)
        self._by_word = _index(self._templates)
        self._labels = [
            each
            for each in self._templates
            if _LABEL.fullmatch(each.source)
            and each.target.endswith("}")
            and each.target != each.source
        ]
        self._found = lru_cache(maxsize=4096)(self._find)

    def spoken(self, text: str) -> str:
        """Translate a text that is shown as it is; single words too."""
        exact = self._exact.get(text) or self._words.get(text)
        return self.translated(text) if exact is None else exact

    def translated(self, text: str) -> str:
        """Translate a message; what no template gives stays."""
        if len(text) > _MOST_CHARACTERS:
            return "\n".join(
                self._found(line).text if len(line) <= _MOST_CHARACTERS else line
                for line in text.split("\n")
            )
        return self._found(text).text

    def _find(self, text: str) -> Found:
        """Return the translation of a text; where nothing in it is known, the text."""
        bare = text.strip()
        if " " not in bare or _EXCERPT.match(text):
            return Found(text, 0)  # One word alone is a name.
        original = Found(text, prose_words(text))
        if bare in self._exact:
            found: Found | None = Found(self._exact[bare], 0, is_sure=True)
        elif "\n" in bare:
            found = self._best([self._whole(bare), self._by_lines(bare)])
        else:
            found = self._labelled(bare) or self._placed(bare) or self._whole_or_split(bare)
        if found is None or found.left > original.left:
            return original
        begin = text[: len(text) - len(text.lstrip())]
        end = text[len(text.rstrip()) :]
        return replace(found, text=begin + found.text + end)

    def _whole_or_split(self, text: str) -> Found | None:
        best: Found | None = None
        for way in (self._whole, self._split, self._behind_name):
            best = self._best([best, way(text)])
            if best is not None and not best.left:
                break
        return best

    def _behind_name(self, text: str) -> Found | None:
        """Translate what is said of a name that stands before it."""
        match = _NAMED.fullmatch(text)
        if match is None or prose_words(match["name"]):
            return None
        if not match["quoted"] and match["rest"] not in self._exact:
            return None
        found = self._found(match["rest"])
        return (
            None if found.text == match["rest"] else replace(found, text=match["name"] + found.text)
        )

    def _best(self, candidates: Iterable[Found | None]) -> Found | None:
        """Return what leaves the fewest words of prose; of equals the first."""
        return min(filter(None, candidates), key=lambda found: found.left, default=None)

    def _whole(self, text: str) -> Found | None:
        """Translate a text that one template gives: the one that leaves least, the longest first."""
        best: Found | None = None
        for template in self._likely(text):
            if not template.fits(text):
                continue
            if "\n" in text and "\n" not in template.source:
                continue
            best = self._best([best, *self._fills(template, text)])
            if best is not None and not best.left:
                break
        return best

    def _fills(self, template: Template, text: str) -> Iterator[Found | None]:
        """Yield the translation by a template, with its first places as short, then as long as can be."""
        match = template.pattern.fullmatch(text)
        if match is None:
            return
        found = self._fill(template, match.groups())
        yield found
        if (found is None or found.left) and len(template.places) > 1:
            match = template.greedy_pattern.fullmatch(text)
            yield None if match is None else self._fill(template, match.groups())

    def _likely(self, text: str) -> Iterable[Template]:
        """Return the templates that a text may come from, the longest first."""
        words = {"", *_WORDS.findall(text)}
        places = {place for word in words for place in self._by_word.get(word, ())}
        return [self._templates[place] for place in sorted(places)]

    def _fill(self, template: Template, captured: tuple[str, ...]) -> Found | None:
        values: dict[str, str] = {}
        left = 0
        for place, value in enumerate(captured):
            full_name, is_quoted = template.places[place]
            name = re.sub(r"_\d+$", "", full_name)
            if is_quoted:
                values[full_name] = value
                continue
            if _COUNTED.match(name) and value and not _NUMBER.fullmatch(value):
                return None
            before, after = template.literals[place : place + 2]
            is_key = before.endswith(("`", ".", "/", "_", "=", "'", "type: ", "--list "))
            is_word = name in WORD_PLACES or after.startswith((" part", " column"))
            found = self._filled(name, value, is_word=is_word and not is_key)
            if template.is_weak and not self._may_fill_weak(value.strip(), found):
                return None
            values[full_name] = value if found.text == value else found.text.strip(" ")
            left += found.left
            # Few letters of a template say little about a text that has many others.
            if found.left > template.most_left:
                return None
        if template.is_bare and not any(map(_says_something, captured, values.values())):
            return None
        return Found(template.fill(values), left, is_sure=not template.is_weak)

    def _may_fill_weak(self, value: str, found: Found) -> bool:
        if value in self._words or (" " in value and value in self._exact):
            return True
        is_known = found.is_sure and found.text.strip() != value
        if not is_known and _JOINED.search(_APART.sub("", value)):
            return False
        if _FIGURE.fullmatch(value) or _FIGURE.fullmatch(_APART.sub("x", value)):
            return not prose_words(value)
        return is_known or (found.text.strip() != value and not prose_words(value))

    def _filled(self, name: str, value: str, *, is_word: bool) -> Found:
        """Translate what fills a place, where it is dlcli's own."""
        bare = value.strip()
        if bare in self._words:
            return Found(self._words[bare] if is_word else value, 0)
        if name in _NAMES and not _MORE.search(bare):
            return Found(value, 0)
        return self._found(value)

    def _by_lines(self, text: str) -> Found:
        return _joined("\n", [self._found(line) for line in text.split("\n")])

    def _labelled(self, text: str) -> Found | None:
        """Translate what stands behind the word that says what it is."""
        for template in self._labels:
            if text.startswith(template.literals[0]):
                found = self._found(text[len(template.literals[0]) :])
                # The blanks of a label in a column stay.
                return replace(found, text=PLACEHOLDER.sub("", template.target) + found.text)
        return None

    def _placed(self, text: str) -> Found | None:
        """Translate what stands behind a place in a file."""
        match = _PLACED.fullmatch(text)
        if match is None:
            return None
        found = self._found(match["rest"])
        return (
            None
            if found.text == match["rest"]
            else replace(found, text=match["place"] + found.text)
        )

    def _split(self, text: str) -> Found | None:
        """Translate a text that is several, one after the other."""
        best: Found | None = None
        for separator, written in self._separators.items():
            for left, right in _halves(text, separator):
                halves = [self._found(left), self._found(right)]
                is_known = halves[0].text != left or halves[1].text != right
                if separator in _CONJUNCTIONS:
                    # Names are joined by such words too, and so are the parts of one sentence.
                    if any(half.left for half in halves):
                        continue
                elif not is_known:
                    continue
                joined = _joined(written, halves)
                if best is None or joined.left < best.left:
                    best = joined
                if not best.left:
                    return best
        return best


def _says_something(value: str, filled: str) -> bool:
    """Tell a figure, what is quoted and what is translated from plain names."""
    return value != filled or any(letter.isdigit() or letter in "'\"`" for letter in value)


def _index(templates: Sequence[Template]) -> dict[str, list[int]]:
    """Return the places of templates by the rarest word that each of them gives whole."""
    words = [template.words for template in templates]
    counts = Counter(word for each in words for word in each)
    index: dict[str, list[int]] = {}
    for place, each in enumerate(words):
        rarest = min(each, key=lambda word: (counts[word], word), default="")
        index.setdefault(rarest, []).append(place)
    return index


def _joined(between: str, parts: Sequence[Found]) -> Found:
    text = parts[0].text
    for part in parts[1:]:
        text = (
            f"{text}\n{part.text}" if between == "\n" else beside(beside(text, between), part.text)
        )
    return Found(
        text, sum(part.left for part in parts), is_sure=all(part.is_sure for part in parts)
    )


_PROSE = re.compile(
    r"(?<![\w.-])(?:a|an|and|any|are|as|at|be|but|by|do|does|each|for|from|has|have|if|in|into|is|it|"
    r"its|no|not|of|on|or|so|than|that|the|their|them|there|these|they|this|those|to|was|were|what|"
    r"when|where|which|who|whose|with|without)(?![\w.-])"
)
"""Words that sentences are made with, and names hardly ever."""


def prose_words(text: str) -> int:
    """Count the words of English sentences outside of quotes and code."""
    return len(_PROSE.findall(_APART.sub(" ", text)))


def _halves(text: str, separator: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before and behind a separator, wherever it is neither quoted nor code."""
    masked = _APART.sub(lambda match: "\0" * len(match.group()), text)
    at = masked.find(separator)
    for _ in range(_MOST_SPLITS):
        if at < 0:
            return
        yield text[:at], text[at + len(separator) :]
        at = masked.find(separator, at + 1)


_BEGINNINGS = (
    (r"\{\w+\}:\{\w+\}: ", r"\{\w+\}:\{\w+\}[:：] ?"),
    (r"\{\w+\}: ", r"\{\w+\}[:：] ?"),
    (r"[;,:] ?", r"[；，：;,:] ?"),
)
"""What may be taken off a message, and off its translation."""


def _with_stripped(messages: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield every message, and those that go on with a sentence once more without the comma."""
    yield from messages.items()
    for source, target in messages.items():
        begun, shown = source, target
        for before, written in _BEGINNINGS:
            if re.match(before, begun) and re.match(written, shown):
                begun = re.sub(before, "", begun, count=1)
                shown = re.sub(written, "", shown, count=1)
                break
        if source[-1:] in tuple(";,:"):
            yield begun[:-1], shown.rstrip("；，：;,:")
        elif begun != source:
            yield begun, shown


@lru_cache(maxsize=1)
def load_translator(language: str) -> Translator:
    """Read the catalogue of a language."""
    path = files("dlcli.languages") / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
    with path.open("rb") as file:
        # gettext has no public way to list what a catalogue holds.
        entries = cast(Any, gettext.GNUTranslations(cast(Any, file)))._catalog
    messages = {key: text for key, text in entries.items() if key and "\x04" not in key}
    return Translator(messages, _of_context(entries, WORD), _of_context(entries, SEPARATOR))


def _of_context(entries: Mapping[str, str], context: str) -> dict[str, str]:
    start = f"{context}\x04"
    return {key.removeprefix(start): text for key, text in entries.items() if key.startswith(start)}
