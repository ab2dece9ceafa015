"""Where the token may come from."""

import pytest

from dlcli.errors import UsageError
from dlcli.serving.access import VARIABLE, read_token

TOKEN = "correct-horse-battery"


def test_a_token_is_read_from_a_file_or_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert read_token(None) is None
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert read_token(file) == TOKEN
    monkeypatch.setenv(VARIABLE, TOKEN)
    assert read_token(None) == TOKEN
    with pytest.raises(UsageError, match="both give a token"):
        read_token(file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("short", "has 5 characters; expected 16 or more"),
        ("two words in a line", "no spaces"),
        ("first-line-of-it\nsecond", "one line of printable ASCII"),
        ("geheimnisgeheimnisß", "printable ASCII"),
        ("x" * 5000, "printable ASCII"),
    ],
)
def test_a_token_that_is_none_is_told_without_showing_it(text, words, tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    file = tmp_path / "token"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=words) as caught:
        read_token(file)
    assert not text.strip() or text.strip() not in caught.value.message
    assert "secrets.token_urlsafe" in caught.value.hint


def test_a_file_that_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(UsageError, match="cannot be read"):
        read_token(tmp_path / "none")
