"""What kind of array each column of a frame becomes, told from its dtype alone.

Kinds: ``number``, ``boolean``, ``datetime``, ``timedelta``, ``decimal``, ``label`` (strings and categories: int32 codes
with a table of labels), ``object`` (only a look at the rows can tell) and ``nested`` (never offered).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pvdask.errors import ColumnError

NUMERIC_KINDS = ("number", "boolean", "decimal")
OFFERED_KINDS = (*NUMERIC_KINDS, "datetime", "timedelta", "label", "object")


@dataclass(frozen=True)
class ColumnInfo:
    """One column of a frame, as its metadata shows it.

    Parameters
    ----------
    name : str
        Display name: the name itself, or ``str()`` of one that is no string.
    kind : str
        See the module.
    dtype : str
        NumPy type string of the array it becomes where nothing is missing.
    nullable : bool
        Whether rows may be missing in a way that its type has no value for, so that a look at the rows decides.
    """

    name: str
    kind: str
    dtype: str
    nullable: bool = False

    def as_text(self) -> ColumnInfo:
        """The same column as one of texts."""
        return ColumnInfo(self.name, "label", "<i4", nullable=True)


def column_infos(meta: pd.DataFrame) -> list[ColumnInfo]:
    """Tell the columns of a frame.

    Parameters
    ----------
    meta : pandas.DataFrame
        The frame's metadata: its columns and dtypes, without rows.

    Returns
    -------
    list of ColumnInfo
        In the frame's order.

    Raises
    ------
    ColumnError
        Where two columns have the same display name.
    """
    names = [str(name) for name in meta.columns]
    doubled = tuple(sorted({name for name in names if names.count(name) > 1})) if len(set(names)) < len(names) else ()
    if doubled:
        raise ColumnError(
            f"The frame has several columns of the same name: {', '.join(map(repr, doubled))}; rename them, since an "
            "array in ParaView is found by its name.",
            doubled,
        )
    return [_info(name, dtype) for name, dtype in zip(names, meta.dtypes, strict=True)]


def _info(name: str, dtype: Any) -> ColumnInfo:
    if isinstance(dtype, pd.ArrowDtype):
        return _arrow_info(name, dtype)
    if isinstance(dtype, pd.CategoricalDtype):
        return ColumnInfo(name, "label", "<i4", nullable=True)
    if isinstance(dtype, pd.StringDtype):
        return ColumnInfo(name, "label", "<i4", nullable=True)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return ColumnInfo(name, "datetime", "<f8")
    if isinstance(dtype, pd.BooleanDtype):
        return ColumnInfo(name, "boolean", "|u1", nullable=True)
    if isinstance(dtype, pd.api.extensions.ExtensionDtype):
        numpy_dtype: object = getattr(dtype, "numpy_dtype", None)
        if isinstance(numpy_dtype, np.dtype) and numpy_dtype.kind in "iuf":
            return ColumnInfo(name, "number", _sent(numpy_dtype), nullable=True)
        return ColumnInfo(name, "nested", "")
    return _numpy_info(name, np.dtype(dtype))


def _numpy_info(name: str, dtype: np.dtype[Any]) -> ColumnInfo:
    kinds = {"b": "boolean", "i": "number", "u": "number", "f": "number", "M": "datetime", "m": "timedelta"}
    kind = kinds.get(dtype.kind, "object" if dtype.kind == "O" else "label" if dtype.kind in "US" else "nested")
    return ColumnInfo(name, kind, _array_dtype(kind, dtype), nullable=kind in ("object", "label"))


def _arrow_info(name: str, dtype: pd.ArrowDtype) -> ColumnInfo:
    import pyarrow as pa

    arrow = dtype.pyarrow_dtype
    if pa.types.is_integer(arrow) or pa.types.is_floating(arrow):
        return ColumnInfo(name, "number", _sent(np.dtype(arrow.to_pandas_dtype())), nullable=True)
    tests = (
        ("boolean", pa.types.is_boolean),
        ("decimal", pa.types.is_decimal),
        ("datetime", lambda t: pa.types.is_timestamp(t) or pa.types.is_date(t)),
        ("timedelta", pa.types.is_duration),
        ("label", lambda t: pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_dictionary(t)),
    )
    for kind, test in tests:
        if test(arrow):
            return ColumnInfo(name, kind, _array_dtype(kind, None), nullable=kind in ("boolean", "label"))
    return ColumnInfo(name, "nested", "")


def _array_dtype(kind: str, dtype: np.dtype[Any] | None) -> str:
    if kind == "number" and dtype is not None:
        return _sent(dtype)
    return {"boolean": "|u1", "label": "<i4", "nested": ""}.get(kind, "<f8")


def _sent(dtype: np.dtype[Any]) -> str:
    """Type that VTK can hold: half precision becomes single, long double becomes double, all little-endian."""
    if dtype.kind == "f":
        return {2: "<f4", 4: "<f4"}.get(dtype.itemsize, "<f8")
    return np.dtype(f"{dtype.kind}{dtype.itemsize}").newbyteorder("<").str
