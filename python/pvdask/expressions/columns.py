"""What the row filter knows about columns before it sees data: the kind of each type, and names close to a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from pvdask.expressions.grammar import printable

# A hostile file has a million columns; a suggestion is not worth more than this.
_SEARCHED_NAMES = 5_000
_SEARCHED_LENGTH = 200


@dataclass(frozen=True)
class Kind:
    """What an operand is.

    Parameters
    ----------
    family : str
        number, truth, text, time, duration, category, unknown (only the data will show) or unusable.
    zone : object
        Time zone of a time; None if it has none.
    labels : tuple or None
        Labels of an ordered category, where they are known.
    label_family : str
        What the labels of a category are, as `family`.
    ordered : bool
        Whether a category is ordered.
    """

    family: str
    zone: Any = None
    labels: tuple[Any, ...] | None = None
    label_family: str = "unknown"
    ordered: bool = False


def column_kind(dtype: Any) -> Kind:
    """Return the kind of a column.

    Parameters
    ----------
    dtype : str or numpy or pandas dtype
        As in the (meta of the) frame.
    """
    try:
        dtype = pd.api.types.pandas_dtype(dtype)
    except (TypeError, ValueError, NotImplementedError):
        return Kind("unknown")
    if isinstance(dtype, pd.CategoricalDtype):
        return _category_kind(dtype)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return Kind("time", zone=dtype.tz)
    if isinstance(dtype, pd.StringDtype):
        return Kind("text")
    if isinstance(dtype, pd.ArrowDtype):
        return _arrow_kind(dtype)
    if isinstance(dtype, np.dtype) or hasattr(dtype, "numpy_dtype"):
        families = {"b": "truth", "i": "number", "u": "number", "f": "number", "M": "time", "m": "duration"}
        # "O" may be text, decimals, dates, flags with gaps, or lists.
        return Kind(families.get(dtype.kind, "unknown" if dtype.kind == "O" else "unusable"))
    return Kind("unusable")


def _category_kind(dtype: Any) -> Kind:
    # dask marks categories that it has not counted yet by one label of this name.
    if dtype.categories is None or "__UNKNOWN_CATEGORIES__" in dtype.categories:
        return Kind("category", ordered=bool(dtype.ordered))
    family = column_kind(dtype.categories.dtype).family
    if family == "unknown" and len(dtype.categories) and all(isinstance(label, str) for label in dtype.categories):
        family = "text"
    labels = tuple(dtype.categories) if dtype.ordered else None
    return Kind("category", labels=labels, label_family=family, ordered=bool(dtype.ordered))


def _arrow_kind(dtype: Any) -> Kind:
    arrow = dtype.pyarrow_dtype
    name = str(arrow)
    if name.startswith("timestamp"):
        return Kind("time", zone=arrow.tz)
    if name.startswith("date"):
        return Kind("time")
    if name.startswith("duration"):
        return Kind("duration")
    if name in ("string", "large_string", "string_view"):
        return Kind("text")
    if name.startswith("decimal") or dtype.kind in "iuf":
        return Kind("number")
    if dtype.kind == "b":
        return Kind("truth")
    return Kind("unknown" if name == "null" or name.startswith("dictionary") else "unusable")


def quoted(name: str) -> str:
    """Return a column name as it has to be written in a filter."""
    plain = name.isidentifier() and not name.startswith("__")
    return printable(name) if plain else "`" + printable(name).replace("`", "``") + "`"


def unknown_column(name: str, columns: Mapping[str, Any]) -> str:
    """Return the message about a column that does not exist, with the names closest to it."""
    names = [known for known in islice(columns, _SEARCHED_NAMES) if len(known) <= _SEARCHED_LENGTH]
    close = [known for known in names if known.lower() == name.lower()]
    # A bare `plx` where the column is `plx[mas]`.
    close += sorted((known for known in names if known.startswith(name) and known not in close), key=len)[:3]
    if len(name) <= _SEARCHED_LENGTH:
        close += [known for known in difflib.get_close_matches(name, names, n=3) if known not in close]
    message = f"there is no column '{printable(name[:_SEARCHED_LENGTH])}'"
    if close:
        return f"{message}; did you mean {' or '.join(quoted(known) for known in close[:3])}?"
    return f"{message}; there are {', '.join(quoted(known) for known in names[:8])}{', …' if len(names) > 8 else ''}"
