"""Stacks: ParaView's programs, MPI, X servers and clusters started for real, and nothing left of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pvdask.errors import OptionError, SetupError
from pvdask.launch import BatchDeadlineError, ParaViewInstall, Stack
from pvdask.launch.display import answering_display
from pvdask.launch.markers import marked_processes

pytestmark = pytest.mark.mpi

SOURCE = Path(__file__).resolve().parents[1] / "python"

# pvbatch 5.11 hangs at the end of a script that never imported paraview.simple: its ranks wait for a session.
RANKS = """
import os, sys
from mpi4py import MPI
from paraview import simple
print("rank", MPI.COMM_WORLD.rank, "of", MPI.COMM_WORLD.size, *sys.argv[1:], os.environ.get("EXTRA"), flush=True)
"""

DRAW = """
import sys
from paraview.simple import *
view = CreateView("RenderView")
view.ViewSize = [64, 48]
Show(Sphere(), view)
SaveScreenshot(sys.argv[1], view)
"""

CONNECT = """
import sys
from paraview.simple import *
connection = Connect("127.0.0.1", int(sys.argv[1]))
sphere = Sphere()
sphere.UpdatePipeline()
print("cells", sphere.GetDataInformation().GetNumberOfCells(), "ranks", connection.GetNumberOfDataPartitions())
print("source", hasattr(servermanager.sources, "DaskDataFrameSource"), flush=True)
Disconnect()
"""

# A stack in a process of its own, to be killed: one cluster, one X server, and a rank that clings to life.
VICTIM = """
import sys, time
from pvdask.launch import Stack
with Stack() as stack:
    cluster = stack.start_cluster(1)
    stack.display()
    stack.start(["sh", "-c", "trap '' TERM; while :; do sleep 1; done"])
    print(stack.folder, flush=True)
    time.sleep(60)
