"""Rows to bins of a regular grid: partition after partition into one grid, grids into one. RUNS ON THE WORKERS.

The functions here are pickled by value, see `pvdask.columns`.

A *request* is a dict: ``positions``, ``coordinates``, ``filter``, ``fraction`` and ``seed`` as in `pvdask.columns`; ``dimensions``
(bins along x, y and z), ``low`` and ``high`` (three numbers each), ``operation`` (see `pvdask.grids`) and ``column``, the
display name and the kind of the column that it is applied to, or None.

A *grid* is a list: ``[header, count, value]``. ``header`` holds the counts of `HEADER`, ``count`` the rows of each bin (int64) and
``value`` their sum, least or greatest (float64; empty where rows are counted alone). A whole grid is flat, x the fastest; a part
of one has shape (nz, ny, nx).

Grids are changed in place: the one that a task is given is given to that task alone, and a copy of it for each partition would
cost more than the partition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pvdask.columns import SPHERICAL, from_spherical, position_of
from pvdask.partitions import displayed, series_of
from pvdask.sampling import selected_rows
from pvdask.series import to_array

Array = np.ndarray[Any, Any]
Grid = list[Array]
Request = dict[str, Any]

HEADER = ("rows", "counted", "outside", "dropped", "valueless")
"""Rows of the partitions; those in bins; those outside the bounds; without a finite position; without a value."""

BLOCK_ROWS = 65_536
"""Rows whose bins are found at a time, so that all that is needed for it is in the cache."""

CHUNK_ROWS = 1 << 22
"""Rows that are added to a grid at a time, so that a partition of any size takes little memory beside its own."""

SPARSE_BINS = 8
"""With more bins than this for each row, rows are sorted by their bins in place of going through all bins."""


def extent(frame: Any, *, request: Request) -> tuple[list[float], list[float], int]:
    """Find the bounds of one partition.

    Parameters
    ----------
    frame : pandas.DataFrame or pandas.Series
        The partition.
    request : dict
        See the module.

    Returns
    -------
    tuple
        Least and greatest x, y and z of the rows that have a finite position, and how many these are; with none of these,
        infinities.
    """
    frame = _selected(frame, request)
    low, high, n_rows = np.full(3, np.inf), np.full(3, -np.inf), 0
    axes = _axes(frame, request)
    for block in _blocks(axes, 0, len(frame), request):
        finite = np.isfinite(block[0]) & np.isfinite(block[1]) & np.isfinite(block[2])
        n_finite = int(finite.sum())
        if n_finite:
            kept = block if n_finite == len(finite) else [values[finite] for values in block]
            low = np.minimum(low, [values.min() for values in kept])
            high = np.maximum(high, [values.max() for values in kept])
            n_rows += n_finite
    return low.tolist(), high.tolist(), n_rows


def accumulate(grid: Grid | None, frame: Any, *, request: Request) -> Grid:
    """Add one partition to a grid.

    Parameters
    ----------
    grid : list or None
        A whole grid, changed in place; None for an empty one.
    frame : pandas.DataFrame or pandas.Series
        The partition.
    request : dict
        See the module.

    Returns
    -------
    list
        The grid.
    """
    n_rows = len(frame)
    frame = _selected(frame, request)
    header, count, value = _writeable(_empty(request) if grid is None else grid)
    axes = _axes(frame, request)
    ends = zip(request["low"], request["high"], request["dimensions"], strict=True)
    edges = [np.linspace(low, high, n_bins + 1) for low, high, n_bins in ends]
    values = None
    if request["column"]:
        name, kind = request["column"]
        values = to_array(series_of(frame, name), kind, "<f8", None)
    header[0] += n_rows
    for start in range(0, len(frame), CHUNK_ROWS):
        stop = min(start + CHUNK_ROWS, len(frame))
        bins = np.empty(stop - start, np.intp)
        first = 0
        for block in _blocks(axes, start, stop, request):
            header[3] += _find_bins(block, edges, bins[first : first + len(block[0])])
            first += len(block[0])
        _add(header, count, value, bins, None if values is None else values[start:stop], request["operation"])
    return [header, count, value]


def merge(grids: Sequence[Grid], *, request: Request) -> Grid:
    """Make one grid of several, or one part of several of the same box.

    Parameters
    ----------
    grids : sequence of list
        The first is changed in place.
    request : dict
        See the module.

    Returns
    -------
    list
        The grid.
    """
    header, count, value = _writeable(grids[0])
    for other_header, other_count, other_value in grids[1:]:
        header += other_header
        count += other_count
        _combine(request["operation"])(value, other_value, out=value)
    return [header, count, value]


def cut(grid: Grid, box: Sequence[int], *, request: Request) -> Grid:
    """Take a box out of a grid.

    Parameters
    ----------
    grid : list
        A whole grid; not changed.
    box : sequence of int
        First and last bin along x, y and z, both taken in.
    request : dict
        See the module.

    Returns
    -------
    list
        Copies of shape (nz, ny, nx); the header is that of the whole grid.
    """
    slices = tuple(slice(box[axis], box[axis + 1] + 1) for axis in (4, 2, 0))
    shape = tuple(reversed(request["dimensions"]))
    header, *arrays = grid
    return [header.copy(), *(array.reshape(shape)[slices].copy() if array.size else array for array in arrays)]


def finish(grid: Grid, *, request: Request) -> list[Array]:
    """Make of a box what a rank fetches.

    Parameters
    ----------
    grid : list
        What `cut` took, of the whole frame.
    request : dict
        See the module.

    Returns
    -------
    list of numpy.ndarray
        A block as `pvdask.columns.convert` makes it: header, no points, then rows a bin and, but for a count, the value of each
        bin; NaN in bins without rows for a mean, a minimum or a maximum.
    """
    header, count, value = grid
    columns = [count.ravel()]
    if request["column"]:
        values = value.ravel()
        if request["operation"] == "Mean":
            values = values / np.maximum(columns[0], 1)
        if request["operation"] != "Sum":
            values[columns[0] == 0] = np.nan
        columns.append(values)
    return [header, np.empty((0, 3), "<f4"), *columns]


def _selected(frame: Any, request: Request) -> Any:
    frame = displayed(frame)
    mask = selected_rows(frame, request)
    return frame if mask is None else frame.iloc[np.flatnonzero(mask)]


def _empty(request: Request) -> Grid:
    n_bins = int(np.prod(request["dimensions"], dtype="i8"))
    start = {"Minimum": np.inf, "Maximum": -np.inf}.get(request["operation"], 0.0)
    value = np.zeros(n_bins) if start == 0 else np.full(n_bins, start)
    return [np.zeros(len(HEADER), "i8"), np.zeros(n_bins, "i8"), value if request["column"] else np.empty(0)]


def _writeable(grid: Grid) -> Grid:
    """The grid itself, but for arrays that came over the wire in memory that is not to be written to."""
    return [array if array.flags.writeable else array.copy() for array in grid]


def _axes(frame: Any, request: Request) -> list[Array]:
    return [position_of(series_of(frame, name)) for name in request["positions"]]


def _blocks(axes: Sequence[Array], start: int, stop: int, request: Request) -> Iterator[list[Array]]:
    """Positions of the rows, block by block: x, y and z in double precision, as `pvdask.columns` has them."""
    for first in range(start, stop, BLOCK_ROWS):
        block = [np.asarray(values[first : min(first + BLOCK_ROWS, stop)], "f8") for values in axes]
        if request["coordinates"] == SPHERICAL:
            block = from_spherical(*block)
        yield [*block, *(np.zeros(len(block[0])) for _ in range(3 - len(block)))]


def _find_bins(block: Sequence[Array], edges: Sequence[Array], bins: Array) -> int:
    """Write the flat bin of each row, -1 for those outside and -2 without a finite position; gives how many these are.

    As in `numpy.histogramdd`, a bin holds its lower edge, and the last one its upper edge, too.
    """
    inside = np.ones(len(bins), bool)
    for values, edge in zip(block, edges, strict=True):
        inside &= (values >= edge[0]) & (values <= edge[-1])
    is_all = bool(inside.all())
    bins[:] = 0
    stride = 1
    for values, edge in zip(block, edges, strict=True):
        n_bins = len(edge) - 1
        if not is_all:
            values = np.where(inside, values, edge[0])
        index = ((values - edge[0]) * (n_bins / (edge[-1] - edge[0]))).astype(np.intp)
        np.minimum(index, n_bins - 1, out=index)
        # Rounding can put a value on the wrong side of an edge, by one bin (as numpy.histogram has it, too).
        index -= values < edge[index]
        index += (values >= edge[index + 1]) & (index != n_bins - 1)
        bins += index * stride
        stride *= n_bins
    if is_all:
        return 0
    dropped = ~(np.isfinite(block[0]) & np.isfinite(block[1]) & np.isfinite(block[2]))
    bins[~inside] = -1
    bins[dropped] = -2
    return int(dropped.sum())


def _add(header: Array, count: Array, value: Array, bins: Array, values: Array | None, operation: str) -> None:
    """Add rows to a grid by their bins; those with a negative one are left out."""
    kept = bins >= 0
    header[2] += int((bins == -1).sum())
    if values is not None:
        has_value = ~np.isnan(values)
        header[4] += int((kept & ~has_value).sum())
        kept &= has_value
    if not kept.all():
        bins = bins[kept]
        values = None if values is None else values[kept]
    header[1] += len(bins)
    if not len(bins):
        return
    if operation in ("Minimum", "Maximum") or len(bins) * SPARSE_BINS < len(count):
        _add_sorted(count, value, bins, values, operation)
    else:
        count += np.bincount(bins, minlength=len(count))
        if values is not None:
            value += np.bincount(bins, values, minlength=len(value))


def _add_sorted(count: Array, value: Array, bins: Array, values: Array | None, operation: str) -> None:
    order = None if values is None else np.argsort(bins)
    bins = np.sort(bins) if order is None else bins[order]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(bins)) + 1])
    distinct = bins[starts]
    count[distinct] += np.diff(np.append(starts, len(bins)))
    if values is not None and order is not None:
        combine = _combine(operation)
        value[distinct] = combine(value[distinct], combine.reduceat(values[order], starts))


def _combine(operation: str) -> np.ufunc:
    if operation == "Minimum":
        return np.minimum
    return np.maximum if operation == "Maximum" else np.add
