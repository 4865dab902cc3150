"""One partition of a DataFrame as it is: its columns by name, what is in them, some of its rows. RUNS ON THE WORKERS.

What these modules may use, see `pvdask.columns`.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from pvdask.sampling import distinct_times as displayed_times

MAXIMUM_LABELS = 100_000

MAXIMUM_TIMES = 10_000


def displayed(frame: Any) -> pd.DataFrame:
    """Give a partition's columns their display names.

    Parameters
    ----------
    frame : pandas.DataFrame or pandas.Series
        The partition.

    Returns
    -------
    pandas.DataFrame
        The same rows, not copied.
    """
    table: pd.DataFrame = frame.to_frame() if isinstance(frame, pd.Series) else frame
    names = [str(name) for name in table.columns]
    return table if list(table.columns) == names else table.set_axis(names, axis=1)


def series_of(frame: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Get a column.

    Parameters
    ----------
    frame : pandas.DataFrame
        A partition, columns by display name.
    name : str
        Display name.

    Returns
    -------
    pandas.Series
        The column.

    Raises
    ------
    ValueError
        Where the partition has none of that name.
    """
    if name not in frame.columns:
        raise ValueError(f"a partition has no column {name!r}; it has {', '.join(map(repr, frame.columns[:20]))}")
    return frame[name]


def scan(frame: Any, names: list[str]) -> dict[str, tuple[str, bool, list[str] | None]]:
    """Look at the rows for what dtypes alone do not tell.

    Parameters
    ----------
    frame : pandas.DataFrame or pandas.Series
        The partition.
    names : list of str
        Columns to look at, by display name.

    Returns
    -------
    dict of str to tuple
        For each column: what its values are (``label``, ``decimal``, ``boolean``, ``number``, ``datetime``,
        ``timedelta``, ``empty`` or ``nested``), whether any is missing, and, for labels, the distinct ones in order.

    Raises
    ------
    ValueError
        Where a column has more than `MAXIMUM_LABELS` distinct labels.
    """
    frame = displayed(frame)
    return {name: _scan_series(series_of(frame, name)) for name in names}


def distinct_times(frame: Any, name: str, kind: str) -> list[float]:
    """Call `pvdask.sampling.distinct_times` on a partition as Dask has it.

    Parameters
    ----------
    frame : pandas.DataFrame or pandas.Series
        The partition.
    name, kind
        See there.

    Returns
    -------
    list of float
        See there.

    Raises
    ------
    ValueError
        Where there are more than `MAXIMUM_TIMES`.
    """
    times: list[float] = displayed_times(displayed(frame), name, kind).tolist()
    if len(times) > MAXIMUM_TIMES:
        raise ValueError(
            f"column {name!r} has {len(times):,} distinct values in one partition, and at most {MAXIMUM_TIMES:,} can be time "
            "steps; round them, or choose another column"
        )
    return times


def pick(frame: Any, rows: Any, as_text: list[str]) -> pd.DataFrame:
    """Take rows out of a partition by their places.

    Parameters
    ----------
    frame : pandas.DataFrame or pandas.Series
        The partition.
    rows : numpy.ndarray
        Shape (n,), integers from 0.
    as_text : list of str
        Columns (by display name) whose values become texts.

    Returns
    -------
    pandas.DataFrame
        The n rows, in the order of `rows`, columns by display name.

    Raises
    ------
    ValueError
        Where a place is not in the partition.
    """
    frame = displayed(frame)
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(frame):
        raise ValueError(f"RowId goes from {rows.min()} to {rows.max()}, and the partition has {len(frame)} rows")
    taken: pd.DataFrame = frame.iloc[rows]
    texts = {name: series_of(taken, name).map(str).astype(object) for name in as_text}
    return taken.assign(**texts) if texts else taken


def to_frame(arrays: list[Any], *, schema: list[tuple[str, str, list[str] | None]]) -> pd.DataFrame:
    """Make a partition of arrays: the other way round.

    Parameters
    ----------
    arrays : list of numpy.ndarray
        Shape (n,) each.
    schema : list of tuple
        Name, NumPy type string, and labels of each; with labels, the array holds codes, and the column becomes categorical.

    Returns
    -------
    pandas.DataFrame
        The columns, in order; it may share the arrays' memory.
    """
    columns: dict[str, Any] = {}
    for array, (name, _, labels) in zip(arrays, schema, strict=True):
        columns[name] = (
            array if labels is None else pd.Categorical.from_codes(array, categories=pd.Index(labels, dtype=object))
        )
    return pd.DataFrame(columns)


def _scan_series(series: pd.Series[Any]) -> tuple[str, bool, list[str] | None]:
    missing = bool(series.isna().any())
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        # Two categories can be written alike (1 and "1"); they have one label.
        return "label", missing, _bounded(list(dict.fromkeys(map(str, dtype.categories))), series.name)
    if "dictionary" in str(dtype):
        series = series.astype(object)
    what = "string" if isinstance(dtype, pd.StringDtype) else pd.api.types.infer_dtype(series, skipna=True)
    if what == "string":
        return "label", missing, _bounded(sorted(map(str, series.dropna().unique())), series.name)
    kinds = {
        **dict.fromkeys(("date", "datetime", "datetime64"), "datetime"),
        **dict.fromkeys(("timedelta", "timedelta64"), "timedelta"),
        "decimal": "decimal",
        "boolean": "boolean",
        "integer": "number",
        "floating": "number",
        "empty": "empty",
    }
    return kinds.get(what, "number" if what == "mixed-integer-float" else "nested"), missing, None


def _bounded(labels: list[str], name: Any) -> list[str]:
    if len(labels) > MAXIMUM_LABELS:
        raise ValueError(
            f"column {name!r} has {len(labels):,} distinct texts in one partition, and at most {MAXIMUM_LABELS:,} can be "
            "labels; leave it out, or make a category of it with fewer"
        )
    return labels
