"""Card: a run to a model card, as hubs show it."""

from pathlib import Path

from dlcli.files import check_output, writing, written_whole
from dlcli.report.card import model_card
from dlcli.report.record import load_record
from dlcli.runs import open_run


def card(
    run: str, *, out: Path | None = None, license: str | None = None, force: bool = False
) -> str:
    """Return the model card of a run, written to `out` where that is given."""
    folder = open_run(run)
    if out is not None:
        check_output(out, force=force, inputs=[*folder.own_files])
    text = model_card(load_record(folder), license=license)
    if out is not None:
        with written_whole(out) as path, writing(out):
            path.write_text(text, encoding="utf-8")
    return text
