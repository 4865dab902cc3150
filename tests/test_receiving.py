"""Blocks that are received in their place: which buffer goes where, what came elsewhere, and large blocks of a real cluster."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clusters import connected, unpublish
from hypothesis import given
from hypothesis import strategies as some

from pvdask.launch import ClusterHandle
from pvdask.options import Connection, SourceOptions
from pvdask.pull import pull
from pvdask.ranks import SerialRanks
from pvdask.receiving import places
from pvdask.transfer import put

pytestmark = pytest.mark.cluster

ROWS = some.integers(0, 50)
DTYPES = some.lists(some.sampled_from(["f4", "f8", "i2", "u1"]), max_size=4)


def made(n_rows: int, dtypes: list[str]) -> list[np.ndarray[Any, Any]]:
    """Arrays of one block: points, and columns."""
    return [np.zeros((n_rows, 3), "f4"), *(np.zeros(n_rows, dtype) for dtype in dtypes)]


def cut(n_bytes: int, draw: some.DrawFn) -> list[int]:
    """Sizes of the buffers that an array is sent in."""
    edges = sorted(draw(some.sets(some.integers(1, max(1, n_bytes - 1)), max_size=3)))
    edges = [0, *(edge for edge in edges if edge < n_bytes), n_bytes]
    return [stop - start for start, stop in itertools.pairwise(edges)]


@given(ROWS, DTYPES, some.lists(some.integers(0, 40), max_size=2), some.data())
def test_every_array_is_received_in_its_place(n_rows: int, dtypes: list[str], before: list[int], data: Any) -> None:
    targets = made(n_rows, dtypes)
    sizes = [size for target in targets for size in cut(target.nbytes, data.draw)]
    total = sum(sizes)
    content = np.random.default_rng(0).integers(1, 256, total, dtype="u1")
    found = places([*before, *sizes], targets)
    assert len(found) == len(before) + len(sizes)
    position = -sum(before)
    for size, place in zip([*before, *sizes], found, strict=True):
        if place is not None:
            assert len(place) == size
            assert position >= 0, "what comes before the arrays is in no place of theirs"
            place[:] = content[position : position + size]
        position += size
    assert b"".join(target.tobytes() for target in targets) == content.tobytes()


@given(ROWS, DTYPES, some.lists(some.integers(0, 700), max_size=6))
def test_sizes_of_something_else_are_left_alone(n_rows: int, dtypes: list[str], sizes: list[int]) -> None:
    """Whatever they are, no buffer reaches over the end of an array, and none is written to twice."""
    targets = made(n_rows, dtypes)
    found = places(sizes, targets)
    written = [place for place in found if place is not None]
    assert len(found) == len(sizes)
    assert [len(place) for place in written] == [s for s, place in zip(sizes, found, strict=True) if place is not None]
    for place in written:
        place[:] = (np.frombuffer(place, "u1") + 1).tobytes()
    assert all((target.reshape(-1).view("u1") <= 1).all() for target in targets if target.size)


def test_what_came_in_the_place_of_another_is_moved_first() -> None:
    left, right = np.arange(4.0), np.arange(10.0, 14.0)
    expected = right.copy(), left.copy()
    assert put([right, left], [left, right]) == 64
    assert np.array_equal(left, expected[0])
    assert np.array_equal(right, expected[1])


def test_an_array_of_another_order_is_turned_round_in_its_place() -> None:
    target = np.arange(6.0).reshape(2, 3)
    other = np.ndarray((2, 3), "f8", target.data, order="F")
    expected = other.copy()
    assert put([other], [target]) == 48
    assert np.array_equal(target, expected)


def test_nothing_is_copied_that_is_in_its_place() -> None:
    targets = made(5, ["f8"])
    assert put(targets, targets) == 0
    assert put(made(5, ["f8"]), targets) == 5 * (12 + 8)


LARGE, N_LARGE, N_PARTS = "received-large", 6_000_000, 3
"""A block's points take 72 MB: distributed sends them in two buffers."""


def large(number: int) -> pd.DataFrame:
    """A partition of numbers that tell where they belong."""
    start = number * N_LARGE
    return pd.DataFrame(
        {"x": np.arange(start, start + N_LARGE, dtype="f4"), "y": np.float32(1), "z": np.float32(number)}
    )


@pytest.fixture(scope="module")
def published(cluster: ClusterHandle) -> Iterator[ClusterHandle]:
    import dask.dataframe as dd
    from faulty_cluster import by_value

    with connected(cluster) as client:
        meta = pd.DataFrame({axis: np.empty(0, "f4") for axis in "xyz"})
        frame = dd.from_map(by_value(large), range(N_PARTS), meta=meta, enforce_metadata=False)
        client.publish_dataset(frame, name=LARGE, override=True)
    yield cluster
    unpublish(cluster, LARGE)


def test_large_blocks_are_joined_without_a_copy(published: ClusterHandle) -> None:
    options = SourceOptions(Connection(str(published.scheduler_file), timeout_s=60), LARGE, columns=("x",))
    pulled = pull(options, SerialRanks())
    n_rows = N_PARTS * N_LARGE
    report = pulled.reports[0]
    assert (report["rows"], report["bytes_received"], report["bytes_copied"]) == (n_rows, 16 * n_rows, 0)
    expected = partial(np.arange, dtype="f4")
    assert np.array_equal(pulled.points[:, 0], expected(n_rows))
    assert np.array_equal(pulled.columns[0], expected(n_rows))
    assert np.array_equal(pulled.points[:, 2], np.repeat(expected(N_PARTS), N_LARGE))
    assert (pulled.points[:, 1] == 1).all()
    assert pulled.points.flags.writeable
    assert pulled.points.flags.aligned
