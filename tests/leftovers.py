"""Fixtures that fail a test which leaves a process or a temporary file behind (a pytest plugin, used by conftest.py)."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pvdask.launch.markers import MARKER_VARIABLE, end_marked, marked_processes, new_marker

SESSION_MARKER = new_marker()
# A process that was just told to end is given this long to be gone.
SETTLE_S = 2.0
# distributed leaves this folder, with lock files, wherever a worker ran; it is removed with the session's folder.
TOLERATED = {"dask-scratch-space"}
session_folders: set[str] = set()


@contextmanager
def environment_marker(marker: str) -> Iterator[None]:
    """Have all that is started in the block carry `marker`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARKER_VARIABLE, marker)
        yield


def left_processes(marker: str) -> dict[int, str]:
    """Processes that carry `marker`, guards of stacks below it too, by id, with their commands; after they could settle."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        pids = [*marked_processes(marker), *marked_processes(f"guard-of/{marker}")]
        if not pids or time.monotonic() > deadline:
            return {pid: command_of(pid) for pid in pids}
        time.sleep(0.05)


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "(ended meanwhile)"


@pytest.fixture(scope="session", autouse=True)
def own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for all temporary files of the session; at its end nothing that the session started may be left."""
    folder = tmp_path_factory.mktemp("tmp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", None)
        yield folder
    left = left_processes(SESSION_MARKER)
    end_marked(SESSION_MARKER)
    assert not left, f"the session left processes behind: {left}"
    files = {path.name for path in folder.iterdir()} - TOLERATED
    assert not files, f"the session left temporary files behind: {sorted(files)}"


@pytest.fixture(autouse=True)
def no_leftovers(own_temporary_folder: Path) -> Iterator[str]:
    """Fail the test if a process it started is left, or a temporary file; yields the marker of what it starts."""
    marker = new_marker(SESSION_MARKER)
    before = set(os.listdir(own_temporary_folder))
    with environment_marker(marker):
        yield marker
    left = left_processes(marker)
    end_marked(marker)
    assert not left, f"the test left processes behind: {left}"
    files = set(os.listdir(own_temporary_folder)) - before - session_folders - TOLERATED
    assert not files, f"the test left temporary files behind: {sorted(files)}"
