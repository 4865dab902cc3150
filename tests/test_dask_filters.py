"""Filters > Dask on 1, 2 and 3 ranks against a real dask-mpi cluster: looked-up rows, what is published back, fast points."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clusters import (
    ID,
    WIDTHS,
    connected,
    cut_unevenly,
    every_width,
    keep_package_from_workers,
    publish_pieces,
    unpublish,
)
from leftovers import SESSION_MARKER, environment_marker, session_folders

from pvdask.launch import ClusterHandle, ParaViewInstall, Stack

pytestmark = pytest.mark.mpi

SCRIPT = Path(__file__).resolve().parents[1] / "ctest" / "dask_filters.py"
DATASET, BACK = "filters-frame", "filters-back"
N_ROWS, N_PARTITIONS = 3_001, 7
RANKS = (1, 2, 3)
LOW, HIGH = 500, 1_700
COLUMNS = [ID, *WIDTHS, "key", "kind"]


def whole_frame() -> pd.DataFrame:
    """Every width, a key in order, kinds as a category, and columns that are never pulled: texts, dates, nested lists."""
    frame = every_width(N_ROWS, seed=5)
    rng = np.random.default_rng(6)
    frame["key"] = np.arange(N_ROWS, dtype="i4")
    frame["kind"] = pd.Categorical.from_codes(rng.integers(-1, 3, N_ROWS), categories=["dwarf", "giant", "böse, [x]"])
    frame["name"] = pd.array([f"star {i}" if i % 9 else None for i in range(N_ROWS)], dtype="string")
    frame["seen"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 10**9, N_ROWS), unit="s")
    frame["bands"] = [[i, i + 1] for i in range(N_ROWS)]
    return frame


@dataclass(frozen=True)
class Run:
    """What one run of pvbatch wrote."""

    folder: Path
    n_ranks: int
    told: dict[str, Any]

    def ranks(self, step: str) -> list[dict[str, Any]]:
        """Each rank's arrays of a step."""
        return [pickle.loads((self.folder / f"{step}-{rank}.pickle").read_bytes()) for rank in range(self.n_ranks)]

    def joined(self, step: str, name: str) -> np.ndarray:
        """One array of all ranks; those without rows need not have it."""
        return np.concatenate([rank[name] for rank in self.ranks(step) if name in rank])


@pytest.fixture(scope="module")
def frame(cluster: ClusterHandle) -> Iterator[pd.DataFrame]:
    """The frame, published in uneven partitions on workers that cannot import this package."""
    keep_package_from_workers(cluster)
    whole = whole_frame()
    publish_pieces(cluster, DATASET, cut_unevenly(whole, N_PARTITIONS))
    yield whole
    unpublish(cluster, DATASET, *(f"{BACK}-{n_ranks}" for n_ranks in RANKS))


