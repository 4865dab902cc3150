"""The processes that scenes live in: pvserver on MPI ranks, started or reached, and the pvpython that is its client."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvdask.errors import SceneError, SceneLostError
from pvdask.launch import ManagedProcess, ParaViewInstall, ServerHandle, Stack, find_paraview
from pvdask.launch.processes import stop_signals_held
from pvdask.scene import wire

_SCRIPT = Path(__file__).parents[1] / "scripts" / "scene_server.py"
_START_TIMEOUT_S = 60.0
_POLL_S = 0.5
_GRACE_S = 5.0
_LOG_LINES = 200


@dataclass(frozen=True)
class Place:
    """Where scenes are drawn.

    Parameters
    ----------
    n_ranks : int
        MPI ranks of the pvserver that is started.
    server : tuple of (str, int), optional
        Host and port of a pvserver that runs already, in place of that.
    compiled : bool, optional
        Whether the compiled plugin is loaded; by default only with a pvserver of our own, as both sides have to have it.
    """

    n_ranks: int = 1
    server: tuple[str, int] | None = None
    compiled: bool | None = None

    @property
    def has_compiled(self) -> bool:
        """Whether both sides load the compiled plugin."""
        return self.server is None if self.compiled is None else self.compiled


class Engine:
    """Draws scenes, each under a name of its own; one thing at a time, whoever asks, from any thread.

    Parameters
    ----------
    place : Place
        Where.
    on_line : callable, optional
        Called with each line that the processes write.

    Raises
    ------
    SetupError
        ParaView cannot be used or started.
    SceneError
        No pvserver can be reached.
    """

    def __init__(self, place: Place, *, on_line: Callable[[str], None] | None = None) -> None:
        self.place = place
        self.is_closed = False
        self._asked = 0
        self._lock = threading.Lock()
        self._at_end = contextlib.ExitStack()
        self._client: ManagedProcess | None = None
        self._server: ServerHandle | None = None
        self._link: socket.socket | None = None
        self._install: ParaViewInstall = find_paraview()
        try:
            self._stack = self._at_end.enter_context(Stack(on_line=on_line))
            self._start()
        except BaseException:
            self._at_end.close()
            raise

    @property
    def is_running(self) -> bool:
        """Whether scenes can be drawn, as far as is known: false once the processes were found to be lost."""
        return self._link is not None

    def new_name(self) -> str:
        """A name for a scene that no other has."""
        return uuid.uuid4().hex

    def ask(
        self, scene: str, name: str, payload: bytes = b"", /, *, timeout_s: float = 600.0, **arguments: Any
    ) -> tuple[Any, bytearray]:
        """Have something done, and wait for it.

        Parameters
        ----------
        scene : str
            Whose.
        name : str
            What: a method of ``scripts/scene_server.py``.
        payload : bytes, optional
            Bytes that go with it.
        timeout_s : float, optional
            Seconds that it may take; after these the processes are taken for lost.
        **arguments
            Its arguments.

        Returns
        -------
        result : object
            What it gave, as JSON has it.
        payload : bytearray
            The bytes that came with it.

        Raises
        ------
        SceneError
            It could not be done; nothing has changed.
        SceneLostError
            The processes ended, before or meanwhile. `restart` starts them anew.
        """
        with self._lock:
            if self._link is None:
                raise SceneLostError("The scene was closed." if self.is_closed else "The ParaView server is not there.")
            try:
                self._asked += 1
                with stop_signals_held():
                    message = {"id": self._asked, "scene": scene, "do": name, "with": arguments}
                    wire.send(self._link, message, payload)
                return self._answer(time.monotonic() + timeout_s)
            except (OSError, EOFError):
                raise self._lost() from None

    def restart(self) -> None:
        """Start the processes anew, or reach the pvserver again; all scenes are gone.

        Raises
        ------
        SetupError, SceneError
            As at the first start.
        """
        with self._lock:
            self._stop()
            self._start()

    def close(self) -> None:
        """End the processes; to be called once from where the engine was made, and harmless after that."""
        with self._lock:
            self.is_closed = True
            self._drop_link()
            self._client = None
            self._at_end.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        place = self.place
        server = place.server
        if server is None:
            self._server = self._stack.start_server(self._install, place.n_ranks, compiled=place.has_compiled)
            server = (self._server.host, self._server.port)
        ours, theirs = socket.socketpair()
        with theirs:
            program = [str(self._install.program("pvpython")), "--force-offscreen-rendering", str(_SCRIPT)]
            command = [*program, str(theirs.fileno()), server[0], str(server[1])]
            environment = self._stack.environment(self._install, 1, compiled=place.has_compiled)
            self._client = self._stack.start(
                command, env=environment, name="pvpython", pass_fds=(theirs.fileno(),), keep_lines=_LOG_LINES
            )
        self._link = ours
        try:
            self._answer(time.monotonic() + _START_TIMEOUT_S)
        except (OSError, EOFError):
            raise self._lost() from None
        except SceneError:
            self._stop()
            raise

    def _answer(self, deadline: float) -> tuple[Any, bytearray]:
        assert self._link is not None
        gone_since: float | None = None
        while not select.select([self._link], [], [], _POLL_S)[0]:
            now = time.monotonic()
            if self._server is not None and self._server.process.returncode is not None:
                gone_since = gone_since or now  # the client has seen it by itself, unless it waits for ever
            if now > deadline or (gone_since and now > gone_since + _GRACE_S):
                raise EOFError
        with stop_signals_held():  # Ctrl-C in the middle of a message would leave its rest for the next one
            message, payload = wire.receive(self._link)
        if message.get("id", self._asked) != self._asked:
            return self._answer(deadline)  # the answer to a question whose asker was interrupted
        if "error" in message:
            raise SceneError(message["error"])
        return message["result"], payload

    def _lost(self) -> SceneLostError:
        """Clean up after the processes, and say what became of them."""
        what = "The ParaView server ended"
        said = self._server.process.tail(5) if self._server is not None else ""
        if self.place.server is not None:
            what, said = "The connection to pvserver at {}:{} was lost".format(*self.place.server), ""
        if not said and self._client is not None:
            said = self._client.tail(5)
        self._stop()
        return SceneLostError(
            f"{what}; what was shown can be shown again." + (f" It said last:\n{said}" if said else "")
        )

    def _stop(self) -> None:
        self._drop_link()
        if self._client is not None:
            self._client.stop()
        if self._server is not None:
            self._server.process.stop()
        self._client = self._server = None

    def _drop_link(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None
