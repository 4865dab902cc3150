"""Partitions to ranks: pure integers, in order, nothing twice, balanced by rows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from pvdask.errors import OptionError

TOLERANCE = 0.02
"""A rank's border is moved to the nearest partition border where that costs at most this share of a fair load; a
partition that need not be cut is sent without being copied."""


@dataclass(frozen=True)
class Piece:
    """Rows ``start`` to ``stop`` (exclusive) of one partition, counted after filtering.

    Parameters
    ----------
    partition : int
        Index of the partition in the frame.
    start, stop : int
        Half-open range of rows.
    """

    partition: int
    start: int
    stop: int

    @property
    def n_rows(self) -> int:
        """How many rows this is."""
        return self.stop - self.start


def assign(rows: Sequence[int], n_ranks: int) -> list[list[Piece]]:
    """Share partitions out to ranks.

    With as many partitions as ranks, rank r has partition r. Otherwise each rank has a contiguous run of rows of
    nearly the same length; a partition is cut only where a border at its edge would unbalance the ranks, so with fewer
    partitions than ranks no rank sits idle.

    Parameters
    ----------
    rows : sequence of int
        Rows of each partition, shape (n_partitions,), not negative.
    n_ranks : int
        Ranks to serve, at least 1.

    Returns
    -------
    list of list of Piece
        One list a rank, in row order; pieces without rows are left out.

    Raises
    ------
    OptionError
        Where `n_ranks` is below 1.
    """
    if n_ranks < 1:
        raise OptionError("ranks", f"found {n_ranks}; expected at least 1.")
    if len(rows) == n_ranks:
        return [[Piece(index, 0, count)] if count else [] for index, count in enumerate(rows)]
    ends = list(accumulate(rows))
    borders = _borders(ends, n_ranks)
    shares = []
    partition = 0
    for first, last in pairwise(borders):
        partition, share = _run(ends, partition, first, last)
        shares.append(share)
    return shares


def _borders(ends: Sequence[int], n_ranks: int) -> list[int]:
    """Row at which each rank's run starts, and the end: shape (n_ranks + 1,)."""
    total = ends[-1] if ends else 0
    slack = int(total / n_ranks * TOLERANCE)
    borders = [0]
    for rank in range(1, n_ranks):
        ideal = total * rank // n_ranks
        index = bisect_left(ends, ideal)
        edges = [ends[index]] if index < len(ends) else []
        edges += [ends[index - 1]] if index else [0]
        nearest = min(edges, key=lambda edge: abs(edge - ideal))
        border = nearest if abs(nearest - ideal) <= slack else ideal
        borders.append(max(border, borders[-1]))
    return [*borders, total]


def _run(ends: Sequence[int], partition: int, first: int, last: int) -> tuple[int, list[Piece]]:
    """Pieces that cover rows `first` to `last`, looking from `partition` on."""
    share = []
    while first < last:
        while ends[partition] <= first:
            partition += 1
        start = ends[partition - 1] if partition else 0
        stop = min(ends[partition], last)
        share.append(Piece(partition, first - start, stop - start))
        first = stop
    return partition, share
