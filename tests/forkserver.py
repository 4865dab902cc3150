"""Starts schedulers and workers of Dask in no time: each is forked from one process that has imported everything (run by itself).

    python forkserver.py FD

The socket FD takes lines of JSON, ``{"program": "worker", "words": [...], "environment": {...}, "log": "w0.log"}``, and answers
each with ``{"pid": 123}``. What is forked is a process of its own, as `dask worker` would be; it has this one's marker.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import traceback
from typing import Any

PROGRAMS = ("scheduler", "worker")


def run(order: dict[str, Any]) -> None:
    """Be the program, in the forked process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.environ.update(order["environment"])
    import dask

    dask.config.refresh()
    if order.get("clock_ahead_s"):
        set_clock_ahead(order["clock_ahead_s"])
    if order.get("disk_bytes"):
        take_small_disk(order["words"][order["words"].index("--local-directory") + 1], order["disk_bytes"])
    module = __import__(f"distributed.cli.dask_{order['program']}", fromlist=["main"])
    module.main.main(args=order["words"], prog_name=f"dask {order['program']}", standalone_mode=False)


def take_small_disk(folder: str, n_bytes: int) -> None:
    """Have another disk in the place of a folder, in this process alone, as far as a user may do that: in a namespace."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    new_namespace, new_user = 0x00020000, 0x10000000  # sched.h
    maps = {"setgroups": "deny", "uid_map": f"0 {os.getuid()} 1", "gid_map": f"0 {os.getgid()} 1"}
    if libc.unshare(new_namespace | new_user):
        raise OSError(ctypes.get_errno(), "unshare")
    for name, text in maps.items():
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    if libc.mount(b"tmpfs", folder.encode(), b"tmpfs", 0, f"size={n_bytes}".encode()):
        raise OSError(ctypes.get_errno(), "mount")


def set_clock_ahead(seconds: float) -> None:
    """Have all of Dask in this process see another time."""
    import distributed.metrics

    real = time.time
    for module in list(sys.modules.values()):
        for name in ("time",):
            if getattr(module, name, None) in (real, distributed.metrics.time) and module is not time:
                setattr(module, name, lambda: real() + seconds)
    time.time = lambda: real() + seconds


def main() -> None:
    """Import, then fork at each order until the other end is closed."""
    import dask.dataframe  # noqa: F401 - what a worker imports at its first task
    import pyarrow.parquet  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies: a killed worker is gone
    orders = socket.socket(fileno=int(sys.argv[1])).makefile("rw", encoding="utf-8")
    for line in orders:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            try:
                orders.detach()
                run(order)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        orders.write(json.dumps({"pid": pid}) + "\n")
        orders.flush()


if __name__ == "__main__":
    main()
