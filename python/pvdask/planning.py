"""Rank 0's part of a pull: have the arrays made on the workers, and share them out to the ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pvdask.assignment import Piece, assign
from pvdask.cache import ColumnCache
from pvdask.cluster import Blocks, Cluster
from pvdask.files import open_files
from pvdask.options import SourceOptions
from pvdask.parquet import push_down
from pvdask.plan import Part, Plan
from pvdask.selection import choose_columns, decide_types, request_for
from pvdask.tasks import is_persisted, project


def make_plan(
    cluster: Cluster, options: SourceOptions, n_ranks: int, cache: ColumnCache, missing: Sequence[str] | None
) -> Plan:
    """Have the arrays made and share them out; on rank 0 alone.

    Parameters
    ----------
    cluster : Cluster
        Connected; it holds the arrays until it is left.
    options : SourceOptions
        What to pull.
    n_ranks : int
        Ranks to share it out to.
    cache : ColumnCache
        What the ranks have.
    missing : sequence of str or None
        The columns that they have not; None where they have nothing of these rows.

    Returns
    -------
    Plan
        For all ranks. It is for the missing columns alone where the rows are still those that the ranks have, and for
        everything otherwise.

    Raises
    ------
    ColumnError, DatasetError, ExpressionError, ClusterError
        Where there is nothing to plan.
    """
    dataset, frame = ("", open_files(options.files)) if options.files else cluster.look_up(options.dataset)
    identity = str(frame._name)
    if missing is not None and identity == cache.origin.frame:
        n_dropped = cache.counts[1]
        plan = _plan(cluster, dataset, frame, options, n_ranks, missing, positions_matter=bool(n_dropped))
        if plan.layout() == cache.layout:
            return plan
    return _plan(cluster, dataset, frame, options, n_ranks, None)


def _plan(
    cluster: Cluster,
    dataset: str,
    frame: Any,
    options: SourceOptions,
    n_ranks: int,
    missing: Sequence[str] | None,
    positions_matter: bool = True,
) -> Plan:
    """Plan the columns that are missing, or everything where that is None.

    Positions matter where they are sent, and where rows are dropped for them; elsewhere the workers need not look at them.
    """
    identity = str(frame._name)
    chosen = choose_columns(frame, options, missing)
    if not is_persisted(frame):
        if chosen.expression and not options.numbers_rows:
            frame = push_down(frame, chosen.expression.tree)
        if chosen.is_open:  # the rows are needed twice, and must not be computed twice
            frame = cluster.hold(project(frame, chosen.read()))
    specs = decide_types(cluster, frame, chosen)
    request = request_for(options, chosen, specs, send_points=missing is None)
    if not positions_matter:
        request["positions"] = []
    blocks = cluster.convert(frame, request)
    shares = assign([rows for rows, *_ in blocks.counts], n_ranks)
    return Plan(
        scheduler=cluster.address,
        frame=identity,
        dataset=dataset,
        positions=tuple(chosen.positions),
        has_points=missing is None and not options.is_table,
        is_whole=missing is None,
        point_dtype=request["point_dtype"],
        columns=specs,
        total_rows=sum(rows for _, rows, *_ in blocks.counts),
        dropped_rows=sum(dropped for *_, dropped, _ in blocks.counts),
        ranks=parts_of(cluster, blocks, shares),
    )


def parts_of(cluster: Cluster, blocks: Blocks, shares: Sequence[Sequence[Piece]]) -> tuple[tuple[Part, ...], ...]:
    """Tell where each rank's parts are; partitions that are cut are cut on the workers.

    Parameters
    ----------
    cluster : Cluster
        Connected.
    blocks : Blocks
        What `Cluster.convert` made.
    shares : sequence of sequence of Piece
        Shape (n_ranks,): the pieces of each rank.

    Returns
    -------
    tuple of tuple of Part
        Shape (n_ranks,).
    """
    pieces = [piece for share in shares for piece in share]
    whole = [piece for piece in pieces if piece.n_rows == blocks.counts[piece.partition][0]]
    to_cut = [piece for piece in pieces if piece.n_rows != blocks.counts[piece.partition][0]]
    cut_keys = cluster.cut([(blocks.keys[piece.partition], piece.start, piece.stop) for piece in to_cut])
    keys = {piece: blocks.keys[piece.partition] for piece in whole} | dict(zip(to_cut, cut_keys, strict=True))
    where = cluster.who_has(list(keys.values())) if keys else {}

    def part(piece: Piece) -> Part:
        rows, _, _, n_bytes = blocks.counts[piece.partition]
        key = keys[piece]
        return Part(key, where[key], piece.n_rows, n_bytes * piece.n_rows // rows, piece.partition, piece.start)

    return tuple(tuple(part(piece) for piece in share) for share in shares)
