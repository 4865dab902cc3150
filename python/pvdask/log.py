"""``PVDASK_LOG=debug``: a line a step a rank, with its time and sizes, on standard error. No path, address or value of yours."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

VARIABLE = "PVDASK_LOG"


def is_on() -> bool:
    """Tell whether steps are logged.

    Returns
    -------
    bool
        Whether `VARIABLE` is ``debug``.
    """
    return os.environ.get(VARIABLE, "").lower() == "debug"


@contextmanager
def step(rank: int, what: str) -> Iterator[dict[str, Any]]:
    """Log one step, once it has ended.

    Parameters
    ----------
    rank : int
        Index of this rank.
    what : str
        The step.

    Yields
    ------
    dict
        To be filled with sizes, that are written behind the time.
    """
    sizes: dict[str, Any] = {}
    started = time.monotonic()
    outcome = "failed"
    try:
        yield sizes
        outcome = "done"
    finally:
        if is_on():
            seconds = time.monotonic() - started
            told = "".join(f", {name} {value:,}" for name, value in sizes.items())
            # One write: the lines of several ranks come mixed up otherwise.
            sys.stderr.write(f"pvdask rank {rank}: {what}: {outcome} in {seconds:.4f} s{told}\n")
            sys.stderr.flush()
