"""A dask-mpi cluster as a command line: how it is started, its scheduler file, and when it is ready."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pvdask.errors import ClusterError, InputError
from pvdask.launch.environment import mpi_command, mpi_environment, thread_limits
from pvdask.launch.markers import carries_marker, marked_processes
from pvdask.launch.processes import ManagedProcess
from pvdask.tls import TLSFiles

_Answer = TypeVar("_Answer")
_POLL_S = 0.1
_ANSWER_TIMEOUT_S = 3.0
_WATCH_S = 1.0
_SHUTDOWN_S = 10.0
_CLOSED_BY_A_CLIENT = "Scheduler closing all comms"
_RANK_0 = {b"OMPI_COMM_WORLD_RANK=0", b"PMIX_RANK=0", b"PMI_RANK=0"}


@dataclass(frozen=True)
class ClusterShape:
    """What a dask-mpi cluster is to be.

    Parameters
    ----------
    n_workers : int
        How many workers; each is an MPI rank, and the scheduler is one more.
    threads : int
        Threads of a worker.
    interface : str, optional
        Network interface to listen on. Default: dask's choice, which is one the outside can reach.
    memory_limit : str, optional
        Memory of a worker, as dask writes it (``"2GB"``, ``"0.5"`` of the machine's, ``"auto"``).
    hostfile : Path, optional
        MPI hostfile: the hosts to start on.
    tls : TLSFiles
        What scheduler and workers show and trust; with it they speak nothing but TLS.
    """

    n_workers: int
    threads: int = 1
    interface: str | None = "lo"
    memory_limit: str | None = None
    hostfile: Path | None = None
    tls: TLSFiles = field(default_factory=TLSFiles)

    @property
    def on_one_host(self) -> bool:
        """Whether nothing outside this host can take part."""
        return self.interface == "lo" and self.hostfile is None

    def command(self, scheduler_file: Path, scratch: Path) -> list[str]:
        """The one mpiexec call that starts scheduler and workers; workers keep spilled data in `scratch`."""
        host = "127.0.0.1" if self.on_one_host else ""
        options = {
            "--scheduler-file": str(scheduler_file),
            "--worker-class": "distributed.Worker",  # dask-mpi's own default, a nanny, dies under mpiexec
            "--nthreads": str(self.threads),
            "--local-directory": str(scratch),
            "--scheduler-port": "0",
            "--dashboard-address": f"{host}:0",  # --no-dashboard drops the pages but still takes the port
            "--interface": self.interface,
            "--memory-limit": self.memory_limit,
            "--protocol": "tls" if self.tls else None,
        }
        words = [word for name, value in options.items() if value is not None for word in (name, value)]
        # By way of mpi4py: a rank that fails ends all, where the others would wait for it in a barrier for ever.
        program = [sys.executable, "-m", "mpi4py", "-m", "dask_mpi.cli", "--no-dashboard", *words]
        return mpi_command(self.n_workers + 1, program, hostfile=self.hostfile)

    def environment(self, workdir: Path) -> dict[str, str]:
        """Environment for `command`."""
        environment = mpi_environment(workdir, one_host=self.on_one_host)
        environment.update(thread_limits(self.n_workers + 1, threads=self.threads))
        # Without it Open MPI ends the whole cluster when one worker is lost, from which dask would recover.
        environment.setdefault("OMPI_MCA_orte_enable_recovery", "1")
        environment.update(self.tls.cluster_environment() if self.tls else {})
        return environment


def read_scheduler_address(path: Path) -> str:
    """Read a scheduler's address out of its scheduler file.

    Raises
    ------
    InputError
        The file cannot be read, or is not a scheduler file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        address = content["address"]
    except OSError as error:
        raise InputError(f"The scheduler file {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not a scheduler file, or is cut short (a JSON object with an address was expected): "
            "name another, or delete it if no cluster needs it."
        ) from error
    return str(address)


def ask_scheduler(address: str, question: Callable[[Any], Awaitable[_Answer]], timeout_s: float) -> _Answer | None:
    """Ask a scheduler something, without a Client and its many connections.

    Parameters
    ----------
    address : str
        The scheduler's address.
    question : callable
        Calls one of the scheduler's handlers on the ``distributed.core.rpc`` it is given.
    timeout_s : float
        How long it may take, in seconds.

    Returns
    -------
    object or None
        The answer; None if there was none in time.
    """
    # Imported here as it takes a second, and most commands never ask.
    from distributed.core import rpc

    async def ask() -> _Answer:
        connection_args = TLSFiles.of_environment().security().get_connection_args("client")
        async with rpc(address, timeout=timeout_s, connection_args=connection_args) as scheduler:
            return await question(scheduler)

    async def ask_in_time() -> _Answer:
        return await asyncio.wait_for(ask(), timeout_s)  # the timeouts of distributed itself are no deadlines

    try:
        return asyncio.run(ask_in_time())
    except (OSError, TimeoutError, asyncio.TimeoutError, ValueError):
        return None


def scheduler_identity(address: str, timeout_s: float = _ANSWER_TIMEOUT_S) -> dict[str, Any] | None:
    """Ask a scheduler who it is and which workers it has; None if it does not answer in time."""

    async def identity(scheduler: Any) -> dict[str, Any]:
        answer: dict[str, Any] = await scheduler.identity()
        return answer

    return ask_scheduler(address, identity, timeout_s)


def clear_stale_scheduler_file(path: Path) -> str | None:
    """Make way for a new cluster's scheduler file.

    Returns
    -------
    str or None
        The address in the file that was removed, whose scheduler does not answer any more; None if there was no file.

    Raises
    ------
    InputError
        The file belongs to a scheduler that answers, is not a scheduler file, or its folder does not exist.
    """
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent} to write the scheduler file in: make it, or name another.")
    if not path.exists():
        return None
    address = read_scheduler_address(path)
    if scheduler_identity(address) is not None:
        raise InputError(
            f"{path} belongs to a cluster that runs, at {address}: stop that one, or name another scheduler file."
        )
    path.unlink()
    return address


