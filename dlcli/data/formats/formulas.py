"""Text that a spreadsheet would run as a formula: an apostrophe before it in CSV, and taken off.

Escaping and reading undo each other for every text: what has apostrophes already gets one more.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

_FORMULA = r"^'*[=+\-@\t\r]"
_ESCAPED = r"^'+[=+\-@\t\r]"
# What begins like a formula and is a number, which spreadsheets read as one and we do again.
_SIGNED_NUMBER = r"^'*[+\-][0-9.,]+([eE][+\-]?[0-9]+)?$"


def escape(column: pa.ChunkedArray, *, formulas: bool) -> pa.ChunkedArray:
    """Put an apostrophe before formulas, or only where reading would take one off."""
    pattern = _FORMULA if formulas else _ESCAPED
    return _where(column, pattern, pc.replace_substring_regex(column, pattern, r"'\0"))


def unescape(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Take off the apostrophe that `escape` has put before a text."""
    return _where(column, _ESCAPED, pc.replace_substring_regex(column, "^'", ""))


def escape_text(text: str) -> str:
    """Put an apostrophe before one text that is a formula."""
    return f"'{text}" if _is_meant(text, _FORMULA) else text


def unescape_text(text: str) -> str:
    """Take off the apostrophe of one text."""
    return text[1:] if _is_meant(text, _ESCAPED) else text


def _is_meant(text: str, pattern: str) -> bool:
    return re.match(pattern, text) is not None and re.match(_SIGNED_NUMBER, text) is None


def _where(column: pa.ChunkedArray, pattern: str, changed: pa.ChunkedArray) -> pa.ChunkedArray:
    is_meant = pc.and_(
        pc.match_substring_regex(column, pattern),
        pc.invert(pc.match_substring_regex(column, _SIGNED_NUMBER)),
    )
    return pc.if_else(is_meant, changed, column)
