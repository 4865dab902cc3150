"""A Dask cluster whose processes can be stopped, killed and brought back one by one: a scheduler, and workers that join it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from checksums import checksum
from clusters import connected, cut_evenly, every_width, publish_pieces
from cut_network import Proxy
from ports import held_port

from pvdask.launch import Stack
from pvdask.launch.dask_cluster import scheduler_identity

STARS, SLOW, MIDDLING, BIG = "stars", "slow", "middling", "big"
N_ROWS, N_PARTITIONS = 3_000, 5
WORKERS = ("w0", "w1")
START_S = 30.0
SLOW_S = 0.3


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = START_S) -> Any:
    """Wait for something to become true; gives it."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise TimeoutError(f"not within {timeout_s:g} s: {what}")


class FaultyCluster:
    """A scheduler and two workers, one thread each, each worker behind a `Proxy`."""

    def __init__(self, stack: Stack, folder: Path, **environment: str) -> None:
        self.folder = folder
        self._stack = stack
        self.environment = dict(environment)
        self.scheduler_file = folder / "scheduler.json"
        self._held_ports = contextlib.ExitStack()
        self.port = self._held_ports.enter_context(held_port())
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.workers: dict[str, int] = {}
        self.scheduler = 0
        self.frame = every_width(N_ROWS)
        self._orders, theirs = socket.socketpair()
        self._answers = self._orders.makefile("rw", encoding="utf-8")
        self._server = stack.start(
            [sys.executable, str(Path(__file__).with_name("forkserver.py")), str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            cwd=folder,
            name="forkserver",
        )
        theirs.close()
        self.proxies = {name: Proxy(self._held_ports.enter_context(held_port())) for name in WORKERS}
        self._forking = threading.Lock()

    def close(self) -> None:
        """End everything, at once: a stack would ask first, and wait."""
        for pid in (*self.workers.values(), self.scheduler):
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._answers.close()
        self._orders.close()
        for proxy in self.proxies.values():
            proxy.close()
        self._held_ports.close()

    # --- processes ---

    def fork(self, program: str, words: list[str], name: str, **further: Any) -> int:
        """Start a scheduler or a worker; gives its process id."""
        order = {"program": program, "words": words, "environment": self.environment, "log": f"{name}.log", **further}
        with self._forking:
            self._answers.write(json.dumps(order) + "\n")
            self._answers.flush()
            return int(json.loads(self._answers.readline())["pid"])

    def start_scheduler(self) -> None:
        """Start the scheduler, always at the same address."""
        self.scheduler_file.unlink(missing_ok=True)
        words = [
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--no-dashboard",
            "--dashboard-address",
            "127.0.0.1:0",
        ]
        words += ["--scheduler-file", str(self.scheduler_file)]
        self.scheduler = self.fork("scheduler", words, "scheduler")
        wait_until(lambda: scheduler_identity(self.address, 1.0), "the scheduler answers")
        wait_until(self.scheduler_file.exists, "the scheduler's file")

    def start_worker(self, name: str, *, wait: bool = True, **further: Any) -> None:
        """Start a worker and wait until it has joined."""
        self.workers[name] = self.fork("worker", self.worker_words(name), name, **further)
        if wait:
            self.wait_for_worker(name)

    def start_strange_worker(self, name: str, packages: Path) -> None:
        """Start a worker whose Python has other packages: by itself, as these are imported once a process."""
        environment = {**os.environ, **self.environment, "PYTHONPATH": str(packages)}
        program = [sys.executable, "-m", "distributed.cli.dask_worker", *self.worker_words(name)]
        self.workers[name] = self._stack.start(program, env=environment, cwd=self.folder, name=name).pid
        self.wait_for_worker(name)

    def worker_words(self, name: str) -> list[str]:
        """The options of a worker."""
        words = [
            self.address,
            "--no-nanny",
            "--nthreads",
            "1",
            "--name",
            name,
            "--no-dashboard",
            "--memory-limit",
            "2GB",
        ]
        words += ["--local-directory", str(self.folder), "--death-timeout", "20"]
        if name not in self.proxies:
            return [*words, "--host", "127.0.0.1"]
        proxy = self.proxies[name]
        words += ["--listen-address", f"tcp://127.0.0.1:{proxy.target}"]
        return [*words, "--contact-address", f"tcp://127.0.0.1:{proxy.port}"]

    def wait_for_worker(self, name: str) -> None:
        """Wait until a worker has joined."""
        wait_until(lambda: name in self.joined(), f"the worker {name} joins")

    def joined(self) -> dict[str, str]:
        """Names of workers that the scheduler knows, and their states."""
        identity = scheduler_identity(self.address, 1.0)
        workers = identity["workers"].values() if identity else []
        return {str(worker["name"]): str(worker["status"]) for worker in workers}

    def kill(self, *names: str) -> None:
        """Kill workers, or ``scheduler``, and wait until they are gone; of workers, until the scheduler knows."""
        for name in names:
            pid = self.scheduler if name == "scheduler" else self.workers.pop(name)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda pid=pid: not is_running(pid), f"{name} is gone")
        if "scheduler" not in names:
            wait_until(lambda: not set(names) & set(self.joined()), "the scheduler misses them")

    def signal(self, number: int, *names: str) -> None:
        """Send a signal to workers, or to ``scheduler``."""
        for name in names:
            os.kill(self.scheduler if name == "scheduler" else self.workers[name], number)

    @contextlib.contextmanager
    def stopped(self, *names: str) -> Iterator[None]:
        """Processes that do not run for the time of the block."""
        self.signal(signal.SIGSTOP, *names)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT, *names)

    @contextlib.contextmanager
    def cut_off(self, pid: int, how: str) -> Iterator[None]:
        """Cut a process off from one worker, the first that it tries, for the time of the block; see `Proxy` for how."""
        with contextlib.ExitStack() as stack:
            for proxy in self.proxies.values():

                def rule(peer: int | None, proxy: Proxy = proxy) -> str:
                    others = sum(other.n_cut for other in self.proxies.values() if other is not proxy)
                    return how if peer == pid and not others else "pass"

                proxy.n_cut = 0
                stack.enter_context(proxy.ruled(rule))
            yield
            assert sum(proxy.n_cut for proxy in self.proxies.values()), "the process did not try any worker"

    # --- a good state ---

    def start(self) -> None:
        """Everything anew: scheduler, workers, datasets."""
        self.kill(*self.workers, *(["scheduler"] if self.scheduler else []))
        self.start_scheduler()
        for name in WORKERS:
            self.start_worker(name)
        self.publish()

    def mend_workers(self) -> None:
        """Have exactly the usual workers again."""
        for name in set(self.workers) - set(WORKERS):
            self.kill(name)
        for name in WORKERS:
            if name not in self.workers or not is_running(self.workers[name]):
                self.start_worker(name)
        wait_until(lambda: self.joined() == dict.fromkeys(WORKERS, "running"), "all workers run")

    def publish(self, frame: pd.DataFrame | None = None) -> None:
        """Publish the datasets; `frame` in place of the usual stars."""
        publish_pieces(self, STARS, cut_evenly(self.frame if frame is None else frame, N_PARTITIONS))
        if frame is None:
            publish_lazy(self, SLOW, slowly, cut_evenly(self.frame, N_PARTITIONS), str(self.folder / "begun"))
            publish_lazy(self, MIDDLING, many, range(4), 50_000)
            publish_lazy(self, BIG, many, range(4))

    def begun(self) -> bool:
        """Whether a partition of `SLOW` was made since this was last asked."""
        mark = self.folder / "begun"
        there = mark.exists()
        mark.unlink(missing_ok=True)
        return there

    def wait_until_quiet(self) -> None:
        """Wait until no partition of an earlier pull of `SLOW` is being made."""
        self.begun()
        while time.sleep(SLOW_S) or self.begun():
            pass

    def wait_until_begun(self) -> None:
        """Wait until a pull of `SLOW` is in full swing."""
        wait_until(self.begun, "a pull has begun", 10)


