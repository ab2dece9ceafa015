"""Errors: exit codes, and that nothing is lost on the way between processes."""

import pickle

import pytest

from dlcli.errors import (
    CheckError,
    DataError,
    DlcliError,
    ExitCode,
    Interrupted,
    RunError,
    SpecError,
    TrainingError,
    UsageError,
)

CODES = {
    DlcliError: 1,
    UsageError: 2,
    SpecError: 3,
    DataError: 4,
    TrainingError: 5,
    RunError: 6,
    CheckError: 7,
    Interrupted: 130,
}


@pytest.mark.parametrize(("kind", "code"), CODES.items())
def test_every_kind_has_its_exit_code(kind: type[DlcliError], code: int) -> None:
    assert kind("x").exit_code == code


def test_there_is_an_error_for_every_exit_code_but_done() -> None:
    assert {ExitCode(code) for code in CODES.values()} == set(ExitCode) - {ExitCode.DONE}


@pytest.mark.parametrize("kind", CODES)
def test_errors_survive_pickling(kind: type[DlcliError]) -> None:
    error = pickle.loads(pickle.dumps(kind("what", hint="do this")))
    assert type(error) is kind
    assert (error.message, error.hint, str(error), error.args) == (
        "what",
        "do this",
        "what",
        ("what",),
    )


def test_cause_does_not_hinder_pickling() -> None:
    try:
        raise DataError("bad") from ValueError("why")
    except DataError as error:
        assert pickle.loads(pickle.dumps(error)).message == "bad"
