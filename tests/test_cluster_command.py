"""``pvdask cluster`` and ``pvdask server``: ready when they say so, one sentence when they cannot, nothing left."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest
from commandline import run_command, start_command
from ports import held_port

from pvdask.launch import ClusterHandle, ParaViewInstall, Stack
from pvdask.launch.dask_cluster import scheduler_identity
from pvdask.launch.markers import marked_processes

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cluster_runs_until_it_is_stopped(number: signal.Signals, tmp_path: Path, no_leftovers: str) -> None:
    path = tmp_path / "scheduler.json"
    with start_command("cluster", "-n", "2", "--scheduler-file", str(path)) as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        address = json.loads(path.read_text())["address"]
        assert ready == f"ready: {address}, 2 worker(s) of 1 thread(s), scheduler file {path}\n"
        identity = scheduler_identity(address)
        assert identity is not None
        assert len(identity["workers"]) == 2
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0
    assert stdout == ""
    assert stderr == "pvdask: stop it with Ctrl-C\npvdask: stopped, with all that it had started\n"
    assert not path.exists()
    assert marked_processes(no_leftovers) == []


def test_the_log_is_shown_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.json"
    with start_command("cluster", "-n", "1", "--scheduler-file", str(path), PVDASK_LOG="debug") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        _, stderr = process.communicate(timeout=30)
    assert "distributed.scheduler - INFO - " in stderr
    assert "SIGTERM" not in stderr


def test_a_cluster_that_a_client_shuts_down_ends_well(tmp_path: Path) -> None:
    from distributed import Client

    path = tmp_path / "scheduler.json"
    with start_command("cluster", "-n", "1", "--scheduler-file", str(path)) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split(",")[0].removeprefix("ready: ")

        async def shut_down() -> None:
            async with Client(address, asynchronous=True, set_as_default=False) as client:
                await client.shutdown()

        asyncio.run(shut_down())
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert "the cluster was shut down by a client" in stderr
    assert not path.exists()


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_cluster_whose_scheduler_is_lost_says_so_and_ends(n_workers: int, tmp_path: Path, no_leftovers: str) -> None:
    path = tmp_path / "scheduler.json"
    with start_command("cluster", "-n", str(n_workers), "--scheduler-file", str(path)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        variables = {pid: Path(f"/proc/{pid}/environ").read_bytes() for pid in marked_processes(no_leftovers)}
        scheduler = next(pid for pid, text in variables.items() if b"\0OMPI_COMM_WORLD_RANK=0\0" in text)
        os.kill(scheduler, signal.SIGKILL)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert re.search(
        r"pvdask: error: The cluster('s scheduler ended| ended by itself .*)\. The end of its log:", stderr
    )
    assert not path.exists()


def test_a_stale_scheduler_file_is_replaced_and_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.json"
    with held_port() as port:
        address = f"tcp://127.0.0.1:{port}"
        path.write_text(json.dumps({"type": "Scheduler", "address": address}))
        with start_command("cluster", "-n", "1", "--scheduler-file", str(path)) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("ready: ")
            assert json.loads(path.read_text())["address"] != address
            process.terminate()
            _, stderr = process.communicate(timeout=30)
    assert stderr.startswith(f"pvdask: replaced {path}: the cluster it named, at {address}, does not answer any more\n")


def test_a_running_cluster_keeps_its_scheduler_file(cluster: ClusterHandle) -> None:
    before = cluster.scheduler_file.read_text()
    done = run_command("cluster", "-n", "1", "--scheduler-file", str(cluster.scheduler_file))
    assert done.returncode == 1
    assert done.stderr == (
        f"pvdask: error: {cluster.scheduler_file} belongs to a cluster that runs, at {cluster.address}: "
        "stop that one, or name another scheduler file.\n"
    )
    assert cluster.scheduler_file.read_text() == before
    assert scheduler_identity(cluster.address) is not None


def test_an_unreadable_scheduler_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.json"
    path.write_text('{"address": "tcp://12')
    done = run_command("cluster", "-n", "1", "--scheduler-file", str(path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"pvdask: error: {path} is not a scheduler file, or is cut short")
    assert done.stderr.count("\n") == 1
    assert path.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-n", "0"], "argument -n/--workers: 0 is too few: give 1 or more"),
        (["-n", "-3"], "argument -n/--workers: -3 is too few: give 1 or more"),
        (["-n", "many"], "argument -n/--workers: 'many' is not a whole number: give one, such as 2"),
        (["-n", "1.5"], "argument -n/--workers: '1.5' is not a whole number: give one, such as 2"),
        (["-n", "1", "--threads", "0"], "argument --threads: 0 is too few: give 1 or more"),
        (["-n", "1", "--memory-limit", "lots"], "argument --memory-limit: 'lots' is not a memory limit: "),
        (["-n", "1", "--memory-limit", "0"], "argument --memory-limit: '0' is not a memory limit: "),
        (["-n", "1", "--memory-limit", "-2GB"], "argument --memory-limit: expected one argument"),
        (["-n", "1", "--memory-limit", "3 stars"], "argument --memory-limit: '3 stars' is not a memory limit: "),
        (["-n", "1", "--interface", "nowhere0"], "--interface: there is no network interface 'nowhere0' here, only "),
        (["-n", "1", "--hostfile", "/nowhere"], "There is no hostfile /nowhere: name a file with one host a line."),
        (["-n", "1", "--scheduler-file", "/nowhere/s.json"], "There is no folder /nowhere to write the scheduler file"),
    ],
)
def test_what_cannot_be_is_one_sentence(words: list[str], sentence: str, tmp_path: Path) -> None:
    default_file = [] if "--scheduler-file" in words else ["--scheduler-file", str(tmp_path / "s.json")]
    done = run_command("cluster", *words, *default_file)
    assert done.returncode in {1, 2}
    assert done.stdout == ""
    assert sentence in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_server_runs_until_it_is_stopped(install: ParaViewInstall, no_leftovers: str) -> None:
    with start_command("server", "-n", "2", "--port", "0") as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready.startswith("ready: pvserver on 2 rank(s) at 127.0.0.1:")
        port = int(ready.rpartition(":")[2])
        assert listens(port)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 0
    assert f'paraview.simple.Connect("127.0.0.1", {port})' in stderr
    assert ("listens on all interfaces" in stderr) == (install.release < (5, 13))
    assert "SIGTERM" not in stderr  # the stack traces of ranks that are asked to end
    assert marked_processes(no_leftovers) == []


def listens(port: int) -> bool:
    """Whether something listens on a port of this host; found without a connection, which pvserver would take."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in lines)


def test_a_server_ends_when_its_client_leaves(install: ParaViewInstall, stack: Stack, tmp_path: Path) -> None:
    script = tmp_path / "visit.py"
    script.write_text(
        "import sys\nfrom paraview.simple import *\nConnect('127.0.0.1', int(sys.argv[1]))\nDisconnect()\n"
    )
    with start_command("server", "-n", "1", "--port", "0") as process:
        assert process.stdout is not None
        port = process.stdout.readline().rpartition(":")[2].strip()
        assert stack.run_client(install, script, [port], timeout_s=60).returncode == 0
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 0
    assert stderr.endswith("pvdask: the client left, and the server ended\n")


def test_a_server_on_a_taken_port_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        began = time.monotonic()
        done = run_command("server", "-n", "2", "--port", str(port))
    assert time.monotonic() - began < 30
    assert done.returncode == 1
    assert done.stderr == (
        f"pvdask: error: Port {port} cannot be used (address already in use): name another, or 0 for a free one.\n"
    )


@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_no_port_is_one_sentence(port: str) -> None:
    done = run_command("server", "-n", "1", f"--port={port}")
    assert done.returncode == 2
    assert f"argument --port: {port!r} is not a port: " in done.stderr.splitlines()[-1]
