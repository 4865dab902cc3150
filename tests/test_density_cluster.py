"""A density grid on the cluster's side: how much is in memory at a time, and what a lost worker does to it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clusters import connected, keep_package_from_workers, unpublish
from grid_frames import bounds_of, expected, rows
from thread_ranks import on_ranks

from pvdask.connection import Connection
from pvdask.density import make_grid
from pvdask.errors import CapacityError, ClusterError
from pvdask.grid_cluster import lanes_of
from pvdask.grids import GridSpec
from pvdask.launch import ClusterHandle, Stack
from pvdask.options import SourceOptions
from pvdask.ranks import AgreedError, SerialRanks

pytestmark = pytest.mark.cluster

DIMENSIONS = (6, 5, 8)
WHOLE = (0, 5, 0, 4, 0, 7)
STEP = 500


def publish_parts(address: str, name: str, frame: pd.DataFrame, part: Callable[[int], pd.DataFrame]) -> None:
    """Publish a lazy frame of parts of `STEP` rows that a function makes."""
    import dask.dataframe as dd
    from distributed import Client

    with Client(address) as client:
        lazy = dd.from_map(part, range(0, len(frame), STEP), meta=frame[:0])
        client.publish_dataset(lazy, name=name, override=True)


def options_for(address: str, dataset: str) -> SourceOptions:
    return SourceOptions(Connection(scheduler_address=address, timeout_s=90.0), dataset)


def test_few_partitions_are_in_memory_at_a_time(cluster: ClusterHandle, tmp_path: Path) -> None:
    """Of 40 that are made, two at most in each worker of one thread: one that is added, and one that is about to go."""
    keep_package_from_workers(cluster)
    frame = rows(20_000)

    def part(start: int, whole: pd.DataFrame = frame, folder: str = str(tmp_path)) -> pd.DataFrame:
        import builtins
        import os
        import weakref

        live = builtins.__dict__.setdefault("_pvdask_live", [])
        made = whole[start : start + 500].copy()
        live.append(weakref.ref(made))
        with open(f"{folder}/{os.getpid()}", "a") as file:
            print(sum(reference() is not None for reference in live), file=file)
        return made

    publish_parts(cluster.address, "grid-live", frame, part)
    grid = make_grid(options_for(cluster.address, "grid-live"), GridSpec(DIMENSIONS), WHOLE, SerialRanks())
    unpublish(cluster, "grid-live")
    wanted = expected(frame, DIMENSIONS, bounds_of(frame), "Count", "")["count"]
    assert np.array_equal(grid.arrays[0].T, wanted)
    counts = [[int(line) for line in path.read_text().splitlines()] for path in tmp_path.iterdir()]
    assert sum(map(len, counts)) >= 80, "each is made twice: for the bounds, and for the grid"
    assert len(counts) == 2
    assert max(max(lines) for lines in counts) <= 2


def start_workers(stack: Stack, folder: Path) -> str:
    """A scheduler and two workers that are processes of their own, so that one can die (an MPI world dies as a whole)."""
    from distributed import Client

    file = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    common = ["--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard"]
    stack.start([*dask, "scheduler", *common, "--port", "0"], name="scheduler")
    for _ in range(2):
        stack.start([*dask, "worker", *common, "--no-nanny", "--nthreads", "2"], name="worker")
    deadline = time.monotonic() + 30
    while not file.is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    with Client(scheduler_file=str(file), timeout=30) as client:
        client.wait_for_workers(2, timeout=30)
        return str(client.scheduler.address)


def test_a_worker_that_dies_costs_time_and_nothing_else(stack: Stack, tmp_path: Path) -> None:
    """Grids are changed in place, so one that is lost has to be filled anew from its first partition."""
    frame = rows(8_000)

    def part(start: int, whole: pd.DataFrame = frame, flag: str = str(tmp_path / "died")) -> pd.DataFrame:
        import os

        if start == 4_000 and not os.path.exists(flag):
            open(flag, "x").close()
            os._exit(1)
        return whole[start : start + 500].copy()

    spec = GridSpec(DIMENSIONS, "Sum", "mass", tuple(bound for pair in bounds_of(frame) for bound in pair))
    address = start_workers(stack, tmp_path)
    publish_parts(address, "grid-dies", frame, part)
    grid = make_grid(options_for(address, "grid-dies"), spec, WHOLE, SerialRanks())
    assert (tmp_path / "died").exists()
    wanted = expected(frame, DIMENSIONS, bounds_of(frame), "Sum", "mass")
    assert np.array_equal(grid.arrays[0].T, wanted["count"])
    assert np.allclose(grid.arrays[1].T, wanted["mass_sum"], rtol=1e-12, atol=1e-9)


def test_partitions_of_partitions(cluster: ClusterHandle) -> None:
    """A frame whose partitions are made of each other, and of some that are held: nothing is done twice in place of once."""
    import dask.dataframe as dd
    from distributed import wait

    keep_package_from_workers(cluster)
    frame = rows(6_000)
    with connected(cluster) as client:
        held = dd.from_pandas(frame, npartitions=6).persist()
        wait(held)
        client.publish_dataset(held.repartition(npartitions=4), name="grid-made-of", override=True)
        lazy = dd.from_pandas(frame, npartitions=6).repartition(npartitions=4)
        client.publish_dataset(
            lazy.map_partitions(lambda part: part[part["y"] > 0]), name="grid-chained", override=True
        )
    wanted = expected(frame, DIMENSIONS, bounds_of(frame), "Count", "")["count"]
    for name, rows_of in (("grid-made-of", frame), ("grid-chained", frame[frame["y"] > 0])):
        spec = GridSpec(DIMENSIONS, bounds=tuple(bound for pair in bounds_of(frame) for bound in pair))
        grid = make_grid(options_for(cluster.address, name), spec, WHOLE, SerialRanks())
        wanted = expected(rows_of, DIMENSIONS, bounds_of(frame), "Count", "")["count"]
        assert np.array_equal(grid.arrays[0].T, wanted), name
        assert grid.figures["rows"] == len(rows_of)
    unpublish(cluster, "grid-made-of", "grid-chained")


def test_what_fails_on_a_worker_fails_on_all_ranks(cluster: ClusterHandle) -> None:
    frame = rows(1_000)

    def part(start: int, whole: pd.DataFrame = frame) -> pd.DataFrame:
        if start == 500:
            raise RuntimeError("the disk is full")
        return whole[start : start + 500]

    publish_parts(cluster.address, "grid-fails", frame, part)

    def work(ranks: Any) -> Any:
        return make_grid(options_for(cluster.address, "grid-fails"), GridSpec(DIMENSIONS), WHOLE, ranks)

    outcomes = on_ranks(2, work)
    unpublish(cluster, "grid-fails")
    assert {type(outcome.error) for outcome in outcomes} == {AgreedError}
    assert {str(outcome.error) for outcome in outcomes} == {
        "A worker failed while looking at the rows: RuntimeError: the disk is full."
    }


def test_bounds_are_found_once(cluster: ClusterHandle, tmp_path: Path) -> None:
    frame = rows(1_000)

    def part(start: int, whole: pd.DataFrame = frame, log: str = str(tmp_path / "log")) -> pd.DataFrame:
        with open(log, "a") as file:
            print(start, file=file)
        return whole[start : start + 500]

    publish_parts(cluster.address, "grid-known", frame, part)
    known: dict[Any, Any] = {}
    made = []
    for operation in ("Sum", "Mean"):
        options = options_for(cluster.address, "grid-known")
        make_grid(options, GridSpec(DIMENSIONS, operation, "mass"), WHOLE, SerialRanks(), known)
        made.append(len((tmp_path / "log").read_text().splitlines()))
    unpublish(cluster, "grid-known")
    assert made == [4, 6]


# ---- workers' memory


def test_as_many_lanes_as_threads_and_as_fit() -> None:
    workers = {
        "b": {"nthreads": 4, "memory_limit": 1000},
        "a": {"nthreads": 2, "memory_limit": 0},
        "c": {"nthreads": 1, "memory_limit": 200},
    }
    assert lanes_of(workers, 60) == {"a": 2, "b": 4}
    assert lanes_of(workers, 110) == {"a": 2, "b": 2}
    assert lanes_of(workers, 40) == {"a": 2, "b": 4, "c": 1}


def test_a_grid_that_fits_no_worker_is_an_error() -> None:
    with pytest.raises(
        CapacityError, match=r"needs 2\.00 GB on each worker, and none may use more than 25% of its 4\.00 GB"
    ):
        lanes_of({"a": {"nthreads": 2, "memory_limit": 4_000_000_000}}, 2_000_000_000)
    with pytest.raises(ClusterError, match="no workers"):
        lanes_of({}, 1)
