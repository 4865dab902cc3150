"""Time steps: the distinct values of a column of a DataFrame. All ranks ask together."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from pvdask.cluster import Cluster
from pvdask.errors import ColumnError
from pvdask.loop import Deadline
from pvdask.options import SourceOptions
from pvdask.ranks import RankGroup, agree, describe, share


def time_steps(options: SourceOptions, ranks: RankGroup, deadline: Deadline | None = None) -> tuple[float, ...]:
    """Find the time steps.

    Parameters
    ----------
    options : SourceOptions
        With a ``time_column``; the same on every rank.
    ranks : RankGroup
        All ranks call this together.
    deadline : Deadline, optional
        By when to be done; by default the connection's timeout from now.

    Returns
    -------
    tuple of float
        Distinct finite values in order, the same on every rank; seconds, where the column holds dates (since 1970, UTC) or times.

    Raises
    ------
    AgreedError
        On every rank, with the same message, where they cannot be found, or are too many.
    """
    if options.is_embedded:
        return _of_files(options, ranks)
    payload, error = None, None
    if ranks.rank == 0:
        try:
            with Cluster(options.connection, deadline) as cluster:
                payload = json.dumps(_found(cluster, _frame(cluster, options), options)).encode()
        except Exception as caught:  # whatever it is, the other ranks are waiting to hear of it
            error = describe(caught)
    return tuple(json.loads(share(ranks, payload, error)))


def nearest_step(steps: tuple[float, ...], time: float) -> float | None:
    """Find the time step that is shown at a time.

    Parameters
    ----------
    steps : tuple of float
        In order.
    time : float
        Any.

    Returns
    -------
    float or None
        The last step that is not after the time; the first where all are; None where there is none.
    """
    before = [step for step in steps if step <= time]
    return before[-1] if before else (steps[0] if steps else None)


def _frame(cluster: Cluster, options: SourceOptions) -> Any:
    from pvdask.files import open_files

    return open_files(options.files) if options.files else cluster.look_up(options.dataset)[1]


def _found(partitions: Any, frame: Any, options: SourceOptions) -> list[float]:
    """The distinct times of a frame, whose partitions a cluster or the ranks look at."""
    from pvdask import partitions as on_workers
    from pvdask.dtypes import column_infos
    from pvdask.selection import time_column
    from pvdask.tasks import is_persisted, project

    info = time_column({each.name: each for each in column_infos(frame._meta)}, options.time_column)
    if not is_persisted(frame):
        frame = project(frame, [info.name])
    found = partitions.map_partitions(frame, partial(on_workers.distinct_times, name=info.name, kind=info.kind))
    times = sorted({time for part in found for time in part})
    if len(times) > on_workers.MAXIMUM_TIMES:
        raise ColumnError(
            f"TimeColumn: the column {info.name!r} has {len(times):,} distinct values, and at most "
            f"{on_workers.MAXIMUM_TIMES:,} can be time steps; round them, or choose another column.",
            (info.name,),
        )
    return times


def _of_files(options: SourceOptions, ranks: RankGroup) -> tuple[float, ...]:
    from pvdask.embedded import EmbeddedPartitions
    from pvdask.files import open_files
    from pvdask.tasks import project

    frame, error = None, None
    try:
        frame = open_files(options.files)
        column = project(frame, [options.time_column]) if options.time_column in map(str, frame.columns) else frame
    except Exception as caught:  # whatever it is, no rank may be left waiting
        error = describe(caught)
    agree(ranks, error)
    return tuple(_found(EmbeddedPartitions(column, ranks), frame, options))
