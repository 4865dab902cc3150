"""Processes: what a command starts is ended with it, whatever it does to get away; nothing else is."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pvdask.errors import SetupError
from pvdask.launch.markers import MARKER_VARIABLE, carries_marker, end_marked, marked_processes, new_marker
from pvdask.launch.processes import ManagedProcess, stop_signals_held

pytestmark = pytest.mark.unit

TESTS = Path(__file__).resolve().parent
SOURCE = TESTS.parent / "python"

RUNAWAY = """
import os, subprocess, sys
subprocess.Popen(["setsid", "sleep", "60"])
if os.fork() == 0:
    os.setsid()
    os.execvp("sleep", ["sleep", "60"])
print("started", flush=True)
subprocess.run(["sleep", "60"])
"""

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("started", flush=True)
time.sleep(60)
"""


def started(code: str) -> ManagedProcess:
    process = ManagedProcess([sys.executable, "-c", code])
    assert process.wait_for_line(lambda line: line == "started", 20.0) == "started"
    return process


def sessions(process: ManagedProcess) -> tuple[int, int]:
    """How many processes it has become, and in how many sessions: a child is there before it is in one of its own."""
    found = []
    for pid in marked_processes(process.marker):
        with contextlib.suppress(ProcessLookupError):
            found.append(os.getsid(pid))
    return len(found), len(set(found))


def test_stop_ends_descendants_in_other_sessions_too() -> None:
    process = started(RUNAWAY)
    deadline = time.monotonic() + 20
    while sessions(process) != (4, 3) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sessions(process) == (4, 3)
    process.stop()
    assert marked_processes(process.marker) == []
    assert process.returncode == -signal.SIGTERM


def test_stop_leaves_other_processes_alone() -> None:
    other = started(STUBBORN)
    process = started(STUBBORN)
    process.stop(grace_s=0.2)
    assert other.returncode is None
    assert carries_marker(other.pid, other.marker)
    other.stop(grace_s=0.2)


def test_stop_kills_what_ignores_sigterm() -> None:
    process = started(STUBBORN)
    process.stop(grace_s=0.3)
    assert process.returncode == -signal.SIGKILL


def test_stop_ends_what_outlived_the_command() -> None:
    process = ManagedProcess(["sh", "-c", "sleep 60 >/dev/null 2>&1 &"])
    assert process.wait(10) == 0
    assert len(marked_processes(process.marker)) == 1
    process.stop()
    assert marked_processes(process.marker) == []


def test_a_marker_is_not_taken_for_one_that_starts_alike(no_leftovers: str) -> None:
    sibling = subprocess.Popen(["sleep", "60"], env={**os.environ, MARKER_VARIABLE: f"{no_leftovers}/ab"})
    end_marked(f"{no_leftovers}/a")
    assert sibling.poll() is None
    end_marked(f"{no_leftovers}/ab")
    assert sibling.wait(5) == -signal.SIGTERM


def test_markers_nest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARKER_VARIABLE, "outer")
    assert new_marker().startswith("outer/")
    assert new_marker("stack").startswith("stack/")
    assert new_marker() != new_marker()


def test_output_is_kept_by_stream_and_streamed() -> None:
    seen: list[str] = []
    process = ManagedProcess(["sh", "-c", "echo one; echo two >&2; printf '\\303\\n'; exit 3"], on_line=seen.append)
    assert process.wait(10) == 3
    assert process.stdout == "one\n\ufffd\n"  # the second is no UTF-8
    assert process.stderr == "two\n"
    assert sorted(seen) == sorted(["one", "\ufffd", "two"])
    assert "two" in process.tail()


def test_only_the_last_lines_are_kept_when_asked() -> None:
    process = ManagedProcess(["seq", "1000"], keep_lines=2)
    process.wait(10)
    assert process.stdout == "999\n1000\n"


def test_an_error_of_the_line_callback_is_raised_and_blocks_nothing() -> None:
    def fail(line: str) -> None:
        raise ValueError(line)

    process = ManagedProcess(["seq", "100000"], on_line=fail)
    with pytest.raises(ValueError, match=r"^1$"):
        process.wait(20)
    assert process.stdout.endswith("\n100000\n")


def test_wait_times_out_and_leaves_the_process_running() -> None:
    process = ManagedProcess(["sleep", "60"])
    with pytest.raises(TimeoutError, match=r"sleep still runs after 0\.1 s"):
        process.wait(0.1)
    assert process.returncode is None
    process.stop()


def test_wait_for_line_gives_up_when_the_command_ends() -> None:
    process = ManagedProcess(["echo", "other"])
    began = time.monotonic()
    assert process.wait_for_line(lambda line: line == "wanted", 30.0) is None
    assert time.monotonic() - began < 10
    process.stop()


def test_a_program_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(SetupError, match=r"^ghost: cannot start /nowhere/ghost \(No such file or directory\)\.$"):
        ManagedProcess(["/nowhere/ghost"])


def test_signals_are_held_and_then_delivered() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: came.append(number))
    try:
        with stop_signals_held():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.05)
            assert came == []
        assert came == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


LEAKS = {
    "process": "import subprocess\ndef test_leak():\n    subprocess.Popen(['setsid', 'sleep', '77'])\n",
    "file": "import tempfile\ndef test_leak():\n    tempfile.mkdtemp(prefix='leak-')\n",
    "nothing": "import subprocess\ndef test_leak():\n    subprocess.run(['true'])\n",
}


@pytest.mark.parametrize("leak", LEAKS)
def test_the_leftovers_fixture_catches(leak: str, tmp_path: Path, no_leftovers: str) -> None:
    (tmp_path / "test_leak.py").write_text(LEAKS[leak])
    command = [sys.executable, "-m", "pytest", "-p", "leftovers", "-p", "no:cacheprovider", "-q", "--rootdir", "."]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), str(TESTS)])}
    options = ["-c", os.devnull, "--basetemp", "base", "test_leak.py"]
    done = subprocess.run(
        [*command, *options], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    if leak == "nothing":
        assert done.returncode == 0, done.stdout
    else:
        assert done.returncode == 1, done.stdout
        assert {"process": "left processes behind", "file": "left temporary files behind"}[leak] in done.stdout
        assert {"process": "sleep 77", "file": "leak-"}[leak] in done.stdout
    assert marked_processes(no_leftovers) == []  # what leaked was ended all the same
