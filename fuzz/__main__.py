"""`python -m fuzz [TARGET ...] [--seconds N] [--inputs N]`: guided by coverage, with atheris."""

import argparse
import mmap
import os
import shutil
import struct
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["dlcli"]):
    from fuzz.bounds import OutOfBoundsError
    from fuzz.seeds import known_words, seeds
    from fuzz.targets import MOST_BYTES, TARGETS, try_bytes

_MOST_DEATHS = 20
"""After as many ends of the process, a target is left alone."""


class Tally:
    """Three counts that a process and what it has forked see alike: inputs, taken, findings."""

    _FORMAT = "qqq"

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, struct.calcsize(self._FORMAT))

    def read(self) -> tuple[int, int, int]:
        return struct.unpack(self._FORMAT, self._memory[:])  # type: ignore[return-value]

    def add(self, *, inputs: int = 0, taken: int = 0, findings: int = 0) -> None:
        counts = zip(self.read(), (inputs, taken, findings), strict=True)
        self._memory[:] = struct.pack(self._FORMAT, *(old + new for old, new in counts))


@dataclass(frozen=True, kw_only=True)
class Budget:
    """When a target has had enough."""

    until: float
    """On the monotonic clock."""
    inputs: int | None

    def is_spent(self, tally: Tally) -> bool:
        has_inputs = self.inputs is not None and tally.read()[0] >= self.inputs
        return has_inputs or time.monotonic() > self.until


@dataclass(kw_only=True)
class Target:
    """One way to read, and what came of it."""

    name: str
    crashes: Path
    tally: Tally = field(default_factory=Tally)
    places: set[str] = field(default_factory=set)

    def fuzz(self, budget: Budget) -> None:
        """Fuzz in processes of its own, since libFuzzer and a dying reader both end theirs."""
        for _ in range(_MOST_DEATHS):
            child = os.fork()
            if child == 0:
                self._fuzz_here(budget)
            status = os.waitpid(child, 0)[1]
            if budget.is_spent(self.tally) and status == 0:
                return
            # The input that ended it is kept by libFuzzer, as crash-, timeout- or oom-.
            self.tally.add(findings=1)
            _say(f"{self.name}: the process ended with status {status}; see {self.crashes}")

    def _fuzz_here(self, budget: Budget) -> None:
        self.crashes.mkdir(exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="dlcli-corpus-"))
        for number, content in enumerate(seeds(self.name)):
            (scratch / f"seed-{number}").write_bytes(content)
        words = scratch.with_suffix(".words")
        words.write_text("".join(f'"{word}"\n' for word in known_words()), encoding="ascii")

        def run(content: bytes) -> None:
            self._try(content)
            if budget.is_spent(self.tally):
                shutil.rmtree(scratch)
                words.unlink()
                os._exit(0)

        atheris.Setup(
            [
                sys.argv[0],
                str(scratch),
                f"-dict={words}",
                f"-artifact_prefix={self.crashes / self.name}-",
                f"-max_len={MOST_BYTES[self.name]}",
                "-timeout=60",
                "-rss_limit_mb=4096",
                "-verbosity=0",
                f"-seed={int(time.monotonic())}",
            ],
            run,
        )
        atheris.Fuzz()

    def _try(self, content: bytes) -> None:
        self.tally.add(inputs=1)
        try:
            self.tally.add(taken=try_bytes(self.name, content))
        except Exception as error:  # noqa: BLE001  # a finding, whatever it is
            place = _place_of(error)
            if place not in self.places:
                self.places.add(place)
                file = self.crashes / f"{self.name}-{self.tally.read()[2]}"
                file.write_bytes(content)
                self.tally.add(findings=1)
                _say(f"{self.name}: {place}: {str(error)[:200]!r}: {file}")


def main() -> None:
    """Fuzz each target for its share of the time; print what was run and what was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=main.__doc__)
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], help="all without any")
    parser.add_argument("--seconds", type=int, default=600, help="for all of them together")
    parser.add_argument("--inputs", type=int, help="for each of them; what comes first ends it")
    parser.add_argument("--crashes", type=Path, default=Path("crashes"), help="where to keep them")
    arguments = parser.parse_args()
    names = arguments.targets or list(TARGETS)
    share = arguments.seconds // len(names)
    _say("| what is read | inputs | taken | seconds | findings |\n|---|---|---|---|---|")
    for name in names:
        target = Target(name=name, crashes=arguments.crashes)
        began = time.monotonic()
        target.fuzz(Budget(until=began + share, inputs=arguments.inputs))
        inputs, taken, findings = target.tally.read()
        seconds = time.monotonic() - began
        _say(f"| {name} | {inputs:,} | {taken:,} | {seconds:,.0f} | {findings} |")


def _place_of(error: BaseException) -> str:
    """Name a finding by its kind and the line of dlcli where it arose."""
    if isinstance(error, OutOfBoundsError):
        return error.what
    place, trace = "?", error.__traceback__
    while trace is not None:
        code: Any = trace.tb_frame.f_code
        if "/dlcli/" in code.co_filename:
            place = f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
