"""Where the data of a run come from, as far as their files and the registry tell."""

import re
from dataclasses import dataclass

from dlcli.data.download import dataset_names, load_entry
from dlcli.report.record import RunRecord
from dlcli.spec.data import MEMORY


@dataclass(frozen=True, kw_only=True)
class Origin:
    """One source of a run's rows."""

    file: str
    """Its name alone: the folders of the one who trained are nobody else's business."""
    sha256: str
    title: str
    licence: str | None = None
    citation: str | None = None
    page: str | None = None


def origins_of(record: RunRecord) -> list[Origin]:
    """Return the sources of a run; a public data set is known by its sha256."""
    known = {entry.sha256: entry for entry in map(load_entry, dataset_names())}
    found = []
    for source in record.manifest["data"].get("sources", []):
        file = re.split(r"[/\\]", source["path"])[-1]
        entry = known.get(source["sha256"])
        if entry is None:
            title = "a table in memory" if source["path"] == MEMORY else file
            found.append(Origin(file=file, sha256=source["sha256"], title=title))
            continue
        found.append(
            Origin(
                file=file,
                sha256=source["sha256"],
                title=entry.title,
                licence=entry.licence,
                citation=entry.citation,
                page=entry.page,
            )
        )
    return found
