"""Every text that dlcli's source can show, as templates: literals, and placeholders for the rest."""

import ast
import importlib
import itertools
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

SOURCE = Path(__file__).resolve().parent.parent / "dlcli"

COMPOSED = (
    *(f"a{noun} {bound}" for noun in (" whole number", " number") for bound in (
        "of at least {number}",
        "of at most {number}",
        "above {number}",
        "below {number}",
        "from {number} to {number_2}",
        "of at least {number} and below {number_2}",
        "above {number} and below {number_2}",
        "above {number} and of at most {number_2}",
    )),
    *(f"{{number}} {unit}{ending}" for unit in (
        "year", "month", "day", "hour", "minute", "second", "millisecond", "microsecond"
    ) for ending in ("", "s")),
    *(f"{unit} {{number}}" for unit in ("row", "line")),
    *(f"{{file}}, {unit} {{row}}" for unit in ("row", "line")),
    *(f"{{file}}, {unit} {{row}} ({{of}})" for unit in ("row", "line")),
    "a larger `data.split.{part}`, or shorten `data.window.length` or `horizon`",
    *(f"{{number}} {part} row{ending}" for part in ("training", "validation", "test", "repeated")
        for ending in ("", "s")),
    "a number",
    "a number of {size} characters",
    "a comparison",
    "a loss",
    "a metric",
    "an optimizer",
    "a schedule",
    "an initializer",
    "a regularizer",
    "a constraint",
    "an activation",
)  # fmt: skip
"""What is put together of words one by one."""

WRITERS = (
    "cli/options.py",
    "cli/completion.py",
    "commands/explain.py",
    "datasets/*.py",
    "exporting/c_*.py",
    "recipe/*.py",
    "report/card/*.py",
    "report/html/document.py",
    "serving/counters.py",
    "serving/page.py",
    "spec/schema.py",
)
"""Their text goes into programs, configs and documents; only their errors are messages, and help."""

ANSWERING = ("serving/app.py", "serving/[abgir]*.py")
"""What programs are answered over HTTP stays in English; `serving/access.py` is no such answer."""

SKIPPED_CALLS = {
    "Argument",
    "Option",
    "Typer",
    "AssertionError",
    "compile",
    "filterwarnings",
    "findall",
    "finditer",
    "fullmatch",
    "match",
    "search",
    "split",
    "sub",
    "strftime",
    "Path",
    "cast",
    "execute",
    "getLogger",
    "ValueError",
    "AttributeError",
    "NotImplementedError",
    "TypeError",
}
"""What is called with text that no user reads: patterns, help, errors of programmers."""

MARKERS = {
    "spoken": None,
    "spoken_each": None,
    "section": (1,),
    "details": (0,),
    "charts.add": (0, 1),
}
"""What is called with texts that are shown as they are, single words included: all, or some."""

FOREIGN = (
    "Error: {message}",
    "Try {command!r} for help.",
    "No such option: {name}",
    "No such option: {name} Did you mean {meant}?",
    "No such option: {name} (Possible options: {meant})",
    "No such command {name!r}.",
    "No such command {name!r}. Did you mean {meant!r}?",
    "No such command {name!r}. (Did you mean one of: {meant}?)",
    "Install completion for the current shell.",
    "Show completion for the current shell, to copy it or customize the installation.",
    "Show this message and exit.",
    "Missing command.",
    "Missing argument {name!r}.",
    "Missing option {name!r}.",
    "Missing parameter: {name}",
    "Option {name!r} requires an argument.",
    "Option {name!r} requires {number} arguments.",
    "Option {name!r} does not take a value.",
    "Got unexpected extra argument ({arguments})",
    "Got unexpected extra arguments ({arguments})",
    "Invalid value: {message}",
    "Invalid value for {name!r}: {message}",
    "{value!r} is not a valid integer.",
    "{value!r} is not a valid int.",
    "{value!r} is not a valid float.",
    "{value!r} is not a valid integer range.",
    "{value!r} is not one of {choices}.",
    "{value} is not in the range {bounds}.",
    "No such file or directory",
    "Permission denied",
    "Is a directory",
    "Not a directory",
    "File exists",
    "File name too long",
    "No space left on device",
    "Read-only file system",
    "Input/output error",
    "Too many open files",
    "File is not a zip file",
)
"""What Typer says of a command line, and the system of files."""

