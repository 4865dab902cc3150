"""``pvdask demo``: the whole way, from a catalogue of stars to a picture made by several ranks."""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path

from pvdask.arguments import positive_count
from pvdask.commands.publish import report as report_published
from pvdask.commands.render import report as report_rendered
from pvdask.connection import Connection
from pvdask.errors import InputError
from pvdask.files import expand
from pvdask.launch import ParaViewInstall, Stack, find_paraview
from pvdask.launch.layout import project_layout
from pvdask.publishing import publish
from pvdask.rendering import BY_RANK, RenderJob, render

HELP = "catalogue, cluster, published DataFrame, picture: the whole way, to demo/stars.png"

EXAMPLE = "pvdask demo --input mine.csv --x X --y Y --z Z --color-by mass"

DATASET = "stars"
STATE_COLUMN = "plx[mas]"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--input", metavar="FILE.csv", help="your own table (CSV or Parquet) in place of a synthetic catalogue"
    )
    parser.add_argument("--rows", type=positive_count, default=200_000, metavar="N", help="stars to make (200000)")
    parser.add_argument("--workers", type=positive_count, default=2, metavar="N", help="Dask workers (2)")
    parser.add_argument(
        "-n", "--ranks", dest="n_ranks", type=positive_count, default=2, metavar="RANKS", help="MPI ranks (2)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("demo"), metavar="FOLDER", help="where pictures go (demo)"
    )
    for axis in "xyz":
        parser.add_argument(f"--{axis}", metavar="COLUMN", help=f"column of {axis} (default: guessed from the names)")
    parser.add_argument("--color-by", metavar="COLUMN", help="column to colour by (default: the first numeric one)")


def run(arguments: argparse.Namespace) -> int:
    """Make both pictures, and leave nothing running.

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
        Where a step fails, with the reason.
    """
    started = time.monotonic()
    inputs = expand([arguments.input]) if arguments.input else []
    install = find_paraview()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with Stack() as stack:
        if not inputs:
            inputs = [str(_make_catalog(stack, arguments.rows))]
        print(f"starting a dask-mpi cluster: 1 scheduler, {arguments.workers} workers")
        cluster = stack.start_cluster(arguments.workers)
        connection = Connection(str(cluster.scheduler_file))
        published = publish(connection, DATASET, inputs, n_partitions=arguments.n_ranks)
        report_published(published)
        jobs = _jobs(arguments, connection)
        for job in jobs:
            _draw(stack, install, arguments.n_ranks, job)
    print(f"done in {time.monotonic() - started:.0f} s; nothing is left running")
    return 0


def _make_catalog(stack: Stack, n_rows: int) -> Path:
    from pvdask.catalog import write_catalog
    from pvdask.progress import Progress

    path = stack.folder / "catalog.csv"
    with Progress("making a catalogue", n_rows, unit="stars") as progress:
        write_catalog(path, n_rows, on_progress=progress.advance)
    return path


def _jobs(arguments: argparse.Namespace, connection: Connection) -> list[RenderJob]:
    color = arguments.color_by
    overrides = {"SchedulerFile": connection.scheduler_file, "Dataset": DATASET}
    state = project_layout().examples / "gaia" / "gaia.pvsm"
    if arguments.input:
        chosen = _choose_columns(arguments, connection)
        overrides |= dict(zip(("XColumn", "YColumn", "ZColumn"), chosen[:3], strict=True))
        color = color or chosen[3]
    job = partial(RenderJob, state, overrides=overrides, frame_data=bool(arguments.input), fit_radius=True)
    return [
        job(output=arguments.output / "stars.png", color_by=color),
        job(output=arguments.output / "ranks.png", color_by=BY_RANK),
    ]


def _choose_columns(arguments: argparse.Namespace, connection: Connection) -> tuple[str, str, str, str | None]:
    """The position columns and one to colour by; the guesses are said."""
    from pvdask.catalogue import look_around
    from pvdask.ranks import SerialRanks

    catalogue = look_around(connection, DATASET, SerialRanks())
    guessed = catalogue.guess() or ("", "", "")
    chosen = [getattr(arguments, axis) or guess for axis, guess in zip("xyz", guessed, strict=True)]
    if not all(chosen):
        names = ", ".join(repr(name) for name, _ in catalogue.columns)
        raise InputError(
            f"{arguments.input}: no columns of x, y and z could be guessed; name them with --x, --y and --z out of {names}."
        )
    others = [name for name, is_on in catalogue.offered() if is_on and name not in chosen]
    default = STATE_COLUMN if STATE_COLUMN in others else next(iter(others), chosen[2])
    print(f"positions: {', '.join(chosen)}; colour: {arguments.color_by or default}")
    return chosen[0], chosen[1], chosen[2], None if default == STATE_COLUMN else default


def _draw(stack: Stack, install: ParaViewInstall, n_ranks: int, job: RenderJob) -> None:
    print(f"drawing {job.output.name} on {n_ranks} ranks")
    outcome = render(stack, install, n_ranks, job, timeout_s=1800)
    report_rendered(outcome)
    print(f"wrote {job.output}")
