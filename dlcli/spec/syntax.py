"""What a YAML parser reports, in words for people who do not know YAML's grammar."""

from typing import Any

# What the parser says, and whether the mistake is where it gave up or where it began to read.
_AT_THE_START = ("could not find expected ':'", "found unexpected end of stream")
_BACKSLASH_HINT = "put the text in single quotes, where a '\\' is only a '\\', or write '\\\\'"


def explain_syntax(error: Any, lines: list[str]) -> tuple[Any, str, str | None]:
    """Return the mark to point at (None: nowhere), the message and the hint for a parser's error."""
    problem, context = error.problem or "", error.context or ""
    mark = error.problem_mark or error.context_mark
    begun = error.context_mark or mark
    if problem in _AT_THE_START or (mark and not "".join(lines[mark.line :]).strip()):
        mark = begun
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    at = line[mark.column : mark.column + 1] if mark else ""
    if "escape" in problem:
        return mark, "this '\\' begins no escape that YAML knows", _BACKSLASH_HINT
    if "quoted scalar" in context:
        return begun, "this quote is not closed", "write the same quote at the end of the text"
    if "could not find expected ':'" in problem:
        return mark, "expected a ':' after this key", "every key is followed by ': '"
    if "flow" in context:
        open_, close = ("{", "}") if "mapping" in context else ("[", "]")
        hint = f"{open_!r} on line {begun.line + 1} needs a {close!r} after its last item"
        return mark, f"expected ',' or {close!r} before this", hint
    if at == "\t" or line.startswith("\t"):
        return mark, "a tab stands where YAML expects spaces", "indent with spaces"
    if "cannot start any token" in problem:
        return mark, f"text cannot begin with {at!r}", "put the text in quotes"
    if "mapping values are not allowed" in problem:
        return mark, "this ':' does not belong here", _colon_hint(line, mark, lines)
    if "block" in context:
        hint = "items of one list or mapping begin in the same column"
        return mark, "this line does not fit the ones above it", hint
    words = ", ".join(part for part in (context, problem) if part)
    return mark, f"not valid YAML: {words or error}", None


def _colon_hint(line: str, mark: Any, lines: list[str]) -> str:
    if ": " in line[: mark.column] or not mark.line:
        return "text that contains ': ' needs quotes"
    above = lines[mark.line - 1]
    if len(above) - len(above.lstrip()) != len(line) - len(line.lstrip()):
        return "keys of one mapping begin in the same column: compare with the line above"
    return "compare with the line above: is a ':' or a quote missing there?"
