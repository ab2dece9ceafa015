"""Text columns: the words of each text as whole numbers, for an Embedding."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlcli.data.columns.filling import fit_fill
from dlcli.data.columns.reading import ReadColumn
from dlcli.data.columns.settings import ColumnSettings
from dlcli.data.columns.tensor import InputSpec
from dlcli.errors import DataError

PADDING, OTHER_WORD, FIRST_WORD = 0, 1, 2

# Letters and digits of any script, with apostrophes inside a word: don't, l'eau.
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


@dataclass(frozen=True, kw_only=True)
class TextInput:
    """A fitted text column."""

    settings: ColumnSettings
    fill: str | None
    words: tuple[str, ...]
    """The vocabulary, most frequent first; code 2 is the first of them."""

    feature_names: tuple[str, ...] = ()

    @property
    def tensor(self) -> InputSpec:
        size = len(self.words) + FIRST_WORD
        return InputSpec(shape=(self.settings.length,), dtype="int32", vocabulary_size=size)

    @classmethod
    def fit(cls, settings: ColumnSettings, read: ReadColumn) -> "TextInput":
        """Count the words of the training cells; ties go in alphabetical order."""
        fill = fit_fill(settings, read)
        assert fill is None or isinstance(fill, str)
        counts: Counter[str] = Counter()
        codes, repeats = np.unique(read.values[~read.missing], return_counts=True)
        for code, repeat in zip(codes.tolist(), repeats.tolist(), strict=True):
            for word in split_words(read.names[code], lower=settings.lower):
                counts[word] += repeat
        if not counts:
            raise DataError(
                f"column {settings.name!r} has no word in the training part",
                hint="leave it out with `drop`",
            )
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(settings=settings, fill=fill, words=tuple(ranked[: settings.vocabulary]))

    def encode(self, read: ReadColumn) -> NDArray[np.int32]:
        """Return int32 [rows, length]."""
        index = {word: code for code, word in enumerate(self.words, start=FIRST_WORD)}
        used, rows = np.unique(np.where(read.missing, -1, read.values), return_inverse=True)
        table = np.full((len(used), self.settings.length), PADDING, dtype=np.int32)
        for line, code in zip(table, used.tolist(), strict=True):
            text = (self.fill or "") if code < 0 else read.names[code]
            words = split_words(text, lower=self.settings.lower)[: self.settings.length]
            start = len(line) - len(words) if self.settings.padding == "pre" else 0
            line[start : start + len(words)] = [index.get(word, OTHER_WORD) for word in words]
        return table[rows]

    def to_json(self) -> dict[str, Any]:
        return {
            "settings": self.settings.to_json(),
            "fill": self.fill,
            "words": list(self.words),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "TextInput":
        return cls(
            settings=ColumnSettings.from_json(state["settings"]),
            fill=state["fill"],
            words=tuple(state["words"]),
        )


def split_words(text: str, *, lower: bool) -> list[str]:
    """Cut a text into its words; punctuation and spaces only separate."""
    return _WORD.findall(text.lower() if lower else text)
