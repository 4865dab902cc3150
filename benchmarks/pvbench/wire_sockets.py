"""The most that this machine's loopback gives: plain blocking sockets between pairs of processes."""

from __future__ import annotations

import multiprocessing
import socket
import time
from multiprocessing.connection import Connection
from typing import Any

WARM_UP_BYTES = 1 << 20


def measure(n_pairs: int, n_bytes: int) -> float:
    """Seconds until `n_bytes` have come over each of `n_pairs` connections, from processes to processes.

    A receiver takes its bytes into memory that was never touched before, as one that keeps what it receives has to. The
    senders' memory is there already. The clock runs from before the request to after the last byte, on the slowest pair.
    """
    context = multiprocessing.get_context("spawn")
    processes, pipes = [], []
    try:
        for _ in range(n_pairs):
            (to_sender, at_sender), (to_receiver, at_receiver) = context.Pipe(), context.Pipe()
            sender = context.Process(target=_send, args=(at_sender, n_bytes))
            sender.start()
            processes.append(sender)
            receiver = context.Process(target=_receive, args=(at_receiver, to_sender.recv(), n_bytes))
            receiver.start()
            processes.append(receiver)
            pipes.append(to_receiver)
        for pipe in pipes:
            pipe.recv()  # connected
        for pipe in pipes:
            pipe.send("go")
        spans: list[tuple[float, float]] = [pipe.recv() for pipe in pipes]
        return max(end for _, end in spans) - min(start for start, _ in spans)
    finally:
        for process in processes:
            process.join(60)
            if process.is_alive():
                process.kill()


def _send(pipe: Connection, n_bytes: int) -> None:
    import numpy as np

    payload = np.ones(n_bytes, "u1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        pipe.send(server.getsockname()[1])
        connection, _ = server.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(payload.data[:WARM_UP_BYTES])
            connection.recv(1)
            connection.sendall(payload.data)


def _receive(pipe: Connection, port: int, n_bytes: int) -> None:
    import numpy as np

    with socket.create_connection(("127.0.0.1", port)) as connection:
        _fill(connection, memoryview(bytearray(min(WARM_UP_BYTES, n_bytes))))
        pipe.send("connected")
        pipe.recv()
        started = time.monotonic()
        connection.sendall(b"1")
        target: Any = np.empty(n_bytes, "u1")
        _fill(connection, target.data)
        pipe.send((started, time.monotonic()))


def _fill(connection: socket.socket, view: memoryview) -> None:
    done = 0
    while done < len(view):
        count = connection.recv_into(view[done:])
        if not count:
            raise ConnectionError(f"the sender left after {done} of {len(view)} bytes")
        done += count
