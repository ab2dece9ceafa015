import pytest
from rich.console import Console

from dlcli import console
from dlcli.console import (
    MAX_PLAIN_LINES,
    LiveDisplay,
    PlainDisplay,
    QuietDisplay,
    RowCounter,
    format_seconds,
    training_display,
)


def _train(display, *, epochs, done):
    display.on_stage("loading Keras")
    display.on_start(epochs=epochs)
    for epoch in range(done):
        display.on_epoch(epoch, {"loss": 1 / (epoch + 1)})
    display.close()


def test_without_a_terminal_every_epoch_is_a_line(capsys):
    _train(PlainDisplay(), epochs=3, done=3)
    assert capsys.readouterr().err.splitlines() == [
        "loading Keras",
        "epoch 1/3  loss 1",
        "epoch 2/3  loss 0.5",
        "epoch 3/3  loss 0.33333",
    ]


@pytest.mark.parametrize("epochs", [MAX_PLAIN_LINES, 1001, 100_000])
def test_long_trainings_show_a_bounded_number_of_lines_and_the_last_epoch(capsys, epochs):
    _train(PlainDisplay(), epochs=epochs, done=epochs)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) <= MAX_PLAIN_LINES + 2
    assert lines[-1].startswith(f"epoch {epochs}/{epochs}")


def test_the_last_epoch_of_a_training_that_ends_early_is_shown(capsys):
    _train(PlainDisplay(), epochs=10_000, done=77)
    assert capsys.readouterr().err.splitlines()[-1].startswith("epoch 77/10000")


def test_a_log_names_a_stage_once_however_far_it_is(capsys):
    display = PlainDisplay()
    for percent in (0, 50, 100):
        display.on_stage(f"downloading ccpp: {percent}% of 3.7 MB")
    assert capsys.readouterr().err == "downloading ccpp\n"


def test_quiet_shows_nothing(capsys):
    _train(training_display(quiet=True), epochs=3, done=3)
    assert capsys.readouterr() == ("", "")


def test_the_display_follows_the_terminal():
    assert type(training_display(quiet=True)) is QuietDisplay
    assert type(training_display(quiet=False)) is PlainDisplay


def test_the_live_display_ends_with_the_last_figures(capsys, monkeypatch):
    from rich.console import Console

    monkeypatch.setattr(console, "_errors", Console(stderr=True, force_terminal=True, width=80))
    display = LiveDisplay()
    display.on_stage("loading Keras")
    display.on_start(epochs=5)
    display.on_epoch(0, {"loss": 1.0})
    assert display._render() is not None
    display.on_epoch(4, {"loss": 0.25})
    display.close()
    assert "loss 0.25" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (12.3, "12 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")],
)
def test_durations_read_like_a_clock(seconds, text):
    assert format_seconds(seconds) == text


def test_rows_are_counted_with_their_pace(monkeypatch, capsys):
    clock = iter([0.0, 5.0, 5.0, 7.0, 7.0, 9.0, 9.0])
    monkeypatch.setattr(console, "_errors", Console(stderr=True, force_terminal=True))
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    counter = RowCounter("predicted", quiet=False)
    counter.show(1000)
    counter.show(5000)
    shown = capsys.readouterr().err
    assert "1,000 rows predicted\r" in shown
    assert shown.endswith("5,000 rows predicted, 2,000 rows/s")
    counter.show(9000, 0.25)
    assert capsys.readouterr().err.endswith("9,000 rows predicted, 2,000 rows/s, 14 s left")