@pytest.fixture(scope="module", params=RANKS)
def run(
    request: pytest.FixtureRequest,
    frame: pd.DataFrame,
    cluster: ClusterHandle,
    install: ParaViewInstall,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """One run of the script on a number of ranks."""
    folder = tmp_path_factory.mktemp(f"filters-{request.param}")
    options = {
        "scheduler_file": str(cluster.scheduler_file),
        "dataset": DATASET,
        "folder": str(folder),
        "columns": COLUMNS,
        "range": [LOW, HIGH],
        "published": f"{BACK}-{request.param}",
    }
    with environment_marker(SESSION_MARKER), Stack() as stack:
        session_folders.add(stack.folder.name)
        done = stack.run_batch(install, request.param, SCRIPT, [json.dumps(options)], timeout_s=120)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return Run(folder, request.param, json.loads((folder / "told.json").read_text()))


def chosen(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that the script's filter and threshold leave."""
    return frame[(frame["x"] > -60) & frame["key"].between(LOW, HIGH)]


def test_all_columns_of_the_chosen_rows_are_looked_up(run: Run, frame: pd.DataFrame) -> None:
    expected = chosen(frame)
    assert 0 < len(expected) < HIGH - LOW
    assert run.told["rows"] == {
        "Status": f"{len(expected):,} rows of {len(frame.columns)} columns looked up",
        "Failed": 0,
    }
    assert run.joined("rows", "key").tolist() == expected["key"].tolist()
    for name in ("x", "y", "z", ID, *WIDTHS):
        values = expected[name].to_numpy()
        values = values.astype("f4") if values.dtype == "f2" else values
        assert run.joined("rows", name).tobytes() == values.tobytes(), name
    assert run.joined("rows", "name").tolist() == expected["name"].fillna("").tolist()
    assert run.joined("rows", "kind").tolist() == expected["kind"].astype(object).fillna("").tolist()
    assert run.joined("rows", "bands").tolist() == expected["bands"].map(str).tolist()
    seconds = (expected["seen"] - pd.Timestamp(0)) / pd.Timedelta(seconds=1)
    assert run.joined("rows", "seen").tolist() == seconds.tolist()


def test_each_rank_looks_up_its_own_rows(run: Run) -> None:
    for points, rows in zip(run.ranks("chosen"), run.ranks("rows"), strict=True):
        for name in ("PartitionId", "RowId", "key"):
            assert rows[name].tolist() == (points[name].tolist() if name in points else [])


def test_ids_lead_back_to_the_row(run: Run, frame: pd.DataFrame) -> None:
    pieces = cut_unevenly(frame, N_PARTITIONS)
    found = zip(*(run.joined("rows", name).tolist() for name in ("PartitionId", "RowId", "key")), strict=True)
    assert all(pieces[partition]["key"].iloc[row] == key for partition, row, key in found)


def test_too_many_rows_are_one_error(run: Run, frame: pd.DataFrame) -> None:
    told = run.told["too many rows"]
    assert told["Failed"] == 1
    assert f"{len(chosen(frame)):,} rows to look up, and at most 3 are" in told["Status"]


def test_points_without_ids_are_one_error_that_says_what_to_do(run: Run) -> None:
    assert run.told["no ids"]["Failed"] == 1
    assert "no array 'PartitionId'" in run.told["no ids"]["Status"]
    assert "GenerateRowIds" in run.told["no ids"]["Status"]


def test_what_is_published_comes_back_bit_for_bit(run: Run, frame: pd.DataFrame, cluster: ClusterHandle) -> None:
    expected = chosen(frame)
    with connected(cluster) as client:
        published = client.get_dataset(f"{BACK}-{run.n_ranks}")
        assert published.npartitions == run.n_ranks
        lengths = published.map_partitions(len).compute(scheduler=client).tolist()
        found = published.compute(scheduler=client)
    assert lengths == [len(points.get("key", ())) for points in run.ranks("chosen")]
    assert list(found.columns) == ["x", "y", "z", *COLUMNS, "PartitionId", "RowId"]
    for name in ("x", "y", "z", "key", ID, *WIDTHS):
        values = expected[name].to_numpy()
        values = values.astype("f4") if values.dtype == "f2" else values
        assert found[name].dtype == values.dtype, name
        assert found[name].to_numpy().tobytes() == values.tobytes(), name
    assert found["kind"].astype(object).fillna("").tolist() == expected["kind"].astype(object).fillna("").tolist()
    assert found["kind"].dtype == frame["kind"].dtype


def test_the_filter_that_publishes_passes_its_input_on(run: Run) -> None:
    for before, after in zip(run.ranks("chosen"), run.ranks("sent"), strict=True):
        assert before.keys() == after.keys()
        assert all(np.array_equal(before[name], after[name], equal_nan=True) for name in before)


def test_a_name_that_is_taken_is_replaced_only_when_told(run: Run) -> None:
    assert run.told["sent"]["Failed"] == run.told["replaced"]["Failed"] == 0
    assert run.told["sent again"]["Failed"] == 1
    assert "is published already; choose another name, or switch on Replace" in run.told["sent again"]["Status"]
    assert "name to publish under is empty" in run.told["nameless"]["Status"]


def test_fast_points_are_the_points_of_paraview_s_own_filter(run: Run, frame: pd.DataFrame) -> None:
    assert np.array_equal(run.joined("fast", "Points"), run.joined("stock", "Points"))
    assert np.array_equal(run.joined("fast", "Points"), frame[["x", "y", "z"]].to_numpy())
    for name in (ID, *WIDTHS):
        values = frame[name].to_numpy()
        values = values.astype("f4") if values.dtype == "f2" else values
        assert run.joined("fast", name).tobytes() == values.tobytes(), name
    assert run.joined("fast", "kind").tolist() == frame["kind"].astype(object).fillna("").tolist()
