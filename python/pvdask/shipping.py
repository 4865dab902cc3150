"""Functions that know their own pickle: a cluster that never heard of this package unpickles them once. RUNS ON THE WORKERS.

A function that is pickled by value takes about 20 ms to pickle and as long to unpickle, and the worker that gets it first has to
pickle it again for the next one. So its pickle is made once a process, travels as bytes, and is unpickled once on a worker.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

STORE = "_pvdask_shipped"
"""Module of a worker, made there, that holds what was unpickled, by digest."""

MAXIMUM_STORED = 64
"""Functions that a worker keeps; there are about ten for each version of this package that asks."""


class Arrival:
    """`arrive`, pickled by value; what this is pickled to is unpickled as `arrive`.

    Parameters
    ----------
    pickled : bytes
        For ``cloudpickle.loads``.
    """

    def __init__(self, pickled: bytes) -> None:
        self.pickled = pickled

    def __reduce__(self) -> tuple[Any, ...]:
        import cloudpickle

        return cloudpickle.loads, (self.pickled,)


class Shipped:
    """A function with its pickle. Whoever pickles this, a scheduler or a worker too, has nothing to do but to copy bytes.

    Parameters
    ----------
    function : callable
        Called as this is.
    payload : bytes
        Its pickle.
    digest : str
        Of the payload.
    arrival : bytes
        The pickle of `arrive`.
    """

    def __init__(self, function: Callable[..., Any], payload: bytes, digest: str, arrival: bytes) -> None:
        self.function = function
        self.payload = payload
        self.digest = digest
        self.arrival = arrival

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function."""
        return self.function(*arguments, **keywords)

    def __reduce__(self) -> tuple[Any, ...]:
        from toolz.functoolz import apply

        return apply, (Arrival(self.arrival), self.digest, self.payload, self.arrival)


def publication(name: str, dask_scheduler: Any = None) -> str:
    """Mark what is published under a name; runs on the scheduler.

    Parameters
    ----------
    name : str
        Name of a dataset; empty for the only one.
    dask_scheduler : distributed.Scheduler
        Given by distributed.

    Returns
    -------
    str
        Another one once it was published again; empty where nothing is published under that name.
    """
    import hashlib

    published = {str(key): record for key, record in dask_scheduler.extensions["publish"].datasets.items()}
    record = published.get(name) if name or len(published) != 1 else next(iter(published.values()))
    if record is None:
        return ""
    # Keys of results are made anew each time; a frame that is not computed has none, and is told by its pickle.
    keys = repr(record["keys"]).encode()
    frames = [] if record["keys"] else getattr(record["data"], "frames", [])
    return hashlib.sha256(b"".join([keys, *map(bytes, frames)])).hexdigest()


def arrive(digest: str, payload: bytes, arrival: bytes) -> Shipped:
    """Unpickle a function, unless this process has it.

    Parameters
    ----------
    digest : str
        Of the payload.
    payload : bytes
        The function's pickle.
    arrival : bytes
        The pickle of this one.

    Returns
    -------
    Shipped
        The function.
    """
    import cloudpickle

    stored: dict[str, Any] = vars(sys.modules.setdefault(STORE, ModuleType(STORE)))
    if digest not in stored:
        if len(stored) > MAXIMUM_STORED:
            stored.clear()
        stored[digest] = cloudpickle.loads(payload)
    return Shipped(stored[digest], payload, digest, arrival)
