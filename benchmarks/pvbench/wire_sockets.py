"""The most that this machine's loopback gives: plain blocking sockets between pairs of processes."""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

JOIN_S = 60.0


class SocketPairs:
    """Processes in pairs, a connection each, for as long as the context lasts: connecting is in no measurement.

    Parameters
    ----------
    n_pairs : int
        How many.
    n_bytes : int
        What each sender sends each time; its memory is there from the start.
    """

    def __init__(self, n_pairs: int, n_bytes: int) -> None:
        self._n_pairs, self._n_bytes = n_pairs, n_bytes
        self._processes: list[Any] = []
        self._pipes: list[Connection] = []

    def __enter__(self) -> SocketPairs:
        context = multiprocessing.get_context("spawn")
        for _ in range(self._n_pairs):
            at_parent, at_sender = context.Pipe()
            self._start(context.Process(target=_send, args=(at_sender, self._n_bytes)))
            port = at_parent.recv()
            to_receiver, at_receiver = context.Pipe()
            self._pipes.append(to_receiver)
            self._start(context.Process(target=_receive, args=(at_receiver, port, self._n_bytes)))
        self.measure()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(JOIN_S)
            if process.is_alive():
                process.kill()

    def measure(self) -> float:
        """Seconds from before the requests to after the last byte, on the slowest pair.

        A receiver takes its bytes into memory that was never touched before, as one that keeps what it receives has to.
        """
        for pipe in self._pipes:
            pipe.send("go")
        spans: Sequence[tuple[float, float]] = [pipe.recv() for pipe in self._pipes]
        return max(end for _, end in spans) - min(start for start, _ in spans)

    def _start(self, process: Any) -> None:
        process.start()
        self._processes.append(process)


def _send(pipe: Connection, n_bytes: int) -> None:
    import numpy as np

    payload = np.ones(n_bytes, "u1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        pipe.send(server.getsockname()[1])
        connection, _ = server.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while connection.recv(1):
                connection.sendall(payload.data)


def _receive(pipe: Connection, port: int, n_bytes: int) -> None:
    import numpy as np

    with socket.create_connection(("127.0.0.1", port)) as connection:
        while True:
            try:
                pipe.recv()
            except EOFError:
                return
            started = time.monotonic()
            connection.sendall(b"1")
            target: Any = np.empty(n_bytes, "u1")
            done = 0
            while done < n_bytes:
                # The kernel fills all of it before it comes back: the fewest calls that there can be.
                count = connection.recv_into(target.data[done:], n_bytes - done, socket.MSG_WAITALL)
                if not count:
                    raise ConnectionError(f"the sender left after {done} of {n_bytes} bytes")
                done += count
            pipe.send((started, time.monotonic()))
            del target
