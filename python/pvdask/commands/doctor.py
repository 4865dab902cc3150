"""``pvdask doctor``: see that everything that is needed is there and fits together, and what to do where it does not."""

from __future__ import annotations

import argparse
from pathlib import Path

from pvdask.arguments import add_scheduler, add_tls, scheduler_of
from pvdask.error_report import check_new, write_report
from pvdask.errors import PvdaskError
from pvdask.launch import Stack
from pvdask.launch.health import Check, cluster_checks, local_checks

HELP = "see that ParaView, MPI, the packages and the plugin fit together"

EXAMPLE = "pvdask doctor --scheduler-file scheduler.json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_scheduler(parser, "of a cluster to look at as well")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="also write what was found to a new file, to attach to an issue"
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
    if arguments.report is not None:
        check_new(arguments.report)
    results = []
    with Stack() as stack:
        for check in local_checks(stack):
            results.append(_show(check))
        named = scheduler_of(arguments)
        if named.names_scheduler:
            for check in cluster_checks(named):
                results.append(_show(check))
    if arguments.report is not None:
        write_report(arguments.report, [line for _, line in results])
        print(f"wrote {arguments.report}: read it before you attach it to an issue")
    return 0 if all(is_well for is_well, _ in results) else 1


def _show(check: Check) -> tuple[bool, str]:
    try:
        is_well, line = True, f"✓ {check.title}: {check.look()}"
    except PvdaskError as error:
        is_well, line = False, f"✗ {check.title}: {error}"
    print(line, flush=True)
    return is_well, line
