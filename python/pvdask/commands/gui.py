"""``pvdask gui``: open ParaView with the plugin, alone, on a server of its own, or on one that runs already."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from pvdask.arguments import add_scheduler, host_and_port, positive_count, scheduler_of
from pvdask.errors import OptionError, SetupError
from pvdask.launch import ParaViewInstall, Stack, find_paraview
from pvdask.launch.display import answering_display
from pvdask.launch.layout import help_plugin, project_layout, write_plugin_config

HELP = "open ParaView with the plugin"

EXAMPLE = "pvdask gui --connect 127.0.0.1:11111"

START_SCRIPT = Path(__file__).parents[1] / "scripts" / "gui_start.py"
_INTERRUPTED = 130


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    server = parser.add_mutually_exclusive_group()
    server.add_argument(
        "--connect", type=host_and_port, metavar="HOST:PORT", help="pvserver to connect to, as pvdask server prints it"
    )
    server.add_argument(
        "-n", "--ranks", dest="n_ranks", type=positive_count, metavar="RANKS",
        help="start a pvserver on that many MPI ranks of this machine, and end it with ParaView",
    )  # fmt: skip
    add_scheduler(parser, "that a new Dask DataFrame Source takes where none is named")
    parser.add_argument(
        "--compiled-plugins", action="store_true",
        help="load the compiled Opaque Gaussian, as -n does; a server that ParaView connects to has to have loaded it, too",
    )  # fmt: skip
    parser.add_argument(
        "arguments",
        nargs="*",
        metavar="ARGUMENT",
        help="for ParaView itself: a state file, a data file, or options after --",
    )


def run(arguments: argparse.Namespace) -> int:
    """Open ParaView and wait until it is closed.

    Parameters
    ----------
    arguments : argparse.Namespace
        What `configure` asked for.

    Returns
    -------
    int
        ParaView's exit status; 130 after Ctrl-C.

    Raises
    ------
    OptionError
        A scheduler file is named for a server that runs already.
    SetupError
        There is no display, or ParaView cannot be used.
    """
    if arguments.connect and scheduler_of(arguments).names_scheduler:
        raise OptionError(
            "--scheduler-file", "it is the server that reads the file: name it where you start `pvdask server`."
        )
    if not answering_display():
        raise SetupError(
            "ParaView opens windows, and no X display answers: run this on a desktop, or through `ssh -X`; without a display, "
            "`pvdask render` writes pictures."
        )
    install = find_paraview()
    try:
        with Stack() as stack:
            command, environment = command_line(stack, install, arguments)
            paraview = stack.start(command, env=environment, name="paraview", keep_lines=400, on_line=_show)
            return paraview.wait()
    except (KeyboardInterrupt, SystemExit):
        print("pvdask: stopped, with all that it had started", file=sys.stderr, flush=True)
        return _INTERRUPTED


def command_line(
    stack: Stack, install: ParaViewInstall, arguments: argparse.Namespace
) -> tuple[list[str], dict[str, str]]:
    """How ParaView is started; starts its server first, where one is asked for.

    Parameters
    ----------
    stack : Stack
        Owns the server and the temporary files.
    install : ParaViewInstall
        The ParaView to open.
    arguments : argparse.Namespace
        What `configure` asked for.

    Returns
    -------
    command : list of str
        Program and arguments.
    environment : dict of str to str
        Its environment. ``pvdask`` is on its PATH, for the server configurations in `examples/servers`.
    """
    named = scheduler_of(arguments).scheduler_environment()
    # ParaView takes what follows an option of files for more of them, so that arguments come first. It takes a script or other
    # files, not both.
    command = [str(install.program("paraview")), *arguments.arguments]
    if all(word.startswith("-") and not word.startswith(("--s", "--d")) for word in arguments.arguments):
        command.append(f"--script={START_SCRIPT}")
    command += [f"--servers-file={path}" for path in sorted((project_layout().examples / "servers").glob("*.pvsc"))]
    address = arguments.connect
    # A server that runs already, or that the Connect dialog starts, may lack what is compiled; one that is started here has it.
    compiled = bool(arguments.compiled_plugins or arguments.n_ranks)
    if arguments.n_ranks:
        server = stack.start_server(install, arguments.n_ranks, compiled=compiled, env=named)
        address = (server.host, server.port)
    if address:
        command.append(f"--server-url=cs://{address[0]}:{address[1]}")
    environment = {**stack.environment(install, compiled=compiled), **named}
    pages = write_plugin_config(help_plugin(project_layout()), stack.folder / "pvdask-help.xml")
    environment["PV_PLUGIN_CONFIG_FILE"] += f"{os.pathsep}{pages}"
    environment["PATH"] = f"{_command_folder(stack.folder)}:{environment.get('PATH', '')}"
    return command, environment


def _command_folder(workdir: Path) -> Path:
    """A folder whose one program is this very ``pvdask``."""
    folder = workdir / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "pvdask"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pvdask "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return folder


def _show(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
