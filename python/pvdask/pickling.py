"""Functions of this package as bytes that a worker can unpickle, though it has not got the package."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property, partial
from typing import Any

_one_thread = threading.RLock()


def by_value(function: Callable[..., Any]) -> bytes:
    """Pickle a function of this package with all of the package that it uses: the workers need not have it.

    Parameters
    ----------
    function : callable
        A function of a worker module, or a `functools.partial` of one.

    Returns
    -------
    bytes
        For ``cloudpickle.loads``.
    """
    is_partial = isinstance(function, partial)
    shipped = _shipped(function.func if is_partial else function)  # type: ignore[attr-defined]
    if is_partial:
        shipped = partial(shipped, *function.args, **function.keywords)  # type: ignore[attr-defined]
    return pickled(shipped)


class ByValue:
    """A function of this package that Dask takes, and pickles, as any other: the workers need not have the package.

    Parameters
    ----------
    function : callable
        A function of a worker module.
    **keywords : object
        Arguments that it is to be called with, besides.
    """

    def __init__(self, function: Callable[..., Any], **keywords: Any) -> None:
        self._partial = partial(function, **keywords)
        self.__name__ = function.__name__

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function."""
        return self._partial(*arguments, **keywords)

    def __reduce__(self) -> tuple[Any, ...]:
        import cloudpickle

        return cloudpickle.loads, (self._payload,)

    @cached_property
    def _payload(self) -> bytes:
        return by_value(self._partial)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        from pvdask.version import __version__

        return __version__, self._partial.func.__module__, self.__name__, self._partial.keywords


@cache
def pickled_once(function: Callable[..., Any]) -> bytes:
    """Pickle a function by value as it is, once a process; for the scheduler, which looks at a function's parameters.

    Parameters
    ----------
    function : callable
        A function of a worker module.

    Returns
    -------
    bytes
        For ``cloudpickle.loads``.
    """
    return pickled(function)


def pickled(thing: Any) -> bytes:
    """Pickle with all of the package that is used, by value.

    Parameters
    ----------
    thing : object
        Of functions and classes of worker modules.

    Returns
    -------
    bytes
        For ``cloudpickle.loads``.
    """
    import cloudpickle

    with _registered():
        return bytes(cloudpickle.dumps(thing))


@cache
def _shipped(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function with its pickle, which is made once a process."""
    from pvdask.shipping import Shipped, arrive

    payload = pickled(function)
    return Shipped(function, payload, hashlib.sha256(payload).hexdigest(), pickled_once(arrive))


@contextmanager
def _registered() -> Iterator[None]:
    """Within, functions of the modules that run on workers are pickled whole. One thread at a time; within, it may again."""
    import cloudpickle

    from pvdask import binning, columns, csv_blocks, partitions, sampling, series, shipping
    from pvdask.expressions import WORKER_MODULES

    own = [binning, columns, csv_blocks, partitions, sampling, series, shipping]
    with _one_thread:
        known = cloudpickle.list_registry_pickle_by_value()
        modules = [*WORKER_MODULES, *own, sys.modules["pvdask.errors"]]
        added = [module for module in modules if module.__name__ not in known]
        for module in added:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in added:
                cloudpickle.unregister_pickle_by_value(module)
