"""Rows by their ids: every column of the rows that points came from, whatever was projected, filtered or sampled away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from pvdask.assignment import Piece
from pvdask.cluster import Cluster
from pvdask.connection import Connection
from pvdask.errors import DatasetError, OptionError
from pvdask.loop import Deadline
from pvdask.options import PARTITION_ID_ARRAY, ROW_ID_ARRAY, SourceOptions
from pvdask.origin import Origin
from pvdask.plan import ColumnSpec, Plan
from pvdask.ranks import RankGroup, agree, describe, share
from pvdask.transfer import fetch

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Rows:
    """Rows of one rank, in the order in which they were asked for.

    Parameters
    ----------
    columns : list of numpy.ndarray
        Shape (n,) each, owned by the caller: `PARTITION_ID_ARRAY`, `ROW_ID_ARRAY`, then all columns of the frame.
    specs : tuple of ColumnSpec
        What they are.
    n_rows : int
        Rows on all ranks.
    """

    columns: list[Array]
    specs: tuple[ColumnSpec, ...]
    n_rows: int


@dataclass(frozen=True)
class Pick:
    """Rows of one partition: its index in the frame, and the rows' places in it."""

    partition: int
    rows: Array


def look_up(connection: Connection, origin: Origin, ids: Array, maximum: int, ranks: RankGroup) -> Rows:
    """Bring each rank all columns of the rows that it names.

    Parameters
    ----------
    connection : Connection
        Where the scheduler is; names none where the ranks read the files of `origin` themselves.
    origin : Origin
        Where the rows are from; the same on all ranks.
    ids : numpy.ndarray
        Shape (n, 2), int64: partition and place in it of each row that this rank wants; may be empty.
    maximum : int
        Rows on all ranks together that may be asked for.
    ranks : RankGroup
        All ranks call this together.

    Returns
    -------
    Rows
        This rank's.

    Raises
    ------
    AgreedError
        On every rank, with the same message, where anything failed on any of them: the frame is another by now, a row is not
        there, too many are asked for, the cluster fails.
    """
    order = np.argsort(ids[:, 0], kind="stable")
    wanted = [np.frombuffer(payload, "i8").reshape(-1, 2) for payload in ranks.all_gather(ids[order].tobytes())]
    n_rows = sum(map(len, wanted))
    if n_rows > maximum:  # the same on all ranks
        raise OptionError(
            "MaximumRows",
            f"the input has {n_rows:,} rows to look up, and at most {maximum:,} are; select fewer, or raise MaximumRows.",
        )
    picks = [list(_picks(array)) for array in wanted]
    is_embedded = bool(origin.files) and not (connection.scheduler_file or connection.scheduler_address)
    look = _on_ranks if is_embedded else _on_cluster
    specs, arrays = look(connection, origin, picks, ranks)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    known = [ColumnSpec(name, "number", "<i8") for name in (PARTITION_ID_ARRAY, ROW_ID_ARRAY)]
    columns = [np.ascontiguousarray(ids[:, axis]) for axis in (0, 1)]
    return Rows([*columns, *(array[back] for array in arrays)], (*known, *specs), n_rows)


def _picks(ids: Array) -> Sequence[Pick]:
    """Rows by partition; `ids` are sorted by it."""
    edges = [0, *(np.flatnonzero(np.diff(ids[:, 0])) + 1).tolist(), len(ids)] if len(ids) else []
    return [Pick(int(ids[start, 0]), ids[start:stop, 1]) for start, stop in pairwise(edges)]


def _on_cluster(
    connection: Connection, origin: Origin, picks: Sequence[Sequence[Pick]], ranks: RankGroup
) -> tuple[tuple[ColumnSpec, ...], list[Array]]:
    """The columns from the workers: rank 0 plans, every rank fetches its own."""
    deadline = Deadline(connection.timeout_s)
    payload, error = None, None
    cluster = Cluster(connection, deadline) if ranks.rank == 0 else None
    try:
        if cluster is not None:
            try:
                cluster.__enter__()
                payload = _make_plan(cluster, origin, picks).to_bytes()
            except Exception as caught:  # whatever it is, the other ranks are waiting to hear of it
                error = describe(caught)
        plan = Plan.from_bytes(share(ranks, payload, error))
        try:
            received = fetch(plan, ranks.rank, deadline, tls=connection.tls).arrays[1:]
        except Exception as caught:  # as above
            received, error = [], describe(caught)
        agree(ranks, error)
    finally:
        if cluster is not None:
            cluster.__exit__(None, None, None)
    return plan.columns, received


