"""Which rows of a partition are kept: filter, random sample, at most so many. RUNS ON THE WORKERS.

Whether a row is in a sample depends on its number in the whole frame and on the seed alone: a hash of both, even over 0 to 1,
is compared with the fraction. So a sample is the same whatever the columns, the partitions or the ranks, and a smaller one
is inside a larger one. `MaximumRows` lowers the fraction to what keeps that many rows, found from counts of the hashes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pvdask.expressions.evaluation import evaluate
from pvdask.series import to_array

_BIN_SHIFT = 15
"""Bits of a single-precision number that a bin drops: 256 bins an octave, so a maximum is kept to within 0.4 %."""


def selected_rows(
    frame: pd.DataFrame, request: dict[str, Any], offset: int = 0, threshold: int | None = None
) -> np.ndarray[Any, Any] | None:
    """Choose the rows of one partition.

    Parameters
    ----------
    frame : pandas.DataFrame
        The partition, n rows, columns by display name.
    request : dict
        With ``filter`` (a checked tree or None), ``time`` (a column, its kind and the value that it must have, or None),
        ``fraction`` and ``seed``.
    offset : int, optional
        Rows of the frame before this partition.
    threshold : int, optional
        Keep rows whose bin is below it; what `threshold_bin` found.

    Returns
    -------
    numpy.ndarray of bool or None
        Shape (n,): True for rows to keep. None to keep all.
    """
    tree, fraction = request["filter"], request["fraction"]
    mask = None if tree is None else np.asarray(evaluate(tree, frame), dtype=bool)
    if request.get("time"):
        now = _is_now(frame, *request["time"])
        mask = now if mask is None else mask & now
    if fraction >= 1.0 and threshold is None:
        return mask
    shares = row_shares(offset, len(frame), request["seed"])
    kept: np.ndarray[Any, Any] = shares < fraction
    if threshold is not None:
        kept &= share_bins(shares) < threshold
    return kept if mask is None else mask & kept


def distinct_times(frame: pd.DataFrame, name: str, kind: str) -> np.ndarray[Any, Any]:
    """Find the time steps of a partition.

    Parameters
    ----------
    frame : pandas.DataFrame
        The partition, columns by display name.
    name, kind : str
        The column of times, and its kind (see `pvdask.dtypes`).

    Returns
    -------
    numpy.ndarray of float64
        Distinct finite values in order; seconds, where the column holds dates or times.
    """
    times = np.unique(to_array(frame[name], kind, "<f8", None))
    finite: np.ndarray[Any, Any] = times[np.isfinite(times)]
    return finite


def _is_now(frame: pd.DataFrame, name: str, kind: str, time: float) -> np.ndarray[Any, Any]:
    now: np.ndarray[Any, Any] = to_array(frame[name], kind, "<f8", None) == time
    return now


def row_shares(first: int, count: int, seed: int) -> np.ndarray[Any, Any]:
    """Hash row numbers to numbers that are even over 0 to 1.

    Parameters
    ----------
    first, count : int
        Which rows of the frame.
    seed : int
        Another seed gives other numbers.

    Returns
    -------
    numpy.ndarray of float64
        Shape (count,).

    Notes
    -----
    The mixing function is SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA).
    """
    with np.errstate(over="ignore"):
        mixed = np.arange(first, first + count, dtype="u8")
        mixed += np.uint64(seed & 0xFFFFFFFF) << np.uint64(32)
        for _ in range(2):  # twice, since neighbouring rows and seeds differ in few bits
            mixed += np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)) * 2.0**-53


def share_bins(shares: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Put numbers of 0 to 1 into bins whose width is in proportion to the number.

    Parameters
    ----------
    shares : numpy.ndarray of float64
        Shape (n,).

    Returns
    -------
    numpy.ndarray of uint32
        Shape (n,): a larger number never has a smaller bin.
    """
    return shares.astype("f4").view("u4") >> _BIN_SHIFT


def count_bins(frame: Any, index: int, offsets: list[int], *, request: dict[str, Any]) -> tuple[Any, Any]:
    """Count the hashes of the rows of one partition that filter and fraction keep.

    Parameters
    ----------
    frame : pandas.DataFrame
        The partition, columns by display name.
    index : int
        Its index in the frame.
    offsets : list of int
        Rows before each partition.
    request : dict
        See `selected_rows`.

    Returns
    -------
    tuple of numpy.ndarray
        Bins in order, and how many rows each has.
    """
    mask = selected_rows(frame, request, offsets[index])
    bins = share_bins(row_shares(offsets[index], len(frame), request["seed"]))
    return np.unique(bins if mask is None else bins[mask], return_counts=True)


def add_bins(counts: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Add up what `count_bins` counted.

    Parameters
    ----------
    counts : list of tuple
        Any number of them.

    Returns
    -------
    tuple of numpy.ndarray
        Bins in order, and how many rows each has.
    """
    bins, inverse = np.unique(np.concatenate([bins for bins, _ in counts]), return_inverse=True)
    total = np.zeros(len(bins), dtype="i8")
    np.add.at(total, inverse, np.concatenate([number for _, number in counts]))
    return bins, total


def threshold_bin(counts: tuple[Any, Any], *, maximum: int) -> int:
    """Find the bin below which at most `maximum` rows are.

    Parameters
    ----------
    counts : tuple of numpy.ndarray
        What `add_bins` gave for the whole frame.
    maximum : int
        Rows to keep at most.

    Returns
    -------
    int
        For `selected_rows`.
    """
    bins, number = counts
    fits = np.cumsum(number) <= maximum
    return int(bins[fits.argmin()]) if not fits.all() else int(np.iinfo("u4").max)


def offsets_of(lengths: list[int]) -> list[int]:
    """Rows before each partition.

    Parameters
    ----------
    lengths : list of int
        Rows of each partition.

    Returns
    -------
    list of int
        Shape of `lengths`.
    """
    return [int(end) - length for end, length in zip(np.cumsum(lengths, dtype="i8"), lengths, strict=True)]
