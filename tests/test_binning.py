"""Rows to bins: one partition after the other, as the workers do it, against NumPy's and pandas' own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from grid_frames import AXES, OPERATIONS, bounds_of, expected, finite, rows
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdask import binning
from pvdask.errors import OptionError, PvdaskError
from pvdask.grids import GridSpec, covers, edges_of, geometry, grown, shape_of
from pvdask.lanes import share_out

pytestmark = pytest.mark.unit

DIMENSIONS = (7, 11, 5)


def request_for(frame: pd.DataFrame, operation: str = "Count", column: str = "", **others: Any) -> dict[str, Any]:
    low, high = zip(*bounds_of(frame), strict=True)
    kind = "datetime" if column == "seen" else "number"
    return {
        "positions": AXES,
        "coordinates": "Cartesian",
        "filter": None,
        "fraction": 1.0,
        "seed": 0,
        "dimensions": list(DIMENSIONS),
        "low": low,
        "high": high,
        "operation": operation,
        "column": (column, kind) if column else None,
        **others,
    }


def whole_box(dimensions: tuple[int, ...]) -> list[int]:
    return [bound for n in dimensions for bound in (0, n - 1)]


def binned(pieces: list[pd.DataFrame], request: dict[str, Any]) -> tuple[list[int], list[np.ndarray]]:
    """The grid of some pieces: header and arrays of shape (nx, ny, nz)."""
    grid = None
    for piece in pieces:
        grid = binning.accumulate(grid, piece, request=request)
    assert grid is not None
    shape = tuple(reversed(request["dimensions"]))
    block = binning.finish(binning.cut(grid, whole_box(request["dimensions"]), request=request), request=request)
    return block[0].tolist(), [array.reshape(shape).T for array in block[2:]]


@pytest.mark.parametrize("column", ["mass", "ident", "seen"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_values_are_those_of_pandas(operation: str, column: str) -> None:
    frame = rows(4_001)
    header, arrays = binned([frame[:1500], frame[1500:1500], frame[1500:]], request_for(frame, operation, column))
    wanted = expected(frame, DIMENSIONS, bounds_of(frame), operation, column)
    assert np.array_equal(arrays[0], wanted["count"])
    assert np.allclose(arrays[1], wanted[f"{column}_{operation.lower()}"], rtol=1e-12, atol=1e-9, equal_nan=True)
    assert header == [
        len(frame),
        wanted["count"].sum(),
        0,
        len(frame) - len(finite(frame)),
        finite(frame)[column].isna().sum(),
    ]


@pytest.mark.parametrize("dimensions", [(1, 1, 1), (7, 11, 5), (64, 64, 64), (1, 300, 2)])
def test_counts_are_those_of_histogramdd(dimensions: tuple[int, ...]) -> None:
    """With few and with many bins a row, which take different ways."""
    frame = rows(5_000)
    _, (count,) = binned([frame], request_for(frame, dimensions=list(dimensions)))
    assert np.array_equal(count, expected(frame, dimensions, bounds_of(frame), "Count", "")["count"])


@given(
    values=st.lists(
        st.sampled_from([0.0, 0.1, 0.2, 0.3, 1 / 3, 0.7, 0.9, 1.0, 1 - 2**-53, 0.1 + 2**-54]), min_size=2, max_size=40
    ),
    scale=st.sampled_from([1.0, 1e-9, 3e7, 1.1]),
    offset=st.sampled_from([0.0, -0.3, 1e6]),
    n_bins=st.sampled_from([1, 3, 7, 10, 1000]),
)
@settings(max_examples=200, deadline=None)
def test_rows_on_edges_are_where_histogramdd_puts_them(
    values: list[float], scale: float, offset: float, n_bins: int
) -> None:
    x = np.array(values) * scale + offset
    low, high = edges_of((x.min(), 0, 0), (x.max(), 1, 1), (n_bins, 1, 1))
    frame = pd.DataFrame({"x": x, "y": 0.5, "z": 0.5})
    _, (count,) = binned([frame], request_for(frame, dimensions=[n_bins, 1, 1], low=low, high=high))
    assert count.ravel().tolist() == np.histogramdd(x[:, None], bins=n_bins, range=[(low[0], high[0])])[0].tolist()


def test_rows_outside_are_counted_and_in_no_bin() -> None:
    frame = rows(3_000)
    bounds = [(-20.0, 10.0), (-40.0, 40.0), (0.0, 30.0)]
    low, high = zip(*bounds, strict=True)
    header, (count,) = binned([frame], request_for(frame, low=low, high=high))
    wanted = expected(frame, DIMENSIONS, bounds, "Count", "")["count"]
    assert np.array_equal(count, wanted)
    n_finite = len(finite(frame))
    assert header == [3_000, wanted.sum(), n_finite - wanted.sum(), 3_000 - n_finite, 0]


def test_a_filter_is_applied() -> None:
    from pvdask.expressions import parse

    frame = rows(2_000)
    tree = parse("mass > 1 and y < 10", dict(frame.dtypes)).tree
    header, (count,) = binned([frame], request_for(frame, filter=tree))
    kept = frame[(frame["mass"] > 1) & (frame["y"] < 10)]
    assert np.array_equal(count, expected(kept, DIMENSIONS, bounds_of(frame), "Count", "")["count"])
    assert header[:2] == [2_000, count.sum()]


def test_spherical_and_plane_positions() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"lon": rng.uniform(0, 360, 999), "lat": rng.uniform(-90, 90, 999)})
    lon, lat = np.radians(frame["lon"]), np.radians(frame["lat"])
    points = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    ends = {"low": (-1.0,) * 3, "high": (1.0,) * 3, "positions": ["lon", "lat"], "dimensions": [5, 6, 7]}
    _, (count,) = binned([frame], request_for(rows(100), coordinates="Spherical degrees", **ends))
    assert np.array_equal(count, np.histogramdd(points, bins=[5, 6, 7], range=[(-1, 1)] * 3)[0])
    flat = request_for(rows(100), **{**ends, "low": (0, -90, -1), "high": (360, 90, 1), "dimensions": [4, 4, 3]})
    _, (count,) = binned([frame], flat)
    assert np.array_equal(
        count[:, :, 1], np.histogram2d(frame["lon"], frame["lat"], bins=4, range=[(0, 360), (-90, 90)])[0]
    )
    assert not count[:, :, 0].any()
    assert not count[:, :, 2].any()


def test_the_bounds_of_a_partition() -> None:
    frame = rows(2_500)
    low, high, n_rows = binning.extent(frame, request=request_for(frame))
    assert list(zip(low, high, strict=True)) == bounds_of(frame)
    assert n_rows == len(finite(frame))
    assert binning.extent(frame[:0], request=request_for(frame))[2] == 0


@pytest.mark.parametrize("operation", ["Count", *OPERATIONS])
def test_grids_of_several_lanes_are_one(operation: str) -> None:
    frame = rows(3_000)
    request = request_for(frame, operation, "" if operation == "Count" else "mass")
    alone = binning.accumulate(None, frame, request=request)
    lanes = [binning.accumulate(None, frame[start : start + 1000], request=request) for start in (0, 1000, 2000)]
    lanes[0][1].flags.writeable = False  # as it may come over the wire
    for array, merged in zip(alone, binning.merge(lanes, request=request), strict=True):
        assert np.allclose(array, merged, rtol=1e-12)


def test_a_box_is_a_copy_in_vtk_s_order() -> None:
    frame = rows(3_000)
    request = request_for(frame)
    grid = binning.accumulate(None, frame, request=request)
    _, count, _ = binning.cut(grid, [2, 4, 0, 10, 1, 1], request=request)
    assert count.shape == shape_of([2, 4, 0, 10, 1, 1]) == (1, 11, 3)
    assert np.array_equal(count, grid[1].reshape(5, 11, 7)[1:2, :, 2:5])
    assert not np.shares_memory(count, grid[1])


# ---- the form of a grid


def test_edges_of_bounds_are_the_bounds() -> None:
    assert edges_of((0, 1, 2), (1, 3, 9), (4, 4, 4)) == ((0, 1, 2), (1, 3, 9))


@pytest.mark.parametrize(
    ("low", "high", "dimensions", "wanted"),
    [
        ((0, 0, 5), (8, 4, 5), (4, 4, 3), ((0, 0, 2), (8, 4, 8))),
        ((1, 1, 1), (1, 1, 1), (1, 2, 3), ((0.5, 0, -0.5), (1.5, 2, 2.5))),
    ],
)
def test_a_flat_axis_has_bins_as_wide_as_the_others(low: Any, high: Any, dimensions: Any, wanted: Any) -> None:
    assert edges_of(low, high, dimensions) == wanted


@pytest.mark.parametrize(("low", "high"), [(1e300, 1e300), (1e15, math.nextafter(1e15, 2e15)), (5e-324, 5e-324)])
def test_a_flat_axis_anywhere_has_edges_that_differ(low: float, high: float) -> None:
    (x0, *_), (x1, *_) = edges_of((low, 0, 0), (high, 1, 1), (3, 3, 3))
    assert x0 < low <= high < x1
    assert np.all(np.diff(np.linspace(x0, x1, 4)) > 0)


def test_bounds_too_far_apart_are_an_error() -> None:
    with pytest.raises(PvdaskError, match="too far apart for a grid; give Bounds"):
        edges_of((-1.7e308, 0, 0), (1.7e308, 1, 1), (3, 3, 3))


def test_points_are_the_centres_of_bins() -> None:
    assert geometry((0, 10, -1), (8, 20, 1), (4, 5, 1)) == ((1, 11, 0), (2, 2, 2))


def test_a_rank_fetches_a_margin() -> None:
    assert grown((0, 7, 3, 5, 2, 9), (8, 9, 10)) == (0, 7, 2, 6, 1, 9)
    assert grown((0, -1, 0, 4, 0, 4), (8, 9, 10)) == ()
    assert covers((0, 7, 2, 6, 1, 9), (0, 7, 2, 6, 2, 9))
    assert covers((), (0, -1, 0, -1, 0, -1))
    assert not covers((0, 7, 2, 6, 1, 9), (0, 7, 1, 6, 2, 9))
    assert not covers((), (0, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"Dimensions": (4, 0, 4)}, "Dimensions: found 4, 0, 4; expected three numbers of 1 or more"),
        ({"Operation": 2}, "Column: no column is named; name the one to take the mean of"),
        ({"Operation": 9}, "Operation: found '9'; expected one of Count, Sum"),
        ({"UseBounds": 1, "Bounds": (0, 1, 2, 1, 0, 1)}, "Bounds: found 0, 1, 2, 1, 0, 1; expected six finite"),
        ({"UseBounds": 1, "Bounds": (0, math.inf, 0, 1, 0, 1)}, "Bounds: found 0, inf"),
    ],
)
def test_what_cannot_be_is_an_error_that_names_the_property(properties: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as raised:
        GridSpec.from_properties(properties)
    assert message in str(raised.value)


def test_nothing_set_is_the_default() -> None:
    assert GridSpec.from_properties({}) == GridSpec()
    assert GridSpec(operation="Sum", column="m").array_names == ("count", "m_sum")


# ---- lanes


@given(st.integers(0, 60), st.lists(st.integers(1, 4), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_every_partition_is_in_one_lane(n_partitions: int, threads: list[int], random: Any) -> None:
    lanes = {f"w{index}": n for index, n in enumerate(threads)}
    holders = [random.sample([*lanes, "gone"], random.randint(0, 2)) for _ in range(n_partitions)]
    shares = share_out(n_partitions, lanes, holders)
    given_out = sorted(index for mine in shares.values() for lane in mine for index in lane)
    assert given_out == list(range(n_partitions))
    for worker, mine in shares.items():
        assert 1 <= len(mine) <= lanes[worker]
        assert all(lane == sorted(lane) and lane for lane in mine)
        for lane in mine:
            for index in lane:
                near = set(holders[index]) & set(lanes)
                assert not near or worker in near, "a partition that is held is added where it is"


def test_partitions_that_are_made_are_shared_out_evenly() -> None:
    shares = share_out(12, {"a": 2, "b": 1}, [()] * 12)
    assert [sum(map(len, shares[worker])) for worker in "ab"] == [8, 4]
