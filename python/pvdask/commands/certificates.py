"""``pvdask certificates``: a set of TLS files for tests and trials."""

from __future__ import annotations

import argparse
from pathlib import Path

from pvdask.arguments import positive_count
from pvdask.certificates import write_certificates

HELP = "make TLS certificates for a cluster and its users, for tests and trials"

EXAMPLE = "pvdask certificates tls"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder to make; must be new or empty")
    parser.add_argument("--days", type=positive_count, default=30, metavar="N", help="days they are valid (30)")


def run(arguments: argparse.Namespace) -> int:
    """Write the files.

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
        Where they cannot be written.
    """
    write_certificates(arguments.folder, arguments.days)
    print(f"wrote {arguments.folder}: ca.pem, certificate.pem and key.pem, valid for {arguments.days} days")
    print(
        f"use them with: pvdask cluster --tls {arguments.folder} ..., and PVDASK_TLS={arguments.folder} for all that connects"
    )
    return 0
