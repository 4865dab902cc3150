"""Why a deadline passed: what the scheduler said of its workers half-way to it, and shortly before it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from pvdask.loop import Deadline

FIRST_LOOK = 0.5
"""Share of the time that is left when the first question is asked."""

LAST_LOOK_S = 0.4
"""Seconds that are left when the last one is: an answer takes milliseconds, and none is waited for after the deadline."""

HEARTBEATS_S = 1.0
"""A worker tells the scheduler every half second that it is there (with hundreds of workers, less often). Two answers that are
closer to each other than this tell nothing of that."""

Identity = Mapping[str, Any]


class Watch:
    """Asks a scheduler twice before a deadline, and tells from the answers why it passed.

    Parameters
    ----------
    deadline : Deadline
        The deadline.
    ask : callable
        Starts the question who the scheduler and its workers are; gives the answer to come.
    """

    def __init__(self, deadline: Deadline, ask: Callable[[], Future[Identity]]) -> None:
        self._deadline = deadline
        self._ask = ask
        self._answers: list[Future[Identity]] = []
        self._asked: list[float] = []

    def look(self) -> None:
        """To be called again and again; asks where it is time to."""
        left_s = self._deadline.remaining_s()
        times = (self._deadline.timeout_s * FIRST_LOOK, LAST_LOOK_S)
        if len(self._answers) < len(times) and left_s <= times[len(self._answers)]:
            self._answers.append(self._ask())
            self._asked.append(time.monotonic())

    def reason(self, address: str) -> str:
        """Tell why the deadline passed, as far as the scheduler knows.

        Parameters
        ----------
        address : str
            The scheduler's.

        Returns
        -------
        str
            What is the matter, and what to do; empty where it was not asked.
        """
        if len(self._answers) < 2:
            return ""
        first, last = (_answer(future) for future in self._answers)
        if last is None:
            return f"The scheduler at {address} does not answer: it is stopped, overloaded or cut off; see to it, then Refresh."
        return _of_workers(address, first, last, self._asked[-1] - self._asked[0])


def _answer(future: Future[Identity]) -> Identity | None:
    return future.result() if future.done() and not future.cancelled() and future.exception() is None else None


def _of_workers(address: str, first: Identity | None, last: Identity, apart_s: float) -> str:
    workers: Mapping[str, Any] = last.get("workers", {})
    if not workers:
        return f"The scheduler at {address} has no workers; start some that join it, or a new cluster, then Refresh."
    before = {name: worker.get("last_seen") for name, worker in (first or {}).get("workers", {}).items()}
    silent = [name for name, worker in workers.items() if before.get(name, 0) == worker.get("last_seen")]
    if silent and apart_s > HEARTBEATS_S:
        return (
            f"{_some(silent, workers)} not answer: stopped, cut off, or too busy to. End it, so that others do its work, or let "
            "it go on, then Refresh."
        )
    paused = [name for name, worker in workers.items() if worker.get("status") == "paused"]
    if paused:
        return (
            f"{_some(paused, workers)} not take work, paused since its memory is nearly full. Free memory on the cluster, or "
            "start more workers, then Refresh."
        )
    return "The workers answer; give them more time (Timeout), or pull less."


def _some(names: list[str], workers: Mapping[str, Any]) -> str:
    """Those of all workers, and a verb."""
    count = f"{len(names)} of {len(workers)} worker{'s' * (len(workers) > 1)}"
    return f"{count} (the first is {names[0]}) {'does' if len(names) == 1 else 'do'}"
