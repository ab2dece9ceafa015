"""Write docs/reference/: every command with its help, and every key of a config.

`python scripts/generate_reference.py` after a change of either; a test compares.
"""

from pathlib import Path

import typer
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.commands.explain import SECTIONS
from dlcli.spec.sections import Section

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"


def commands_page() -> str:
    """Return the page of the commands: what `--help` prints of each."""
    group = typer.main.get_command(app)
    texts = ["# Commands", "What `dlcli COMMAND --help` prints."]
    for path in _commands(group):
        # Typer draws for a terminal as wide as it finds.
        shown = CliRunner().invoke(app, [*path, "--help"], terminal_width=100)
        texts += [f"## dlcli {' '.join(path)}", f"```text\n{shown.stdout.strip()}\n```"]
    return "\n\n".join(texts) + "\n"


def _commands(group: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in getattr(group, "commands", {}).items():
        found += _commands(command, (*path, name)) or [(*path, name)]
    return found


def config_page() -> str:
    """Return the page of the keys: what each is for and what it expects."""
    texts = [
        "# Keys of a config",
        "`dlcli explain KEY` prints the same, `dlcli explain NAME` the arguments of anything named.",
    ]
    for prefix, section in SECTIONS.items():
        rows = [
            f"| `{key}`{'' if not setting.required else ' (required)'} "
            f"| {_cell(setting.help)} | {_cell(setting.kind.expectation)} |"
            for key, setting in Section(section).settings().items()
        ]
        title = f"## {prefix.removesuffix('.')}" if prefix else "## At the top"
        head = "| key | what it says | expected |\n|---|---|---|"
        texts += [title, "\n".join([head, *rows])]
    return "\n\n".join(texts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


PAGES = {"commands.md": commands_page, "config.md": config_page}


def main() -> None:
    """Write the pages."""
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
