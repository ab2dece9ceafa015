"""The `datasets` command."""

from dlcli.cli.lazy import dump_json, import_command, import_console
from dlcli.cli.options import AsJson


def datasets(as_json: AsJson = False) -> None:
    """List the public data sets that `source: dataset:NAME` knows.

    Example: dlcli datasets
    """
    listed = import_command("datasets").datasets()
    import_console().write_result(dump_json(listed.values) if as_json else listed.text)
