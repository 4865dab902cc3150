"""``pvdask cluster``: run a dask-mpi cluster until it is stopped."""

from __future__ import annotations

import argparse
import os
import re
import socket
import sys
from pathlib import Path

from pvdask.arguments import add_tls, memory_limit, positive_count
from pvdask.errors import InputError, OptionError
from pvdask.launch import ClusterHandle, Stack
from pvdask.launch.dask_cluster import clear_stale_scheduler_file, scheduler_process, wait_for_end

HELP = "run a dask-mpi cluster in the foreground"

EXAMPLE = "pvdask cluster -n 4 --scheduler-file scheduler.json"

_INTERRUPTED = 130


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "-n", "--workers", dest="n_workers", type=positive_count, required=True, metavar="WORKERS",
        help="workers; the scheduler is one MPI rank more",
    )  # fmt: skip
    parser.add_argument("--threads", type=positive_count, default=1, metavar="T", help="threads a worker (default: 1)")
    parser.add_argument(
        "--scheduler-file", type=Path, default=Path("scheduler.json"), metavar="F",
        help="where to write the cluster's address; removed at the end (default: scheduler.json)",
    )  # fmt: skip
    parser.add_argument(
        "--interface", metavar="IF", help="network interface to listen on (default: loopback, without --hostfile)"
    )
    parser.add_argument("--hostfile", type=Path, metavar="F", help="MPI hostfile: the hosts to start workers on")
    parser.add_argument(
        "--memory-limit", type=memory_limit, metavar="M",
        help="memory a worker: 2GB, 0.4 of the machine's, or auto (default: its share by threads)",
    )  # fmt: skip
    parser.add_argument(
        "--timeout", type=positive_count, default=60, metavar="S", help="seconds to wait for the workers (default: 60)"
    )
    add_tls(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the cluster until Ctrl-C, SIGTERM, or its own end.

    Parameters
    ----------
    arguments : argparse.Namespace
        What `configure` asked for.

    Returns
    -------
    int
        0 once it ran and was stopped; 130 if it was stopped before it was ready.

    Raises
    ------
    OptionError, InputError
        The interface, the hostfile or the scheduler file cannot be used.
    ClusterError
        The cluster did not come up, or ended by itself.
    """
    interface = _interface(arguments)
    stale = clear_stale_scheduler_file(arguments.scheduler_file.absolute())
    if stale is not None:
        _say(f"replaced {arguments.scheduler_file}: the cluster it named, at {stale}, does not answer any more")
    log = _Log()
    ready = False
    try:
        with Stack(on_line=log.show) as stack:
            try:
                cluster = stack.start_cluster(
                    arguments.n_workers,
                    threads=arguments.threads,
                    interface=interface,
                    memory_limit=arguments.memory_limit,
                    scheduler_file=arguments.scheduler_file,
                    hostfile=arguments.hostfile,
                    timeout_s=arguments.timeout,
                )
                scheduler = scheduler_process(cluster.process)  # before anybody who was told "ready" can end it
                ready = True
                _announce(cluster, arguments.threads)
                wait_for_end(cluster.process, scheduler)
            finally:
                log.muted = True  # what the ranks write while they are being stopped means nothing
    except (KeyboardInterrupt, SystemExit):
        _say("stopped, with all that it had started")
        return 0 if ready else _INTERRUPTED
    _say("the cluster was shut down by a client")
    return 0


def _interface(arguments: argparse.Namespace) -> str | None:
    """The interface to listen on; checked where that can be, which is on this host."""
    interface: str | None = arguments.interface
    if arguments.hostfile is not None:
        if not arguments.hostfile.is_file():
            raise InputError(f"There is no hostfile {arguments.hostfile}: name a file with one host a line.")
        return interface
    names = [name for _, name in socket.if_nameindex()]
    if interface is not None and interface not in names:
        raise OptionError("--interface", f"there is no network interface {interface!r} here, only {', '.join(names)}.")
    return interface or "lo"


def _announce(cluster: ClusterHandle, threads: int) -> None:
    workers = f"{cluster.n_workers} worker(s) of {threads} thread(s)"
    _say("stop it with Ctrl-C")
    print(f"ready: {cluster.address}, {workers}, scheduler file {cluster.scheduler_file}", flush=True)


def _say(text: str) -> None:
    print(f"pvdask: {text}", file=sys.stderr, flush=True)


class _Log:
    """Shows the cluster's log on standard error: warnings and worse, or all of it if PVDASK_LOG is ``debug``."""

    def __init__(self) -> None:
        self.muted = False
        self._wanted = re.compile("" if os.environ.get("PVDASK_LOG") == "debug" else r" - (WARNING|ERROR|CRITICAL) - ")

    def show(self, line: str) -> None:
        if not self.muted and self._wanted.search(line):
            print(line, file=sys.stderr, flush=True)
