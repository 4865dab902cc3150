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
    module = __import__(f"distributed.cli.dask_{order['program']}", fromlist=["main"])
    module.main.main(args=order["words"], prog_name=f"dask {order['program']}", standalone_mode=False)


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
            finally:
                os._exit(0)
        orders.write(json.dumps({"pid": pid}) + "\n")
        orders.flush()


if __name__ == "__main__":
    main()
