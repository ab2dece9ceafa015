"""Numbers, texts and tables as they are written in C99."""

import json
import math
import re
from collections.abc import Iterable, Sequence

import numpy as np

WIDTH = 96


def real(value: float) -> str:
    """Write a double that reads back as the same one."""
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    if math.isnan(value):
        return "NAN"
    text = repr(float(value))
    return text if re.search(r"[.e]", text) else f"{text}.0"


def single(value: float) -> str:
    """Write a float that reads back as the same one."""
    number = np.float32(value)
    if not np.isfinite(number):
        return real(float(number))
    text = np.format_float_scientific(number, unique=True, trim="0")
    return f"{text}f"


def text(value: str) -> str:
    """Write a string; anything but plain ASCII as bytes of UTF-8, which no compiler mistakes."""
    if value.isascii() and value.isprintable() and "?" not in value:
        return json.dumps(value)
    # Octal escapes end after three digits, unlike hexadecimal ones.
    return '"' + "".join(f"\\{byte:03o}" for byte in value.encode()) + '"'


def comment(value: str) -> str:
    """Make a name harmless inside a comment."""
    return " ".join(value.replace("*/", "* /").replace("/*", "/ *").split())


def table(kind: str, name: str, values: Sequence[str]) -> list[str]:
    """Declare a constant array."""
    head = f"static const {kind} {name}[{len(values)}] = {{"
    return [head, *(f"    {line}" for line in _filled(values)), "};"]


def _filled(values: Iterable[str]) -> list[str]:
    lines, line = [], ""
    for value in values:
        if line and len(line) + len(value) + 2 > WIDTH:
            lines.append(line)
            line = ""
        line += f"{value}, "
    lines.append(line)
    return [each.rstrip() for each in lines]
