"""A block from a worker, its arrays received straight into the memory where they are to stay.

distributed (comm/tcp.py, 2025.1 to 2026.8) reads each array of a message into new memory of its own. Where a rank's arrays are
joined of several blocks, that memory is touched for the first time, copied from, and given back: three ways over the data where
one is enough. Here the same message is read, by the same functions, into slices of the joined arrays. Whether that came off,
the caller sees from where the arrays are: every other connection or message is read as distributed reads it.
"""

from __future__ import annotations

import ssl
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

LENGTH = struct.Struct("Q")
CHUNK_BYTES = 1 << 30
"""What is asked of a socket at once: OpenSSL takes no more than 2 GiB."""


async def get_block(rpc: Any, address: str, key: str, targets: Sequence[Array]) -> dict[str, Any]:
    """Ask a worker for the result of one task, a list of a header and arrays.

    Parameters
    ----------
    rpc : distributed.core.ConnectionPool
        Connections to workers.
    address : str
        Of the worker.
    key : str
        Of the task.
    targets : sequence of numpy.ndarray
        Where the arrays behind the header should go: C-contiguous, and the caller's; what is in them is lost.

    Returns
    -------
    dict
        The worker's answer: ``status``, and in ``data``, by key, what it has; its arrays may be the targets.

    Raises
    ------
    ConnectionError
        Where the worker is lost, before or meanwhile.
    Exception
        What the worker itself met.
    """
    from distributed.comm.core import CommClosedError
    from distributed.core import send_recv

    try:
        comm = await rpc.connect(address)
    except OSError as error:
        raise ConnectionError(str(error)) from error
    try:
        with _reading_into(comm, targets):
            response: dict[str, Any] = await send_recv(comm, op="get_data", keys=[key], who=None)
        if response["status"] == "OK":
            await comm.write("OK")  # the worker holds the data until then
        return response
    except CommClosedError as error:
        raise ConnectionError(str(error)) from error
    finally:
        rpc.reuse(address, comm)


@contextmanager
def _reading_into(comm: Any, targets: Sequence[Array]) -> Iterator[None]:
    """Within, what this one connection reads goes to the targets, where it is a stream of TCP, plain or encrypted."""
    from distributed.comm.tcp import TCP

    if not isinstance(comm, TCP):
        yield
        return
    comm.read = partial(_read, comm, targets)
    try:
        yield
    finally:
        del comm.read


async def _read(comm: Any, targets: Sequence[Array], deserializers: Any = None) -> Any:
    """`distributed.comm.tcp.TCP.read`, but for where the buffers of the arrays are."""
    from distributed.comm.core import CommClosedError
    from distributed.comm.tcp import read_bytes_rw
    from distributed.comm.utils import from_frames
    from distributed.protocol.utils import unpack_frames
    from tornado.iostream import StreamClosedError

    if comm.stream is None:
        raise CommClosedError(f"{comm!r} is closed")
    try:
        (n_bytes,) = LENGTH.unpack(await comm.stream.read_bytes(LENGTH.size))
        frames, sizes = unpack_frames(await read_bytes_rw(comm.stream, n_bytes), partial=True)
        for size, place in zip(sizes, places(sizes, targets), strict=True):
            if place is None:
                frames.append(await read_bytes_rw(comm.stream, size))
            else:
                frames.append(await _fill(comm.stream, place))
        return await from_frames(
            frames, deserialize=comm.deserialize, deserializers=deserializers, allow_offload=comm.allow_offload
        )
    except BaseException as error:
        comm.abort()  # nobody knows how much of the message was read, and the worker waits for an answer to it
        if isinstance(error, (StreamClosedError, ssl.SSLError, EOFError)):
            raise CommClosedError(f"{comm!r}: {error}") from error
        raise


async def _fill(stream: Any, place: memoryview) -> memoryview:
    for first in range(0, len(place), CHUNK_BYTES):
        await stream.read_into(place[first : first + CHUNK_BYTES])
    return place


def places(sizes: Sequence[int], targets: Sequence[Array]) -> list[memoryview | None]:
    """Tell where the buffers of a message go.

    Parameters
    ----------
    sizes : sequence of int
        Bytes of the buffers. The arrays are the last of them; distributed cuts a large one into several, and each array begins
        a buffer of its own.
    targets : sequence of numpy.ndarray
        Where the arrays go, C-contiguous.

    Returns
    -------
    list of memoryview or None
        Shape (n_sizes,): slices of the targets. None where a buffer goes to memory of its own: all of them, where the sizes
        are not those of the targets, as of a message that is compressed, or says that the worker is busy.
    """
    n_bytes = [target.nbytes for target in targets]
    after = list(accumulate(reversed(sizes), initial=0))[::-1]  # bytes from each buffer on
    if sum(n_bytes) not in after:
        return [None] * len(sizes)
    first = after.index(sum(n_bytes))
    views = [target.reshape(-1).view("u1").data for target in targets if target.nbytes]
    found: list[memoryview | None] = [None] * first
    index, begin = 0, 0
    for size in sizes[first:]:
        if not size:
            found.append(None)
            continue
        if begin + size > len(views[index]):
            return [None] * len(sizes)
        found.append(views[index][begin : begin + size])
        begin += size
        if begin == len(views[index]):
            index, begin = index + 1, 0
    return found
