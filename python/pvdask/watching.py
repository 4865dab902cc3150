"""Whether a dataset was published again: one small question to the scheduler."""

from __future__ import annotations

from typing import Any

from pvdask.connection import Connection
from pvdask.errors import ClusterError, DeadlineError
from pvdask.loop import Deadline, LoopThread
from pvdask.tls import TLSFiles

WATCH_TIMEOUT_S = 2.0
"""Seconds that a question may take; whoever asks is waiting with the window."""


def publication(connection: Connection, name: str) -> str:
    """Ask for the mark of what is published under a name.

    Parameters
    ----------
    connection : Connection
        Where the scheduler is.
    name : str
        Name of a dataset; empty for the only one.

    Returns
    -------
    str
        Another one once it was published again; empty where nothing is published under that name.

    Raises
    ------
    ClusterError
        Where the scheduler does not answer in time, or does not run functions for clients.
    """
    address = connection.address()
    with LoopThread() as loop:
        try:
            answer = loop.run(
                lambda: _ask(address, name, connection.tls), Deadline(WATCH_TIMEOUT_S), "asking what is published"
            )
        except (OSError, ValueError, RuntimeError, DeadlineError) as error:
            raise ClusterError(
                f"The scheduler at {address} does not answer in time ({error or type(error).__name__})."
            ) from error
    if answer["status"] != "OK":
        raise ClusterError(
            f"The scheduler at {address} does not tell what is published ({answer.get('exception_text', answer['status'])})."
        )
    return str(answer["result"])


async def _ask(address: str, name: str, tls: TLSFiles) -> dict[str, Any]:
    from distributed.core import rpc
    from distributed.protocol.pickle import dumps

    from pvdask import shipping
    from pvdask.pickling import pickled_once

    arguments = tls.security().get_connection_args("client")
    async with rpc(address, timeout=WATCH_TIMEOUT_S, connection_args=arguments) as scheduler:
        answer: dict[str, Any] = await scheduler.run_function(
            function=pickled_once(shipping.publication), args=dumps((name,)), kwargs=dumps({}), wait=True
        )
        return answer
