"""A way to a worker that can be cut for one process and not for another: a proxy that the worker names as its address."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CHUNK = 1 << 16


class Proxy:
    """Hands connections on to a port of loopback; what `rule` says of the process at the other end is done with them.

    ``refuse`` closes a connection at once, as a firewall that rejects; ``drop`` accepts and never answers, as one that drops.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.rule: Callable[[int | None], str] = lambda _: "pass"
        self.on_bytes: Callable[[int, int | None], None] = lambda *_: None
        self.n_cut = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Let go of everything."""
        self._listener.close()
        self.cut_all()

    def cut_all(self) -> None:
        """End all connections that are open."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def ruled(self, rule: Callable[[int | None], str]) -> Iterator[None]:
        """The rule, for the time of the block; connections that were open end at its beginning and at its end."""
        self.rule, before = rule, self.rule
        self.cut_all()
        try:
            yield
        finally:
            self.rule = before
            self.cut_all()

    def _accept(self) -> None:
        while True:
            try:
                connection, peer = self._listener.accept()
            except OSError:
                return
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection, peer[1]), daemon=True).start()

    def _serve(self, client: socket.socket, peer_port: int) -> None:
        pid = process_at(peer_port)
        what = self.rule(pid)
        if what != "pass":
            self.n_cut += 1
        with contextlib.suppress(OSError):
            if what == "refuse":
                client.close()
            elif what == "drop":
                while client.recv(CHUNK):
                    pass
            else:
                with socket.create_connection(("127.0.0.1", self.target)) as worker:
                    self._open.add(worker)
                    back = threading.Thread(target=self._copy, args=(worker, client, pid), daemon=True)
                    back.start()
                    self._copy(client, worker, None)
                    back.join()
                    self._open.discard(worker)
        self._open.discard(client)
        client.close()

    def _copy(self, source: socket.socket, target: socket.socket, pid: int | None) -> None:
        total = 0
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                target.sendall(data)
                total += len(data)
                self.on_bytes(total, pid)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def process_at(port: int) -> int | None:
    """The process that has a connection from this port of loopback."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    inodes = {row[9] for row in rows if row[1] == f"0100007F:{port:04X}"} - {"0"}
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                for descriptor in os.scandir(f"/proc/{name}/fd"):
                    with contextlib.suppress(OSError):
                        if os.readlink(descriptor.path) in wanted:
                            return int(name)
    return None
