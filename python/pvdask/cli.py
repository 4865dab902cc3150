"""The ``pvdask`` command: finds the module of a subcommand, and tells an error in one sentence."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from types import ModuleType

from pvdask import log
from pvdask.arguments import use_tls
from pvdask.errors import PvdaskError
from pvdask.version import __version__

COMMANDS = ("demo", "catalog", "cluster", "publish", "render", "view", "server", "gui", "certificates", "doctor")
"""In the order in which a newcomer needs them; each is a module of `pvdask.commands`."""

INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """Make the parser of all commands.

    Returns
    -------
    argparse.ArgumentParser
        Its namespace has ``command``, the module to run.
    """
    top = argparse.ArgumentParser(
        prog="pvdask",
        description="See a Dask DataFrame in ParaView: every rank pulls its own partitions straight from the workers.",
        epilog="`pvdask COMMAND --help` tells more about one.",
    )
    top.add_argument("--version", action="version", version=f"pvdask {__version__}")
    commands = top.add_subparsers(dest="name", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = _module(name)
        sub = commands.add_parser(
            name,
            help=module.HELP,
            description=module.HELP[0].upper() + module.HELP[1:] + ".",
            epilog=f"example:\n  {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(sub)
        sub.set_defaults(command=module)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line without the program's name.

    Returns
    -------
    int
        Exit status: 0 for done, 1 for an error that was told, 130 after Ctrl-C. argparse exits with 2 by itself.
    """
    try:
        namespace = parser().parse_args(arguments)
        if (
            signal.getsignal(signal.SIGINT) is signal.SIG_DFL
        ):  # so far there was nothing to clean up, see `pvdask.__main__`
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if isinstance(sys.stdout, io.TextIOWrapper):
            # in a pipe, lines would come long after those of standard error
            sys.stdout.reconfigure(line_buffering=True)
        use_tls(getattr(namespace, "tls", None))
        return int(namespace.command.run(namespace))
    except PvdaskError as error:
        print(f"pvdask: error: {error}", file=sys.stderr)
        if log.is_on():
            raise
        return 1
    except KeyboardInterrupt:
        print("pvdask: interrupted; nothing is left running", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"pvdask.commands.{name}")
