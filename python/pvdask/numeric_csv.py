"""A block of a CSV file that holds nothing but numbers. RUNS ON THE WORKERS.

Arrow's reader takes half the time of pandas' own, and gives each number as the float64 that is nearest to its digits, which pandas'
own does not where it is fast (pandas, `read_csv`, ``float_precision``). What it reads as something else than pandas would, pandas
reads.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, BinaryIO

import pandas as pd

NUMERIC_DTYPES = ("int64", "float64")
"""dtypes of columns that both readers see in the same texts."""


def read_block(file: BinaryIO, *, expected: dict[str, str], **options: Any) -> pd.DataFrame:
    """Read a block, as ``pandas.read_csv`` does.

    Parameters
    ----------
    file : file-like
        The block, a line of names before it.
    expected : dict of str to str
        Name and dtype, one of `NUMERIC_DTYPES`, of each column, as the first rows of the first file tell.
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
    if "nrows" not in options:
        with suppress(Exception):  # whatever it is, pandas meets it as well, or reads it
            table: pd.DataFrame = pd.read_csv(file, sep=options["sep"], engine="pyarrow")
            # Both of these mean the column of an index that was saved without a name.
            table.columns = pd.Index([name or f"Unnamed: {place}" for place, name in enumerate(table.columns)])
            if _is_as_expected(table, expected):
                return table
        file.seek(0)
    table = pd.read_csv(file, float_precision="round_trip", **options)
    return table


def _is_as_expected(table: pd.DataFrame, expected: dict[str, str]) -> bool:
    """Whether pandas, too, sees these names and dtypes: a float64 that was to be an int64 may be an integer of 64 bits for it."""
    found = [(name, str(dtype)) for name, dtype in table.dtypes.items()]
    return len(found) == len(expected) and all(
        name == wanted and dtype in {wanted_dtype, "int64"}
        for (name, dtype), (wanted, wanted_dtype) in zip(found, expected.items(), strict=True)
    )
