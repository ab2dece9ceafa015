"""Start many trainings of one config in one moment, and look at what they leave.

`python scripts/train_at_once.py --processes 20` exits with 1 unless there are as many whole runs,
numbered without a gap, with equal weights, and nothing beside them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dlcli.runs import RunFolder

REPOSITORY = Path(__file__).resolve().parents[1]


def main() -> int:
    """Run them and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=20)
    count = parser.parse_args().processes
    command = [sys.executable, "-m", "dlcli", "train", str(REPOSITORY / "configs/concrete.yaml")]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dlcli-at-once-") as folder:
        started = [
            subprocess.Popen(
                [*command, "--set", "epochs=5", "--quiet"],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(count)
        ]
        failed = [told for process in started if (told := process.communicate()[1])]
        seconds = time.monotonic() - began
        runs = sorted((Path(folder) / "runs" / "concrete").iterdir())
        expected = [f"{number:03d}" for number in range(1, count + 1)]
        predictions = set()
        for path in runs:
            run = RunFolder(path)
            run.check_files(*(path / name for name in run.load_manifest()["files"]))
            predictions.add(run.predictions.read_bytes())
    is_right = not failed and [path.name for path in runs] == expected and len(predictions) == 1
    print(f"{count} at once in {seconds:.0f} s: {len(runs)} whole runs, {len(predictions)} outcome")
    print("\n".join(failed), end="")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
