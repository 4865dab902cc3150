"""ParaViews that live through many faults: one pvbatch, or one pvserver with its client, that is told what to do."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pvdask.launch import ManagedProcess, ParaViewInstall, Stack, mpi_command
from pvdask.launch.markers import marked_processes
from pvdask.launch.server_process import LOOPBACK

SCRIPT = Path(__file__).resolve().parents[1] / "ctest" / "faults_session.py"
CONSUMERS = ("Render", "Glyph", "Histogram", "RedistributeDataSet")
START_S = 60.0
SETTLE_S = 2.0
"""Until what was written has been read."""


@dataclass(frozen=True)
class Told:
    """What came of one Apply."""

    answer: dict[str, Any]
    ranks: list[dict[str, Any]]
    messages: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return bool(self.answer["Failed"])

    @property
    def sentence(self) -> str:
        """The error, or what was pulled."""
        return str(self.answer["Status"]).removeprefix("Error: ")

    @property
    def seconds(self) -> float:
        return float(self.answer["seconds"])

    @property
    def n_rows(self) -> int:
        return sum(int(rank["n_points"]) for rank in self.ranks)

    @property
    def checksum(self) -> int:
        return sum(int(rank["checksum"]) for rank in self.ranks) % 2**64


class HangError(AssertionError):
    """No answer came in time; the session is ended."""


class Session:
    """A ParaView with one source, started at its first Apply; between two, its processes do not run."""

    def __init__(self, stack: Stack, install: ParaViewInstall, folder: Path, kind: str, n_ranks: int) -> None:
        self.kind, self.n_ranks = kind, n_ranks
        self.name = f"{kind} on {n_ranks} rank(s)"
        self.folder = folder / f"{kind}-{n_ranks}"
        self.folder.mkdir()
        self._stack, self._install = stack, install
        self._processes: list[ManagedProcess] = []
        self._stream: Any = None

    @property
    def ranks(self) -> list[int]:
        """Process ids of the ranks that pull, in rank order; 0 first."""
        found = {}
        for pid in marked_processes(self._processes[0].marker):
            with contextlib.suppress(OSError):
                rank = re.search(rb"\0OMPI_COMM_WORLD_RANK=(\d+)\0", Path(f"/proc/{pid}/environ").read_bytes())
                if rank is not None and b"mpiexec" not in Path(f"/proc/{pid}/comm").read_bytes():
                    found[int(rank[1])] = pid
        return [found[rank] for rank in sorted(found)]

    def start(self) -> None:
        """Start it; takes seconds."""
        path = self._stack.folder / f"{self.kind}-{self.n_ranks}"  # a socket's path has to be short
        path.unlink(missing_ok=True)
        environment = self._stack.environment(self._install, self.n_ranks, compiled=False)
        environment["PVDASK_SCHEDULER_FILE"] = ""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            listener.settimeout(START_S)
            words = [str(SCRIPT), str(path), str(self.folder)]
            if self.kind == "pvserver":
                server = self._stack.start_server(self._install, self.n_ranks, env={"PVDASK_SCHEDULER_FILE": ""})
                program = [str(self._install.program("pvpython")), "--force-offscreen-rendering", *words]
                client = self._stack.start([*program, LOOPBACK, str(server.port)], env=environment)
                self._processes = [server.process, client]
            else:
                program = [str(self._install.program("pvbatch")), "--force-offscreen-rendering", *words]
                self._processes = [self._stack.start(mpi_command(self.n_ranks, program), env=environment)]
            connection, _ = listener.accept()
        self._stream = connection.makefile("rw", encoding="utf-8")
        self._connection = connection

    @property
    def is_started(self) -> bool:
        return self._stream is not None

    def stop(self) -> None:
        """End it."""
        if self._stream is not None:
            self._run(signal.SIGCONT)
            with contextlib.suppress(OSError):
                self._stream.close()
                self._connection.close()
        self._stream = None
        for process in reversed(self._processes):
            process.stop(grace_s=1.0)
        self._processes = []

    def output(self) -> str:
        """All that it has written."""
        return "".join(process.stdout + process.stderr for process in self._processes)

    def apply(
        self,
        properties: dict[str, Any],
        consumer: str = "Source",
        *,
        columns: list[str] | None = None,
        timeout_s: float = 60.0,
        repeat: int = 0,
        meanwhile: Callable[[], None] | None = None,
    ) -> Told:
        """Set properties, have a consumer ask for the data, and see what came of it.

        Parameters
        ----------
        properties, columns
            What to set, and which columns to tick.
        consumer : str
            Who asks: one of `CONSUMERS`, or ``Source``.
        timeout_s : float
            Seconds after which this is a hang.
        repeat : int
            How many times the source pulls again after that, unless it fails.
        meanwhile : callable, optional
            Called while the session works.
        """
        if not self.is_started:
            self.start()
        for path in self.folder.glob("rank-*.json"):
            path.unlink()
        n_lines = len(self._said())
        self._run(signal.SIGCONT)
        order = {
            "properties": properties,
            "consumer": consumer,
            "repeat": repeat,
            **({"columns": columns} if columns else {}),
        }
        self._stream.write(json.dumps(order) + "\n")
        self._stream.flush()
        try:
            if meanwhile is not None:
                meanwhile()
        finally:
            answer = self._answer(timeout_s)
        paths = sorted(self.folder.glob("rank-*.json"))
        ranks = [json.loads(path.read_text()) for path in paths]
        deadline = time.monotonic() + SETTLE_S
        while answer["Failed"] and len(self._said()) == n_lines and time.monotonic() < deadline:
            time.sleep(0.02)
        self._run(signal.SIGSTOP)
        return Told(answer, ranks, self._said()[n_lines:])

    def resume(self) -> None:
        """Let it run, until the next Apply has ended."""
        self._run(signal.SIGCONT)

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        self._connection.settimeout(timeout_s)
        try:
            line = self._stream.readline()
        except (TimeoutError, ConnectionError):
            line = ""
        if not line:
            said = self.output()[-3000:]
            self.stop()
            raise HangError(f"{self.name} gave no answer within {timeout_s:g} s; it said last:\n{said}")
        return dict(json.loads(line))

    def _said(self) -> list[str]:
        """What the ranks told the user; the client of a server tells it again."""
        process = self._processes[0]
        return [line for line in (process.stdout + process.stderr).splitlines() if line.startswith("Dask: ")]

    def _run(self, number: int) -> None:
        """Let the processes run, or not: idle ranks of MPI take a core each."""
        for process in self._processes:
            for pid in marked_processes(process.marker):
                with contextlib.suppress(OSError):
                    if "mpiexec" not in Path(f"/proc/{pid}/comm").read_text() and not is_display(pid):
                        os.kill(pid, number)


def is_display(pid: int) -> bool:
    """Whether a process is the X server."""
    return "Xvfb" in Path(f"/proc/{pid}/comm").read_text()
