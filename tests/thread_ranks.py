"""Ranks as threads of one process, with collectives that really wait for one another (see `pvdask.ranks.RankGroup`)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

WAIT_S = 60.0
"""Seconds after which a rank that stands alone in a collective gives up, where MPI would wait for ever."""


class _World:
    def __init__(self, size: int) -> None:
        self.size = size
        self.slots: list[bytes | None] = [None] * size
        self.barrier = threading.Barrier(size, timeout=WAIT_S)


@dataclass
class ThreadRanks:
    """One rank of several."""

    rank: int
    world: _World
    calls: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        return self.world.size

    def broadcast(self, payload: bytes | None) -> bytes:
        self.calls.append("broadcast")
        if self.rank == 0:
            self.world.slots[0] = payload or b""
        return self._exchanged()[0]

    def all_gather(self, payload: bytes) -> list[bytes]:
        self.calls.append("all_gather")
        self.world.slots[self.rank] = payload
        return self._exchanged()

    def _exchanged(self) -> list[bytes]:
        """What all ranks wrote: after the first wait all have written, after the second all have read."""
        self.world.barrier.wait()
        read = [payload or b"" for payload in self.world.slots]
        self.world.barrier.wait()
        return read


@dataclass
class Outcome:
    """What one rank's work gave or raised, and the collectives it made."""

    value: Any = None
    error: BaseException | None = None
    calls: list[str] = field(default_factory=list)


def on_ranks(size: int, work: Callable[[ThreadRanks], Any]) -> list[Outcome]:
    """Call `work` on each of `size` ranks at the same time; its outcomes, in rank order."""
    world = _World(size)
    outcomes = [Outcome() for _ in range(size)]

    def run(rank: int) -> None:
        group = ThreadRanks(rank, world, outcomes[rank].calls)
        try:
            outcomes[rank].value = work(group)
        except Exception as error:
            outcomes[rank].error = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(4 * WAIT_S)
    assert not any(thread.is_alive() for thread in threads), "a rank is left waiting"
    return outcomes
