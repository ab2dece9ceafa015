"""Plain YAML scalars to values, by the core schema of YAML 1.2."""

import re
from typing import Any

# The core schema of YAML 1.2 (section 10.3.2); PyYAML's own resolver follows 1.1.
_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = {".nan", ".NaN", ".NAN"}
_NUMBER = re.compile(
    "|".join(kind.pattern for kind in (_INTEGER, _OCTAL, _HEXADECIMAL, _FLOAT)), re.ASCII
)
_MAX_CHARACTERS = 200
"""Far more than any number needs, and whole numbers stay within what a float can hold."""


def parse_scalar(text: str) -> Any:
    """Return the YAML 1.2 value of a plain scalar; ValueError for a number beyond all bounds."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if len(text) > _MAX_CHARACTERS and _NUMBER.fullmatch(text):
        raise ValueError(f"a number of {len(text)} characters")
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _OCTAL.fullmatch(text):
        return int(text, 0)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 0)
    if _INFINITY.fullmatch(text):
        return float("-inf" if text[0] == "-" else "inf")
    return float("nan") if text in _NAN else text
