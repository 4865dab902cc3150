"""``pvdask doctor``: see that everything that is needed is there and fits together, and what to do where it does not."""

from __future__ import annotations

import argparse
from pathlib import Path

from pvdask.arguments import add_tls
from pvdask.errors import PvdaskError
from pvdask.launch import Stack
from pvdask.launch.health import Check, cluster_checks, local_checks

HELP = "see that ParaView, MPI, the packages and the plugin fit together"

EXAMPLE = "pvdask doctor --scheduler-file scheduler.json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--scheduler-file", type=Path, metavar="F", help="look at the cluster of this scheduler file as well"
    )
    add_tls(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check everything, a line each as it is known.

    Parameters
    ----------
    arguments : argparse.Namespace
        What `configure` asked for.

    Returns
    -------
    int
        0 if all is well, else 1.
    """
    all_well = True
    with Stack() as stack:
        for check in local_checks(stack):
            all_well &= _show(check)
        if arguments.scheduler_file is not None:
            for check in cluster_checks(arguments.scheduler_file):
                all_well &= _show(check)
    return 0 if all_well else 1


def _show(check: Check) -> bool:
    try:
        finding = check.look()
    except PvdaskError as error:
        print(f"✗ {check.title}: {error}", flush=True)
        return False
    print(f"✓ {check.title}: {finding}", flush=True)
    return True
