"""``pvdask view``: a page in which a published DataFrame is looked at, drawn on MPI ranks."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from pathlib import Path

from pvdask.arguments import add_scheduler, port_number, positive_count, scheduler_of
from pvdask.errors import InputError, OptionError
from pvdask.scene import host_and_port
from pvdask.scene.engine import Engine, Place
from pvdask.view.app import Settings, check_packages, check_port, serve
from pvdask.view.doorkeeper import is_loopback

HELP = "serve a page in which a published DataFrame is looked at, drawn on MPI ranks"

EXAMPLE = "pvdask view --scheduler-file scheduler.json --dataset stars -n 4"

TOKEN_VARIABLE = "PVDASK_VIEW_TOKEN"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_scheduler(parser, "of the cluster (default: PVDASK_SCHEDULER_FILE)")
    parser.add_argument(
        "--dataset", metavar="NAME", help="what to show at first (default: the first that is published)"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "-n",
        "--ranks",
        dest="n_ranks",
        type=positive_count,
        default=1,
        metavar="RANKS",
        help="MPI ranks to draw on (1)",
    )
    where.add_argument("--connect", metavar="HOST:PORT", help="draw on a pvserver that runs already")
    parser.add_argument("--state", type=Path, metavar="S.pvsm", help="a state that ParaView saved, to show at first")
    parser.add_argument(
        "--port", type=port_number, default=8080, metavar="P", help="of the page, 0 for a free one (8080)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="H",
        help=f"address to listen on (127.0.0.1); any but loopback asks visitors for a token ({TOKEN_VARIABLE}, or a new one)",
    )  # fmt: skip
    parser.add_argument(
        "--compiled-plugins", action="store_true",
        help="with --connect: load the compiled Opaque Gaussian, as the pvserver does that was started with this option",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C or SIGTERM.

    Parameters
    ----------
    arguments : argparse.Namespace
        What `configure` asked for.

    Returns
    -------
    int
        0.

    Raises
    ------
    PvdaskError
        It cannot be served, with the reason.
    """
    check_packages()
    check_port(arguments.host, arguments.port)
    settings = _settings(arguments)
    server = host_and_port(arguments.connect) if arguments.connect else None
    place = Place(arguments.n_ranks, server, compiled=True if arguments.compiled_plugins else None)
    show = os.environ.get("PVDASK_LOG", "").lower() == "debug"
    with Engine(place, on_line=(lambda line: print(line, file=sys.stderr)) if show else None) as engine:
        serve(engine, settings, lambda port: _announce(settings, port))
    print("pvdask: stopped, with all that it had started", file=sys.stderr, flush=True)
    return 0


def _settings(arguments: argparse.Namespace) -> Settings:
    start: dict[str, str] = {}
    named = scheduler_of(arguments)
    if named.names_scheduler:
        start |= {"scheduler_file": named.scheduler_file, "scheduler_address": named.scheduler_address}
    elif not named.with_environment().names_scheduler:
        raise OptionError(
            "--scheduler-file",
            "no cluster is named: give the file that `pvdask cluster` wrote, a --scheduler-address, or set PVDASK_SCHEDULER_FILE.",
        )
    if arguments.dataset:
        start["dataset"] = arguments.dataset
    state = b""
    if arguments.state is not None:
        try:
            state = arguments.state.read_bytes()
        except OSError as error:
            raise InputError(f"The state file {arguments.state} cannot be read ({error.strerror}).") from None
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token and not is_loopback(arguments.host):
        token = secrets.token_urlsafe(24)
    return Settings(arguments.host, arguments.port, token, start, state)


def _announce(settings: Settings, port: int) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    path = f"?token={settings.token}" if settings.token else ""
    print("pvdask: open this address in a browser; stop with Ctrl-C", file=sys.stderr, flush=True)
    print(f"ready: http://{host}:{port}/{path}", flush=True)
