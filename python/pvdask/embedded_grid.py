"""A density grid without a cluster: each rank bins its own partitions of the files, and the ranks add up their grids."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from pvdask import binning
from pvdask.embedded import EmbeddedPartitions
from pvdask.errors import InputError, PvdaskError
from pvdask.files import open_files, unreadable
from pvdask.grid_planning import GridPlan, joined_bounds, request_of, specs_of
from pvdask.grids import GridSpec, edges_of
from pvdask.options import SourceOptions
from pvdask.plan import Plan
from pvdask.ranks import RankGroup, agree, describe

Array = np.ndarray[Any, np.dtype[Any]]


def bin_on_ranks(
    options: SourceOptions, spec: GridSpec, boxes: Sequence[Sequence[int]], ranks: RankGroup
) -> tuple[GridPlan, list[Array]]:
    """Bin files on the ranks themselves.

    Parameters
    ----------
    options : SourceOptions
        With ``files``; the same on every rank.
    spec : GridSpec
        What to make.
    boxes : sequence of sequence of int
        Shape (n_ranks,): first and last bin along x, y and z that each rank takes, () for none.
    ranks : RankGroup
        All ranks call this together.

    Returns
    -------
    tuple
        A plan without anything to fetch, and the flat arrays of this rank's box.

    Raises
    ------
    AgreedError
        On every rank, with the same message, where anything failed on any of them.
    """
    frame: Any = None
    request: dict[str, Any] = {}
    identity = ""

    def opened() -> None:
        nonlocal frame, request, identity
        frame = open_files(options.files)
        identity = str(frame._name)
        frame, request = request_of(frame, options, spec)

    _together(ranks, options, opened)
    if spec.bounds is None:
        find = partial(binning.extent, request=request)
        told = _together(ranks, options, lambda: [find(part) for part in _mine(frame, ranks)])
        low, high = joined_bounds([part for report in told for part in report], "what the files hold")
    else:
        low, high = list(spec.bounds[::2]), list(spec.bounds[1::2])
    request["low"], request["high"] = edges_of(low, high, spec.dimensions)
    grid: binning.Grid = []

    def binned() -> None:
        for part in _mine(frame, ranks):
            grid[:] = binning.accumulate(grid or None, part, request=request)
        if not grid:
            grid[:] = binning.accumulate(None, frame._meta, request=request)

    _together(ranks, options, binned)
    block, counts = _exchanged(grid, boxes, ranks, request)
    plan = Plan(
        scheduler="",
        frame=identity,
        dataset="",
        positions=tuple(request["positions"]),
        has_points=False,
        is_whole=True,
        point_dtype="<f4",
        columns=specs_of(spec),
        total_rows=counts[0],
        dropped_rows=counts[3],
        ranks=tuple(() for _ in boxes),
    )
    figures = dict(zip(binning.HEADER, counts, strict=True))
    return GridPlan(plan, request["low"], request["high"], figures), block[2:]


def _mine(frame: Any, ranks: RankGroup) -> Iterator[Any]:
    """The partitions of this rank, one in memory at a time."""
    for index in EmbeddedPartitions(frame, ranks).indices:
        yield frame.partitions[index].compute(scheduler="threads")


def _exchanged(
    grid: binning.Grid, boxes: Sequence[Sequence[int]], ranks: RankGroup, request: dict[str, Any]
) -> tuple[list[Array], list[int]]:
    """Add up each box of all ranks' grids on the rank that takes it, box after box, so that no rank has more than one of each."""
    block: list[Array] = [np.zeros(len(binning.HEADER), "i8"), np.empty((0, 3), "<f4"), np.zeros(0, "<i8")]
    if request["column"]:
        block.append(np.zeros(0))
    for rank, box in enumerate(boxes):
        if not box:
            continue
        file = io.BytesIO()
        np.savez(file, *binning.cut(grid, box, request=request))
        payloads = ranks.all_gather(file.getvalue())
        if rank == ranks.rank:
            pieces = [_loaded(payload) for payload in payloads]
            block = binning.finish(binning.merge(pieces, request=request), request=request)
    reports = agree(ranks, None, {"header": grid[0].tolist()})
    return block, np.sum([report["header"] for report in reports], axis=0).tolist()


def _loaded(payload: bytes) -> binning.Grid:
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        return [arrays[name] for name in arrays.files]


def _together(ranks: RankGroup, options: SourceOptions, work: Callable[[], Any]) -> list[Any]:
    """Do something on every rank; gives what all of them found, or raises on all of them."""
    result, error = None, None
    try:
        result = work()
    except PvdaskError as caught:
        error = describe(caught)
    except Exception as caught:  # whatever it is, no rank may be left waiting
        error = describe(InputError(unreadable(list(options.files), caught)))
    return [report["result"] for report in agree(ranks, error, {"result": result})]
