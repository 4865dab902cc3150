"""An X server to draw on, for a ParaView that cannot draw without one (Debian's 5.11 has neither EGL nor OSMesa)."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import select
import shutil
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from pvdask.errors import SetupError
from pvdask.launch.processes import ManagedProcess

_START_TIMEOUT_S = 20.0
_SCREEN = "1920x1200x24"
_FAMILY_ANY_HOST = 0xFFFF
_COOKIE_NAME = b"MIT-MAGIC-COOKIE-1"
_FIRST_TCP_PORT = 6000
_Address: TypeAlias = str | tuple[str, int]


def answering_display() -> str | None:
    """The X display that the environment names, if something accepts connections there."""
    name = os.environ.get("DISPLAY", "")
    match = re.fullmatch(r"(?P<host>[^:]*):(?P<number>\d+)(\.\d+)?", name)
    if match is None:
        return None
    number, host = int(match["number"]), match["host"]
    if host in {"", "unix"}:
        path = f"/tmp/.X11-unix/X{number}"
        addresses: list[tuple[int, _Address]] = [(socket.AF_UNIX, path), (socket.AF_UNIX, f"\0{path}")]
    else:
        addresses = [(socket.AF_INET, (host, _FIRST_TCP_PORT + number))]
    return name if any(_accepts(family, address) for family, address in addresses) else None


def _accepts(family: int, address: _Address) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(2.0)
        try:
            connection.connect(address)
        except OSError:
            return False
        return True


def start_display(start: Callable[..., ManagedProcess], workdir: Path) -> tuple[dict[str, str], ManagedProcess]:
    """Start Xvfb on a display number of its own choice, open to holders of a fresh cookie only, on no TCP port.

    Parameters
    ----------
    start : callable
        Starts a process, as ``Stack.start``: takes the command and ManagedProcess's keywords.
    workdir : Path
        Folder for the cookie file; it has to outlive the server.

    Returns
    -------
    environment : dict
        DISPLAY and XAUTHORITY, for the environment of what is to draw.
    process : ManagedProcess
        The server.

    Raises
    ------
    SetupError
        Xvfb is not installed or does not start.
    """
    program = shutil.which("Xvfb")
    if program is None:
        raise SetupError(
            "This ParaView draws on an X server only, no DISPLAY answers, and Xvfb is not installed: "
            "install it (Debian: xvfb) or set DISPLAY."
        )
    cookie_file = _write_cookie(workdir / "Xauthority")
    read_end, write_end = os.pipe()
    try:
        # -noreset: a server that starts afresh when its last client leaves drops the one that comes just then.
        options = ["-screen", "0", _SCREEN, "-nolisten", "tcp", "-noreset", "-auth", str(cookie_file)]
        process = start([program, "-displayfd", str(write_end), *options], name="Xvfb", pass_fds=(write_end,))
    finally:
        os.close(write_end)
    try:
        number = _read_number(read_end)
    finally:
        os.close(read_end)
    if number is None:
        process.stop()
        raise SetupError(f"Xvfb did not start within {_START_TIMEOUT_S:g} s. It said:\n{process.tail()}")
    return {"DISPLAY": f":{number}", "XAUTHORITY": str(cookie_file)}, process


def _write_cookie(path: Path) -> Path:
    """Write an Xauthority file with one fresh cookie, good for any display."""
    fields = (b"", b"", _COOKIE_NAME, secrets.token_bytes(16))  # host, display number, scheme, cookie
    data = struct.pack(">H", _FAMILY_ANY_HOST) + b"".join(struct.pack(">H", len(field)) + field for field in fields)
    path.touch(mode=0o600)
    path.write_bytes(data)
    return path


def _read_number(descriptor: int) -> int | None:
    """Read the display number that Xvfb writes, with a line end, once it accepts connections; None if it did not."""
    text = b""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        chunk = os.read(descriptor, 16) if ready else b""
        if not chunk:
            return None
        text += chunk
    return int(text)


def stop_display(process: ManagedProcess, display: str) -> None:
    """Stop an X server, and remove its lock and its socket should it have been killed before it did so itself."""
    process.stop()
    number = display.removeprefix(":")
    lock = Path(f"/tmp/.X{number}-lock")
    with contextlib.suppress(OSError, ValueError):
        if int(lock.read_text()) == process.pid:
            lock.unlink()
            Path(f"/tmp/.X11-unix/X{number}").unlink(missing_ok=True)
