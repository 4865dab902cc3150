"""pvserver as a command line: which port it listens on, and when it accepts a client."""

from __future__ import annotations

import os
import socket

from pvdask.errors import OptionError, SetupError
from pvdask.launch.environment import mpi_command
from pvdask.launch.paraview_install import ParaViewInstall
from pvdask.launch.processes import ManagedProcess

LOOPBACK = "127.0.0.1"
_ACCEPTING = "Accepting connection(s):"
_CONNECTED = "Client connected."
_FIRST_RELEASE_WITH_BIND_ADDRESS = (5, 13)


def can_bind(install: ParaViewInstall) -> bool:
    """Whether this ParaView's server can listen on one address only; an older one listens on all of them."""
    return install.release >= _FIRST_RELEASE_WITH_BIND_ADDRESS


def server_command(
    install: ParaViewInstall, n_ranks: int, port: int, bind: str | None = None, client: str | None = None
) -> list[str]:
    """The command that starts pvserver on `n_ranks` ranks.

    Parameters
    ----------
    install : ParaViewInstall
        The ParaView to start.
    n_ranks : int
        MPI ranks.
    port : int
        Port to listen on, 0 for one that the system picks; with a `client`, that client's port.
    bind : str, optional
        Address to listen on, from ParaView 5.13 on.
    client : str, optional
        Host of a client that waits: the server listens on nothing and connects to it.

    Returns
    -------
    list of str
        Program and arguments.

    Raises
    ------
    OptionError
        An address to bind to is named, and this ParaView cannot bind to one.
    SetupError
        The port is taken, or pvserver or mpiexec is not installed.
    """
    if bind is not None and not can_bind(install):
        raise OptionError(
            "--bind",
            f"ParaView {install.version} listens on all interfaces and cannot be told otherwise (5.13 can): leave the "
            "option out, and keep strangers off the port by a firewall or a network of its own.",
        )
    options = [f"--server-port={port}", "--force-offscreen-rendering"]
    if client is not None:
        options += ["--reverse-connection", f"--client-host={client}"]
    elif port:
        check_port_is_free(port)
    if client is None and can_bind(install):
        options.append(f"--bind-address={bind or LOOPBACK}")
    return mpi_command(n_ranks, [str(install.program("pvserver")), *options])


def wait_until_accepting(process: ManagedProcess, timeout_s: float) -> int:
    """Wait until pvserver accepts a client.

    Returns
    -------
    int
        The port it listens on.

    Raises
    ------
    SetupError
        It ended, or `timeout_s` seconds did, before that; it is stopped.
    """
    return int(_wait_for(process, _ACCEPTING, "accept connections", timeout_s).rpartition(":")[2])


def wait_until_connected(process: ManagedProcess, client: str, timeout_s: float) -> None:
    """Wait until pvserver has reached the client that waits for it.

    Raises
    ------
    SetupError
        It ended, or `timeout_s` seconds did, before that; it is stopped.
    """
    _wait_for(process, _CONNECTED, f"reach a client at {client}", timeout_s)


def _wait_for(process: ManagedProcess, start: str, doing: str, timeout_s: float) -> str:
    line = process.wait_for_line(lambda text: text.startswith(start), timeout_s)
    if line is not None:
        return line
    ended = process.returncode is not None
    process.stop()
    if "Address already in use" in process.tail():
        raise SetupError("The port is in use by another program: name another with --port, or 0 for a free one.")
    what = "ended while it started" if ended else f"did not {doing} within {timeout_s:g} s"
    raise SetupError(f"pvserver {what}. It said:\n{process.tail()}")


def check_port_is_free(port: int) -> None:
    """See that a server can listen on a port: pvserver itself, if it cannot, ends with exit status 0.

    Raises
    ------
    SetupError
        It cannot.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            raise SetupError(f"Port {port} cannot be used ({reason}): name another, or 0 for a free one.") from error
