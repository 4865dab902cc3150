"""Comparisons of the row filter, on `Value` operands. RUNS ON THE WORKERS (see `pvdask.expressions.values`)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from pvdask.expressions.numbers import aligned_floats, as_number, either_unknown
from pvdask.expressions.values import Value, column_value, literal_number, timedelta, timestamp, unknown_where

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def truth_parts(value: Value) -> tuple[Any, Any]:
    """Return where a condition is surely true and where it is surely false, both ndarray of bool.

    Raises
    ------
    TypeError
        The value is not a condition.
    """
    if value.family == "missing":
        nowhere = np.zeros_like(value.data)
        return nowhere, nowhere
    if value.family != "truth":
        raise TypeError(f"and, or, not need conditions, not a {value.family}")
    if value.unknown is None:
        return value.data, ~value.data
    return value.data & ~value.unknown, ~value.data & ~value.unknown


def compare(op: str, a: Value, b: Value) -> Value:
    """Return the condition ``a op b``.

    Raises
    ------
    TypeError, ValueError
        The two cannot be compared.
    """
    if "missing" in (a.family, b.family):
        rows = a.data if a.family == "missing" else b.data
        return Value("truth", np.full(len(rows), op == "!="))
    if "category" in (a.family, b.family):
        return _compare_category(op, a, b) if a.family == "category" else _compare_category(MIRRORED[op], b, a)
    numbers = ("number", "truth", "decimal")
    if a.family in numbers and b.family in numbers:
        return _compare_number(op, a, b)
    if a.family == "text" and b.family == "text":
        return _compare_text(op, a, b)
    if {a.family, b.family} <= {"time", "duration", "text"}:
        return _compare_time(op, a, b)
    raise TypeError(f"a {a.family} cannot be compared with a {b.family}")


def _compare_number(op: str, a: Value, b: Value) -> Value:
    if a.family == "decimal" and b.family == "number" and b.data.ndim == 0:
        return _compare_decimal(op, a, b.data.item())
    if b.family == "decimal" and a.family == "number" and a.data.ndim == 0:
        return _compare_decimal(MIRRORED[op], b, a.data.item())
    unknown = either_unknown(a, b)
    left, right = (
        value.data.astype(np.int64) if value.family == "truth" else as_number(value).data for value in (a, b)
    )
    if left.dtype.kind == "f" or right.dtype.kind == "f":
        left, right = aligned_floats(left, right)
    elif left.dtype != right.dtype:
        return Value("truth", _compare_mixed(op, left, right), unknown)
    return Value("truth", np.asarray(_OPERATORS[op](left, right)), unknown)


def _compare_mixed(op: str, a: Any, b: Any) -> Any:
    """int64 with uint64, exactly: NumPy before 1.25 went by way of float64."""
    if a.dtype.kind == "u":
        return _compare_mixed(MIRRORED[op], b, a)
    negative = a < 0
    result = _OPERATORS[op](np.where(negative, 0, a).astype(np.uint64), b)
    return np.where(negative, op in ("<", "<=", "!="), result)


def _compare_decimal(op: str, a: Value, literal: float) -> Value:
    """Exactly, and 0.1 means one tenth, not the float64 next to it."""
    present = a.data.notna().to_numpy()
    result = np.full(len(present), op == "!=")
    values = a.data.to_numpy(dtype=object)[present]
    result[present] = _OPERATORS[op](values, Decimal(repr(literal))).astype(bool)
    return Value("truth", result, a.unknown)


def _has_na(series: Any) -> bool:
    """Whether missing text of this type makes a comparison unknown (pd.NA), rather than False (None, NaN)."""
    return getattr(series.dtype, "na_value", None) is pd.NA


def _compare_text(op: str, a: Value, b: Value) -> Value:
    if isinstance(a.data, str):
        if isinstance(b.data, str):
            raise TypeError("two constants are compared; a column is missing")
        return _compare_text(MIRRORED[op], b, a)
    series = a.data
    literal = isinstance(b.data, str)
    if literal and series.dtype != object:
        result = _OPERATORS[op](series, b.data)
        return Value("truth", result.to_numpy(dtype=bool, na_value=False), unknown_where(result.isna()))
    others = [series] if literal else [series, b.data]
    missing = np.logical_or.reduce([part.isna().to_numpy() for part in others])
    unknown = np.logical_or.reduce([part.isna().to_numpy() & _has_na(part) for part in others])
    left, right = (
        part if isinstance(part, str) else part.to_numpy(dtype=object)[~missing] for part in (series, b.data)
    )
    holds = np.full(len(series), op == "!=")
    holds[~missing] = np.asarray(_OPERATORS[op](left, right), dtype=bool)
    return Value("truth", holds & ~unknown, unknown_where(unknown))


def _compare_time(op: str, a: Value, b: Value) -> Value:
    """Times with times, durations with durations, and either with a text that is one."""
    if a.family == "text":
        return _compare_time(MIRRORED[op], b, a)
    if b.family == "text":
        if not isinstance(b.data, str):
            raise TypeError(f"a {a.family} cannot be compared with a text column")
        zone = a.data.dt.tz if a.family == "time" else None
        try:
            right: Any = timestamp(b.data, zone) if a.family == "time" else timedelta(b.data)
        except ValueError as error:
            raise ValueError(f"{b.data!r} {error}") from None
    elif a.family != b.family or (a.family == "time" and (a.data.dt.tz is None) != (b.data.dt.tz is None)):
        raise TypeError("a time, a time with a zone and a duration cannot be compared with each other")
    else:
        right = b.data
    return Value("truth", np.asarray(_OPERATORS[op](a.data, right), dtype=bool), either_unknown(a, b))


def _labels(category: Any) -> Value:
    return column_value(pd.Series(category.categories))


def _compare_category(op: str, a: Value, b: Value) -> Value:
    """By label; by order for an ordered category and one of its own labels."""
    codes = a.data.codes
    literal = (b.family == "text" and isinstance(b.data, str)) or (b.family == "number" and b.data.ndim == 0)
    if not literal:
        if op not in ("==", "!="):
            raise TypeError("categories of two columns can only be compared by == and !=")
        sides = [
            column_value(pd.Series(np.asarray(side.data), dtype=object)) if side.family == "category" else side
            for side in (a, b)
        ]
        return compare(op, *sides)
    equal, _ = truth_parts(compare("==", _labels(a.data), b))
    if op in ("==", "!="):
        holds = np.append(equal, False)[codes]
        return Value("truth", holds if op == "==" else ~holds, a.unknown)
    if not a.data.ordered:
        raise TypeError("an unordered category can only be compared by ==, != and in")
    place = np.flatnonzero(equal)
    if not len(place):
        raise ValueError(f"{b.data!r} is not one of the labels of the ordered category")
    return Value("truth", _OPERATORS[op](codes, place[0]) & (codes >= 0), a.unknown)


def is_in(value: Value, items: tuple[Any, ...]) -> Any:
    """Return where `value` is one of the literals `items`; missing is in no list, as in pandas.

    Returns
    -------
    ndarray of bool
        Shape (n,).
    """
    if value.family == "category":
        return np.append(is_in(_labels(value.data), items), False)[value.data.codes]
    if value.family == "missing":
        return np.zeros_like(value.data)
    rows = np.zeros(len(value.data), dtype=bool)
    if value.family == "number":
        found = rows | _number_is_in(value.data, items)
    elif value.family == "text" and all(isinstance(item, str) for item in items):
        found = value.data.isin(list(items)).to_numpy(dtype=bool)
    else:
        # Few rows ever take this way: dates, durations, decimals.
        found = rows
        for item in items:
            literal = Value("text", item) if isinstance(item, str) else literal_number(item)
            found = found | truth_parts(compare("==", value, literal))[0]
    return found if value.unknown is None else found & ~value.unknown


def _number_is_in(data: Any, items: tuple[Any, ...]) -> Any:
    if any(isinstance(item, str) for item in items):
        raise TypeError("a number cannot be compared with a text")
    if data.dtype.kind == "f":
        largest = float(np.finfo(data.dtype).max)
        return np.isin(data, np.asarray([item for item in items if abs(item) <= largest], dtype=data.dtype))
    bounds = np.iinfo(data.dtype)
    whole = [int(item) for item in items if item == int(item) and bounds.min <= item <= bounds.max]
    return np.isin(data, np.asarray(whole, dtype=data.dtype))
