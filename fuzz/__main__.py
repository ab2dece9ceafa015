"""`python -m fuzz [TARGET ...] [--seconds N]`: coverage-guided with atheris, in this process."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["dlcli"]):
    from fuzz.targets import TARGETS, try_bytes

CORPUS = Path(__file__).parents[1] / "tests" / "fuzz_corpus"


def main() -> None:
    """Fuzz each target for its share of the time; print what was run and what was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=main.__doc__)
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], help="all without any")
    parser.add_argument("--seconds", type=int, default=600, help="for all of them together")
    parser.add_argument("--crashes", type=Path, default=Path("crashes"), help="where to keep them")
    arguments = parser.parse_args()
    names = arguments.targets or list(TARGETS)
    for name in names:
        # libFuzzer ends its process, so each target gets a copy of this one.
        child = os.fork()
        if child == 0:
            _fuzz(name, arguments.seconds // len(names), arguments.crashes)
        os.waitpid(child, 0)


def _fuzz(name: str, seconds: int, crashes: Path) -> None:
    counts = {"inputs": 0, "taken": 0}
    found: dict[str, bytes] = {}
    start = time.monotonic()

    def run(content: bytes) -> None:
        counts["inputs"] += 1
        try:
            counts["taken"] += try_bytes(name, content)
        except Exception as error:  # noqa: BLE001  # a finding, whatever it is
            found.setdefault(_place_of(error), content)
        if time.monotonic() - start > seconds:
            _report(name, counts, found, crashes, time.monotonic() - start)
            shutil.rmtree(scratch)
            os._exit(0)

    scratch = Path(tempfile.mkdtemp(prefix="dlcli-corpus-"))
    for file in sorted((CORPUS / name).glob("*")):
        shutil.copy(file, scratch)
    atheris.Setup(
        [
            sys.argv[0],
            str(scratch),
            "-max_len=20000",
            "-timeout=60",
            "-rss_limit_mb=4096",
            "-verbosity=0",
            f"-max_total_time={seconds + 30}",
        ],
        run,
    )
    atheris.Fuzz()


def _place_of(error: BaseException) -> str:
    """Name a finding by its kind and the line of dlcli where it arose."""
    place, trace = "?", error.__traceback__
    while trace is not None:
        code: Any = trace.tb_frame.f_code
        if "/dlcli/" in code.co_filename:
            place = f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"


def _report(
    name: str, counts: dict[str, int], found: dict[str, bytes], crashes: Path, seconds: float
) -> None:
    kept = ""
    for number, (place, content) in enumerate(found.items()):
        crashes.mkdir(exist_ok=True)
        file = crashes / f"{name}-{number}"
        file.write_bytes(content)
        kept += f"\n  {place}: {file}"
    sys.stdout.write(
        f"{name}: {counts['inputs']:,} inputs in {seconds:.0f} s, {counts['taken']:,} taken, "
        f"{len(found)} findings{kept}\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
