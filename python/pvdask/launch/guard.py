"""A process that cleans up after a stack whose own process was killed (SIGKILL, out of memory) and could not.

It waits on a pipe. The stack's process names the files that are to go and says when all is done; should it die first,
the pipe ends without that, and the guard ends what carries the stack's marker and removes the files. (The kernel's
PR_SET_PDEATHSIG would end mpiexec alone, as soon as the *thread* that started it ends, and leave the files.)
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from pvdask.launch.markers import MARKER_VARIABLE, end_marked

_DONE = "done"


class Guard:
    """The guard of one stack.

    Parameters
    ----------
    marker : str
        The stack's marker. The guard itself does not carry it.
    """

    def __init__(self, marker: str) -> None:
        source_folder = str(Path(__file__).resolve().parents[2])
        code = "import sys; sys.path.insert(0, sys.argv[1]); from pvdask.launch import guard; guard.watch(sys.argv[2])"
        # Isolated, as it has to start whatever the environment holds; a session of its own, as Ctrl-C is not for it.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", code, source_folder, marker],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={**os.environ, MARKER_VARIABLE: f"guard-of/{marker}"},
            text=True,
        )

    def remove_later(self, path: Path) -> None:
        """Have a file or a folder removed, should the stack's process not live to do it."""
        self._tell(str(path.absolute()))

    def dismiss(self) -> None:
        """Say that the stack left nothing to do."""
        self._tell(_DONE)
        self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # somebody ended it; there is nothing that it could do any more
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()


def watch(marker: str) -> None:
    """Wait for the stack's end, and clean up if it was not a proper one: what the guard process runs."""
    paths: list[Path] = []
    for line in sys.stdin:
        text = line.rstrip("\n")
        if text == _DONE:
            return
        paths.append(Path(text))
    end_marked(marker)
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
