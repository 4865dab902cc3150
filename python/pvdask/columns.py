"""One partition of a DataFrame to contiguous arrays. RUNS ON THE WORKERS.

The functions here are pickled by value, so a cluster that never heard of this package serves it. For that this module
imports NumPy and pandas alone, and what it takes and gives back is made of builtins and arrays.

A *request* is a dict: ``positions`` (2 or 3 display names), ``point_dtype`` (NumPy type string), ``send_points`` (bool)
and ``columns`` (a list of ``(name, kind, dtype, labels)``, see `pvdask.plan.ColumnSpec`).

A *block* is a list: ``[header, points, column, column, …]``, with ``header`` a dict of counts. Lists of arrays travel
between Dask's processes without being copied.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

Request = dict[str, Any]
Block = list[Any]

MAXIMUM_LABELS = 100_000


def convert(frame: Any, request: Request) -> Block:
    """Make the arrays of one partition.

    Parameters
    ----------
    frame : pandas.DataFrame or pandas.Series
        The partition, n rows.
    request : dict
        What to make, see the module.

    Returns
    -------
    list
        A block: points of shape (m, 3), C-contiguous, and one contiguous array of shape (m,) a column, where m counts
        the rows whose position is finite. Arrays are new, or views of the partition: the caller must not write to them.

    Raises
    ------
    ValueError
        Where a column is missing or its values are not of the kind that was asked for.
    """
    frame = _displayed(frame)
    n_frame_rows = len(frame)
    points = _points(frame, request["positions"], np.dtype(request["point_dtype"]))
    finite = np.isfinite(points).all(axis=1)
    n_rows = int(np.count_nonzero(finite))
    if n_rows < len(finite):
        points, frame = points[finite], frame[finite]
    arrays = [_array(_series(frame, name), kind, dtype, labels) for name, kind, dtype, labels in request["columns"]]
    if not request["send_points"]:
        points = points[:0]
    header = {"frame_rows": n_frame_rows, "rows": n_rows, "dropped": len(finite) - n_rows}
    return [header, points, *arrays]


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
    header = block[0]
    return header["rows"], header["frame_rows"], header["dropped"], sum(array.nbytes for array in block[1:])


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
    header = {"frame_rows": 0, "rows": stop - start, "dropped": 0}
    return [header, *(array[start:stop] for array in block[1:])]


def scan(frame: Any, names: list[str]) -> dict[str, tuple[str, bool, list[str] | None]]:
    """Look at the rows for what dtypes alone do not tell.

    Parameters
    ----------
    frame : pandas.DataFrame or pandas.Series
        The partition.
    names : list of str
        Columns to look at, by display name.

    Returns
    -------
    dict of str to tuple
        For each column: what its values are (``label``, ``decimal``, ``boolean``, ``number``, ``empty`` or
        ``nested``), whether any is missing, and, for labels, the distinct ones in order.

    Raises
    ------
    ValueError
        Where a column has more than `MAXIMUM_LABELS` distinct labels.
    """
    frame = _displayed(frame)
    return {name: _scan_series(_series(frame, name)) for name in names}


def _displayed(frame: Any) -> pd.DataFrame:
    """The partition as a frame whose columns have their display names."""
    if isinstance(frame, pd.Series):
        frame = frame.to_frame()
    names = [str(name) for name in frame.columns]
    if list(frame.columns) != names:
        frame = frame.set_axis(names, axis=1)
    return frame


def _series(frame: pd.DataFrame, name: str) -> pd.Series[Any]:
    if name not in frame.columns:
        raise ValueError(f"a partition has no column {name!r}; it has {', '.join(map(repr, frame.columns[:20]))}")
    return frame[name]


def _points(frame: pd.DataFrame, positions: list[str], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Interleave two or three columns; a missing or overflowing value becomes one that is not finite."""
    points = np.zeros((len(frame), 3), dtype)
    with np.errstate(over="ignore"):
        for axis, name in enumerate(positions):
            series = _series(frame, name)
            is_plain = isinstance(series.dtype, np.dtype) and series.dtype.kind in "iufb"
            points[:, axis] = series.to_numpy() if is_plain else _number(series, np.dtype("f8"))
    return points


