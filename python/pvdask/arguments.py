"""Types of command-line arguments: each gives a value that can be used, or one sentence about why it cannot."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from pvdask.connection import Connection
from pvdask.tls import FOLDER_VARIABLE, TLSFiles

_UNITS = ("", "b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib")


def positive_count(text: str) -> int:
    """Parse a count of one or more.

    Raises
    ------
    argparse.ArgumentTypeError
        It is no whole number above zero.
    """
    try:
        count = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number: give one, such as 2") from None
    if count < 1:
        raise argparse.ArgumentTypeError(f"{count} is too few: give 1 or more")
    return count


def add_scheduler(parser: argparse.ArgumentParser, what_for: str) -> None:
    """Add the options that name a cluster; `scheduler_of` reads them."""
    named = parser.add_mutually_exclusive_group()
    named.add_argument("--scheduler-file", metavar="F", help=f"scheduler file {what_for}")
    named.add_argument(
        "--scheduler-address",
        metavar="A",
        help="in place of a file: the scheduler's address, such as tcp://host:8786",
    )


def scheduler_of(arguments: argparse.Namespace) -> Connection:
    """Read the options that name a cluster.

    Parameters
    ----------
    arguments : argparse.Namespace
        With what `add_scheduler` asked for.

    Returns
    -------
    Connection
        By a file, which need not be there yet, or an address, or neither.

    Raises
    ------
    OptionError
        What is given as an address is none.
    """
    file = str(Path(arguments.scheduler_file).absolute()) if arguments.scheduler_file else ""
    named = Connection(file, arguments.scheduler_address or "")
    if named.scheduler_address:
        named.address()
    return named


def add_tls(parser: argparse.ArgumentParser) -> None:
    """Add the option that names TLS files; `use_tls` has it hold."""
    parser.add_argument(
        "--tls",
        metavar="DIR",
        help="speak TLS alone, with the files of DIR as `pvdask certificates` makes them (default: PVDASK_TLS)",
    )


def use_tls(folder: str | None) -> None:
    """Have this process and those that it starts use the TLS files of a folder.

    Parameters
    ----------
    folder : str or None
        None for what the environment says.

    Raises
    ------
    InputError
        A file is missing, or cannot be used.
    """
    if folder is not None:
        os.environ[FOLDER_VARIABLE] = os.path.abspath(folder)
    TLSFiles.of_environment().check()


def frame_count(text: str) -> int | str:
    """Parse a count of frames of one or more, or ``all``.

    Raises
    ------
    argparse.ArgumentTypeError
        It is neither.
    """
    return text if text == "all" else positive_count(text)


def port_number(text: str) -> int:
    """Parse a TCP port, or 0 for one that the system picks.

    Raises
    ------
    argparse.ArgumentTypeError
        It is none.
    """
    if not (text.isascii() and text.isdecimal()) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number up to 65535, or 0 for a free one")
    return int(text)


def host_and_port(text: str) -> tuple[str, int]:
    """Parse ``HOST:PORT``.

    Raises
    ------
    argparse.ArgumentTypeError
        It is none.
    """
    host, _, port = text.rpartition(":")
    if not host or host.startswith("-") or re.search(r"[\s/@]", host):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address: give HOST:PORT, such as 127.0.0.1:11111")
    return host.strip("[]"), port_number(port)


def memory_limit(text: str) -> str:
    """Check the memory limit of a worker, and leave it as it is written, which is how dask-mpi wants it.

    Raises
    ------
    argparse.ArgumentTypeError
        It is neither ``auto``, nor a fraction of the machine's memory, nor a size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    is_size = match is not None and match[2] in _UNITS and float(match[1]) > 0
    if text != "auto" and not is_size:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a memory limit: give a size such as 2GB, a fraction of this machine's memory "
            "such as 0.4, or auto"
        )
    return text


def picture_size(text: str) -> tuple[int, int]:
    """Parse a size in pixels, ``WIDTHxHEIGHT``.

    Raises
    ------
    argparse.ArgumentTypeError
        It is none, or larger than 16384 on a side.
    """
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (0 < width <= 16384 and 0 < height <= 16384):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: give WIDTHxHEIGHT in pixels, such as 1920x1080")
    return width, height


def positive_seconds(text: str) -> float:
    """Parse a time above zero, in seconds.

    Raises
    ------
    argparse.ArgumentTypeError
        It is none.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: give seconds above 0, such as 60")
    return seconds