MOST_VARIANTS = 12

Piece = str | ast.expr


@dataclass(frozen=True, kw_only=True)
class Template:
    """A text of the source: `{{` and `}}` are braces, `{name}` is filled in, `{name!r}` quoted."""

    text: str
    path: str
    line: int
    marked: bool
    """Whether the source marks it as a text to show."""

    @property
    def is_open(self) -> bool:
        """Tell whether no place is named like one for numbers alone, or for quotes."""
        return not any(re.match(r"\{num|.*!r", each) for each in placeholders_of(self.text))

    @property
    def skeleton(self) -> str:
        """The template without the names of its placeholders."""
        return skeleton_of(self.text)


_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{\w+(?:!r)?\}")


def skeleton_of(text: str) -> str:
    """Return a template without the names of its placeholders."""
    return _PLACEHOLDER.sub(lambda m: m.group() if m.group() in ("{{", "}}") else "{}", text)


def placeholders_of(text: str) -> list[str]:
    """List the placeholders of a template, in order."""
    return [m.group() for m in _PLACEHOLDER.finditer(text) if m.group() not in ("{{", "}}")]


def extract(source: Path = SOURCE) -> list[Template]:
    """Return the templates of all modules, one for each skeleton, in the order of the files."""
    found: dict[str, Template] = {}
    catalog = json.loads((source / "spec" / "catalog.json").read_text(encoding="utf-8"))
    for origin, texts in (
        ("typer", FOREIGN),
        ("dlcli/spec/catalog.json", _refusals(catalog)),
        ("dlcli/spec", COMPOSED),
        ("dlcli/cli", _help_texts() if source == SOURCE else ()),
    ):
        for text in texts:
            found[skeleton_of(text)] = Template(text=text, path=origin, line=0, marked=False)
    for path in sorted(source.rglob("*.py")):
        relative = path.relative_to(source)
        if any(relative.match(pattern) for pattern in ANSWERING):
            continue
        name = f"dlcli/{relative.as_posix()}"
        tree = ast.parse(path.read_text(encoding="utf-8"))
        nodes: list[ast.AST] = [tree]
        if any(relative.match(pattern) for pattern in WRITERS):
            nodes = [node for node in ast.walk(tree) if _is_error(node)]
        for template in _Finder(name, tree).visit_all(nodes):
            known = found.get(template.skeleton)
            if known is None or (template.marked, template.is_open) > (known.marked, known.is_open):
                found[template.skeleton] = template
    return list(found.values())


