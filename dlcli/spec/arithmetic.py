"""Arithmetic written by the user, e.g. `water + cement <= 500`: parsed, never executed."""

import ast
import math
import operator
import re
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from dlcli.errors import UsageError
from dlcli.spec.problems import closest, did_you_mean, join_names

MOST_CHARACTERS = 500
"""Longer texts are refused: nesting then stays far from what Python's own parser bears."""

_PIECES = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`|(?<![<>=!])=(?!=)")
"""Quoted names, and the single equals sign that people write for two."""
_STEP = r"(?:[^\W\d]\w*|`[^`]*`)"
_PATH = re.compile(rf"(?<![\w.]){_STEP}(?:\.{_STEP})+|{_PIECES.pattern}")
"""The same, and names joined by dots, of which each may stand in back quotes."""


@dataclass(frozen=True)
class Number:
    value: float


@dataclass(frozen=True)
class Column:
    name: str


@dataclass(frozen=True)
class Operation:
    symbol: str
    left: "Node"
    right: "Node"


Node = Number | Column | Operation

_SYMBOLS: Mapping[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
}
Operations = Mapping[str, Callable[[Any, Any], Any]]
"""What computes each symbol."""

OF_NUMBERS: Operations = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two sides and what must hold between them: `<`, `<=`, `>`, `>=` or `==`."""

    left: Node
    symbol: str
    right: Node

    @property
    def is_equality(self) -> bool:
        return self.symbol == "=="

    @property
    def excess(self) -> Node:
        """What must not be positive, or must be 0: `a >= b` is b - a, and `a == b` a - b."""
        if self.symbol in (">", ">="):
            return Operation("-", self.right, self.left)
        return Operation("-", self.left, self.right)


class Vocabulary(Protocol):
    """The names that an expression may hold."""

    @property
    def noun(self) -> str:
        """What the names stand for, in a word."""
        ...

    @property
    def has_paths(self) -> bool:
        """Whether names are joined by dots, as in `test.R2Score`."""
        ...

    @property
    def example(self) -> str:
        """A comparison that could be meant."""
        ...

    @property
    def quoted_example(self) -> str:
        """A name that needs back quotes."""
        ...

    def find(self, name: str, *, context: str) -> str:
        """Return the name that is meant; raises UsageError."""
        ...


@dataclass(frozen=True, kw_only=True)
class Names:
    """What an expression may name, and why it may not name the others."""

    numbers: tuple[str, ...]
    refused: Mapping[str, str]
    noun: str = "column"
    has_paths: bool = False
    example: str = "a + b <= 500"
    quoted_example: str = "`water / cement`"

    def find(self, name: str, *, context: str) -> str:
        """Return the column that `name` means; raises UsageError."""
        for known in self.numbers:
            # Python's own identifiers are normalised: the micro sign becomes the Greek letter.
            if name in (known, unicodedata.normalize("NFKC", known)):
                return known
        if name in self.refused:
            raise UsageError(f"{context}: {name!r} {self.refused[name]}")
        quoted = next((k for k in self.numbers if not k.isidentifier() and k in context), None)
        near = closest(name, [*self.numbers, *self.refused])
        if quoted is not None:
            hint = f"write a name that is no plain word in back quotes: `{quoted}`"
        elif near is not None:
            hint = did_you_mean(name, near)
        else:
            hint = f"choose from {join_names(self.numbers)}"
        raise UsageError(f"{context}: the run has no column {name!r}", hint=hint)


def parse_expression(text: str, names: Names, *, option: str) -> Node:
    """Read a name or arithmetic over names; raises UsageError."""
    context = f"{option} {text!r}"
    if text in names.numbers or text in names.refused:
        return Column(names.find(text, context=context))
    tree = _parse(text, names, context)
    if isinstance(tree, ast.Compare):
        raise UsageError(
            f"{context}: expected a quantity, got a comparison",
            hint=f"a condition goes to --subject-to {text!r}",
        )
    return _naming(_guarded(tree, names, context), names, context)


def parse_comparisons(text: str, names: Vocabulary, *, option: str) -> tuple[Comparison, ...]:
    """Read a comparison, or a chain of them such as `1 <= a + b <= 2`; raises UsageError."""
    context = f"{option} {text!r}"
    tree = _parse(text, names, context)
    if not isinstance(tree, ast.Compare):
        raise UsageError(
            f"{context}: expected a comparison with <=, >= or ==", hint=f"e.g. '{names.example}'"
        )
    sides = [_guarded(side, names, context) for side in (tree.left, *tree.comparators)]
    found = [
        _compare(sign, left, right, context)
        for sign, left, right in zip(tree.ops, sides[:-1], sides[1:], strict=True)
    ]
    for comparison in found:
        _naming(comparison.excess, names, context)
    return tuple(found)


def compute_number(node: Node, values: Mapping[str, float]) -> float:
    """Return the value of an expression of numbers; what is not defined is NaN."""
    try:
        found = fold(node, values, OF_NUMBERS)
    except (ZeroDivisionError, OverflowError):
        return math.nan
    # A root of a negative number is complex.
    return math.nan if isinstance(found, complex) else float(found)


def fold(node: Node, values: Mapping[str, Any], operations: Operations) -> Any:
    """Compute an expression with the given operations."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Column):
        return values[node.name]
    left, right = fold(node.left, values, operations), fold(node.right, values, operations)
    return operations[node.symbol](left, right)


