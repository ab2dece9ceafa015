"""Which encoding a text probably has that is not UTF-8."""

import re

WESTERN, CHINESE = "cp1252", "gb18030"
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
# The rows of GB 2312 that hold the frequent characters; what other pairs begin with is rare there.
_FREQUENT = range(0xB0, 0xD8)


def likely_encoding(sample: bytes) -> str:
    """Return the encoding of a text that is not UTF-8: CHINESE or WESTERN.

    Chinese characters are pairs of bytes beyond ASCII, most of which begin as the frequent ones do;
    accents stand alone between letters.
    """
    runs = [run[0] for run in _BEYOND_ASCII.finditer(sample)]
    pairs = [run[at] for run in runs if len(run) % 2 == 0 for at in range(0, len(run), 2)]
    in_pairs = 2 * len(pairs) >= 0.9 * sum(map(len, runs))
    frequent = sum(first in _FREQUENT for first in pairs)
    return CHINESE if pairs and in_pairs and frequent > len(pairs) / 2 else WESTERN
