"""``pvdask server``: run pvserver with the plugin until its client leaves or it is stopped."""

from __future__ import annotations

import argparse
import sys

from pvdask.arguments import add_scheduler, add_tls, host_and_port, port_number, positive_count, scheduler_of
from pvdask.errors import OptionError, SetupError
from pvdask.launch import ServerHandle, Stack, find_paraview
from pvdask.launch.paraview_install import ParaViewInstall
from pvdask.launch.server_process import can_bind

HELP = "run pvserver with the plugin on MPI ranks in the foreground"

EXAMPLE = "pvdask server -n 4 --port 11111"

_INTERRUPTED = 130
_PARAVIEW_PORT = 11111


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "-n", "--ranks", dest="n_ranks", type=positive_count, required=True, metavar="RANKS", help="MPI ranks"
    )
    parser.add_argument(
        "--port", type=port_number, metavar="P",
        help=f"port to listen on, 0 for a free one (default: {_PARAVIEW_PORT})",
    )  # fmt: skip
    parser.add_argument(
        "--bind", metavar="HOST",
        help="address to listen on, from ParaView 5.13 on (default: 127.0.0.1; 5.11 listens on all interfaces)",
    )  # fmt: skip
    parser.add_argument(
        "--connect-to", type=host_and_port, metavar="HOST:PORT",
        help="reverse connection: listen on no port, but connect to a ParaView that waits for its server there",
    )  # fmt: skip
    add_scheduler(parser, "that a new Dask DataFrame Source takes where none is named")
    parser.add_argument(
        "--compiled-plugins", action="store_true",
        help="load the compiled Opaque Gaussian as well; a client that does not load it, too, aborts (ParaView 5.11)",
    )  # fmt: skip
    parser.add_argument(
        "--quiet",
        action="store_true",
        help="say nothing but errors, as is right for what ParaView's Connect dialog starts",
    )
    add_tls(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the server until its client leaves, Ctrl-C or SIGTERM.

    Parameters
    ----------
    arguments : argparse.Namespace
        What `configure` asked for.

    Returns
    -------
    int
        0 once it ran; 130 if it was stopped before it was ready.

    Raises
    ------
    OptionError
        An address to listen on is named, and this ParaView listens on all; or together with a client to connect to.
    SetupError
        ParaView cannot be used, the port is taken, or the server failed.
    """
    if arguments.connect_to and (arguments.port is not None or arguments.bind):
        raise OptionError(
            "--connect-to", "a server that connects to its client listens on no port: leave --port and --bind out."
        )
    install = find_paraview()
    ready = stopping = False

    def show(line: str) -> None:
        # before it is ready it names a host and port of its own that may be wrong
        if ready and not stopping and not arguments.quiet:
            print(line, file=sys.stderr, flush=True)

    try:
        with Stack(on_line=show) as stack:
            try:
                server = _start(stack, install, arguments)
                ready = True
                if not arguments.quiet:
                    _announce(server, install, arguments)
                _wait(server)
            finally:
                stopping = True  # ParaView writes a stack trace for every rank that is asked to end
    except (KeyboardInterrupt, SystemExit):
        if not arguments.quiet:
            print("pvdask: stopped, with all that it had started", file=sys.stderr, flush=True)
        return 0 if ready else _INTERRUPTED
    if not arguments.quiet:
        print("pvdask: the client left, and the server ended", file=sys.stderr, flush=True)
    return 0


def _start(stack: Stack, install: ParaViewInstall, arguments: argparse.Namespace) -> ServerHandle:
    client, port = arguments.connect_to or (None, _PARAVIEW_PORT if arguments.port is None else arguments.port)
    return stack.start_server(
        install,
        arguments.n_ranks,
        port,
        bind=arguments.bind,
        client=client,
        compiled=arguments.compiled_plugins,
        env=scheduler_of(arguments).scheduler_environment(),
    )


def _announce(server: ServerHandle, install: ParaViewInstall, arguments: argparse.Namespace) -> None:
    """Tell how to reach the server; the line ``ready:`` is the last, since whoever waits for it may stop us at once."""
    if arguments.connect_to:
        print(f"ready: pvserver on {arguments.n_ranks} rank(s), connected to {server.host}:{server.port}", flush=True)
        return
    host = arguments.bind or server.host
    hints = [
        f"in ParaView: File > Connect, a server of type Client / Server, host {host}, port {server.port}",
        f'in Python: paraview.simple.Connect("{host}", {server.port})',
        f"from another machine: ssh -L {server.port}:127.0.0.1:{server.port} <this host>, then as above",
    ]
    if not can_bind(install):
        hints.append(
            f"ParaView {install.version} listens on all interfaces and asks nobody who they are: "
            f"see that a firewall keeps strangers off port {server.port}"
        )
    for hint in hints:
        print(f"pvdask: {hint}", file=sys.stderr, flush=True)
    print(f"ready: pvserver on {arguments.n_ranks} rank(s) at {host}:{server.port}", flush=True)


def _wait(server: ServerHandle) -> None:
    status = server.process.wait()
    if status != 0:
        raise SetupError(f"pvserver failed (exit status {status}). It said last:\n{server.process.tail()}")
