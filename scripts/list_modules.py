"""Print the file tree of the README: every module with the first line of its docstring."""

import ast
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "dlcli"
WIDTH = 28
TOP = {
    "configs/": "one commented YAML per showcase; every file is a test parameter",
    "datasets/": "the CSV files that they use, with their sources",
    "benchmarks/": "dlcli beside Keras, PyTorch and scikit-learn; `python -m benchmarks`",
    "scripts/": "what generates the catalogue, data sets and this list, and fetches the charts",
    "tests/": "mirrors dlcli/, plus golden/",
}


def list_modules() -> str:
    """Return the tree as text."""
    lines = [f"{name:<{WIDTH}}{text}" for name, text in TOP.items()]
    return "\n".join([*lines, "dlcli/", *_list_folder(PACKAGE, depth=1)])


def _list_folder(folder: Path, *, depth: int) -> list[str]:
    indent = "  " * depth
    lines = []
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if path.suffix == ".py" and (text := _first_line(path)):
            lines.append(f"{indent + path.name:<{WIDTH}}{text}")
        elif path.is_dir() and any(path.glob("*.py")):
            lines.append(f"{indent}{path.name}/")
            lines += _list_folder(path, depth=depth + 1)
    return lines


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return docstring.splitlines()[0].removesuffix(".") if docstring else ""


if __name__ == "__main__":
    print(list_modules())
