"""What a row filter computes with: one pandas column, of whatever type, as a `Value`. RUNS ON THE WORKERS.

Pickled by value and run where this package is not installed: imports NumPy, pandas and the standard library only.

Missing data follows pandas. Where the column's type has an NA of its own (``Int64``, ``string``, Arrow-backed) a
comparison with it is unknown; where missing is NaN, NaT or None, a comparison is False and ``!=`` is True.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

_DATE = re.compile(
    r"\d{4}(-\d{2}(-\d{2}([T ]\d{2}(:\d{2}(:\d{2}(\.\d{1,9})?)?)?\s?(Z|[+-]\d{2}(:?\d{2})?)?)?)?)?", re.ASCII
)
# Units are read here: which of them pandas knows, and by which letters, changes with its version.
_SPAN_PART = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*([A-Za-zµ]+)")
_SPAN = re.compile(
    r"([-+]?)\s*((?:[0-9]{1,20}(?:\.[0-9]{1,20})?\s*(?:weeks?|w|days?|d|hours?|hr?|minutes?|min|m|seconds?|sec|s|"
    r"milliseconds?|ms|microseconds?|[uµ]s|nanoseconds?|ns)[\s,]*)*)(?:([0-9]{1,6}):([0-9]{2}):([0-9]{2}(?:\.[0-9]{1,9})?))?",
    re.IGNORECASE,
)
_UNITS = {
    **dict.fromkeys(("week", "weeks", "w"), 604_800 * 10**9),
    **dict.fromkeys(("day", "days", "d"), 86_400 * 10**9),
    **dict.fromkeys(("hour", "hours", "hr", "h"), 3_600 * 10**9),
    **dict.fromkeys(("minute", "minutes", "min", "m"), 60 * 10**9),
    **dict.fromkeys(("second", "seconds", "sec", "s"), 10**9),
    **dict.fromkeys(("millisecond", "milliseconds", "ms"), 10**6),
    **dict.fromkeys(("microsecond", "microseconds", "us", "µs"), 1_000),
    **dict.fromkeys(("nanosecond", "nanoseconds", "ns"), 1),
}


@dataclass(frozen=True)
class Value:
    """An operand, of n rows or (a literal) of none.

    Parameters
    ----------
    family : str
        ``number``: `data` is a numeric ndarray, (n,) or () for a literal. ``truth``: `data` is a bool ndarray (n,),
        True where the condition holds. ``text``, ``time``, ``duration``, ``decimal``: `data` is a Series; a literal
        text is a str. ``category``: `data` is a Categorical. ``missing``: nothing but missing values, as a bool ndarray.
    data : object
        As above.
    unknown : ndarray of bool, shape (n,), or None
        Where the value is NA; None if nowhere. `data` holds anything there (False for a truth).
    """

    family: str
    data: Any
    unknown: Any = None


def column_value(series: Any) -> Value:
    """Return the values of one column of a partition.

    Parameters
    ----------
    series : pandas.Series
        Any column; it is not changed, and the result may share its memory.

    Returns
    -------
    Value
        With the family that its dtype is of.

    Raises
    ------
    TypeError
        The column's type cannot be used in a filter.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return Value("category", series.array)
    if isinstance(dtype, pd.StringDtype):
        return Value("text", series)
    if isinstance(dtype, pd.ArrowDtype):
        return _arrow_value(series)
    if dtype.kind == "O" and not pd.api.types.is_extension_array_dtype(dtype):
        return _object_value(series)
    if dtype.kind in "biuf" and hasattr(dtype, "numpy_dtype"):
        return _masked_value(series, dtype.numpy_dtype)
    if dtype.kind == "b":
        return Value("truth", series.to_numpy(dtype=bool))
    if dtype.kind in "iuf":
        return number(series.to_numpy())
    if dtype.kind in "Mm" and (isinstance(dtype, (np.dtype, pd.DatetimeTZDtype))):
        return Value("time" if dtype.kind == "M" else "duration", series)
    raise TypeError(f"the column {series.name!r} is of type {dtype}, which a filter cannot use")


def number(data: Any, unknown: Any = None) -> Value:
    """Wrap a numeric array, at one of the four widths that the operations know: int64, uint64, float32, float64."""
    wide: Any = data.dtype
    if wide.kind == "i":
        wide = np.int64
    elif wide.kind == "u":
        wide = np.uint64 if wide.itemsize == 8 else np.int64
    elif wide.itemsize < 4:
        wide = np.float32
    elif wide.itemsize > 8:
        wide = np.float64
    return Value("number", data.astype(wide, copy=False), unknown)


def literal_number(value: float) -> Value:
    """Wrap an int of at most 64 bits, or a float, as an array of shape ()."""
    if isinstance(value, int):
        return Value("number", np.asarray(value, dtype=np.int64 if value < 2**63 else np.uint64))
    return Value("number", np.asarray(value, dtype=np.float64))


