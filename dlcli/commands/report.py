"""Report: one run, or several beside each other, as a page or in Markdown."""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from dlcli.errors import UsageError
from dlcli.files import check_output, writing, written_whole
from dlcli.report.blocks import Block, markdown_blocks
from dlcli.report.html.page import build_report, write_report
from dlcli.report.markdown import markdown_report
from dlcli.report.record import RunRecord, find_previous, load_record
from dlcli.runs import RunFolder, is_packed, open_run

Layout = Literal["html", "md"]

COMPARED = Path("comparison.html")
"""Where several runs go without --out."""
_LAYOUTS: dict[str, Layout] = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md"}


def report(
    runs: Sequence[str],
    *,
    out: Path | None = None,
    layout: Layout | None = None,
    force: bool = False,
) -> tuple[Path | None, str]:
    """Return where the report was written, and its text; Markdown without `out` is not written.

    One run's page goes into its folder, a packed run's beside its file, several runs' page to COMPARED, unless `out` names a file.
    Raises RunError for a run that is not whole, or runs that cannot be compared.
    """
    chosen = _choose_layout(out, layout)
    folders = [open_run(run) for run in runs]
    if len(runs) == 1 and out is None and chosen == "html" and is_packed(Path(runs[0])):
        # The folder that it was unpacked to goes when this command ends.
        out = Path(runs[0]).with_suffix(".html")
    if len(folders) == 1 and chosen == "html" and out is None:
        path = write_report(folders[0])
        return path, path.read_text(encoding="utf-8")
    if out is None and chosen == "html":
        out = COMPARED
    if out is not None:
        check_output(out, force=force, inputs=[path for each in folders for path in _read(each)])
    text = _one(folders[0], chosen) if len(folders) == 1 else _several(runs, folders, chosen)
    if out is not None:
        with written_whole(out) as path, writing(out):
            path.write_text(text, encoding="utf-8")
    return out, text


def _choose_layout(out: Path | None, layout: Layout | None) -> Layout:
    if out is None:
        return layout or "html"
    named = _LAYOUTS.get(out.suffix.lower())
    if named is None:
        raise UsageError(
            f"--out {out}: expected a name ending in .html or .md, "
            f"received {out.suffix or 'no suffix'!r}"
        )
    if layout is not None and layout != named:
        raise UsageError(f"--out {out} is no file of --format {layout}", hint="leave --format out")
    return named


def _read(run: RunFolder) -> list[Path]:
    return [path for path in run.path.iterdir() if path.is_file() and path != run.report]


def _one(run: RunFolder, layout: Layout) -> str:
    record = load_record(run)
    return (
        build_report(record) if layout == "html" else markdown_report(record, find_previous(record))
    )


def _several(runs: Sequence[str], folders: Sequence[RunFolder], layout: Layout) -> str:
    compare: Any = importlib.import_module("dlcli.commands.compare")
    blocks: tuple[Block, ...] = compare.compare(runs).blocks
    records = [load_record(folder) for folder in folders]
    if layout == "md":
        title = f"## {len(records)} runs compared"
        return f"{title}\n\n{markdown_blocks(blocks)}\n"
    page: Any = importlib.import_module("dlcli.report.html.comparison")
    build: Callable[..., str] = page.build_comparison
    targets = [name for name in records[0].targets if _is_shared(name, records)]
    return build(records, _parts(blocks), targets)


def _is_shared(name: str, records: Sequence[RunRecord]) -> bool:
    return all(name in record.targets for record in records)


def _parts(blocks: Sequence[Block]) -> dict[str, list[Block]]:
    """Put the figures under one heading and every other table under its own."""
    parts: dict[str, list[Block]] = {"Figures": []}
    titles = {"config": "Config", "data": "Data", "versions": "Versions"}
    for block in blocks:
        name, _, rest = block.title.partition(":")
        if name in titles:
            parts[titles[name]] = [Block(header=block.header, rows=block.rows, text=rest.strip())]
        elif name.startswith("columns"):
            parts["Columns"] = [Block(header=block.header, rows=block.rows)]
        else:
            parts["Figures"].append(block)
    return parts