def _make_plan(cluster: Cluster, origin: Origin, picks: Sequence[Sequence[Pick]]) -> Plan:
    from pvdask.files import open_files
    from pvdask.planning import parts_of
    from pvdask.selection import decide_types, request_for
    from pvdask.tasks import picked

    frame = open_files(origin.files) if origin.files else cluster.look_up(origin.dataset)[1]
    _check(frame, origin, picks)
    options, chosen, nested = _everything(frame)
    flat = [pick for rank in picks for pick in rank]
    named = flat or [Pick(0, np.empty(0, "i8"))]  # with no row there are still the columns
    taken = cluster.hold(picked(frame, [(pick.partition, pick.rows) for pick in named], nested))
    specs = decide_types(cluster, taken, chosen)
    blocks = cluster.convert(taken, request_for(options, chosen, specs, send_points=False))
    edges = [0, *accumulate(map(len, picks))]
    shares = [
        [Piece(index, 0, len(flat[index].rows)) for index in range(start, stop)] for start, stop in pairwise(edges)
    ]
    return Plan(
        scheduler=cluster.address,
        frame=origin.frame,
        dataset=origin.dataset,
        positions=(),
        has_points=False,
        is_whole=True,
        point_dtype="<f4",
        columns=specs,
        total_rows=sum(len(pick.rows) for pick in flat),
        dropped_rows=0,
        ranks=parts_of(cluster, blocks, shares),
    )


def _on_ranks(
    _: Connection, origin: Origin, picks: Sequence[Sequence[Pick]], ranks: RankGroup
) -> tuple[tuple[ColumnSpec, ...], list[Array]]:
    """The columns from files, which each rank reads itself."""
    import dask

    from pvdask import columns as on_workers
    from pvdask import partitions
    from pvdask.embedded import EmbeddedPartitions
    from pvdask.files import open_files
    from pvdask.selection import decide_types, request_for

    error, frame, nested = None, None, []
    taken: list[Any] = []
    mine = picks[ranks.rank]
    try:
        frame = open_files(origin.files)
        _check(frame, origin, picks)
        nested = _everything(frame)[2]
        parts = dask.compute(*(frame.partitions[pick.partition] for pick in mine), scheduler="threads")
        taken = [partitions.pick(part, pick.rows, nested) for part, pick in zip(parts, mine, strict=True)]
    except Exception as caught:  # whatever it is, no rank may be left waiting
        error = describe(caught)
    agree(ranks, error)
    options, chosen, _nested = _everything(frame)
    specs = decide_types(EmbeddedPartitions.of(frame, ranks, taken), frame, chosen)
    request = request_for(options, chosen, specs, send_points=False)
    blocks: list[on_workers.Block] = []
    try:
        blocks = [on_workers.convert(part, request=request) for part in taken]
    except Exception as caught:  # as above
        error = describe(caught)
    agree(ranks, error)
    arrays = [
        np.concatenate([np.empty(0, spec.dtype), *(block[number + 2] for block in blocks)])
        for number, spec in enumerate(specs)
    ]
    return specs, arrays


def _check(frame: Any, origin: Origin, picks: Sequence[Sequence[Pick]]) -> None:
    """See that the frame is still the one whose rows were numbered."""
    what = f"the dataset {origin.dataset!r}" if origin.dataset else "what the files hold"
    if origin.frame and str(frame._name) != origin.frame:
        raise DatasetError(
            f"PartitionId and RowId count the rows of another DataFrame than {what} is now: it was published or written again "
            "since. Refresh the source, and select again."
        )
    partitions = [pick.partition for rank in picks for pick in rank]
    if partitions and not 0 <= min(partitions) <= max(partitions) < frame.npartitions:
        raise DatasetError(
            f"{PARTITION_ID_ARRAY} goes from {min(partitions)} to {max(partitions)}; expected 0 to {frame.npartitions - 1}, since "
            f"{what} has {frame.npartitions} partition(s). Is the array the one that the source made?"
        )


def _everything(frame: Any) -> tuple[SourceOptions, Any, list[str]]:
    """All columns of a frame as a table; those that hold nested objects, which become texts, are named besides."""
    from pvdask.dtypes import column_infos
    from pvdask.selection import Chosen

    infos = column_infos(frame._meta)
    nested = [info.name for info in infos if info.kind == "nested"]
    chosen_infos = tuple(info.as_text() if info.kind == "nested" else info for info in infos)
    names = tuple(info.name for info in infos)
    return SourceOptions(output_type="Table", columns=names), Chosen([], names, chosen_infos, None), nested
