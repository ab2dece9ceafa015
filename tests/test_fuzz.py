"""The fuzzer's own inputs, and a small budget of random ones, through everything that reads."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.targets import TARGETS, try_bytes

CORPUS = Path(__file__).parent / "fuzz_corpus"
_TEXT = st.text(st.sampled_from("a:{}[]-,'\"&*!#|>\n\t =.0159eé\0"), max_size=80).map(str.encode)


@pytest.mark.parametrize(
    "file", sorted(CORPUS.glob("*/*")), ids=lambda f: f"{f.parent.name}-{f.name}"
)
def test_corpus_ends_in_a_value_or_an_error_of_ours(file: Path) -> None:
    try_bytes(file.parent.name, file.read_bytes())


@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=200) | _TEXT)
def test_random_bytes_end_in_a_value_or_an_error_of_ours(name: str, content: bytes) -> None:
    try_bytes(name, content)
