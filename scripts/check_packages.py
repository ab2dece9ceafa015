"""Check what a wheel and a source archive hold: every module and asset, and nothing else's files."""

import sys
import tarfile
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
NEEDED = (
    "LICENSE", "README.md", "pyproject.toml", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md",
)  # fmt: skip
"""What a source archive holds beside the package."""


def package_files() -> set[str]:
    """Return the files of the package that are no traces of running it."""
    files = (REPOSITORY / "dlcli").rglob("*")
    return {
        str(each.relative_to(REPOSITORY).as_posix())
        for each in files
        if each.is_file() and "__pycache__" not in each.parts
    }


def archived_files(path: Path) -> set[str]:
    """Return the files in a wheel, or in a source archive without its top folder."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return {name for name in wheel.namelist() if not name.endswith("/")}
    with tarfile.open(path) as source:
        return {each.name.partition("/")[2] for each in source.getmembers() if each.isfile()}


def complaints(path: Path) -> list[str]:
    """Return what is missing from a package, and what has no business in it."""
    found = archived_files(path)
    needed = package_files()
    is_wheel = path.suffix == ".whl"
    if not is_wheel:
        needed |= set(NEEDED)
    wrong = [f"{path.name} lacks {name}" for name in sorted(needed - found)]
    strange = {
        name for name in found - needed if is_wheel and not name.split("/")[0].endswith("dist-info")
    }
    return wrong + [f"{path.name} holds {name}" for name in sorted(strange)]


def main() -> int:
    """Check the files that the command line names."""
    told = [line for path in sys.argv[1:] for line in complaints(Path(path))]
    print("\n".join(told) or f"{len(sys.argv) - 1} packages hold what they must")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
