"""Reproduce: a run trained again from its own record, and held against itself."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dlcli.commands.train import Display, TrainOptions, train_spec
from dlcli.comparison.reproduction import TOLERANCE, Reproduction, judge_reproduction
from dlcli.data.sources import fingerprint, resolve_source
from dlcli.errors import CheckError, DataError
from dlcli.files import reading
from dlcli.languages import spoken, spoken_each, translated
from dlcli.report.blocks import Block
from dlcli.report.figures import format_value
from dlcli.runs import RunFolder, open_run
from dlcli.spec.run import RunSpec, load_spec
from dlcli.staging import check_free

VERDICTS = {
    "identical": "identical",
    "equal within tolerance": "equal within tolerance",
    "differs": "differs",
}
"""The verdicts as they are shown."""


@dataclass(frozen=True, kw_only=True)
class ReproduceOptions:
    """What the command line may ask for."""

    data: tuple[Path, ...] = ()
    out: Path | None = None
    threads: int | None = None
    tolerance: float = TOLERANCE


@dataclass(frozen=True, kw_only=True)
class Reproduced:
    """A verdict with the runs that it is about; `again` is gone unless it was asked for."""

    run: RunFolder
    again: Path | None
    reproduction: Reproduction
    warnings: tuple[str, ...]

    def to_blocks(self) -> list[Block]:
        """Lay out the verdict and what stands behind it."""
        found = self.reproduction
        stated = f", tolerance {found.tolerance:g} (relative)"
        verdict = spoken(VERDICTS[found.verdict])
        head = f"{self.run.path}: {verdict}{'' if found.verdict == 'identical' else stated}"
        blocks = [Block(text=f"{head}; {found.epochs} epochs")]
        if found.same_files:
            blocks.append(Block(text=f"same bytes: {', '.join(found.same_files)}"))
        rows = [
            [label, f"{translated(each.where)}, {spoken(each.figure)}", format_value(each.before),
             format_value(each.after), f"{each.relative:.1e}"]
            for label, each in zip(
                spoken_each("first", "largest"), (found.first, found.largest), strict=True
            )
            if each is not None
        ]  # fmt: skip
        if rows:
            header = spoken_each("difference", "where", "before", "again", "relative")
            blocks.append(Block(header=header, rows=rows))
        if found.changes:
            changed = [[name, str(old), str(new)] for name, old, new in found.changes]
            blocks.append(
                Block(header=spoken_each("computed with", "before", "again"), rows=changed)
            )
        for cause in found.causes:
            blocks.append(Block(text=f"likely cause: {cause}"))
        return blocks

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values."""
        again = None if self.again is None else str(self.again)
        return {"run": str(self.run.path), "again": again, **self.reproduction.to_json()}

    def raise_difference(self) -> None:
        """Raise CheckError where the run came out otherwise."""
        first = self.reproduction.first
        if not self.reproduction.is_reproduced:
            where = "" if first is None else f": first at {first.where}, {first.figure}"
            raise CheckError(
                f"{self.run.path} was not reproduced{where}",
                hint=f"likely cause: {self.reproduction.causes[0]}",
            )


def reproduce(run: str, options: ReproduceOptions, display: Display) -> Reproduced:
    """Train a run again as its record says; raises DlcliError where this cannot begin."""
    folder = open_run(run)
    folder.check_files(folder.config, folder.history, folder.metrics, folder.predictions)
    check_free(options.out)
    manifest = folder.load_manifest()
    overrides = _overrides(options.data)
    # Where it trained is no part of what came out.
    spec = replace(load_spec(folder.config, overrides), engine="local")
    warnings = tuple(_data_warnings(spec, manifest["data"]["sources"]))
    threads = options.threads or manifest["training"].get("threads")
    with ExitStack() as stack:
        out = options.out
        if out is None:
            out = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "again"
        budget = manifest["data"].get("from_disk", {}).get("budget_bytes")
        asked = TrainOptions(
            out=out, threads=threads, memory_budget_bytes=budget, previous=str(folder.path)
        )
        again = train_spec(spec, asked, display)
        found = judge_reproduction(folder, again.run, tolerance=options.tolerance)
    return Reproduced(run=folder, again=options.out, reproduction=found, warnings=warnings)


def _overrides(data: Sequence[Path]) -> tuple[str, ...]:
    if not data:
        return ()
    listed = ", ".join(f"'{path}'" for path in data)
    return (f"data.source=[{listed}]",)


def _data_warnings(spec: RunSpec, recorded: Sequence[dict[str, Any]]) -> list[str]:
    """Compare the files of now with those of the record; raises DataError where one is gone."""
    hint = "the run's data are needed: --data FILE names them where they are now"
    try:
        files = resolve_source(spec.data.source, folder=Path())
    except DataError as error:
        raise DataError(error.message, hint=hint) from None
    warnings = []
    for path, expected in zip(files, recorded, strict=False):
        if not path.exists():
            raise DataError(f"{path} is gone, which trained this run", hint=hint)
        with reading(path, DataError):
            found = fingerprint(path).sha256
        if found != expected["sha256"]:
            warnings.append(f"{path} is not the file that trained this run: its sha256 differs")
    return warnings
