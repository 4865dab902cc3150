"""One partition of a DataFrame to contiguous arrays. RUNS ON THE WORKERS.

The functions here and in `pvdask.partitions`, `pvdask.sampling`, `pvdask.series` and `pvdask.expressions` are pickled by value, so
a cluster that never heard of this package serves it. For that they use NumPy and pandas alone, and what they take and give back
is made of builtins and arrays.

A *request* is a dict: ``positions`` (0, 2 or 3 display names), ``coordinates`` (`CARTESIAN` or `SPHERICAL`), ``point_dtype``
(NumPy type string), ``send_points`` (bool), ``columns`` (a list of ``(name, kind, dtype, labels)``, see
`pvdask.plan.ColumnSpec`; the kinds `PARTITION_ID` and `ROW_ID` are made, not read), and ``filter``, ``fraction``, ``seed``
(see `pvdask.sampling`).

A *block* is a list: ``[header, points, column, column, …]``, with ``header`` an array of four counts: rows in the block, rows of
the partition, rows dropped, bytes of the other arrays. Lists of arrays travel between Dask's processes without being copied. The
header is an array, and the first, for a reason: distributed (comm/tcp.py, 2026.8) receives the first array of a message in one
buffer with what goes before it, where it is hardly ever aligned, and each of the others in a buffer of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pvdask.partitions import displayed, series_of
from pvdask.sampling import count_bins as count_displayed_bins
from pvdask.sampling import selected_rows
from pvdask.series import to_array, to_numbers

Request = dict[str, Any]
Block = list[Any]

BLOCK_ROWS = 65_536
"""Rows that are interleaved at a time."""

CARTESIAN = "Cartesian"
SPHERICAL = "Spherical degrees"

PARTITION_ID = "partition id"
ROW_ID = "row id"


def convert(
    frame: Any, index: int = 0, offsets: list[int] | None = None, threshold: int | None = None, *, request: Request
) -> Block:
    """Make the arrays of one partition.

    Parameters
    ----------
    frame : pandas.DataFrame or pandas.Series
        The partition, n rows.
    index : int, optional
        Its index in the frame.
    offsets : list of int, optional
        Rows before each partition; needed for a sample.
    threshold : int, optional
        See `pvdask.sampling.selected_rows`.
    request : dict
        What to make, see the module.

    Returns
    -------
    list
        A block: points of shape (m, 3), C-contiguous, and one contiguous array of shape (m,) a column, where m counts
        the rows that are kept and have a finite position. Arrays are new, or views of the partition: the caller must not
        write to them.

    Raises
    ------
    ValueError
        Where a column is missing or its values are not of the kind that was asked for.
    """
    frame = displayed(frame)
    n_frame_rows = len(frame)
    mask = selected_rows(frame, request, offsets[index] if offsets else 0, threshold)
    rows = None if mask is None else np.flatnonzero(mask)
    if rows is not None:
        frame = frame.iloc[rows]
    n_selected = len(frame)
    points, is_all_finite = _points(frame, request)
    if request["positions"] and not is_all_finite:
        kept = np.flatnonzero(np.isfinite(points).all(axis=1))
        points, frame, rows = points[kept], frame.iloc[kept], kept if rows is None else rows[kept]
    arrays = [_array(frame, index, rows, *column) for column in request["columns"]]
    if not request["send_points"]:
        points = points[:0]
    return _block(len(frame), n_frame_rows, n_selected - len(frame), [points, *arrays])


def count_bins(frame: Any, index: int, offsets: list[int], *, request: Request) -> tuple[Any, Any]:
    """Call `pvdask.sampling.count_bins` on a partition as Dask has it.

    Parameters
    ----------
    frame : pandas.DataFrame or pandas.Series
        The partition.
    index, offsets, request
        See there.

    Returns
    -------
    tuple of numpy.ndarray
        See there.
    """
    return count_displayed_bins(displayed(frame), index, offsets, request=request)


def describe(block: Block) -> tuple[int, int, int, int]:
    """Tell what is in a block.

    Parameters
    ----------
    block : list
        What `convert` made.

    Returns
    -------
    tuple of int
        Rows in the block, rows of the partition, rows dropped, bytes of all arrays.
    """
    n_rows, n_frame_rows, n_dropped, n_bytes = block[0].tolist()
    return n_rows, n_frame_rows, n_dropped, n_bytes


def cut(block: Block, start: int, stop: int) -> Block:
    """Take a range of rows out of a block.

    Parameters
    ----------
    block : list
        What `convert` made.
    start, stop : int
        Half-open range of rows.

    Returns
    -------
    list
        A block of views: nothing is copied.
    """
    return _block(stop - start, 0, 0, [array[start:stop] for array in block[1:]])


def position_of(series: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Get a column as numbers to make positions of.

    Parameters
    ----------
    series : pandas.Series
        n rows.

    Returns
    -------
    numpy.ndarray
        Shape (n,): of the column's own type where that is one of NumPy's, else float64, NaN where a value is missing.
    """
    is_plain = isinstance(series.dtype, np.dtype) and series.dtype.kind in "iufb"
    return series.to_numpy() if is_plain else to_numbers(series, np.dtype("f8"))


