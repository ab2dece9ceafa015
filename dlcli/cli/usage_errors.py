"""What is said of a wrong value on the command line: with the value, which Typer's pydantic leaves out."""

from typing import Any

_BOUNDS = {
    "greater_than_equal": ("x>=", "ge"),
    "greater_than": ("x>", "gt"),
    "less_than_equal": ("x<=", "le"),
    "less_than": ("x<", "lt"),
}
"""By pydantic's names of what can be wrong (docs.pydantic.dev, "Validation Errors")."""


def name_value(error: Any) -> None:
    """Reword the message of a usage error that stands for one of pydantic's; others keep theirs."""
    list_errors = getattr(error.__cause__, "errors", None)
    if list_errors is not None:
        found = list_errors(include_url=False)[0]
        error.message = (
            _message(found["type"], found["input"], found.get("ctx", {})) or error.message
        )


def _message(kind: str, value: Any, context: dict[str, Any]) -> str | None:
    if kind == "int_parsing":
        return f"{value!r} is not a valid integer."
    if kind == "float_parsing":
        return f"{value!r} is not a valid float."
    if kind in _BOUNDS:
        sign, key = _BOUNDS[kind]
        bounds = f"{sign}{context[key]}"
        return f"{value} is not in the range {bounds}."
    # A choice that is none names its value; pydantic puts words before it.
    return str(context["error"]) if kind == "value_error" else None
