"""A block of a CSV file as a table. RUNS ON THE WORKERS.

pandas reads it, and where a table holds nothing but numbers Arrow does, in less than half the time. A number is the float64 that is
nearest to its digits either way; unless asked, pandas trades the last of them for speed (`read_csv`, ``float_precision``).
"""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from typing import Any

import pandas as pd

NUMERIC_DTYPES = ("int64", "float64")
"""dtypes of columns that both readers see in the same texts."""

ARROW_S_OWN = (b"x", b"X", b"(")
"""In what Arrow takes for a number and pandas does not: ``0x1F``, ``nan(1)``. No other text of a number has them."""


def read_block(file: BytesIO, *, expected: dict[str, str], **options: Any) -> pd.DataFrame:
    """Read a block, as ``pandas.read_csv`` does.

    Parameters
    ----------
    file : io.BytesIO
        The block, a line of names before it.
    expected : dict of str to str
        Name and dtype, one of `NUMERIC_DTYPES`, of each column, as the first rows of the first file tell; empty where they are
        others.
    **options : object
        For ``pandas.read_csv``.

    Returns
    -------
    pandas.DataFrame
        Columns have the dtypes that pandas tells from this block, which need not be those that are expected.

    Raises
    ------
    Exception
        What pandas raises where this is no table.
    """
    content = _without_lone_returns(file.getvalue())
    table = _by_arrow(content, expected, options["sep"]) if expected and "nrows" not in options else None
    return _by_pandas(content, {"float_precision": "round_trip", **options}) if table is None else table


def _without_lone_returns(content: bytes) -> bytes:
    """The same lines. A return alone ends a line for pandas, too, but some make it go on for ever (2.3, ``low_memory=False``)."""
    if b"\r" in content:
        unix = content.replace(b"\r\n", b"\n")
        if b"\r" in unix:
            return unix.replace(b"\r", b"\n")
    return content


def _by_pandas(content: bytes, options: dict[str, Any]) -> pd.DataFrame:
    table: pd.DataFrame = pd.read_csv(BytesIO(content), **options)
    return table


def _by_arrow(content: bytes, expected: dict[str, str], separator: str) -> pd.DataFrame | None:
    """A table of numbers; None where pandas would see something else in it, or Arrow cannot read it."""
    behind_names = content.find(b"\n")
    if any(content.find(text, behind_names) >= 0 for text in ARROW_S_OWN):
        return None
    table = None
    with suppress(Exception):  # whatever it is, pandas meets it as well, or reads it
        table = _by_pandas(content, {"sep": separator, "engine": "pyarrow"})
        # Both of these mean the column of an index that was saved without a name.
        table.columns = pd.Index([name or f"Unnamed: {place}" for place, name in enumerate(table.columns)])
    return table if table is not None and _is_as_expected(table, expected) else None


def _is_as_expected(table: pd.DataFrame, expected: dict[str, str]) -> bool:
    """Whether pandas, too, sees these names and dtypes: a float64 that was to be an int64 may be an integer of 64 bits for it."""
    found = [(name, str(dtype)) for name, dtype in table.dtypes.items()]
    return len(found) == len(expected) and all(
        name == wanted and dtype in {wanted_dtype, "int64"}
        for (name, dtype), (wanted, wanted_dtype) in zip(found, expected.items(), strict=True)
    )