def from_spherical(longitude: Any, latitude: Any, distance: Any = 1.0) -> list[np.ndarray[Any, Any]]:
    """Make Cartesian positions of spherical ones.

    Parameters
    ----------
    longitude, latitude : numpy.ndarray
        Degrees.
    distance : numpy.ndarray or float, optional
        In any unit.

    Returns
    -------
    list of numpy.ndarray
        x, y and z, float64, in the unit of the distance.
    """
    longitude, latitude = np.radians(np.asarray(longitude, "f8")), np.radians(np.asarray(latitude, "f8"))
    with np.errstate(invalid="ignore"):
        across = distance * np.cos(latitude)
        return [across * np.cos(longitude), across * np.sin(longitude), distance * np.sin(latitude)]


def _block(n_rows: int, n_frame_rows: int, n_dropped: int, arrays: list[np.ndarray[Any, Any]]) -> Block:
    n_bytes = sum(array.nbytes for array in arrays)
    return [np.array([n_rows, n_frame_rows, n_dropped, n_bytes], dtype="i8"), *arrays]


def _points(frame: pd.DataFrame, request: Request) -> tuple[np.ndarray[Any, Any], bool]:
    """Interleave two or three columns; a missing or overflowing value becomes one that is not finite. Tells whether all are."""
    # Memory that is new is touched once, block by block, while it is in the cache: three passes take three times as long.
    points = np.empty((len(frame) if request["positions"] else 0, 3), np.dtype(request["point_dtype"]))
    axes = [position_of(series_of(frame, name)) for name in request["positions"]]
    if request["coordinates"] == SPHERICAL and axes:
        axes = from_spherical(*axes)
    is_all_finite = True
    with np.errstate(over="ignore"):
        for start in range(0, len(points), BLOCK_ROWS):
            block = points[start : start + BLOCK_ROWS]
            block[:, len(axes) :] = 0
            for axis, values in enumerate(axes):
                block[:, axis] = values[start : start + BLOCK_ROWS]
            # Eight times as fast as a mask of rows, and nearly always the answer is yes.
            is_all_finite = is_all_finite and bool(np.isfinite(block.min()) and np.isfinite(block.max()))
    return points, is_all_finite


def _array(
    frame: pd.DataFrame, index: int, rows: Any, name: str, kind: str, dtype: str, labels: list[str] | None
) -> np.ndarray[Any, Any]:
    if kind == PARTITION_ID:
        return np.full(len(frame), index, dtype)
    if kind == ROW_ID:
        return np.arange(len(frame), dtype=dtype) if rows is None else rows.astype(dtype)
    return to_array(series_of(frame, name), kind, dtype, labels)