def unknown_where(unknown: Any) -> Any:
    """Return `unknown` as a bool ndarray, or None if it is nowhere True."""
    flags = np.asarray(unknown, dtype=bool)
    return flags if flags.any() else None


def _masked_value(series: Any, numpy_dtype: Any) -> Value:
    """``Int64``, ``Float32``, ``boolean`` and the like, and their Arrow-backed kin."""
    unknown = unknown_where(series.isna())
    data = series.to_numpy(dtype=numpy_dtype, na_value=numpy_dtype.type(0))
    return Value("truth", data, unknown) if numpy_dtype.kind == "b" else number(data, unknown)


def _arrow_value(series: Any) -> Value:
    dtype = series.dtype
    if dtype.kind in "biuf":
        return _masked_value(series, np.dtype(dtype.numpy_dtype))
    name = str(dtype.pyarrow_dtype)
    if name in ("string", "large_string", "string_view"):
        return Value("text", series)
    if name.startswith(("list", "large_list", "fixed_size", "struct", "map", "binary", "large_binary", "time")) and (
        not name.startswith("timestamp")
    ):
        raise TypeError(f"the column {series.name!r} is of type {name}, which a filter cannot use")
    plain = series.array.__arrow_array__().to_pandas(date_as_object=False)
    value = column_value(pd.Series(plain, name=series.name))
    return Value(value.family, value.data, unknown_where(series.isna()))


def _object_value(series: Any) -> Value:
    """Find out what a column of Python objects holds."""
    holds = pd.api.types.infer_dtype(series, skipna=True)
    missing = series.isna().to_numpy()
    if holds == "string":
        return Value("text", series)
    if holds == "empty":
        return Value("missing", missing)
    if holds == "boolean":
        return Value("truth", series.to_numpy(dtype=bool, na_value=False), unknown_where(missing))
    if holds == "decimal":
        return Value("decimal", series)
    if holds in ("floating", "mixed-integer-float"):
        return number(series.to_numpy(dtype=np.float64, na_value=np.nan))
    if holds == "integer":
        # Integers with missing values cannot be NaN there and stay exact: those rows are unknown.
        plain = np.asarray(pd.to_numeric(series.to_numpy(dtype=object, na_value=0)))
        if plain.dtype.kind in "iuf":
            return number(plain, unknown_where(missing))
    if holds in ("datetime", "datetime64", "date"):
        return column_value(pd.Series(pd.to_datetime(series), name=series.name))
    if holds in ("timedelta", "timedelta64"):
        return column_value(pd.Series(pd.to_timedelta(series), name=series.name))
    raise TypeError(f"the column {series.name!r} holds objects ({holds}), which a filter cannot use")


def timestamp(text: str, zone: Any) -> pd.Timestamp:
    """Return the moment that an ISO text means for a column in `zone` (None: a column with no time zone).

    Only ISO forms: pandas would also read ``"5"`` and ``"now"``, as something else every day.

    Raises
    ------
    ValueError
        The text is no date, or its zone does not go with the column's; the message is a clause for a person.
    """
    if not _DATE.fullmatch(text.strip()):
        raise ValueError("is not a date; write '2024-05-31' or '2024-05-31 12:00:00'")
    try:
        moment = pd.Timestamp(text.strip())
    except (ValueError, OverflowError):
        raise ValueError("is not a date that exists, or not one that pandas can hold") from None
    if zone is None:
        if moment.tz is not None:
            raise ValueError("has a time zone, but the column has none")
        return moment
    if moment.tz is not None:
        return moment.tz_convert(zone)
    local = moment.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    if not isinstance(local, pd.Timestamp):
        raise ValueError("falls into a change of clocks; add the offset: '2024-10-27 02:30+02:00'")
    return local


def timedelta(text: str) -> pd.Timedelta:
    """Return the duration that `text` means: ``"3 days"``, ``"1h 30min"``, ``"00:05:00"``.

    Raises
    ------
    ValueError
        The text is no duration, or has no unit; the message is a clause for a person.
    """
    match = _SPAN.fullmatch(text.strip())
    if match and (match.group(2) or match.group(3)):
        parts = _SPAN_PART.findall(match.group(2))
        total = sum(Decimal(count) * _UNITS[unit.lower()] for count, unit in parts)
        hours, minutes, seconds = (Decimal(group or 0) for group in match.groups()[2:])
        total += hours * _UNITS["h"] + minutes * _UNITS["m"] + seconds * _UNITS["s"]
        try:
            return pd.Timedelta(int(-total if match.group(1) == "-" else total), unit="ns")
        except (ValueError, OverflowError):
            raise ValueError("is longer than pandas can hold") from None
    raise ValueError("is not a duration; write '3 days', '1h 30min' or '00:05:00'")
