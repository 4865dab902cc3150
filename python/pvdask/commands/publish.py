"""``pvdask publish``: read files into a Dask DataFrame on the cluster and publish it under a name."""

from __future__ import annotations

import argparse
from dataclasses import replace

from pvdask.arguments import add_scheduler, add_tls, positive_count, positive_seconds, scheduler_of
from pvdask.files import expand
from pvdask.publishing import Published, publish

HELP = "read CSV or Parquet files on the cluster and publish them as a Dask DataFrame"

EXAMPLE = "pvdask publish stars stars.csv --scheduler-file scheduler.json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("dataset", metavar="NAME", help="name to publish under")
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        help="CSV or Parquet files, folders of them or globs, as the workers see them",
    )
    add_scheduler(parser, "of the cluster (default: PVDASK_SCHEDULER_FILE, else scheduler.json)")
    parser.add_argument(
        "--partitions",
        type=positive_count,
        metavar="N",
        help="partitions to make, best one a ParaView rank (default: as many as there are workers)",
    )
    parser.add_argument("--replace", action="store_true", help="replace what is published under NAME")
    parser.add_argument(
        "--timeout", type=positive_seconds, default=60.0, metavar="S", help="seconds to find the scheduler (60)"
    )
    add_tls(parser)


def run(arguments: argparse.Namespace) -> int:
    """Publish, and print what is where.

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
        Where a file, the name or the cluster cannot be used.
    """
    paths = expand(arguments.paths)
    connection = replace(scheduler_of(arguments).with_environment(), timeout_s=arguments.timeout)
    if not connection.names_scheduler:
        connection = replace(connection, scheduler_file="scheduler.json")
    published = publish(
        connection, arguments.dataset, paths, n_partitions=arguments.partitions, replace=arguments.replace
    )
    report(published)
    return 0


def report(published: Published) -> None:
    """Print what is published and where its rows are.

    Parameters
    ----------
    published : Published
        What `publish` gave.
    """
    print(f"published {published.name!r}: {published.n_rows:,} rows in {published.n_partitions} partition(s)")
    for worker in published.workers:
        print(
            f"  worker {worker.name}: {worker.n_partitions} partition(s), {worker.n_rows:,} rows, "
            f"{worker.n_bytes / 1e6:,.1f} MB"
        )