class _Finder:
    def __init__(self, path: str, tree: ast.Module) -> None:
        self._path = path
        self._constants = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        }

    def visit_all(self, nodes: Iterable[ast.AST], *, marked: bool = False) -> Iterator[Template]:
        for node in nodes:
            yield from self.visit(node, marked=marked)

    def visit(self, node: ast.AST, *, marked: bool = False) -> Iterator[Template]:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node, ast.Assert | ast.Compare | ast.Subscript) and not _has_call(node):
            if marked and isinstance(node, ast.Subscript):
                yield from self.visit(node.value, marked=True)
            return
        if isinstance(node, ast.Call):
            yield from self._call(node)
        elif marked and isinstance(node, ast.Name):
            # A table of words stands at the head of its module.
            yield from self.visit_all(_texts_of(self._constants.get(node.id)), marked=True)
        elif _is_text(node):
            assert isinstance(node, ast.expr)
            yield from self._text(node, marked=marked)
        else:
            yield from self.visit_all(ast.iter_child_nodes(node), marked=marked)

    def _call(self, node: ast.Call) -> Iterator[Template]:
        name = _called(node)
        if name in SKIPPED_CALLS:
            return
        if name == "setting":
            # The help of keys is told where a key is missing that has no default.
            yield from self.visit(node.args[0])
            if not any((each.arg or "").startswith("default") for each in node.keywords):
                yield from self.visit_all(node.args[1:])
            return
        if name == "counted" and len(node.args) == 2:
            yield from self._counted(node)
            return
        if (name == "get" and isinstance(node.func, ast.Attribute)) or isinstance(
            node.func, ast.Attribute
        ):
            yield from self.visit(node.func.value)
        is_mapped = name == "map" and isinstance(node.args[0], ast.Name)
        marker = cast(ast.Name, node.args[0]).id if is_mapped else name
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            marker = f"{node.func.value.id}.{marker}"
        places = MARKERS.get(marker, ())
        for place, argument in enumerate(node.args):
            is_marked = places is None or place in places
            if is_marked and isinstance(argument, ast.Call) and _called(argument) == "get":
                yield from self.visit(cast(ast.Attribute, argument.func).value, marked=True)
            yield from self.visit(argument, marked=is_marked)
            if name.endswith("Error") and isinstance(argument, ast.Name):
                # A hint that several errors share stands at the head of its module.
                yield from self.visit_all(_texts_of(self._constants.get(argument.id)))
        yield from self.visit_all(keyword.value for keyword in node.keywords)

    def _text(self, node: ast.expr, *, marked: bool) -> Iterator[Template]:
        variants = list(_variants(node))
        if len(variants) > MOST_VARIANTS:
            variants = [_flat(node)]
        rest: dict[int, ast.expr] = {}
        for pieces in variants:
            rest |= {id(piece): piece for piece in pieces if isinstance(piece, ast.expr)}
            text = _written(pieces)
            if _is_message(text) or (marked and text and not placeholders_of(text)):
                yield Template(text=text, path=self._path, line=node.lineno, marked=marked)
        # What is filled in may be made of texts itself.
        for piece in rest.values():
            yield from self.visit(piece)

    def _counted(self, node: ast.Call) -> Iterator[Template]:
        number, noun = node.args
        for pieces in _variants(noun):
            for ending in ("", "s"):
                text = _written([ast.Name("number"), " ", *pieces, ending])
                if placeholders_of(text) == ["{number}"]:
                    yield Template(text=text, path=self._path, line=node.lineno, marked=False)
        yield from self.visit(number)


def _help_texts() -> list[str]:
    """List what the help of all commands says; some of it is put together when they are made."""
    sys.path.insert(0, str(SOURCE.parent))
    cli, telling = (importlib.import_module(f"dlcli.cli{name}") for name in ("", ".help"))
    command = importlib.import_module("typer.main").get_command(cli.app)
    return [text.replace("{", "{{").replace("}", "}}") for text in telling.help_texts(command)]


def _refusals(value: Any) -> list[str]:
    """List why the catalogue refuses names."""
    if not isinstance(value, dict):
        return []
    own = [value["refused"]] if isinstance(value.get("refused"), str) else []
    return own + [text for each in value.values() for text in _refusals(each)]


def _is_error(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _called(node).endswith("Error")


def _texts_of(node: ast.AST | None) -> list[ast.AST]:
    """List the texts of a constant; of a mapping its values."""
    if isinstance(node, ast.Dict):
        return [value for value in node.values if _is_text(value)]
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return [value for value in node.elts if _is_text(value)]
    return [node] if node is not None and _is_text(node) else []


def _has_call(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Call | ast.JoinedStr) for inner in ast.walk(node))


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _is_text(node.left) or _is_text(node.right)
    return isinstance(node, ast.JoinedStr)


