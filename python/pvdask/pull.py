"""The use case: options, a cluster and ranks in; one block of arrays a rank out. All ranks call these together."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pvdask.cluster import Cluster
from pvdask.errors import DatasetError
from pvdask.loop import Deadline
from pvdask.options import Connection, SourceOptions
from pvdask.plan import Part, Plan
from pvdask.positions import best_first, guess_positions
from pvdask.ranks import RankGroup, agree, share
from pvdask.transfer import Received, fetch


@dataclass(frozen=True)
class Catalogue:
    """What there is to choose from; the same on every rank.

    Parameters
    ----------
    datasets : tuple of str
        Names of what is published.
    dataset : str
        The one that is looked at; empty where none is.
    columns : tuple of (str, str)
        Display name and kind (see `pvdask.dtypes`) of each column of `dataset`.
    """

    datasets: tuple[str, ...] = ()
    dataset: str = ""
    columns: tuple[tuple[str, str], ...] = ()

    def guess(self) -> tuple[str, str, str] | None:
        """The columns of x, y and z, as far as names tell.

        Returns
        -------
        tuple of str or None
            See `pvdask.positions.guess_positions`.
        """
        return guess_positions(self._numeric())

    def position_choices(self, axis: int) -> list[str]:
        """What the drop-down of one axis offers.

        Parameters
        ----------
        axis : int
            0, 1 or 2.

        Returns
        -------
        list of str
            Display names of the numeric columns, the best guess first.
        """
        guess = self.guess()
        return best_first(self._numeric(), guess[axis] if guess else None)

    def offered(self) -> list[tuple[str, bool]]:
        """What the array selection offers.

        Returns
        -------
        list of (str, bool)
            Display name of each column that an array can hold, and whether it is on by default: numeric columns are, but
            not the guessed positions.
        """
        numeric = self._numeric()
        positions = self.guess() or ()
        return [(name, name in numeric and name not in positions) for name, kind in self.columns if kind != "nested"]

    def _numeric(self) -> list[str]:
        return [name for name, kind in self.columns if kind in ("number", "boolean", "decimal")]


@dataclass(frozen=True)
class Pulled:
    """One rank's share, and the sums over all ranks.

    Parameters
    ----------
    plan : Plan
        What was planned; it tells the columns of `received`.
    received : Received
        This rank's arrays.
    reports : tuple of dict
        Shape (n_ranks,): rows, bytes, path and partitions of each rank.
    """

    plan: Plan
    received: Received
    reports: tuple[dict[str, Any], ...]

    def total(self, name: str) -> int:
        """Add up one figure of the reports.

        Parameters
        ----------
        name : str
            ``rows``, ``bytes_received`` or ``bytes_copied``.

        Returns
        -------
        int
            Over all ranks.
        """
        return sum(int(report[name]) for report in self.reports)

    def figures(self) -> dict[str, int]:
        """What the information properties show.

        Returns
        -------
        dict of str to int
            Sums over all ranks.
        """
        sums = {name: self.total(name) for name in ("rows", "bytes_received", "bytes_copied")}
        return {"total_rows": self.plan.total_rows, "dropped_rows": self.plan.dropped_rows, **sums}

    def summary(self) -> str:
        """What the status shows.

        Returns
        -------
        str
            One sentence.
        """
        figures = self.figures()
        dropped = f", {figures['dropped_rows']:,} dropped (no finite position)" if figures["dropped_rows"] else ""
        return (
            f"{figures['rows']:,} of {figures['total_rows']:,} rows on {len(self.reports)} rank(s){dropped}; "
            f"{figures['bytes_received'] / 1e6:,.1f} MB received"
        )


def look_around(connection: Connection, dataset: str, ranks: RankGroup) -> Catalogue:
    """Find out what is published, and the columns of one dataset.

    Parameters
    ----------
    connection : Connection
        Where the scheduler is.
    dataset : str
        The dataset to look at; empty for the only one, if there is only one.
    ranks : RankGroup
        All ranks call this; rank 0 alone asks.

    Returns
    -------
    Catalogue
        The same on every rank; without columns where `dataset` is not published.

    Raises
    ------
    AgreedError
        On every rank, where rank 0 could not ask.
    """
    payload, error = None, None
    if ranks.rank == 0:
        try:
            payload = json.dumps(_look_around(connection, dataset)).encode()
        except Exception as caught:  # whatever it is, the other ranks are waiting to hear of it
            error = caught
    datasets, name, columns = json.loads(share(ranks, payload, error))
    return Catalogue(tuple(datasets), name, tuple((column, kind) for column, kind in columns))


def pull(options: SourceOptions, ranks: RankGroup, on_progress: Callable[[float], None] | None = None) -> Pulled:
    """Bring each rank its share of the DataFrame.

    Parameters
    ----------
    options : SourceOptions
        The same on every rank.
    ranks : RankGroup
        All ranks call this together.
    on_progress : callable, optional
        Called with the share, 0 to 1, of this rank's bytes that has come.

    Returns
    -------
    Pulled
        The arrays belong to the caller.

    Raises
    ------
    AgreedError
        On every rank, with the same message, where anything failed on any of them.
    """
    deadline = Deadline(options.connection.timeout_s)
    cluster = Cluster(options.connection, deadline) if ranks.rank == 0 else None
    try:
        payload, error = None, None
        if cluster is not None:
            try:
                cluster.__enter__()
                payload = make_plan(cluster, options, ranks.size).to_bytes()
            except Exception as caught:  # whatever it is, the other ranks are waiting to hear of it
                error = caught
        plan = Plan.from_bytes(share(ranks, payload, error))
        return _fetch_and_agree(plan, ranks, deadline, on_progress)
    finally:
        if cluster is not None:
            cluster.__exit__(None, None, None)


def _fetch_and_agree(
    plan: Plan, ranks: RankGroup, deadline: Deadline, on_progress: Callable[[float], None] | None
) -> Pulled:
    received, error, report = None, None, {}
    started = time.monotonic()
    try:
        received = fetch(plan, ranks.rank, deadline, on_progress)
        report = {
            "rows": len(received.arrays[0]),
            "bytes_received": received.bytes_received,
            "bytes_copied": received.bytes_copied,
            "path": received.path,
            "partitions": sorted(received.partitions),
            "seconds": round(time.monotonic() - started, 4),
        }
    except Exception as caught:  # whatever it is, no rank may be left waiting
        error = caught
    reports = agree(ranks, error, report)
    assert received is not None
    return Pulled(plan, received, tuple(reports))


def _look_around(connection: Connection, dataset: str) -> tuple[list[str], str, list[tuple[str, str]]]:
    from pvdask.dtypes import column_infos

    with Cluster(connection) as cluster:
        datasets = cluster.datasets()
        name = dataset or (datasets[0] if len(datasets) == 1 else "")
        if name not in datasets:
            return datasets, "", []
        try:
            meta = cluster.look_up(name)._meta
        except DatasetError:
            return datasets, "", []
        return datasets, name, [(info.name, info.kind) for info in column_infos(meta)]


def make_plan(cluster: Cluster, options: SourceOptions, n_ranks: int) -> Plan:
    """Have the arrays made and share them out; on rank 0 alone.

    Parameters
    ----------
    cluster : Cluster
        Connected; it holds the arrays until it is left.
    options : SourceOptions
        What to pull.
    n_ranks : int
        Ranks to share it out to.

    Returns
    -------
    Plan
        For all ranks.

    Raises
    ------
    ColumnError, DatasetError, ClusterError
        Where there is nothing to plan.
    """
    from pvdask.assignment import assign
    from pvdask.selection import select_columns

    frame = cluster.look_up(options.dataset)
    selected = select_columns(cluster, frame, options)
    request = {
        "positions": selected.positions,
        "point_dtype": "<f4",
        "send_points": True,
        "columns": [(spec.name, spec.kind, spec.dtype, spec.labels and list(spec.labels)) for spec in selected.columns],
    }
    blocks = cluster.convert(frame, request)
    shares = assign([rows for rows, *_ in blocks.counts], n_ranks)
    return _plan(cluster, blocks, shares, request, selected.columns)


def _plan(cluster: Cluster, blocks: Any, shares: Any, request: Any, specs: Any) -> Plan:
    pieces = [piece for share_ in shares for piece in share_]
    whole = {piece for piece in pieces if piece.n_rows == blocks.counts[piece.partition][0]}
    to_cut = [piece for piece in pieces if piece not in whole]
    cut_keys = cluster.cut([(blocks.keys[p.partition], p.start, p.stop) for p in to_cut])
    keys = {piece: blocks.keys[piece.partition] for piece in whole} | dict(zip(to_cut, cut_keys, strict=True))
    where = cluster.who_has(list(keys.values()))

    def part(piece: Any) -> Part:
        rows, _, _, n_bytes = blocks.counts[piece.partition]
        share_of_bytes = n_bytes * piece.n_rows // rows
        return Part(keys[piece], where[keys[piece]], piece.n_rows, share_of_bytes, piece.partition, piece.start)

    return Plan(
        scheduler=cluster.address,
        point_dtype=request["point_dtype"],
        columns=tuple(specs),
        total_rows=sum(rows for _, rows, *_ in blocks.counts),
        dropped_rows=sum(dropped for *_, dropped, _ in blocks.counts),
        ranks=tuple(tuple(part(piece) for piece in share_) for share_ in shares),
    )
