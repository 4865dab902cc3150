"""Progress: a bar on a terminal, a line now and then elsewhere, never many."""

from __future__ import annotations

import io
import sys

import pytest

from pvdask import progress
from pvdask.progress import Progress

pytestmark = pytest.mark.unit


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_elsewhere_it_is_a_line_every_two_seconds_and_one_at_the_end(clock: Clock) -> None:
    stream = io.StringIO()
    with Progress("reading", 5120, unit="rows", stream=stream) as bar:
        for _ in range(5120):
            clock.now_s += 1 / 1024
            bar.advance()
    assert stream.getvalue().splitlines() == [
        "reading: 2,048 of 5,120 rows, 2.0 s",
        "reading: 4,096 of 5,120 rows, 4.0 s",
        "reading: 5,120 of 5,120 rows, 5.0 s",
    ]


def test_on_a_terminal_it_is_one_line_redrawn(clock: Clock) -> None:
    stream = Terminal()
    with Progress("reading", 4, stream=stream) as bar:
        clock.now_s = 1.0
        bar.advance(2)
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert f"reading [{'#' * 12}{'.' * 12}] 2 of 4 steps, 1.0 s" in text.split("\r")[-1]


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_nothing_to_do_and_too_much_done_are_shown(stream: io.StringIO) -> None:
    with Progress("empty", 0, stream=stream) as bar:
        bar.advance(3)
    assert "3 of 0 steps" in stream.getvalue()


def test_an_error_goes_through_and_the_last_line_says_how_far_it_came() -> None:
    stream = io.StringIO()

    def fail() -> None:
        with Progress("reading", 9, unit="files", stream=stream) as bar:
            bar.advance(4)
            raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        fail()
    assert stream.getvalue().startswith("reading: 4 of 9 files")


def test_it_writes_to_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress("reading", 1) as bar:
        bar.advance()
    assert "1 of 1 steps" in stream.getvalue()
