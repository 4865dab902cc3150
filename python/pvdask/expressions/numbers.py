"""Arithmetic and functions of the row filter, on `Value` operands. RUNS ON THE WORKERS (see `pvdask.expressions.values`).

As NumPy and pandas compute, except that integers never wrap around: where a result might not fit, it is a float64.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from pvdask.expressions.values import Value, number

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
#: Operator and families of two operands -> family of the result; no other arithmetic with times exists.
TIME_RESULTS = {
    ("-", "time", "time"): "duration",
    ("+", "time", "duration"): "time",
    ("-", "time", "duration"): "time",
    ("+", "duration", "time"): "time",
    ("+", "duration", "duration"): "duration",
    ("-", "duration", "duration"): "duration",
}
_FLOAT32_MAXIMUM = float(np.finfo(np.float32).max)


def as_number(value: Value) -> Value:
    """Return a value as a number; a decimal becomes a float64, missing becomes NaN.

    Raises
    ------
    TypeError
        It is not one.
    """
    if value.family == "number":
        return value
    if value.family == "decimal":
        return Value("number", value.data.astype("float64").to_numpy(), value.unknown)
    if value.family == "missing":
        return Value("number", np.full(len(value.data), np.nan))
    raise TypeError(f"arithmetic and functions need numbers, not a {value.family}")


def either_unknown(a: Value, b: Value) -> Any:
    """Return where one of two operands is NA, or None."""
    if a.unknown is None or b.unknown is None:
        return b.unknown if a.unknown is None else a.unknown
    return a.unknown | b.unknown


def aligned_floats(a: Any, b: Any) -> tuple[Any, Any]:
    """Return two arrays, not both of integers, as floats of one width.

    A literal takes the width of a float32 column, as in pandas; said here once, because NumPy 1 and 2 differ.
    """
    wide: Any = np.float64
    narrow = np.dtype(np.float32)
    if a.dtype == narrow and b.dtype == narrow:
        wide = narrow
    for column, literal in ((a, b), (b, a)):
        # abs of a uint64 or int64 literal as a Python number: exact.
        if column.dtype == narrow and literal.ndim == 0 and abs(literal.item()) <= _FLOAT32_MAXIMUM:
            wide = narrow
    return a.astype(wide, copy=False), b.astype(wide, copy=False)


def arithmetic(op: str, a: Value, b: Value) -> Value:
    """Return ``a op b``.

    Raises
    ------
    TypeError
        `op` is not defined for these two.
    """
    if "time" in (a.family, b.family) or "duration" in (a.family, b.family):
        return _time_arithmetic(op, a, b)
    a, b = as_number(a), as_number(b)
    unknown = either_unknown(a, b)
    if a.data.dtype.kind == "f" or b.data.dtype.kind == "f" or op == "/":
        left, right = aligned_floats(a.data, b.data)
        return Value("number", _OPERATORS[op](left, right), unknown)
    width = _integer_width(op, a.data, b.data)
    result = _OPERATORS[op](a.data.astype(width, copy=False), b.data.astype(width, copy=False))
    return Value("number", np.asarray(result), unknown)


def _time_arithmetic(op: str, a: Value, b: Value) -> Value:
    family = TIME_RESULTS.get((op, a.family, b.family))
    if family is None:
        raise TypeError(f"{op} is not defined between a {a.family} and a {b.family}")
    return Value(family, _OPERATORS[op](a.data, b.data), either_unknown(a, b))


def _range(data: Any) -> tuple[int, int]:
    return (int(data.min()), int(data.max())) if data.size else (0, 0)


def _integer_width(op: str, a: Any, b: Any) -> Any:
    """Return a type in which ``a op b`` cannot overflow: int64, uint64 or float64."""
    (a_low, a_high), (b_low, b_high) = _range(a), _range(b)
    bounds = [a_low, a_high, b_low, b_high]
    if op in ("//", "%"):
        # pandas: division of an integer by zero is inf or NaN, not an error.
        if b.size and (b == 0).any():
            return np.float64
        bounds.append(abs(a_low))
    elif op == "**":
        if b_low < 0 or (b_high > 64 and max(a_high, -a_low) > 1):
            return np.float64
        bounds += [max(a_high, -a_low) ** min(b_high, 64)]
    else:
        bounds += [_OPERATORS[op](x, y) for x in (a_low, a_high) for y in (b_low, b_high)]
    if min(bounds) >= -(2**63) and max(bounds) < 2**63:
        return np.int64
    return np.uint64 if min(bounds) >= 0 and max(bounds) < 2**64 else np.float64


def _to_float(data: Any) -> Any:
    return data if data.dtype.kind == "f" else data.astype(np.float64)


def _function(compute: Callable[[Any], Any]) -> Callable[[Value], Value]:
    """Make a function of one number that always gives a float."""

    def call(value: Value) -> Value:
        value = as_number(value)
        return Value("number", np.asarray(compute(_to_float(value.data))), value.unknown)

    return call


def _whole(compute: Callable[[Any], Any]) -> Callable[[Value], Value]:
    """Make a rounding function: an integer is its own result."""

    def call(value: Value) -> Value:
        value = as_number(value)
        if value.data.dtype.kind != "f":
            return value
        return Value("number", np.asarray(compute(value.data)), value.unknown)

    return call


def _round(value: Value, digits: Value | None = None) -> Value:
    value = as_number(value)
    places = 0 if digits is None else int(digits.data)
    if value.data.dtype.kind != "f" and places >= 0:
        return value
    return number(np.asarray(np.round(_to_float(value.data), places)), value.unknown)


def _abs(value: Value) -> Value:
    value = as_number(value)
    data = value.data
    if data.dtype == np.int64 and data.size and data.min() == np.iinfo(np.int64).min:
        data = data.astype(np.float64)
    return Value("number", np.abs(data), value.unknown)


def _arctan2(a: Value, b: Value) -> Value:
    a, b = as_number(a), as_number(b)
    left, right = aligned_floats(_to_float(a.data), _to_float(b.data))
    return Value("number", np.asarray(np.arctan2(left, right)), either_unknown(a, b))


def _extreme(compute: Callable[[Any, Any], Any]) -> Callable[..., Value]:
    """Make an elementwise minimum or maximum of two or more numbers; NaN wins, as in NumPy."""

    def call(first: Value, *others: Value) -> Value:
        result = as_number(first)
        for other in others:
            other = as_number(other)
            a, b = result.data, other.data
            if a.dtype != b.dtype:
                # "+" of both decides the type that holds both, mixed signs included.
                both_integer = a.dtype.kind != "f" and b.dtype.kind != "f"
                width = _integer_width("+", a, b) if both_integer else None
                a, b = (a.astype(width), b.astype(width)) if both_integer else aligned_floats(a, b)
            result = Value("number", np.asarray(compute(a, b)), either_unknown(result, other))
        return result

    return call


FUNCTIONS: dict[str, Callable[..., Value]] = {
    **{name: _function(getattr(np, name)) for name in ("sqrt", "log", "log10", "log2", "exp", "sin", "cos", "tan")},
    **{name: _function(getattr(np, name)) for name in ("arcsin", "arccos", "arctan")},
    "floor": _whole(np.floor),
    "ceil": _whole(np.ceil),
    "round": _round,
    "abs": _abs,
    "arctan2": _arctan2,
    "min": _extreme(np.minimum),
    "max": _extreme(np.maximum),
}
