"""Apply a checked filter tree to one partition. RUNS ON THE WORKERS.

Pickled by value and run where this package is not installed: imports NumPy, pandas, the standard library and its
sibling modules that hold to the same. It walks the tree; nothing is ever compiled, imported or looked up by name
except columns of the frame and the entries of the tables below.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pvdask.expressions.compare import compare, is_in, truth_parts
from pvdask.expressions.numbers import FUNCTIONS, arithmetic, as_number
from pvdask.expressions.values import Value, column_value, literal_number, unknown_where


def evaluate(tree: tuple[Any, ...], frame: Any) -> Any:
    """Return which rows of a partition satisfy a filter.

    Parameters
    ----------
    tree : tuple
        `Expression.tree`.
    frame : pandas.DataFrame
        n rows; its columns have the names the expression was parsed with. It is not changed.

    Returns
    -------
    ndarray of bool, shape (n,)
        Owned by the caller. A row for which the condition is unknown (NA) is False.

    Raises
    ------
    ValueError, TypeError
        The frame does not fit the expression: a column is missing, or of another type.
    """
    with np.errstate(all="ignore"):
        result = _walk(tree, frame, {})
    if result.family == "missing":
        return np.zeros(len(frame), dtype=bool)
    if result.family != "truth":
        raise TypeError(f"the filter is a {result.family}, not a condition")
    true, _ = truth_parts(result)
    return np.array(np.broadcast_to(true, len(frame)))


def _walk(tree: tuple[Any, ...], frame: Any, seen: dict[str, Value]) -> Value:
    """Return the value of one node; `seen` keeps the columns that were converted before."""
    tag = tree[0]
    if tag == "column":
        if tree[1] not in seen:
            seen[tree[1]] = _column(tree[1], frame)
        return seen[tree[1]]
    if tag == "number":
        return literal_number(tree[1])
    if tag == "truth":
        return literal_number(int(tree[1]))
    if tag == "text":
        return Value("text", tree[1])
    if tag not in _NODES:
        raise ValueError(f"unknown node {tag!r} in a filter")
    return _NODES[tag](tree, frame, seen)


def _column(name: str, frame: Any) -> Value:
    if name not in frame.columns:
        raise ValueError(f"the filter uses the column {name!r}, which this partition does not have")
    series = frame[name]
    if isinstance(series, pd.DataFrame):
        raise ValueError(f"the filter uses the column {name!r}, and this partition has several of that name")
    # Without the index: columns are combined row by row, whatever the partition's index holds.
    return column_value(pd.Series(series.array, dtype=series.dtype, name=name, copy=False))


def _and(tree: tuple[Any, ...], frame: Any, seen: dict[str, Value]) -> Value:
    """Three-valued: unknown and False is False."""
    return _kleene([_walk(part, frame, seen) for part in tree[1:]])


def _or(tree: tuple[Any, ...], frame: Any, seen: dict[str, Value]) -> Value:
    return _inverted(_kleene([_inverted(_walk(part, frame, seen)) for part in tree[1:]]))


def _not(tree: tuple[Any, ...], frame: Any, seen: dict[str, Value]) -> Value:
    return _inverted(_walk(tree[1], frame, seen))


def _kleene(parts: list[Value]) -> Value:
    true, false = truth_parts(parts[0])
    for part in parts[1:]:
        more_true, more_false = truth_parts(part)
        true, false = true & more_true, false | more_false
    return Value("truth", true, unknown_where(~(true | false)))


def _inverted(value: Value) -> Value:
    _, false = truth_parts(value)
    return Value("truth", false, value.unknown if value.family == "truth" else value.data)


def _compare(tree: tuple[Any, ...], frame: Any, seen: dict[str, Value]) -> Value:
    return compare(tree[1], _walk(tree[2], frame, seen), _walk(tree[3], frame, seen))


def _chain(tree: tuple[Any, ...], frame: Any, seen: dict[str, Value]) -> Value:
    """``a < b < c``, each operand computed once."""
    operands = [_walk(part, frame, seen) for part in tree[2]]
    return _kleene([compare(op, operands[i], operands[i + 1]) for i, op in enumerate(tree[1])])


def _in(tree: tuple[Any, ...], frame: Any, seen: dict[str, Value]) -> Value:
    found = is_in(_walk(tree[1], frame, seen), tree[2])
    return Value("truth", found if tree[0] == "in" else ~found)


def _arithmetic(tree: tuple[Any, ...], frame: Any, seen: dict[str, Value]) -> Value:
    return arithmetic(tree[1], _walk(tree[2], frame, seen), _walk(tree[3], frame, seen))


def _negative(tree: tuple[Any, ...], frame: Any, seen: dict[str, Value]) -> Value:
    value = as_number(_walk(tree[1], frame, seen))
    if value.data.dtype.kind == "f":
        return Value("number", -value.data, value.unknown)
    return arithmetic("-", literal_number(0), value)


def _call(tree: tuple[Any, ...], frame: Any, seen: dict[str, Value]) -> Value:
    """``("call", name, argument, ...)``; the four kinds of functions take their arguments differently."""
    name = tree[1]
    first = _walk(tree[2], frame, seen)
    if name in ("isna", "isnan", "notna"):
        missing = _missing(first)
        return Value("truth", ~missing if name == "notna" else missing)
    if name in ("startswith", "endswith", "contains"):
        return _text_call(name, first, tree[3][1])
    if name == "between":
        low, high = (_walk(part, frame, seen) for part in tree[3:])
        return _kleene([compare(">=", first, low), compare("<=", first, high)])
    if name not in FUNCTIONS:
        raise ValueError(f"unknown function {name!r} in a filter")
    return FUNCTIONS[name](first, *(_walk(part, frame, seen) for part in tree[3:]))


def _missing(value: Value) -> Any:
    """Return where a value is missing in any way: NA, None, NaN, NaT."""
    if value.family == "missing":
        return np.ones_like(value.data)
    if value.family == "truth":
        missing = np.zeros(len(value.data), dtype=bool)
    else:
        missing = np.asarray(pd.isna(value.data), dtype=bool)
    return missing if value.unknown is None else missing | value.unknown


def _text_call(name: str, value: Value, text: str) -> Value:
    if value.family == "missing":
        return value
    if value.family == "category":
        labels = _text_call(name, column_value(pd.Series(value.data.categories)), text)
        holds = np.append(truth_parts(labels)[0], False)[value.data.codes]
        return Value("truth", holds & (value.data.codes >= 0), unknown_where(value.data.codes < 0))
    if value.family != "text" or isinstance(value.data, str):
        raise TypeError(f"{name} needs a text column, not a {value.family}")
    strings = value.data.str
    found = strings.contains(text, regex=False) if name == "contains" else getattr(strings, name)(text)
    return Value("truth", found.to_numpy(dtype=bool, na_value=False), unknown_where(found.isna()))


_NODES = {
    "and": _and,
    "or": _or,
    "not": _not,
    "compare": _compare,
    "chain": _chain,
    "in": _in,
    "not in": _in,
    "arithmetic": _arithmetic,
    "negative": _negative,
    "call": _call,
}