def remove_scheduler_file(path: Path, address: str) -> None:
    """Remove a cluster's scheduler file unless another cluster has written its own there since."""
    with contextlib.suppress(InputError):
        if read_scheduler_address(path) != address:
            return
    path.unlink(missing_ok=True)


def wait_until_ready(process: ManagedProcess, scheduler_file: Path, n_workers: int, timeout_s: float) -> str:
    """Wait until all workers have registered.

    Returns
    -------
    str
        The scheduler's address.

    Raises
    ------
    ClusterError
        The cluster ended, or `timeout_s` seconds did, before that. The message holds the end of its log.
    """
    deadline = time.monotonic() + timeout_s
    n_seen = 0
    while time.monotonic() < deadline:
        if process.returncode is not None:
            process.wait()
            raise ClusterError(
                f"The Dask cluster ended while it started (exit status {process.returncode}). The end of its log:\n"
                f"{process.tail()}"
            )
        identity = _identity_by_file(scheduler_file)
        n_seen = len(identity["workers"]) if identity else 0
        if identity and n_seen >= n_workers:
            return str(identity["address"])
        time.sleep(_POLL_S)
    raise ClusterError(
        f"Only {n_seen} of {n_workers} Dask workers registered within {timeout_s:g} s: give it more time, or see the "
        f"end of the cluster's log:\n{process.tail()}"
    )


def _identity_by_file(scheduler_file: Path) -> dict[str, Any] | None:
    try:
        address = read_scheduler_address(scheduler_file)
    except InputError:  # not written yet, or just being written
        return None
    return scheduler_identity(address)


def scheduler_process(process: ManagedProcess) -> int | None:
    """Process id of the cluster's scheduler, which is its rank 0; None if that runs on another host."""
    for pid in marked_processes(process.marker):
        with contextlib.suppress(OSError):
            if _RANK_0 & set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")):
                return pid
    return None


def wait_for_end(process: ManagedProcess, scheduler: int | None) -> None:
    """Wait until a cluster that was ready ends because a client shut it down.

    Parameters
    ----------
    process : ManagedProcess
        The cluster.
    scheduler : int or None
        What `scheduler_process` gave when the cluster was ready; found later, it may be None since the scheduler is lost.

    Raises
    ------
    ClusterError
        It ended otherwise, or its scheduler did, which leaves the other ranks waiting for it in MPI_Finalize.
    """
    status: int | None = None
    while status is None:
        lost = scheduler is not None and not carries_marker(scheduler, process.marker)
        with contextlib.suppress(TimeoutError):
            status = process.wait(_SHUTDOWN_S if lost else _WATCH_S)
        if lost and status is None:
            raise ClusterError(f"The cluster's scheduler ended. The end of its log:\n{process.tail()}")
    if _CLOSED_BY_A_CLIENT not in process.stderr:  # mpiexec's status is 0, too, when its one other rank was killed
        raise ClusterError(f"The cluster ended by itself (exit status {status}). The end of its log:\n{process.tail()}")