def _flat(node: ast.expr) -> list[Piece]:
    """Return the pieces of a text, with choices in it as what is filled in."""
    if isinstance(node, ast.JoinedStr):
        return [piece for value in node.values for piece in _flat(value)]
    if isinstance(node, ast.BinOp) and _is_text(node):
        return [*_flat(node.left), *_flat(node.right)]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    return [node]


def _variants(node: ast.expr) -> Iterator[list[Piece]]:
    """Yield the pieces of a text, once for each outcome of the choices between texts in it."""
    if isinstance(node, ast.JoinedStr):
        yield from _combined([list(_variants(value)) for value in node.values])
    elif isinstance(node, ast.BinOp) and _is_text(node):
        yield from _combined([list(_variants(node.left)), list(_variants(node.right))])
    elif isinstance(node, ast.FormattedValue) and _is_choice(node.value) and node.conversion < 0:
        yield from _variants(node.value)
    elif isinstance(node, ast.BinOp) and _is_ending(node):
        yield from ([], _flat(node.left))
    elif isinstance(node, ast.IfExp) and _is_choice(node):
        yield from _variants(node.body)
        yield from _variants(node.orelse)
    else:
        yield _flat(node)


def _is_choice(node: ast.expr) -> bool:
    if _is_ending(node):
        return True
    return isinstance(node, ast.IfExp) and all(
        _is_text(each) or _is_choice(each) for each in (node.body, node.orelse)
    )


def _is_ending(node: ast.expr) -> bool:
    """Tell whether this is an "s" where a condition holds."""
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Mult)
        and isinstance(node.left, ast.Constant)
        and isinstance(node.left.value, str)
    )


def _combined(parts: Sequence[Sequence[list[Piece]]]) -> Iterator[list[Piece]]:
    for index, chosen in enumerate(itertools.product(*parts)):
        if index > MOST_VARIANTS:
            return
        yield [piece for pieces in chosen for piece in pieces]


def _written(pieces: Sequence[Piece]) -> str:
    text, names = "", list[str]()
    for piece in pieces:
        if isinstance(piece, str):
            text += piece.replace("{", "{{").replace("}", "}}")
            continue
        name = _name_of(piece)
        names.append(name)
        number = names.count(name)
        quoted = isinstance(piece, ast.FormattedValue) and piece.conversion == ord("r")
        text += "{" + name + (f"_{number}" if number > 1 else "") + ("!r" if quoted else "") + "}"
    return text.strip()


def _name_of(node: ast.expr) -> str:
    """Name what is filled in after what it is made from."""
    if isinstance(node, ast.FormattedValue):
        return _name_of(node.value)
    if isinstance(node, ast.Name):
        return node.id.strip("_").lower() or "value"
    if isinstance(node, ast.Attribute):
        return node.attr.strip("_").lower()
    if isinstance(node, ast.Subscript):
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            return re.sub(r"\W+", "_", node.slice.value).lower() or "value"
        return _name_of(node.value)
    if isinstance(node, ast.Call):
        called = _called(node).strip("_").lower()
        if called in ("len", "sum"):
            return f"num_{_name_of(node.args[0])}" if node.args else "number"
        if called in ("join", "repr", "str", "join_names", "show_value", "sorted", "map"):
            return _name_of(node.args[0]) if node.args else "value"
        return called or "value"
    if isinstance(node, ast.BinOp):
        is_path = isinstance(node.op, ast.Div | ast.Add) and not isinstance(
            node.right, ast.Constant
        )
        return "value" if is_path else "number"
    return "number" if isinstance(node, ast.UnaryOp | ast.Constant) else "value"


def _is_message(text: str) -> bool:
    """Tell whether a text has words that stand beside each other or beside what is filled in."""
    literal = _PLACEHOLDER.sub("\0", text)
    words = re.findall(r"[A-Za-z]{2,}", literal)
    return bool(words) and " " in text.strip()
