"""Asynchronous work ends by its deadline, whatever it does, and leaves no thread behind."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Iterator

import pytest

from pvdask import loop as loop_module
from pvdask.errors import DeadlineError
from pvdask.loop import TICK_S, Deadline, LoopThread

pytestmark = pytest.mark.unit

LONG_S = 60.0
"""What a test that fails would wait for; none that passes does."""


async def nothing() -> None:
    return None


def loop_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "pvdask-loop"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    assert loop_threads() == []
    yield
    deadline = time.monotonic() + 5.0
    while loop_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert loop_threads() == []


def test_gives_what_the_work_gives() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    with LoopThread() as loop:
        assert loop.run(work, Deadline(LONG_S), "working") == "done"
        assert loop.run(work, Deadline(LONG_S), "working") == "done", "a second time"


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("theirs"), OSError(5, "I/O")])
def test_raises_what_the_work_raises(error: BaseException) -> None:
    async def work() -> None:
        raise error

    with LoopThread() as loop, pytest.raises(type(error)) as caught:
        loop.run(work, Deadline(LONG_S), "working")
    assert not isinstance(caught.value, DeadlineError)


def test_work_that_is_cancelled_is_no_deadline() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with LoopThread() as loop, pytest.raises((asyncio.CancelledError, concurrent.futures.CancelledError)):
        loop.run(work, Deadline(LONG_S), "working")


def test_the_work_runs_on_another_thread() -> None:
    async def work() -> int:
        return threading.get_ident()

    with LoopThread() as loop:
        assert loop.run(work, Deadline(LONG_S), "working") != threading.get_ident()


def test_a_deadline_ends_work_that_waits() -> None:
    cancelled = threading.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(LONG_S)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    started = time.monotonic()
    with LoopThread() as loop, pytest.raises(DeadlineError) as caught:
        loop.run(work, Deadline(0.2), "asking the scheduler")
    assert time.monotonic() - started < LONG_S / 4
    assert cancelled.is_set(), "the work is told to end"
    assert caught.value.step == "asking the scheduler"
    assert caught.value.timeout_s == 0.2
    assert "Timeout of 0.2 s ended while asking the scheduler" in str(caught.value)


def test_a_deadline_ends_work_that_blocks_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop itself is stuck, as in a library that waits without awaiting: the caller is back all the same."""
    monkeypatch.setattr(loop_module, "JOIN_S", 0.2)
    release = threading.Event()

    async def work() -> None:
        release.wait(LONG_S)

    started = time.monotonic()
    with pytest.raises(DeadlineError), LoopThread() as loop:
        loop.run(work, Deadline(0.2), "working")
    took = time.monotonic() - started
    release.set()
    assert took < LONG_S / 4


def test_a_deadline_that_has_passed() -> None:
    deadline = Deadline(0.01)
    time.sleep(0.02)
    assert deadline.remaining_s() == 0.0

    async def work() -> None:
        await asyncio.sleep(LONG_S)

    with LoopThread() as loop, pytest.raises(DeadlineError):
        loop.run(work, deadline, "working")


def test_a_deadline_is_of_all_that_is_done_under_it() -> None:
    deadline = Deadline(LONG_S)
    first = deadline.remaining_s()
    time.sleep(0.01)
    assert 0 < deadline.remaining_s() < first <= LONG_S


def test_ticks_come_on_the_caller_s_thread_while_work_goes_on() -> None:
    threads: list[int] = []
    enough = threading.Event()

    def tick() -> None:
        threads.append(threading.get_ident())
        if len(threads) == 3:
            enough.set()

    async def work() -> bool:
        return await asyncio.get_running_loop().run_in_executor(None, enough.wait, LONG_S)

    with LoopThread() as loop:
        assert loop.run(work, Deadline(LONG_S), "working", tick), f"ticks every {TICK_S} s"
    assert set(threads) == {threading.get_ident()}


def test_a_tick_that_raises_ends_the_work() -> None:
    cancelled = threading.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(LONG_S)
        finally:
            cancelled.set()

    def tick() -> None:
        raise KeyboardInterrupt

    with LoopThread() as loop, pytest.raises(KeyboardInterrupt):
        loop.run(work, Deadline(LONG_S), "working", tick)
    assert cancelled.wait(5.0)


def test_inside_a_loop_that_runs_already() -> None:
    """As in a notebook, or in a web server."""

    async def work() -> int:
        return 7

    async def outer() -> int:
        with LoopThread() as loop:
            return loop.run(work, Deadline(LONG_S), "working")

    assert asyncio.run(outer()) == 7


def test_between_two_calls_the_loop_goes_on() -> None:
    beats = threading.Semaphore(0)

    async def heart() -> None:
        while True:
            beats.release()
            await asyncio.sleep(0.01)

    kept: list[asyncio.Task[None]] = []

    async def start() -> None:
        kept.append(asyncio.ensure_future(heart()))

    with LoopThread() as loop:
        loop.run(start, Deadline(LONG_S), "starting")
        assert all(beats.acquire(timeout=5.0) for _ in range(5))
    assert kept[0].cancelled(), "what was started and forgotten ends with the loop"


def test_leaving_on_an_error_ends_the_loop() -> None:
    with pytest.raises(ZeroDivisionError), LoopThread():
        raise ZeroDivisionError


def test_many_loops_one_after_another_and_at_once() -> None:
    for _ in range(20):
        with LoopThread() as loop:
            loop.run(nothing, Deadline(LONG_S), "working")
    with LoopThread() as first, LoopThread() as second:
        first.run(nothing, Deadline(LONG_S), "working")
        second.run(nothing, Deadline(LONG_S), "working")
        assert len(loop_threads()) == 2


def test_must_fail_work_without_a_deadline_is_late() -> None:
    """The clock of these tests sees lateness: the same work under a later deadline is back later."""

    async def work() -> None:
        await asyncio.sleep(LONG_S)

    took = []
    for timeout_s in (0.1, 0.6):
        started = time.monotonic()
        with LoopThread() as loop, pytest.raises(DeadlineError):
            loop.run(work, Deadline(timeout_s), "working")
        took.append(time.monotonic() - started)
    assert took[0] < 0.6 <= took[1]
