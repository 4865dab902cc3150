"""Messages between a scene's owner and the pvpython that draws it: JSON and bytes, over a pair of connected sockets.

The pair is made by the owner, and its other end inherited by pvpython: no port is open, so nobody else can speak.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_HEADER = struct.Struct("<IQ")
MAXIMUM_JSON_BYTES = 64 << 20


def send(link: socket.socket, message: dict[str, Any], payload: bytes | memoryview = b"") -> None:
    """Send one message.

    Parameters
    ----------
    link : socket.socket
        One end of the pair.
    message : dict
        What JSON can hold.
    payload : bytes or memoryview, optional
        Bytes that go with it, as they are.
    """
    text = json.dumps(message).encode()
    link.sendall(_HEADER.pack(len(text), len(payload)) + text)
    if len(payload):
        link.sendall(payload)


def receive(link: socket.socket) -> tuple[dict[str, Any], bytearray]:
    """Wait for one message.

    Parameters
    ----------
    link : socket.socket
        One end of the pair.

    Returns
    -------
    message : dict
        Its JSON.
    payload : bytearray
        Its bytes, owned by the caller.

    Raises
    ------
    EOFError
        The other end is closed.
    """
    n_text, n_payload = _HEADER.unpack(_exactly(link, _HEADER.size))
    if n_text > MAXIMUM_JSON_BYTES:
        raise EOFError("what came is no message")
    message = json.loads(bytes(_exactly(link, n_text)))
    return message, _exactly(link, n_payload)


def _exactly(link: socket.socket, count: int) -> bytearray:
    buffer = bytearray(count)
    view, got = memoryview(buffer), 0
    while got < count:
        n = link.recv_into(view[got:])
        if n == 0:
            raise EOFError("the other end is closed")
        got += n
    return buffer
