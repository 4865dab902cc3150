"""Counts bytes at the calls to the kernel, so that nothing that a process sends or is sent over TCP is left out.

It is also pickled by value into the scheduler, so it imports the standard library alone.
"""

from __future__ import annotations

import socket

COUNTED = {"received": 0, "sent": 0}


def install():
    """Wrap the calls of `socket.socket`; a second time changes nothing."""
    if getattr(socket.socket, "pvbench_counted", None) is not None:
        return
    socket.socket.pvbench_counted = COUNTED
    for name in ("recv", "recv_into"):
        _wrap(name, "received", lambda result: result if isinstance(result, int) else len(result))
    _wrap("send", "sent", lambda result: result)
    _wrap("sendmsg", "sent", lambda result: result)


def _wrap(name, direction, size):
    original = getattr(socket.socket, name)

    def counted(self, *arguments):
        result = original(self, *arguments)
        # asyncio wakes its own loop through a pair of sockets: that is no traffic.
        if self.family != socket.AF_UNIX:
            COUNTED[direction] += size(result)
        return result

    setattr(socket.socket, name, counted)


def read():
    """Bytes since it was installed in this process."""
    import socket

    return dict(socket.socket.pvbench_counted)
