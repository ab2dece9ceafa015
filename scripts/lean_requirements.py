"""Print what predicting and serving need: the dependencies of pyproject.toml without the frameworks.

`pip install -r` takes the output, and `pip install --no-deps .` the package itself.
"""

import argparse
import re
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
HEAVY = ("tensorflow", "keras", "tf2onnx", "matplotlib")
"""Train networks, write them and draw them."""


def lean_requirements(*extras: str) -> list[str]:
    """Return requirements of the package and of extras of it; raises KeyError for unknown ones."""
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    listed = list(project["dependencies"])
    for extra in extras:
        listed += project["optional-dependencies"][extra]
    return [each for each in listed if re.split(r"[<>=!~\[ ;]", each)[0] not in HEAVY]


def main() -> None:
    """Print one requirement a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help="an extra, such as serve")
    print("\n".join(lean_requirements(*parser.parse_args().extras)))


if __name__ == "__main__":
    main()
