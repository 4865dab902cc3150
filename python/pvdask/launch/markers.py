"""Which processes belong to a stack: those that carry its marker.

Process groups are not enough to find what was started: Open MPI gives every rank a group of its own. So every process
is given a *marker*, an environment variable that its descendants inherit, and ``/proc/<pid>/environ`` tells who carries
it. A marker is a path (``<stack>/<process>``): what belongs to a stack starts with the stack's marker, and what a
command run inside another stack starts belongs to both.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import uuid
from collections.abc import Callable
from pathlib import Path

MARKER_VARIABLE = "PVDASK_STACK"
GRACE_S = 5.0
POLL_S = 0.05
_KILL_TIMEOUT_S = 5.0
_SHARED_MEMORY = ("/dev/shm/vader_segment.", "/dev/shm/sm_segment.")  # Open MPI 4's and 5's


def new_marker(parent: str | None = None) -> str:
    """Make a marker that no process carries yet, below `parent` (default: below the one this process carries)."""
    above = os.environ.get(MARKER_VARIABLE, "") if parent is None else parent
    own = uuid.uuid4().hex[:12]
    return f"{above}/{own}" if above else own


def carries_marker(pid: int, marker: str) -> bool:
    """Whether the process carries `marker` or one below it; False once it has ended (a zombie has no environment)."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # ended, or another user's
        return False
    entry = f"{MARKER_VARIABLE}={marker}".encode()
    return any(item == entry or item.startswith(entry + b"/") for item in environment.split(b"\0"))


def marked_processes(marker: str) -> list[int]:
    """Process ids of all live processes, this one left out, that carry `marker` or one below it."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return [pid for pid in pids if pid != os.getpid() and carries_marker(pid, marker)]


def stop_marked(marker: str, ask: Callable[[], None], is_over: Callable[[], bool], grace_s: float = GRACE_S) -> None:
    """End all that carries `marker`, and remove the shared memory that MPI ranks leave when they are killed.

    Parameters
    ----------
    marker : str
        Marker of what is to end.
    ask : callable
        Asks it to end by itself.
    is_over : callable
        Whether it has. What has not after `grace_s` seconds gets SIGKILL.
    grace_s : float
        Time that is given, in seconds.
    """
    segments = {path for pid in marked_processes(marker) for path in _mapped_segments(pid)}
    ask()
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline and not is_over():
        time.sleep(POLL_S)
    deadline = time.monotonic() + _KILL_TIMEOUT_S
    while time.monotonic() < deadline and marked_processes(marker):
        signal_marked(marker, signal.SIGKILL)
        time.sleep(POLL_S)
    for path in segments:
        with contextlib.suppress(OSError):
            os.unlink(path)


def end_marked(marker: str, grace_s: float = GRACE_S) -> None:
    """End all that carries `marker`: SIGTERM, then SIGKILL for what is left after `grace_s` seconds."""

    def ask() -> None:
        signal_marked(marker, signal.SIGTERM)

    stop_marked(marker, ask, lambda: not marked_processes(marker), grace_s)


def signal_marked(marker: str, number: int) -> None:
    """Send a signal to each process that carries `marker`, and to no other that got its number meanwhile."""
    for pid in marked_processes(marker):
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                if carries_marker(pid, marker):
                    signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)


def _mapped_segments(pid: int) -> set[str]:
    """Shared-memory files of Open MPI that a process maps: a killed rank does not remove its own."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    except OSError:
        return set()
    paths = (line.split(maxsplit=5)[-1] for line in lines)
    return {path for path in paths if path.startswith(_SHARED_MEMORY)}
