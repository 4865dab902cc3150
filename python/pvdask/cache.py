"""Columns that a rank has already: recolouring back fetches nothing, recolouring by another column fetches that one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pvdask.origin import Origin
from pvdask.plan import ColumnSpec, Plan

Array = np.ndarray[Any, np.dtype[Any]]
Layout = tuple[tuple[tuple[int, int, int], ...], ...]
"""For each rank, the (partition, first row, rows) of each of its blocks: equal layouts mean equal rows in equal order."""


@dataclass
class ColumnCache:
    """Arrays of one choice of rows, on one rank. Every rank's cache goes through the same steps, so all hold the same columns.

    Parameters
    ----------
    key : hashable
        The choice of rows: dataset, positions, filter, sample. Another choice empties the cache.
    layout : Layout
        Which rows each rank has.
    points : numpy.ndarray or None
        Shape (n, 3).
    columns : dict of str to (ColumnSpec, numpy.ndarray)
        Least recently used first. The arrays are shared with what VTK shows.
    counts : tuple of int
        Rows of the frame, rows dropped.
    origin : Origin
        Where the rows are from.
    """

    key: Hashable = None
    layout: Layout = ()
    points: Array | None = None
    columns: dict[str, tuple[ColumnSpec, Array]] = field(default_factory=dict)
    counts: tuple[int, int] = (0, 0)
    origin: Origin = field(default_factory=Origin)

    def clear(self) -> None:
        """Let go of everything."""
        self.__init__()  # type: ignore[misc]

    def begin(self, key: Hashable, plan: Plan, origin: Origin) -> None:
        """Start over with another choice of rows.

        Parameters
        ----------
        key : hashable
            The choice.
        plan : Plan
            Which rows each rank has.
        origin : Origin
            Where they are from.
        """
        self.clear()
        self.key, self.origin, self.layout = key, origin, plan.layout()
        self.counts = plan.total_rows, plan.dropped_rows

    def state(self) -> list[Any]:
        """Tell what is held, for ranks to compare.

        Returns
        -------
        list
            As JSON can hold it.
        """
        return [
            repr(self.key),
            self.origin.to_json(),
            [list(map(list, rank)) for rank in self.layout],
            list(self.columns),
        ]

    def missing(self, key: Hashable, names: Sequence[str]) -> list[str] | None:
        """Tell which columns would have to be fetched.

        Parameters
        ----------
        key : hashable
            The choice of rows.
        names : sequence of str
            The columns that are wanted.

        Returns
        -------
        list of str or None
            Names in the order of `names`; None where the points are missing, too.
        """
        if self.points is None or key != self.key:
            return None
        return [name for name in names if name not in self.columns]

    def store(self, specs: Sequence[ColumnSpec], arrays: Sequence[Array]) -> None:
        """Keep columns.

        Parameters
        ----------
        specs : sequence of ColumnSpec
            What they are.
        arrays : sequence of numpy.ndarray
            Shape (n,) each; kept, not copied.
        """
        for spec, array in zip(specs, arrays, strict=True):
            self.columns[spec.name] = (spec, array)

    def take(self, names: Sequence[str]) -> tuple[tuple[ColumnSpec, ...], list[Array]]:
        """Get columns, and note that they were used.

        Parameters
        ----------
        names : sequence of str
            Columns that are held.

        Returns
        -------
        tuple
            What they are, and their arrays, in the order of `names`.
        """
        for name in names:
            self.columns[name] = self.columns.pop(name)
        taken = [self.columns[name] for name in names]
        return tuple(spec for spec, _ in taken), [array for _, array in taken]

    def bound(self, limit_bytes: int, keep: Sequence[str]) -> None:
        """Let go of the columns that were not used for longest, until the rest fits.

        What counts is the rank with the most rows, so that all ranks let go of the same columns.

        Parameters
        ----------
        limit_bytes : int
            Bytes of columns that a rank may hold.
        keep : sequence of str
            Columns that are shown now; they stay, whatever the limit.
        """
        most_rows = max((sum(rows for *_, rows in rank) for rank in self.layout), default=0)
        held = sum(np.dtype(spec.dtype).itemsize * most_rows for spec, _ in self.columns.values())
        for name in [name for name in self.columns if name not in keep]:
            if held <= limit_bytes:
                return
            spec, _ = self.columns.pop(name)
            held -= np.dtype(spec.dtype).itemsize * most_rows
