"""Ports of loopback that are a test's own, while other tests and programs open connections beside it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port() -> Iterator[int]:
    """A port that nobody is given for the time of the block. It refuses connections until a program is told to listen there.

    It is bound, and not listened at: the kernel gives such a port to nobody who asks for any, or who connects. Programs that name
    it may listen, as servers do that set SO_REUSEADDR: Dask's, aiohttp and `socket.create_server`. (Linux. A port that is only
    looked up beforehand may be another's by the time it is used.)
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
