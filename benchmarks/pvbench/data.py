"""Tables for the benchmarks: made on the workers, or written as a file. RUNS ON THE WORKERS in part, by value."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

POSITIONS = ("x[pc]", "y[pc]", "z[pc]")
VALUES = ("plx[mas]", "G[mag]", "bp_rp[mag]")
COLUMNS = (*POSITIONS, *VALUES)


def partition(seed: int, n_rows: int) -> Any:
    """One partition: six columns of float64, a ball of stars."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(seed)
    # One block of memory a column: what comes of reading a file, and the worst case for neither side.
    names = ("x[pc]", "y[pc]", "z[pc]", "plx[mas]", "G[mag]", "bp_rp[mag]")
    columns = {name: random.standard_normal(n_rows) * 100.0 for name in names}
    return pd.concat([pd.Series(values, name=name, copy=False) for name, values in columns.items()], axis=1, copy=False)


def publish_frame(client: Any, name: str, n_rows: int, n_partitions: int) -> None:
    """Persist a frame of `n_rows` on the workers, neighbours together, and publish it."""
    import sys

    import cloudpickle
    import dask.dataframe as dd
    from distributed import wait
    from toolz.functoolz import apply

    workers = sorted(client.scheduler_info(n_workers=-1)["workers"])
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    try:
        pickled = cloudpickle.dumps(partition)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    make = client.submit(cloudpickle.loads, pickled, pure=False)
    edges = [n_rows * index // n_partitions for index in range(n_partitions + 1)]
    futures = [
        client.submit(
            apply, make, index, stop - start, workers=[workers[index * len(workers) // n_partitions]], pure=False
        )
        for index, (start, stop) in enumerate(pairwise(edges))
    ]
    wait(futures)
    frame = dd.from_delayed(futures, meta=partition(0, 0), verify_meta=False).persist()
    wait(frame)
    client.publish_dataset(frame, name=name, override=True)


def write_csv(path: Path, n_rows: int) -> None:
    """A CSV file of `n_rows`, every digit of each number written."""
    import pyarrow as pa
    import pyarrow.csv

    table = pa.Table.from_pandas(partition(1, n_rows), preserve_index=False)
    pyarrow.csv.write_csv(table, path)
