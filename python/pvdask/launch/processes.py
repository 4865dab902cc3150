"""One process with everything it starts: begun in a session of its own, its output read, ended to the last descendant."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pvdask.errors import SetupError
from pvdask.launch.markers import GRACE_S, MARKER_VARIABLE, marked_processes, new_marker, signal_marked, stop_marked


@contextlib.contextmanager
def stop_signals_held() -> Iterator[None]:
    """Hold SIGINT, SIGTERM and SIGHUP back for the time of the block, so that a start or a stop is whole.

    Python runs signal handlers in the main thread whichever thread the signal came to, so holding them there is enough
    (and a signal mask, which is a thread's own, is not). In any other thread this does nothing.
    """
    held: list[int] = []
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number in handlers:
        signal.signal(number, lambda came, _frame: held.append(came))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for came in dict.fromkeys(held):
            signal.raise_signal(came)


class ManagedProcess:
    """A command running in a session of its own, its output read, that can be ended with all it started.

    ``Stack.start`` makes these; one made by hand is nobody's to stop but the maker's.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    env : mapping, optional
        Its environment, without the marker, which is added. Default: this process's.
    name : str, optional
        What messages call it. Default: the program's name.
    marker : str, optional
        Marker under which to put this process's own. Default: the one this process carries.
    cwd : Path, optional
        Its working folder.
    on_line : callable, optional
        Called with each line of output, without its end, as it comes; from a thread of its own.
    keep_lines : int, optional
        How many of the last lines of each stream to keep. Default: all.
    pass_fds : sequence of int
        File descriptors that the process inherits.

    Raises
    ------
    SetupError
        The program cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        name: str | None = None,
        marker: str | None = None,
        cwd: Path | None = None,
        on_line: Callable[[str], None] | None = None,
        keep_lines: int | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.command = tuple(command)
        self.name = name or Path(command[0]).name
        self.marker = new_marker(marker)
        self._on_line = on_line
        self._line_error: Exception | None = None
        self._news = threading.Condition()
        self._kept: dict[str, deque[str]] = {"stdout": deque(maxlen=keep_lines), "stderr": deque(maxlen=keep_lines)}
        self._recent: deque[str] = deque(maxlen=200)
        environment = {**(os.environ if env is None else env), MARKER_VARIABLE: self.marker}
        with stop_signals_held():
            self._popen = self._start(environment, cwd, tuple(pass_fds))
            self._readers = [self._read("stdout"), self._read("stderr")]

    def _start(
        self, environment: Mapping[str, str], cwd: Path | None, pass_fds: tuple[int, ...]
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                self.command,
                env=environment,
                cwd=cwd,
                stdin=subprocess.DEVNULL,  # mpiexec would read the terminal
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                pass_fds=pass_fds,
            )
        except OSError as error:
            raise SetupError(f"{self.name}: cannot start {self.command[0]} ({error.strerror}).") from error

    def _read(self, stream: str) -> threading.Thread:
        source = self._popen.stdout if stream == "stdout" else self._popen.stderr
        assert source is not None

        def follow() -> None:
            with source:
                for raw in source:
                    self._take(stream, raw.decode(errors="replace").rstrip("\r\n"))
            with self._news:
                self._news.notify_all()

        thread = threading.Thread(target=follow, name=f"{self.name}-{stream}", daemon=True)
        thread.start()
        return thread

    def _take(self, stream: str, line: str) -> None:
        with self._news:
            self._kept[stream].append(line)
            self._recent.append(line)
            self._news.notify_all()
        if self._on_line is not None and self._line_error is None:
            try:
                self._on_line(line)
            except Exception as error:  # `wait` raises it; the reading goes on, or the process would block
                self._line_error = error

    @property
    def pid(self) -> int:
        """Process id of the command itself."""
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """Exit status; None while it runs, negative for a signal."""
        return self._popen.poll()

    @property
    def stdout(self) -> str:
        """What it has written to its standard output so far (the last `keep_lines` lines)."""
        return self._text("stdout")

    @property
    def stderr(self) -> str:
        """What it has written to its standard error so far (the last `keep_lines` lines)."""
        return self._text("stderr")

    def _text(self, stream: str) -> str:
        with self._news:
            return "".join(f"{line}\n" for line in self._kept[stream])

    def tail(self, n_lines: int = 15) -> str:
        """The last lines of both streams, in the order they came: for an error message."""
        with self._news:
            return "\n".join(list(self._recent)[-n_lines:])

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the command to end and for its output to be read.

        Raises
        ------
        TimeoutError
            It still ran after `timeout_s` seconds. It is left running.
        Exception
            What `on_line` raised, if it did.
        """
        try:
            status = self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"{self.name} still runs after {timeout_s:g} s") from error
        self._join_readers()
        if self._line_error is not None:
            raise self._line_error
        return status

    def wait_for_line(self, wanted: Callable[[str], bool], timeout_s: float) -> str | None:
        """Wait for a line of output; None if the command ended, or `timeout_s` seconds did, without it."""
        deadline = time.monotonic() + timeout_s
        while True:
            ended = self.returncode is not None and not any(reader.is_alive() for reader in self._readers)
            with self._news:
                found = next((line for line in self._recent if wanted(line)), None)
                left_s = deadline - time.monotonic()
                if found is not None or ended or left_s <= 0:
                    return found
                self._news.wait(min(left_s, 0.2))

    def stop(self, grace_s: float = GRACE_S) -> None:
        """End the command and all it started: SIGTERM to its group, SIGKILL to what is left after `grace_s` seconds."""
        with stop_signals_held():
            stop_marked(self.marker, self._ask_to_end, self._is_over, grace_s)
            if self._popen.poll() is None:  # it did away with its marker
                self._popen.kill()
            self._popen.wait()
            self._join_readers()

    def _ask_to_end(self) -> None:
        if self._popen.poll() is None:
            os.killpg(self._popen.pid, signal.SIGTERM)  # not reaped yet, so the number is still its own
        else:
            signal_marked(self.marker, signal.SIGTERM)

    def _is_over(self) -> bool:
        return self._popen.poll() is not None and not marked_processes(self.marker)

    def _join_readers(self) -> None:
        """Wait for the output's end; not for ever, as a descendant that lives on may hold the pipe."""
        for reader in self._readers:
            reader.join(2.0)