def _array(series: pd.Series[Any], kind: str, dtype: str, labels: list[str] | None) -> np.ndarray[Any, Any]:
    target = np.dtype(dtype)
    if kind == "label":
        values = _codes(series, labels or [])
    elif kind in ("datetime", "timedelta"):
        values = _seconds(series, kind)
    else:
        values = _number(series, target)
    return np.ascontiguousarray(values, dtype=target)


def _number(series: pd.Series[Any], target: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Numbers as `target`; a missing one is NaN, which the plan has made room for."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iufb":
        return series.to_numpy().astype(target, copy=False)
    if isinstance(dtype, pd.ArrowDtype) and "decimal" in str(dtype):
        series = series.astype("double[pyarrow]")
    if isinstance(dtype, np.dtype):  # of objects, numbers are dealt with above
        filled = [np.nan if value is None or value is pd.NA else value for value in series]
        return np.array([float(value) for value in filled], dtype="f8").astype(target)
    if series.isna().any():
        return series.to_numpy(dtype="f8", na_value=np.nan).astype(target, copy=False)
    return series.to_numpy(dtype=target)


def _seconds(series: pd.Series[Any], kind: str) -> np.ndarray[Any, Any]:
    """Seconds since 1970-01-01T00:00:00 UTC, or of a duration; a missing one is NaN."""
    if isinstance(series.dtype, pd.ArrowDtype):
        if "date" in str(series.dtype):
            series = pd.Series(pd.to_datetime(series.astype(object)))
        else:
            series = pd.Series(series.array.__arrow_array__().to_pandas())
    if getattr(series.dtype, "tz", None) is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    values = series.to_numpy()
    if values.dtype.kind not in "mM":
        values = values.astype("datetime64[ns]" if kind == "datetime" else "timedelta64[ns]")
    unit, count = np.datetime_data(values.dtype)
    ticks = values.view("i8")
    per_second = np.timedelta64(1, "s") / np.timedelta64(count, unit)
    seconds = ticks / per_second
    seconds[np.isnat(values)] = np.nan
    return seconds


def _codes(series: pd.Series[Any], labels: list[str]) -> np.ndarray[Any, Any]:
    """Index of each row's label in the table, int32; -1 where missing."""
    table = pd.Index(labels, dtype=object)
    if isinstance(series.dtype, pd.CategoricalDtype):
        categories = [str(category) for category in series.cat.categories]
        mapped = np.append(table.get_indexer(pd.Index(categories, dtype=object)), -1).astype("i4")
        return mapped[series.cat.codes.to_numpy()]
    codes, distinct = pd.factorize(series)
    mapped = np.append(table.get_indexer(pd.Index([str(value) for value in distinct], dtype=object)), -1)
    return mapped.astype("i4")[codes]


def _scan_series(series: pd.Series[Any]) -> tuple[str, bool, list[str] | None]:
    missing = bool(series.isna().any())
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "label", missing, _bounded([str(category) for category in dtype.categories], series.name)
    what = "string" if isinstance(dtype, pd.StringDtype) else pd.api.types.infer_dtype(series, skipna=True)
    if what == "string":
        return "label", missing, _bounded(sorted(map(str, series.dropna().unique())), series.name)
    kinds = {"decimal": "decimal", "boolean": "boolean", "integer": "number", "floating": "number", "empty": "empty"}
    return kinds.get(what, "number" if what == "mixed-integer-float" else "nested"), missing, None


def _bounded(labels: list[str], name: Any) -> list[str]:
    if len(labels) > MAXIMUM_LABELS:
        raise ValueError(
            f"column {name!r} has {len(labels):,} distinct texts in one partition, and at most {MAXIMUM_LABELS:,} can be "
            "labels; leave it out, or make a category of it with fewer"
        )
    return labels
