"""Start what a picture of a Dask DataFrame needs (dask-mpi, pvserver, pvbatch, an X server); leave nothing behind."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from pvdask.launch.dask_cluster import ClusterShape, clear_stale_scheduler_file, remove_scheduler_file, wait_until_ready
from pvdask.launch.display import answering_display, start_display, stop_display
from pvdask.launch.environment import in_several_host_job, mpi_command, paraview_environment, thread_limits
from pvdask.launch.guard import Guard
from pvdask.launch.markers import end_marked, new_marker
from pvdask.launch.paraview_install import ParaViewInstall, find_paraview
from pvdask.launch.processes import ManagedProcess, stop_signals_held
from pvdask.launch.runs import BatchDeadlineError, CompletedBatch, run_to_end
from pvdask.launch.server_process import LOOPBACK, server_command, wait_until_accepting, wait_until_connected
from pvdask.tls import TLSFiles

__all__ = [
    "BatchDeadlineError",
    "ClusterHandle",
    "ClusterShape",
    "CompletedBatch",
    "ManagedProcess",
    "ParaViewInstall",
    "ServerHandle",
    "Stack",
    "find_paraview",
    "mpi_command",
    "paraview_environment",
]

_LOG_LINES = 400


@dataclass(frozen=True)
class ClusterHandle:
    """A cluster all of whose workers have registered: its scheduler file, its scheduler's address and its mpiexec."""

    scheduler_file: Path
    process: ManagedProcess
    address: str
    n_workers: int


@dataclass(frozen=True)
class ServerHandle:
    """A pvserver that waits for a client: the host and port to connect to, and its mpiexec."""

    host: str
    port: int
    process: ManagedProcess


