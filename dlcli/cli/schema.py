"""The `schema` command."""

import importlib

from dlcli.cli.lazy import dump_json, import_console


def schema() -> None:
    """Print the grammar of configs as JSON Schema, for editors.

    Example: dlcli schema > dlcli.schema.json
    """
    grammar = importlib.import_module("dlcli.spec.schema").build_schema()
    import_console().write_result(dump_json(grammar))