def is_running(pid: int) -> bool:
    """Whether a process is there, and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def publish_lazy(
    cluster: Any, name: str, function: Callable[..., pd.DataFrame], over: Any, *further: Any, n_rows: int = 10
) -> None:
    """Publish a frame that is made anew at each pull; the function goes to the workers by value."""
    import dask.dataframe as dd

    with connected(cluster) as client:
        pieces = list(over)
        meta = pieces[0].iloc[:0] if isinstance(pieces[0], pd.DataFrame) else many(0, n_rows).iloc[:0]
        frame = dd.from_map(by_value(function), pieces, args=further, meta=meta, enforce_metadata=False)
        client.publish_dataset(frame, name=name, override=True)


def by_value(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as another object than its module has, so that no pickle is of its name alone: nobody else has the module."""
    import cloudpickle

    module = sys.modules[function.__module__]
    cloudpickle.register_pickle_by_value(module)
    try:
        copy: Callable[..., Any] = cloudpickle.loads(cloudpickle.dumps(function))
        return copy
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def slowly(piece: pd.DataFrame, mark: str) -> pd.DataFrame:
    """A partition, after a while."""
    import pathlib
    import time

    pathlib.Path(mark).touch()
    time.sleep(SLOW_S)
    return piece


def many(number: int, n_rows: int = 2_000_000) -> pd.DataFrame:
    """Rows enough to fill a rank's memory."""
    positions = {axis: np.random.default_rng(number).random(n_rows, dtype="f4") for axis in "xyz"}
    return pd.DataFrame({**positions, "source_id": np.arange(n_rows) + number * n_rows})


def checksum_of(frame: pd.DataFrame) -> int:
    """The checksum that all ranks' shares of a frame add up to."""
    return checksum(np.ascontiguousarray(frame[["x", "y", "z"]].to_numpy().astype("f4")), frame["source_id"].to_numpy())