class Stack:
    """Owner of processes and of one temporary folder, for the time of a ``with`` block.

    At the block's end, however it comes (also by Ctrl-C, SIGTERM or SIGHUP), the processes are stopped, last started
    first, with everything they started, and the folder is removed. In the main thread, SIGTERM and SIGHUP raise
    SystemExit meanwhile.

    Parameters
    ----------
    on_line : callable, optional
        Called with each line that any of the processes writes.

    Attributes
    ----------
    folder : Path
        The temporary folder.
    marker : str
        What every process of this stack carries in PVDASK_STACK.
    """

    folder: Path
    _guard: Guard

    def __init__(self, *, on_line: Callable[[str], None] | None = None) -> None:
        self.marker = new_marker()
        self._on_line = on_line
        self._display: dict[str, str] | None = None
        self._environments: dict[tuple[ParaViewInstall, bool], dict[str, str]] = {}
        self._handlers: dict[signal.Signals, Any] = {}
        self._at_end = contextlib.ExitStack()

    def __enter__(self) -> Stack:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                self._handlers[number] = signal.getsignal(number)
                if self._handlers[number] is not signal.SIG_IGN:  # nohup
                    signal.signal(number, _raise_exit)
        try:
            with stop_signals_held():
                self._prepare()
        except BaseException:  # a signal that was held back comes here, and what is not entered is never left
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            with stop_signals_held():
                self._at_end.close()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _prepare(self) -> None:
        guard = self._guard = Guard(self.marker)
        self._at_end.callback(guard.dismiss)
        parent = Path.cwd() if in_several_host_job() else None  # the other hosts read the plugin list in it
        self.folder = Path(tempfile.mkdtemp(prefix="pvdask-", dir=parent))
        guard.remove_later(self.folder)
        self._at_end.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._at_end.callback(end_marked, self.marker)

    def start(self, command: Sequence[str], **options: Any) -> ManagedProcess:
        """Start a command that ends with the stack at the latest; `options` are ManagedProcess's."""
        options.setdefault("on_line", self._on_line)
        with stop_signals_held():
            process = ManagedProcess(command, marker=self.marker, **options)
            self._at_end.callback(process.stop)
        return process

    def start_cluster(
        self,
        n_workers: int,
        *,
        threads: int = 1,
        interface: str | None = "lo",
        memory_limit: str | None = None,
        scheduler_file: Path | None = None,
        hostfile: Path | None = None,
        timeout_s: float = 60,
    ) -> ClusterHandle:
        """Start a dask-mpi cluster and wait for its workers; it speaks TLS alone where PVDASK_TLS names a folder.

        Parameters
        ----------
        n_workers, threads, interface, memory_limit
            See `ClusterShape`.
        scheduler_file : Path, optional
            Where the cluster writes its address; removed at the stack's end. Default: in the stack's folder. One
            left by a cluster that is gone is replaced.
        hostfile
            See `ClusterShape`.
        timeout_s : float
            How long to wait for the workers, in seconds.

        Raises
        ------
        InputError
            The scheduler file belongs to another cluster, or is not one.
        ClusterError
            The cluster ended, or the time did, before all workers were there.
        """
        shape = ClusterShape(n_workers, threads, interface, memory_limit, hostfile, TLSFiles.of_environment())
        shape.tls.check()
        workdir = Path(tempfile.mkdtemp(prefix="cluster-", dir=self.folder))
        path = (scheduler_file or workdir / "scheduler.json").absolute()
        clear_stale_scheduler_file(path)
        self._guard.remove_later(path)
        command = shape.command(path, workdir)
        process = self.start(command, env=shape.environment(workdir), name="dask-mpi", keep_lines=_LOG_LINES)
        try:
            address = wait_until_ready(process, path, n_workers, timeout_s)
        except BaseException:
            process.stop()
            path.unlink(missing_ok=True)
            raise
        self._at_end.callback(remove_scheduler_file, path, address)
        return ClusterHandle(path, process, address, n_workers)

    def start_server(
        self,
        install: ParaViewInstall,
        n_ranks: int,
        port: int | None = None,
        *,
        bind: str | None = None,
        client: str | None = None,
        compiled: bool = False,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 60,
    ) -> ServerHandle:
        """Start pvserver with the plugin and wait until it accepts a client, or has reached the one that waits.

        Parameters
        ----------
        install, n_ranks, port, bind, client
            See `server_command`. Default of `bind`: loopback from ParaView 5.13 on; 5.11 listens on all interfaces.
        compiled : bool, optional
            Whether the compiled plugins are loaded; see `paraview_environment`.
        env : mapping, optional
            What to add to the environment.
        timeout_s : float
            How long to wait for it, in seconds.

        Raises
        ------
        SetupError, OptionError
            The port is taken, pvserver ended or did not get so far in time, or it cannot `bind`.
        """
        command = server_command(install, n_ranks, port or 0, bind, client)
        environment = {**self.environment(install, n_ranks, compiled=compiled), **(env or {})}
        process = self.start(command, env=environment, name="pvserver", keep_lines=_LOG_LINES)
        if client is None:
            return ServerHandle(LOOPBACK, wait_until_accepting(process, timeout_s), process)
        wait_until_connected(process, f"{client}:{port}", timeout_s)
        return ServerHandle(client, port or 0, process)

    def run_batch(
        self,
        install: ParaViewInstall,
        n_ranks: int,
        script: Path | str,
        args: Sequence[str] = (),
        *,
        timeout_s: float,
        env: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> CompletedBatch:
        """Run a Python script under pvbatch and wait for its end.

        Parameters
        ----------
        install : ParaViewInstall
            The ParaView to start.
        n_ranks : int
            MPI ranks.
        script, args
            The script and its arguments.
        timeout_s : float
            How long it may take, in seconds.
        env : mapping, optional
            What to add to the environment.
        on_line : callable, optional
            Called with each line of output as it comes, from another thread.

        Raises
        ------
        BatchDeadlineError
            It did not end in time; all its ranks were stopped.
        """
        program = [str(install.program("pvbatch")), "--force-offscreen-rendering", str(script), *args]
        step = f"running {Path(script).name} on {n_ranks} rank(s)"
        process = self._start_program(install, n_ranks, mpi_command(n_ranks, program), env, on_line)
        return run_to_end(process, step, timeout_s)

    def run_client(
        self,
        install: ParaViewInstall,
        script: Path | str,
        args: Sequence[str] = (),
        *,
        timeout_s: float,
        env: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> CompletedBatch:
        """Run a Python script under pvpython, without MPI, as `run_batch` does under pvbatch."""
        program = [str(install.program("pvpython")), "--force-offscreen-rendering", str(script), *args]
        process = self._start_program(install, 1, program, env, on_line)
        return run_to_end(process, f"running {Path(script).name}", timeout_s)

    def _start_program(
        self,
        install: ParaViewInstall,
        n_ranks: int,
        command: Sequence[str],
        env: Mapping[str, str] | None,
        on_line: Callable[[str], None] | None,
    ) -> ManagedProcess:
        environment = {**self.environment(install, n_ranks), **(env or {})}
        return self.start(command, env=environment, on_line=on_line or self._on_line)

    def environment(self, install: ParaViewInstall, n_ranks: int = 1, *, compiled: bool = True) -> dict[str, str]:
        """Environment for a program of ParaView on `n_ranks` ranks: plugin, packages, threads and a display."""
        key = (install, compiled)
        if key not in self._environments:
            self._environments[key] = paraview_environment(install, workdir=self.folder, compiled=compiled)
        return {**self._environments[key], **thread_limits(n_ranks), **self.display(install)}

    def display(self, install: ParaViewInstall | None = None) -> dict[str, str]:
        """What to add to the environment of a program that draws; starts an X server the first time one is needed.

        Parameters
        ----------
        install : ParaViewInstall, optional
            The ParaView that draws. None: whatever it is, it needs an X server.

        Raises
        ------
        SetupError
            An X server is needed and cannot be started.
        """
        if (install is not None and not install.needs_x_server) or answering_display():
            return {}
        if self._display is None:
            self._display, server = start_display(self.start, self.folder)
            self._at_end.callback(stop_display, server, self._display["DISPLAY"])
        return self._display


def _raise_exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
