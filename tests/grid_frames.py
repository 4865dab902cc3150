"""Frames for tests of density grids, and what NumPy and pandas make of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

AXES = ["x", "y", "z"]
OPERATIONS = {"Sum": "sum", "Mean": "mean", "Minimum": "min", "Maximum": "max"}


def rows(n_rows: int, seed: int = 3) -> pd.DataFrame:
    """Clustered points, some without a finite position, some on one another; masses, some missing; a text and a date."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 40, (9, 3))
    points = centres[rng.integers(0, 9, n_rows)] + rng.normal(0, 6, (n_rows, 3))
    frame = pd.DataFrame(points, columns=AXES)
    frame["mass"] = rng.exponential(3, n_rows) - 1
    frame["ident"] = rng.integers(-(2**40), 2**40, n_rows)
    frame["name"] = "star"
    frame["seen"] = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 10**6, n_rows), unit="s")
    frame.loc[::97, "x"], frame.loc[5::211, "y"], frame.loc[7::503, "z"] = np.nan, np.inf, -np.inf
    frame.loc[::13, "mass"] = np.nan
    frame.loc[20:24, AXES] = frame.loc[19, AXES].to_numpy(float)
    return frame


def finite(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[np.isfinite(frame[AXES]).all(axis=1)]


def bounds_of(frame: pd.DataFrame) -> list[tuple[float, float]]:
    """Least and greatest of each axis, of the rows that have a position."""
    kept = finite(frame)[AXES]
    return list(zip(kept.min(), kept.max(), strict=True))


def expected(
    frame: pd.DataFrame, dimensions: Sequence[int], bounds: Sequence[tuple[float, float]], operation: str, column: str
) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of the grid, shape (nx, ny, nz): counts by `numpy.histogramdd`, values by pandas' groupby."""
    kept = finite(frame)
    kept = kept if operation == "Count" else kept[kept[column].notna()]
    points = kept[AXES].to_numpy()
    count, edges = np.histogramdd(points, bins=list(dimensions), range=list(bounds))
    if operation == "Count":
        return {"count": count}
    values = np.full(count.shape, 0.0 if operation == "Sum" else np.nan)
    inside = np.all([(p >= e[0]) & (p <= e[-1]) for p, e in zip(points.T, edges, strict=True)], axis=0)
    bins = [
        np.minimum(np.searchsorted(e, p[inside], side="right") - 1, len(e) - 2)
        for p, e in zip(points.T, edges, strict=True)
    ]
    numbers = (
        kept[column].astype("datetime64[ns]").astype("i8") / 1e9 if column == "seen" else kept[column].astype("f8")
    )
    grouped = numbers[inside].groupby(bins).agg(OPERATIONS[operation])
    values[tuple(np.array(grouped.index.to_list()).T)] = grouped.to_numpy()
    return {"count": count, f"{column}_{operation.lower()}": values}
