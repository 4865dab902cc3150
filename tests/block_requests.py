"""Requests for the arrays of one partition, frames to make them of, and what holds for any block of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pvdask import columns


def request_for(*wanted: tuple[Any, ...], **changes: Any) -> dict[str, Any]:
    """A request for columns ``(name, kind, dtype, labels)``, with x, y and z as the position."""
    return {
        "positions": ["x", "y", "z"],
        "coordinates": columns.CARTESIAN,
        "point_dtype": "<f4",
        "send_points": True,
        "filter": None,
        "fraction": 1.0,
        "seed": 0,
        "columns": [
            (name, kind, dtype, None if labels is None else list(labels)) for name, kind, dtype, labels in wanted
        ],
        **changes,
    }


def with_positions(series: pd.Series[Any], name: Any = "v") -> pd.DataFrame:
    frame = pd.DataFrame({name: series.reset_index(drop=True)})
    for axis in ("x", "y", "z"):
        frame[axis] = np.arange(len(frame), dtype="f8")
    return frame


def check_arrays(block: list[Any], n_rows: int) -> None:
    """What VTK takes without looking: plain types, one row of memory after another."""
    header, points, *arrays = block
    assert header.dtype == np.dtype("i8")
    assert header.shape == (4,)
    assert points.shape == (n_rows, 3)
    for array in (points, *arrays):
        assert type(array) is np.ndarray
        assert array.dtype.kind in "iuf"
        assert array.dtype.isnative
        assert array.flags.c_contiguous
        assert array.flags.aligned
    assert [array.shape for array in arrays] == [(n_rows,)] * len(arrays)
