"""Asynchronous work with a deadline that holds, from code that is not asynchronous."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

from pvdask.errors import DeadlineError

T = TypeVar("T")

TICK_S = 0.1
"""Seconds between two looks at the progress."""

JOIN_S = 0.4
"""Seconds to wait for the thread to end before it is left to itself; it is a daemon. They come on top of a deadline."""


class Deadline:
    """A point in time by which a whole pull must have ended.

    Parameters
    ----------
    timeout_s : float
        Seconds from now.
    """

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s

    def remaining_s(self) -> float:
        """Seconds left, 0 when it has passed."""
        return max(0.0, self._end - time.monotonic())


class LoopThread:
    """An asyncio event loop in a thread of its own, for as long as the context lasts.

    A thread, for three reasons: the caller may stand in an event loop already (Jupyter, trame); a deadline is kept even
    where the loop itself is stuck; and between two calls the loop goes on answering heartbeats.
    """

    def __enter__(self) -> LoopThread:
        self._loop = asyncio.new_event_loop()
        # What is left unfinished at a deadline fails when it is cancelled, and asyncio would print that; it was told already.
        self._loop.set_exception_handler(lambda *_: None)
        self._thread = threading.Thread(target=self._serve, name="pvdask-loop", daemon=True)
        self._thread.start()
        return self

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def start(self, work: Callable[[], Coroutine[Any, Any, T]]) -> concurrent.futures.Future[T]:
        """Begin the work, and do not wait for it.

        Parameters
        ----------
        work : callable
            Makes the coroutine.

        Returns
        -------
        concurrent.futures.Future
            What it is going to give; cancelled when this context is left, at the latest.
        """
        return asyncio.run_coroutine_threadsafe(work(), self._loop)

    def run(
        self,
        work: Callable[[], Coroutine[Any, Any, T]],
        deadline: Deadline,
        step: str,
        on_tick: Callable[[], None] | None = None,
    ) -> T:
        """Do the work, and be back by the deadline.

        Parameters
        ----------
        work : callable
            Makes the coroutine.
        deadline : Deadline
            By when to be back.
        step : str
            What is done, as a clause, for the error message.
        on_tick : callable, optional
            Called on this thread about every `TICK_S` seconds.

        Returns
        -------
        object
            What the coroutine gave.

        Raises
        ------
        DeadlineError
            Where the deadline passed first; the coroutine is then cancelled.
        """
        future = self.start(work)
        try:
            while True:
                try:
                    return future.result(min(TICK_S, deadline.remaining_s()))
                except concurrent.futures.TimeoutError:
                    if future.done():
                        return future.result()
                    if deadline.remaining_s() <= 0:
                        raise DeadlineError(step, deadline.timeout_s) from None
                    if on_tick is not None:
                        on_tick()
        finally:
            future.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._cancel_all(), self._loop)
        self._thread.join(JOIN_S)

    async def _cancel_all(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=JOIN_S / 2)
        self._loop.stop()
