"""The use case of a density grid: a frame binned on the workers, and to each rank its box. All ranks call this together."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pvdask.errors import CapacityError
from pvdask.grid_cluster import GridCluster
from pvdask.grid_planning import GridPlan, Known, make_grid_plan, size_of
from pvdask.grids import BYTES_PER_VALUE, GridSpec, grown, shape_of
from pvdask.loop import Deadline
from pvdask.memory import RESERVE, available_bytes
from pvdask.options import SourceOptions
from pvdask.origin import Origin, remember_scheduler
from pvdask.ranks import RankGroup, agree, describe, share
from pvdask.transfer import fetch

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Grid:
    """One rank's box of a grid.

    Parameters
    ----------
    box : tuple of int
        First and last bin along x, y and z; () where this rank has none.
    arrays : list of numpy.ndarray
        Shape (nz, ny, nx) of the box: rows a bin (int64), then the values, if any (float64).
    names : tuple of str
        Of the arrays.
    low, high : tuple of float
        Lower edges of the first bins of the whole grid, upper edges of the last.
    dimensions : tuple of int
        Bins along x, y and z of the whole grid.
    figures : dict of str to int
        See `pvdask.binning.HEADER`.
    origin : Origin
        Where the rows are from.
    n_ranks : int
        Ranks that share the grid.
    """

    box: tuple[int, ...]
    arrays: list[Array]
    names: tuple[str, ...]
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    dimensions: tuple[int, int, int]
    figures: dict[str, int]
    origin: Origin
    n_ranks: int

    def within(self, extent: Sequence[int]) -> list[Array]:
        """Take a part of the box.

        Parameters
        ----------
        extent : sequence of int
            First and last bin along x, y and z; within the box, or empty.

        Returns
        -------
        list of numpy.ndarray
            Shape (n,) each, contiguous, x the fastest; copied only where the part is not contiguous in the box.
        """
        pairs = list(zip(extent[::2], extent[1::2], self.box[::2] or (0, 0, 0), strict=True))
        if any(first > last for first, last, _ in pairs):
            return [array[:0].ravel() for array in self.arrays]
        slices = tuple(slice(first - start, last - start + 1) for first, last, start in reversed(pairs))
        return [np.ascontiguousarray(array[slices]).reshape(-1) for array in self.arrays]

    def summary(self) -> str:
        """What the status shows.

        Returns
        -------
        str
            One sentence.
        """
        parts = [
            f"{self.figures['counted']:,} of {self.figures['rows']:,} rows in {' x '.join(map(str, self.dimensions))} bins"
        ]
        parts[0] += f" on {self.n_ranks} rank(s)"
        for name, told in (
            ("outside", "outside the bounds"),
            ("dropped", "without a finite position"),
            ("valueless", "without a value"),
        ):
            if self.figures[name]:
                parts.append(f"{self.figures[name]:,} {told}")
        return "; ".join(parts)


def make_grid(
    options: SourceOptions,
    spec: GridSpec,
    extent: Sequence[int],
    ranks: RankGroup,
    known: Known | None = None,
    on_progress: Callable[[float], None] | None = None,
    deadline: Deadline | None = None,
) -> Grid:
    """Bin a frame, and bring each rank its box.

    Parameters
    ----------
    options : SourceOptions
        Where the frame is, which columns are its positions, which rows count; the same on every rank.
    spec : GridSpec
        What to make; the same on every rank.
    extent : sequence of int
        First and last bin along x, y and z that this rank shows; it may be empty.
    ranks : RankGroup
        All ranks call this together.
    known : dict, optional
        Bounds that were found before, kept from call to call.
    on_progress : callable, optional
        Called with the share, 0 to 1, of this rank's bytes that has come.
    deadline : Deadline, optional
        By when to be done; by default the options' timeout from now.

    Returns
    -------
    Grid
        This rank's box: its extent and a margin.

    Raises
    ------
    AgreedError
        On every rank, with the same message, where anything failed on any of them.
    CapacityError
        On every rank, where the boxes do not fit into the memory of a host.
    """
    boxes = _agreed_boxes(grown(extent, spec.dimensions), spec, ranks)
    known = {} if known is None else known
    if options.is_embedded:
        from pvdask.embedded_grid import bin_on_ranks

        plan, arrays = bin_on_ranks(options, spec, boxes, ranks)
    else:
        deadline = deadline or Deadline(options.connection.timeout_s)
        plan, arrays = _bin_on_cluster(options, spec, boxes, ranks, known, on_progress, deadline)
        remember_scheduler(plan.plan.scheduler)
    box = boxes[ranks.rank]
    origin = Origin(
        plan.plan.scheduler, plan.plan.dataset, options.files, plan.plan.frame, plan.plan.positions, options.coordinates
    )
    shaped = [array.reshape(shape_of(box)) for array in arrays]
    return Grid(box, shaped, spec.array_names, plan.low, plan.high, spec.dimensions, plan.figures, origin, ranks.size)


def _agreed_boxes(box: tuple[int, ...], spec: GridSpec, ranks: RankGroup) -> list[tuple[int, ...]]:
    """All ranks' boxes, once it is seen that on every host there is room for those of its ranks."""
    error, report = None, {}
    try:
        report = {"box": box, "host": platform.node(), "available": available_bytes()}
    except (OSError, ValueError, KeyError) as caught:  # a kernel that tells otherwise
        error = describe(caught)
    reports = agree(ranks, error, report)
    for host in dict.fromkeys(entry["host"] for entry in reports):
        here = [entry for entry in reports if entry["host"] == host]
        needed = sum(size_of(entry["box"]) for entry in here) * BYTES_PER_VALUE * len(spec.array_names)
        available = int(min(entry["available"] for entry in here) * RESERVE)
        if needed > available:
            raise CapacityError(
                f"The grid needs {needed / 1e9:,.2f} GB on {host} for {len(here)} rank(s), and {available / 1e9:,.2f} GB are left "
                "there; give fewer bins (Dimensions), or more hosts.",
                needed,
                available,
            )
    return [tuple(entry["box"]) for entry in reports]


def _bin_on_cluster(
    options: SourceOptions,
    spec: GridSpec,
    boxes: Sequence[Sequence[int]],
    ranks: RankGroup,
    known: Known,
    on_progress: Callable[[float], None] | None,
    deadline: Deadline,
) -> tuple[GridPlan, list[Array]]:
    cluster = GridCluster(options.connection, deadline) if ranks.rank == 0 else None
    payload, error, arrays = None, None, []
    try:
        if cluster is not None:
            try:
                cluster.__enter__()
                payload = make_grid_plan(cluster, options, spec, boxes, known).to_bytes()
            except Exception as caught:  # whatever it is, the other ranks are waiting to hear of it
                error = describe(caught)
        plan = GridPlan.from_bytes(share(ranks, payload, error))
        try:
            arrays = fetch(plan.plan, ranks.rank, deadline, on_progress, options.connection.tls).arrays[1:]
        except Exception as caught:  # as above
            error = describe(caught)
        agree(ranks, error)
    finally:
        if cluster is not None:
            cluster.__exit__(None, None, None)
    return plan, arrays
