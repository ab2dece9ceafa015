"""Write reuters_corn_train.csv and reuters_corn_test.csv from the ARFF files that Weka ships.

`python scripts/convert_reuters.py FROM TO`, where FROM holds ReutersCorn-train.arff and
ReutersCorn-test.arff (in Debian's package weka: /usr/share/doc/weka/examples) and TO is the folder
that DLCLI_DATASETS names.
"""

import argparse
import csv
import re
from collections.abc import Iterator
from pathlib import Path

PARTS = ("train", "test")
ROW = re.compile(r"'((?:[^'\\]|\\.)*)',([01])\s*$", re.MULTILINE | re.DOTALL)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read_rows(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the text and the class of every row of an ARFF file."""
    _, _, body = path.read_text(encoding="latin-1").partition("@data")
    for found in ROW.finditer(body):
        text = re.sub(r"\\(.)", lambda match: ESCAPES.get(match[1], match[1]), found[1])
        yield text.replace("&lt;", "<"), found[2]


def convert(source: Path, target: Path) -> int:
    """Write the rows of an ARFF file as CSV; return their number."""
    rows = list(read_rows(source))
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "corn"])
        writer.writerows(rows)
    return len(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, metavar="FROM")
    parser.add_argument("target", type=Path, metavar="TO")
    folders = parser.parse_args()
    for part in PARTS:
        table = folders.target / f"reuters_corn_{part}.csv"
        rows = convert(folders.source / f"ReutersCorn-{part}.arff", table)
        print(f"{table}: {rows:,} rows")