"""


def write_script(folder: Path, text: str) -> Path:
    path = folder / "script.py"
    path.write_text(text)
    return path


def wait_until(condition, timeout_s: float = 15.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


# --- the stack itself


@pytest.fixture
def own_handler() -> Iterator[Callable[[int, Any], None]]:
    """A SIGTERM handler of the caller's (the session cluster's stack has one in place meanwhile)."""

    def handler(number: int, frame: Any) -> None:
        raise AssertionError("no signal was sent")

    before = signal.signal(signal.SIGTERM, handler)
    yield handler
    signal.signal(signal.SIGTERM, before)


def test_a_stack_leaves_no_folder_and_no_handler(own_handler: Callable[[int, Any], None]) -> None:
    with Stack() as stack:
        assert signal.getsignal(signal.SIGTERM) is not own_handler
        folder = stack.folder
        stack.start(["sleep", "60"])
        assert len(marked_processes(stack.marker)) == 1
    assert not folder.exists()
    assert signal.getsignal(signal.SIGTERM) is own_handler
    assert marked_processes(stack.marker) == []


def test_the_folder_is_where_all_hosts_of_a_job_see_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_JOB_NUM_NODES", "2")
    with Stack() as stack:
        assert stack.folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_an_exception_ends_the_stack_and_goes_on() -> None:
    stack = Stack()

    def fail() -> None:
        with stack:
            stack.start(["sleep", "60"])
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    assert marked_processes(stack.marker) == []


@pytest.mark.parametrize("guard", ["watches", "was killed"])
def test_ctrl_c_while_a_stack_is_made_leaves_nothing(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal is held back until the stack is whole, and comes before anybody could leave it again."""
    made: list[str] = []
    make, stack = tempfile.mkdtemp, Stack()
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # these tests may run where it is ignored

    def interrupted(**options: Any) -> str:
        made.append(make(**options))
        if guard == "was killed":  # as Ctrl-C does it, before it has a session of its own
            stack._guard._process.kill()
            stack._guard._process.wait()
        signal.raise_signal(signal.SIGINT)
        return made[0]

    monkeypatch.setattr(tempfile, "mkdtemp", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt), stack:
            pytest.fail("the signal was lost")
    finally:
        signal.signal(signal.SIGINT, before)
    assert made
    assert not os.path.exists(made[0])
    assert stack._guard._process.poll() is not None
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == handlers


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_when_the_launcher_is_killed(number: signal.Signals, no_leftovers: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    environment.pop("DISPLAY", None)
    victim = subprocess.Popen([sys.executable, "-c", VICTIM], env=environment, stdout=subprocess.PIPE, text=True)
    with victim:
        assert victim.stdout is not None
        folder = Path(victim.stdout.readline().strip())
        assert folder.is_dir()
        segments = {path for pid in marked_processes(no_leftovers) for path in mapped_shared_memory(pid)}
        assert segments
        victim.send_signal(number)
        assert victim.wait(30) != 0
    assert wait_until(lambda: not marked_processes(no_leftovers) and not folder.exists())
    assert wait_until(lambda: not any(os.path.exists(path) for path in segments))


def mapped_shared_memory(pid: int) -> set[str]:
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    except OSError:
        return set()
    return {line.split(maxsplit=5)[-1] for line in lines if "/dev/shm/vader" in line or "/dev/shm/sm_seg" in line}


# --- pvbatch


def test_a_batch_runs_on_its_ranks(install: ParaViewInstall, stack: Stack, tmp_path: Path) -> None:
    lines: list[str] = []
    script = write_script(tmp_path, RANKS)
    done = stack.run_batch(install, 3, script, ["--sym", "b c"], timeout_s=90, env={"EXTRA": "e"}, on_line=lines.append)
    assert done.returncode == 0, done.stderr
    # Without --symmetric, rank 0 alone runs the script.
    assert done.stdout == "rank 0 of 3 --sym b c e\n"
    assert lines == ["rank 0 of 3 --sym b c e"]


def test_a_batch_draws_without_a_display_of_ours(
    install: ParaViewInstall, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    picture = tmp_path / "sphere.png"
    done = stack.run_batch(install, 2, write_script(tmp_path, DRAW), [str(picture)], timeout_s=90)
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert bool(stack.display(install)) == install.needs_x_server


def test_a_batch_that_fails_says_so(install: ParaViewInstall, stack: Stack, tmp_path: Path) -> None:
    script = write_script(tmp_path, "import paraview.simple, sys\nsys.exit(7)\n")
    assert stack.run_batch(install, 2, script, timeout_s=60).returncode == 7


def test_a_batch_that_hangs_is_ended_with_all_its_ranks(install: ParaViewInstall, stack: Stack, tmp_path: Path) -> None:
    script = write_script(tmp_path, "import paraview.simple, time\nprint('here', flush=True)\ntime.sleep(60)\n")
    stack.environment(install)
    stack.display(install)
    before = set(marked_processes(stack.marker))
    with pytest.raises(BatchDeadlineError, match=r"running script\.py on 2 rank\(s\)") as raised:
        stack.run_batch(install, 2, script, timeout_s=8)
    assert raised.value.stdout == "here\n"
    assert set(marked_processes(stack.marker)) == before


# --- pvserver


def test_a_server_of_two_ranks_takes_a_client(install: ParaViewInstall, stack: Stack, tmp_path: Path) -> None:
    server = stack.start_server(install, 2)
    done = stack.run_client(install, write_script(tmp_path, CONNECT), [str(server.port)], timeout_s=90)
    assert done.stdout == "cells 96 ranks 2\nsource True\n", done.stderr
    assert server.process.wait(20) == 0


def test_a_port_that_is_taken_is_one_sentence(install: ParaViewInstall, stack: Stack) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=rf"^Port {port} cannot be used \(address already in use\): name another"):
            stack.start_server(install, 2, port)


def test_binding_is_refused_where_paraview_cannot(stack: Stack, install: ParaViewInstall) -> None:
    old = ParaViewInstall(install.bin_dir, "5.11.0", install.python_version)
    with pytest.raises(OptionError, match="listens on all interfaces"):
        stack.start_server(old, 1, bind="127.0.0.1")


def test_a_server_that_cannot_start_shows_what_it_said(install: ParaViewInstall, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "pvserver").write_text("#!/bin/sh\necho no licence for this >&2\nexit 3\n")
    (tmp_path / "pvserver").chmod(0o755)
    (tmp_path / "pvpython").symlink_to(install.program("pvpython"))
    broken = ParaViewInstall(tmp_path, "5.11.0", install.python_version, None, ("vtkEGLRenderWindow",))
    with pytest.raises(SetupError, match=r"(?s)pvserver ended while it started\. It said:.*no licence for this"):
        stack.start_server(broken, 1)


# --- the display


def test_a_display_that_answers_is_used(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    started = stack.display()
    assert set(started) == {"DISPLAY", "XAUTHORITY"}
    assert stack.display() == started
    monkeypatch.setenv("DISPLAY", started["DISPLAY"])
    assert answering_display() == started["DISPLAY"]
    with Stack() as other:
        assert other.display() == {}


@pytest.mark.parametrize("name", ["", ":9999", "nonsense", "127.0.0.1:9999"])
def test_a_display_that_does_not_answer_is_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", name)
    assert answering_display() is None


def test_the_x_server_wants_the_cookie(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    display = stack.display()
    cookie = Path(display["XAUTHORITY"])
    assert cookie.stat().st_mode & 0o077 == 0
    number = display["DISPLAY"].removeprefix(":")
    # An X11 connection request without authorisation: byte order, version 11.0, no names; the first byte 0 is "refused".
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"/tmp/.X11-unix/X{number}")
        connection.sendall(b"l\0" + (11).to_bytes(2, "little") + bytes(8))
        assert connection.recv(1) == b"\0"


def test_no_xvfb_is_one_sentence(stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="Xvfb is not installed: install it"):
        stack.display()