def column_names(node: Node) -> frozenset[str]:
    """Return the columns that an expression names."""
    if isinstance(node, Column):
        return frozenset({node.name})
    if isinstance(node, Number):
        return frozenset()
    return column_names(node.left) | column_names(node.right)


def linear_form(node: Node) -> dict[str, float] | None:
    """Return the coefficient of each column, the constant under "", or None if not linear."""
    if isinstance(node, Number):
        return {"": node.value}
    if isinstance(node, Column):
        return {node.name: 1.0}
    left, right = linear_form(node.left), linear_form(node.right)
    if left is None or right is None:
        return None
    if node.symbol in "+-":
        sign = 1.0 if node.symbol == "+" else -1.0
        names = [*left, *(name for name in right if name not in left)]
        return {name: left.get(name, 0.0) + sign * right.get(name, 0.0) for name in names}
    factor = right.get("", 0.0)
    if node.symbol == "*" and set(left) <= {""}:
        left, right, factor = right, left, left.get("", 0.0)
    if set(right) <= {""} and node.symbol == "*":
        return {name: value * factor for name, value in left.items()}
    if set(right) <= {""} and node.symbol == "/" and factor:
        return {name: value / factor for name, value in left.items()}
    if set(left) | set(right) <= {""}:
        return {"": compute_number(node, {})}
    return None


def _parse(text: str, names: Vocabulary, context: str) -> ast.expr:
    if not text.strip():
        raise UsageError(f"{context}: expected an expression, got nothing")
    if len(text) > MOST_CHARACTERS:
        raise UsageError(
            f"{context[:60]}...: {len(text)} characters; at most {MOST_CHARACTERS} are read"
        )
    try:
        with warnings.catch_warnings():
            # Python warns of what looks odd to it, e.g. `1 is 2`; it is refused below anyway.
            warnings.simplefilter("ignore")
            if names.has_paths:
                text = _PATH.sub(_path_piece, text.strip())
            else:
                text = _PIECES.sub(_piece, text.strip())
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UsageError(
            f"{context} cannot be read",
            hint=f"write numbers, {names.noun} names, + - * / ** and <=, >= or ==; a name that is no "
            f"plain word stands in back quotes: {names.quoted_example}",
        ) from None


def _piece(match: re.Match[str]) -> str:
    piece = match.group()
    return "==" if piece == "=" else repr(piece[1:-1])


def _path_piece(match: re.Match[str]) -> str:
    # The vocabulary takes a path apart, so its back quotes stay.
    return _piece(match) if match.group()[0] in "='\"" else repr(match.group())


def _guarded(tree: ast.expr, names: Vocabulary, context: str) -> Node:
    try:
        return _convert(tree, names, context)
    except RecursionError:
        raise UsageError(f"{context} is nested too deeply") from None


def _naming(node: Node, names: Vocabulary, context: str) -> Node:
    if not column_names(node):
        raise UsageError(f"{context}: names no {names.noun}, so nothing can change it")
    return node


def _convert(tree: ast.expr, names: Vocabulary, context: str) -> Node:
    if isinstance(tree, ast.Constant):
        return _constant(tree.value, names, context)
    if isinstance(tree, ast.Name):
        return Column(names.find(tree.id, context=context))
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.UAdd | ast.USub):
        operand = _convert(tree.operand, names, context)
        if isinstance(tree.op, ast.UAdd):
            return operand
        return Operation("-", Number(0.0), operand)
    if isinstance(tree, ast.BinOp) and type(tree.op) in _SYMBOLS:
        left = _convert(tree.left, names, context)
        return Operation(_SYMBOLS[type(tree.op)], left, _convert(tree.right, names, context))
    raise UsageError(
        f"{context}: {_written(tree)} is not allowed here",
        hint=f"only numbers, {names.noun} names, + - * / ** and one comparison are read",
    )


def _constant(value: Any, names: Vocabulary, context: str) -> Node:
    if isinstance(value, str):
        return Column(names.find(value, context=context))
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return Number(float(value))
        except OverflowError:
            pass
    raise UsageError(f"{context}: expected a number that fits, got {str(value)[:40]}")


def _written(tree: ast.expr) -> str:
    text = ast.unparse(tree)
    return f"`{text if len(text) <= 40 else text[:37] + '...'}`"


_COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
}


def _compare(sign: ast.cmpop, left: Node, right: Node, context: str) -> Comparison:
    if type(sign) not in _COMPARISONS:
        raise UsageError(f"{context}: expected a comparison with <=, >= or ==")
    return Comparison(left=left, symbol=_COMPARISONS[type(sign)], right=right)
