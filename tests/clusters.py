"""Data frames that tests publish on a real dask-mpi cluster, and workers that are kept from importing this package."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import pandas as pd

POSITIONS = ("x", "y", "z")
ID = "source_id"
WIDTHS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")


class Cluster(Protocol):
    """Whatever has a scheduler's address."""

    @property
    def address(self) -> str: ...


@contextmanager
def connected(cluster: Cluster) -> Iterator[Any]:
    """A Dask client of the cluster, closed at the block's end."""
    from distributed import Client

    with Client(cluster.address, timeout=30) as client:
        yield client


def publish_pieces(cluster: Cluster, name: str, pieces: Sequence[pd.DataFrame]) -> None:
    """Publish a DataFrame whose partitions are these pieces, in this order, held by the workers."""
    import dask
    import dask.dataframe as dd
    from distributed import futures_of, wait

    with connected(cluster) as client:
        delayed = [dask.delayed(piece) for piece in pieces]
        frame = dd.from_delayed(delayed, meta=pieces[0].iloc[:0], verify_meta=False).persist()
        wait(frame)
        assert len(futures_of(frame)) == frame.npartitions == len(pieces)
        client.publish_dataset(frame, name=name, override=True)


def unpublish(cluster: Cluster, *names: str) -> None:
    """Take datasets off the cluster, where they are on it."""
    with connected(cluster) as client:
        for name in set(names) & set(client.list_datasets()):
            client.unpublish_dataset(name)


def every_width(n_rows: int, seed: int = 1) -> pd.DataFrame:
    """Positions, ids above 2**53, and a column of every width of integer and float, extremes and NaN among the values."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {axis: rng.normal(0, 50, n_rows) for axis in POSITIONS}
    columns[ID] = 2**62 + 2 * rng.permutation(n_rows).astype("i8") + 1  # odd: a float64 cannot hold one of them
    for name in WIDTHS:
        dtype = np.dtype(name)
        limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
        if dtype.kind == "f":
            values = rng.normal(0, 1, n_rows).astype(dtype)
            values[1::17], values[2::17], values[3::17], values[4::17] = np.nan, np.inf, -np.inf, -0.0
        else:
            values = rng.integers(limits.min, limits.max, n_rows, dtype=dtype, endpoint=True)
        values[5::17], values[6::17] = limits.min, limits.max
        columns[name] = values
    return pd.DataFrame(columns)


def cut_evenly(frame: pd.DataFrame, n_partitions: int) -> list[pd.DataFrame]:
    """Pieces of the same length, as far as that goes."""
    edges = np.linspace(0, len(frame), n_partitions + 1).astype(int)
    return [frame.iloc[start:stop] for start, stop in itertools.pairwise(edges)]


def cut_unevenly(frame: pd.DataFrame, n_partitions: int, seed: int = 2) -> list[pd.DataFrame]:
    """Pieces of very different lengths: the first, the last and some in the middle are empty, one holds most rows."""
    rng = np.random.default_rng(seed)
    weights = rng.pareto(0.7, n_partitions)
    weights[[0, -1] if n_partitions == 3 else [0, n_partitions // 2, -1]] = 0
    edges = np.concatenate([[0], np.round(weights.cumsum() / weights.sum() * len(frame)).astype(int)])
    return [frame.iloc[start:stop] for start, stop in itertools.pairwise(edges)]


def keep_package_from_workers(cluster: Cluster) -> None:
    """Make ``import pvdask`` fail in the scheduler and in every worker, as where it is not installed.

    The environment that tests run in has the package on its path, and the cluster's processes are of the same
    environment, so that a function pickled by its name alone would be found there.
    """
    with connected(cluster) as client, _by_value():
        client.run(_block_package)
        client.run_on_scheduler(_block_package)


def package_on_workers(cluster: Cluster) -> dict[str, tuple[bool, bool]]:
    """For every process of the cluster: whether a module of this package is loaded, and whether one can be."""
    with connected(cluster) as client, _by_value():
        return {**client.run(_package_state), "scheduler": client.run_on_scheduler(_package_state)}


@contextmanager
def _by_value() -> Iterator[None]:
    """Workers cannot import this module of the tests either."""
    import cloudpickle

    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def _block_package() -> None:
    import importlib.abc
    import sys

    class Blocker(importlib.abc.MetaPathFinder):
        def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
            if fullname.split(".")[0] in ("pvdask", "pvdask_plugin"):
                raise ImportError(f"{fullname} is not installed on this worker")

    if not any(type(finder).__name__ == "Blocker" for finder in sys.meta_path):
        sys.meta_path.insert(0, Blocker())


def _package_state() -> tuple[bool, bool]:
    import importlib
    import sys

    loaded = any(name.split(".")[0] in ("pvdask", "pvdask_plugin") for name in sys.modules)
    try:
        importlib.import_module("pvdask.columns")
    except ImportError:
        return loaded, False
    return loaded, True
