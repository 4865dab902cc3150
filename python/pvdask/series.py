"""One column of a partition to one array of the type that was planned. RUNS ON THE WORKERS."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd


def to_array(series: pd.Series[Any], kind: str, dtype: str, labels: list[str] | None) -> np.ndarray[Any, Any]:
    """Make the array of one column.

    Parameters
    ----------
    series : pandas.Series
        n rows.
    kind, dtype, labels
        See `pvdask.plan.ColumnSpec`.

    Returns
    -------
    numpy.ndarray
        Shape (n,), contiguous; a view of the series where its type and layout are right already.
    """
    target = np.dtype(dtype)
    if kind == "label":
        values = _codes(series, labels or [])
    elif kind in ("datetime", "timedelta"):
        values = _seconds(series, kind)
    else:
        values = to_numbers(series, target)
    return np.ascontiguousarray(values, dtype=target)


def to_numbers(series: pd.Series[Any], target: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Make an array of numbers.

    Parameters
    ----------
    series : pandas.Series
        Numbers, booleans or decimals, n rows.
    target : numpy.dtype
        Type to make; one that has NaN where anything is missing, which the plan has seen to.

    Returns
    -------
    numpy.ndarray
        Shape (n,).
    """
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iufb":
        return series.to_numpy().astype(target, copy=False)
    if isinstance(dtype, np.dtype) or "decimal" in str(
        dtype
    ):  # objects; Arrow's own cast of decimals is not to the nearest
        filled = [np.nan if value is None or value is pd.NA else value for value in series]
        return np.array([float(value) for value in filled], dtype="f8").astype(target)
    if series.isna().any():
        return series.to_numpy(dtype="f8", na_value=np.nan).astype(target, copy=False)
    return series.to_numpy(dtype=target)


def _seconds(series: pd.Series[Any], kind: str) -> np.ndarray[Any, Any]:
    """Seconds since 1970-01-01T00:00:00 UTC, or of a duration; a missing one is NaN."""
    if isinstance(series.dtype, pd.ArrowDtype):
        return _arrow_seconds(series)
    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "O":
        return np.array([_object_seconds(value) for value in series], dtype="f8")
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


def _object_seconds(value: Any) -> float:
    """Seconds of a `datetime.date`, `datetime.datetime` or `datetime.timedelta`; NaN for a missing one."""
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return float("nan")
    if isinstance(value, timedelta):
        return float(value.total_seconds())
    if isinstance(value, datetime):
        epoch = datetime(1970, 1, 1, tzinfo=timezone.utc if value.tzinfo else None)
        return float((value - epoch).total_seconds())
    return float(value.toordinal() - date(1970, 1, 1).toordinal()) * 86_400.0


def _arrow_seconds(series: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Seconds of Arrow's dates, timestamps (in UTC, whatever their zone) and durations, of any century."""
    import pyarrow as pa

    array = pa.chunked_array([series.array.__arrow_array__()]) if len(series) else pa.chunked_array([], pa.int64())
    per_tick = {"[s": 1.0, "[ms": 1e3, "[us": 1e6, "[ns": 1e9}
    name = str(array.type)
    if pa.types.is_date32(array.type):
        ticks, scale = array.cast(pa.int32()), 1 / 86_400
    elif pa.types.is_date64(array.type):
        ticks, scale = array.cast(pa.int64()), 1e3
    else:
        ticks, scale = array.cast(pa.int64()), next((per_tick[unit] for unit in per_tick if unit in name), 1.0)
    whole = ticks.fill_null(0).to_numpy()
    seconds = whole * 86_400.0 if scale < 1 else whole / scale
    seconds[array.is_null().to_numpy()] = np.nan
    return np.asarray(seconds)


def _codes(series: pd.Series[Any], labels: list[str]) -> np.ndarray[Any, Any]:
    """Index of each row's label in the table, int32; -1 where missing."""
    table = pd.Index(labels, dtype=object)
    if isinstance(series.dtype, pd.CategoricalDtype):
        categories = [str(category) for category in series.cat.categories]
        mapped = np.append(table.get_indexer(pd.Index(categories, dtype=object)), -1).astype("i4")
        codes = series.cat.codes.to_numpy()
        return np.asarray(mapped[codes])
    if "dictionary" in str(series.dtype):
        series = series.astype(object)
    codes, distinct = pd.factorize(series)
    mapped = np.append(table.get_indexer(pd.Index([str(value) for value in distinct], dtype=object)), -1)
    return np.asarray(mapped.astype("i4")[codes])
