"""dask-mpi clusters started for real: where they listen, how they end, and which scheduler files they take."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
import time
from pathlib import Path

import pytest

from pvdask.errors import ClusterError, InputError
from pvdask.launch import Stack
from pvdask.launch.dask_cluster import read_scheduler_address, scheduler_identity, scheduler_process
from pvdask.launch.markers import marked_processes

pytestmark = pytest.mark.cluster


def wait_until(condition, timeout_s: float = 15.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_cluster_listens_on_loopback_and_goes(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.json"
    with Stack() as stack:
        cluster = stack.start_cluster(2, threads=2, memory_limit="1GB", scheduler_file=path)
        identity = scheduler_identity(cluster.address)
        assert identity is not None
        workers = identity["workers"].values()
        assert [worker["nthreads"] for worker in workers] == [2, 2]
        assert {worker["memory_limit"] for worker in workers} == {10**9}
        assert all(address.startswith("tcp://127.0.0.1:") for address in [cluster.address, *identity["workers"]])
        assert all(Path(worker["local_directory"]).is_relative_to(stack.folder) for worker in workers)
        assert read_scheduler_address(path) == cluster.address
    assert not path.exists()
    assert scheduler_identity(cluster.address, timeout_s=1.0) is None


def test_a_cluster_survives_a_lost_worker(stack: Stack) -> None:
    cluster = stack.start_cluster(2)
    ranks = marked_processes(cluster.process.marker)
    worker = next(pid for pid in ranks if b"\0OMPI_COMM_WORLD_RANK=2\0" in Path(f"/proc/{pid}/environ").read_bytes())
    assert scheduler_process(cluster.process) in set(ranks) - {worker, cluster.process.pid}
    os.kill(worker, signal.SIGKILL)

    def one_left() -> bool:
        identity = scheduler_identity(cluster.address)
        return identity is not None and len(identity["workers"]) == 1

    assert wait_until(one_left)
    time.sleep(1.0)  # mpiexec would have ended the rest by now
    assert one_left()
    assert cluster.process.returncode is None


def test_a_cluster_that_cannot_start_shows_its_log(stack: Stack) -> None:
    with pytest.raises(ClusterError, match=r"(?s)ended while it started \(exit status \d+\).*nowhere0"):
        stack.start_cluster(1, interface="nowhere0")
    assert marked_processes(stack.marker) == []


def test_a_cluster_that_takes_too_long_is_ended(stack: Stack, tmp_path: Path) -> None:
    path = tmp_path / "scheduler.json"
    with pytest.raises(ClusterError, match=r"Only 0 of 1 Dask workers registered within 0\.01 s"):
        stack.start_cluster(1, scheduler_file=path, timeout_s=0.01)
    assert marked_processes(stack.marker) == []
    assert not path.exists()


@pytest.mark.parametrize("text", ['{"address": "tcp://127', "[]", "", '{"type": "Scheduler"}'])
def test_a_file_that_is_no_scheduler_file_is_refused_and_kept(text: str, stack: Stack, tmp_path: Path) -> None:
    path = tmp_path / "scheduler.json"
    path.write_text(text)
    with pytest.raises(InputError, match="is not a scheduler file, or is cut short"):
        stack.start_cluster(1, scheduler_file=path)
    assert path.read_text() == text


def test_a_scheduler_that_accepts_and_is_silent_does_not_answer() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        assert scheduler_identity(f"tcp://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.5) is None
        assert time.monotonic() - began < 5


def test_the_session_cluster_computes(cluster) -> None:
    from distributed import Client

    async def total() -> int:
        async with Client(cluster.address, asynchronous=True, set_as_default=False) as client:
            return await client.submit(sum, [1, 2, 3])

    assert asyncio.run(total()) == 6
    assert cluster.scheduler_file.is_relative_to(tempfile.gettempdir())
