"""What a Parquet reader can be told about one column: a comparison with a constant, in the column's own type.

The reasons for each restriction are in `pvdask.expressions.pushdown`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pvdask.expressions.values import timestamp

_EXACT_FLOAT = 2**53

Bounds = list[tuple[str, Any]]


def type_names(types: Any) -> dict[str, str]:
    """Return pyarrow's name of each column's type, ``""`` where it does not matter."""
    if isinstance(types, Mapping):
        return {name: _dtype_name(dtype) for name, dtype in types.items()}
    return {field.name: str(field.type) for field in types}


def _dtype_name(dtype: Any) -> str:
    try:
        dtype = pd.api.types.pandas_dtype(dtype)
    except (TypeError, ValueError, NotImplementedError):
        return ""
    if isinstance(dtype, pd.ArrowDtype):
        return str(dtype.pyarrow_dtype)
    if isinstance(dtype, pd.StringDtype):
        return "string"
    if isinstance(dtype, pd.DatetimeTZDtype):
        return f"timestamp[{dtype.unit}, tz={dtype.tz}]"
    name = str(getattr(dtype, "numpy_dtype", dtype))
    if name.startswith("datetime64["):
        return f"timestamp[{name[11:-1]}]"
    return {"float64": "double", "float32": "float", "category": "", "object": ""}.get(name, name)


def bounds_of(name: str, op: str, literal: Any) -> Bounds | None:
    """Return conditions, to hold together, that follow from ``column op literal``; None if none does."""
    tag, value = literal[0], literal[1]
    if tag == "number" and name in ("double", "float"):
        return _float_bounds(name, op, value)
    if tag == "number" and name.lstrip("u").startswith("int"):
        return _integer_bounds(name, op, value)
    if tag == "text" and name.startswith("timestamp["):
        return _time_bounds(name, op, value)
    ordered = name in ("string", "large_string")
    if tag == "text" and (ordered or (name.startswith("dictionary<values=string") and op in ("==", "!="))):
        # A lone surrogate is no UTF-8, and no file holds one.
        return [(op, value)] if not any("\ud800" <= character <= "\udfff" for character in value) else None
    if tag == "truth" and name == "bool" and op in ("==", "!="):
        return [(op, value)]
    return None


def _float_bounds(name: str, op: str, value: float) -> Bounds | None:
    if op == "!=":
        return None
    if name == "double":
        return [(op, float(value))]
    # Compared in float32, as `evaluate` does.
    return [(op, np.float32(value))] if abs(value) <= float(np.finfo(np.float32).max) else None


def _integer_bounds(name: str, op: str, value: float) -> Bounds | None:
    if isinstance(value, float):
        if abs(value) > _EXACT_FLOAT or (op in ("==", "!=") and not value.is_integer()):
            return None
        value = math.ceil(value) if op in ("<", ">=") else math.floor(value)
    if abs(value) > _EXACT_FLOAT:
        if op == "!=":
            return None
        slack = int(math.ulp(float(value)))
        low = [(">=", value - slack)] if op in ("==", ">", ">=") else []
        high = [("<=", value + slack)] if op in ("==", "<", "<=") else []
        pairs: Bounds = [*low, *high]
    else:
        pairs = [(op, value)]
    limits = np.iinfo(name)
    if not all(limits.min <= bound <= limits.max for _, bound in pairs):
        return None
    return [(op, np.uint64(bound) if name == "uint64" else int(bound)) for op, bound in pairs]


def _time_bounds(name: str, op: str, text: str) -> Bounds | None:
    zone = name.partition("tz=")[2].rstrip("]") or None
    try:
        moment = timestamp(text, zone)
        # pyarrow takes a Timestamp at microseconds.
        low, high = moment.floor("us"), moment.ceil("us")
        if "[ns" in name:
            # Raises where the column's type cannot hold the literal; pyarrow would fail while it reads.
            low, high = low.as_unit("ns"), high.as_unit("ns")
    except (ValueError, OverflowError):
        return None
    if low == high:
        return [(op, moment)]
    if op == "!=":
        return None
    lower, upper = [(">=", low)], [("<=", high)]
    return {"==": lower + upper, "<": upper, "<=": upper, ">": lower, ">=": lower}[op]
