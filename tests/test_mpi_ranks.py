"""pvbatch on 1, 2, 3 and 5 ranks against a real dask-mpi cluster: every rank's arrays, compared with pandas' own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clusters import (
    ID,
    POSITIONS,
    WIDTHS,
    cut_evenly,
    cut_unevenly,
    every_width,
    keep_package_from_workers,
    package_on_workers,
    publish_pieces,
    unpublish,
)
from commandline import run_command
from leftovers import SESSION_MARKER, environment_marker, session_folders

from pvdask.launch import BatchDeadlineError, ClusterHandle, ParaViewInstall, Stack

pytestmark = pytest.mark.mpi

SCRIPT = Path(__file__).resolve().parents[1] / "ctest" / "dump_ranks.py"
RANKS = (1, 2, 3, 5)
N_ROWS = 4_001
EVEN = (1, 2, 3, 7)  # partitions: fewer than, as many as and more than ranks
UNEVEN = (3, 5, 7, 40)
STARS = "mpi-stars"
LOST = "mpi-lost-positions"
GARBAGE = "mpi-with-garbage"


@dataclass(frozen=True)
class Pull:
    """What one run of pvbatch got of one dataset: a dict of arrays a rank, and what the source said."""

    ranks: list[dict[str, np.ndarray]]
    told: dict[str, Any]

    def joined(self, name: str) -> np.ndarray:
        """One array of all ranks, in rank order."""
        return np.concatenate([rank[name] for rank in self.ranks])

    @property
    def rows(self) -> list[int]:
        """Points of each rank."""
        return [len(rank["Points"]) for rank in self.ranks]


def jobs() -> list[dict[str, Any]]:
    """One job a dataset."""
    names = [f"mpi-even-{n}" for n in EVEN] + [f"mpi-uneven-{n}" for n in UNEVEN] + [STARS, LOST]
    garbage = {"name": GARBAGE, "dataset": "mpi-even-7", "garbage": True}
    return [*({"name": name, "dataset": name} for name in names), garbage]


def lost_positions() -> pd.DataFrame:
    """A frame some of whose rows have no position."""
    frame = every_width(1_000, seed=9)
    frame.loc[::50, "x"], frame.loc[1::50, "y"], frame.loc[2::50, "z"] = np.nan, np.inf, -np.inf
    return frame


@pytest.fixture(scope="module")
def published(cluster: ClusterHandle, gaia_csv: Path) -> Iterator[pd.DataFrame]:
    """All datasets of this file on the cluster, which cannot import this package; the frame that most of them hold."""
    keep_package_from_workers(cluster)
    frame = every_width(N_ROWS)
    for n in EVEN:
        publish_pieces(cluster, f"mpi-even-{n}", cut_evenly(frame, n))
    for n in UNEVEN:
        publish_pieces(cluster, f"mpi-uneven-{n}", cut_unevenly(frame, n))
    publish_pieces(cluster, LOST, cut_evenly(lost_positions(), 4))
    done = run_command("publish", STARS, str(gaia_csv), "--scheduler-file", str(cluster.scheduler_file))
    assert done.returncode == 0, done.stderr
    yield frame
    unpublish(cluster, *(job["dataset"] for job in jobs()))


class Pulls:
    """Every dataset on every number of ranks: one run of pvbatch a number, when it is first asked for."""

    def __init__(self, stack: Stack, install: ParaViewInstall, cluster: ClusterHandle, folder: Path) -> None:
        self._stack, self._install, self._cluster, self._folder = stack, install, cluster, folder
        self._found: dict[tuple[int, str], Pull] = {}
        self._tried: set[int] = set()

    def __getitem__(self, key: tuple[int, str]) -> Pull:
        if key[0] not in self._tried:
            self._tried.add(key[0])
            self._run(key[0])
        return self._found[key]  # a KeyError: the run on so many ranks has failed, and another test told so

    def _run(self, n_ranks: int) -> None:
        folder = self._folder / str(n_ranks)
        folder.mkdir()
        options = {"scheduler_file": str(self._cluster.scheduler_file), "folder": str(folder), "jobs": jobs()}
        try:
            run = self._stack.run_batch(self._install, n_ranks, SCRIPT, [json.dumps(options)], timeout_s=150)
        except BatchDeadlineError as error:
            pytest.fail(f"{n_ranks} ranks hang:\n{error.stdout}{error.stderr[-2000:]}")
        assert run.returncode == 0, run.stdout + run.stderr
        for job in jobs():
            self._found[n_ranks, job["name"]] = read_pull(folder, job["name"], n_ranks)


@pytest.fixture(scope="module")
def pulls(
    published: pd.DataFrame, cluster: ClusterHandle, install: ParaViewInstall, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pulls]:
    """All pulls of this file."""
    with environment_marker(SESSION_MARKER), Stack() as stack:
        session_folders.add(stack.folder.name)
        yield Pulls(stack, install, cluster, tmp_path_factory.mktemp("ranks"))


def read_pull(folder: Path, name: str, n_ranks: int) -> Pull:
    """What the ranks wrote; exactly one file a rank."""
    files = sorted(folder.glob(f"{name}-[0-9].npz"))
    assert [file.name for file in files] == [f"{name}-{rank}.npz" for rank in range(n_ranks)]
    ranks = []
    for file in files:
        with np.load(file) as arrays:
            ranks.append({key: arrays[key] for key in arrays.files})
    return Pull(ranks, json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))


def assert_same_bits(found: np.ndarray, expected: np.ndarray, what: str) -> None:
    """Equal types and equal bytes: NaN equals NaN of the same bits, and -0.0 is not 0.0."""
    assert found.dtype == expected.dtype, what
    assert found.shape == expected.shape, what
    assert found.tobytes() == np.ascontiguousarray(expected).tobytes(), f"{what}: values differ"


def assert_is_frame(pull: Pull, frame: pd.DataFrame) -> None:
    """All ranks together hold the frame: each row once, in its order, each value as it is in pandas."""
    axes = [name for name in frame.columns if name in ("x[pc]", "y[pc]", "z[pc]", *POSITIONS)]
    assert_same_bits(pull.joined("Points"), frame[axes].to_numpy().astype("f4"), "Points")
    assert sum(pull.rows) == len(frame)
    assert [int(rank["n_vertices"]) for rank in pull.ranks] == pull.rows
    columns = [name for name in frame.columns if name not in axes]
    for rank in pull.ranks:  # also one that has no row has the arrays of all
        assert set(rank) == {"Points", "n_vertices", *columns}
    for name in columns:
        values = frame[name].to_numpy()
        exact = values.astype("f4") if values.dtype == "f2" else values  # VTK has no half precision
        assert_same_bits(pull.joined(name), exact, name)


EVERY = [f"mpi-even-{n}" for n in EVEN] + [f"mpi-uneven-{n}" for n in UNEVEN]


@pytest.mark.parametrize("n_ranks", RANKS)
@pytest.mark.parametrize("name", EVERY)
def test_ranks_together_hold_the_frame_bit_for_bit(
    pulls: Pulls, published: pd.DataFrame, name: str, n_ranks: int
) -> None:
    pull = pulls[n_ranks, name]
    assert_is_frame(pull, published)
    ids = [set(rank[ID].tolist()) for rank in pull.ranks]
    assert len(set().union(*ids)) == sum(map(len, ids)) == N_ROWS
    told = pull.told
    assert (told["TotalRows"], told["PulledRows"], told["DroppedRows"], told["Failed"]) == (N_ROWS, N_ROWS, 0, 0)


@pytest.mark.parametrize("n_ranks", RANKS)
def test_ids_above_two_to_the_53_survive(pulls: Pulls, published: pd.DataFrame, n_ranks: int) -> None:
    ids = published[ID].to_numpy()
    assert (ids > 2**53).all()
    assert (ids.astype("f8").astype("i8") != ids).all()  # any way through a float would show
    assert (pulls[n_ranks, "mpi-even-7"].joined(ID) == ids).all()


@pytest.mark.parametrize("n_ranks", RANKS)
def test_published_csv_is_what_pandas_reads(pulls: Pulls, gaia_csv: Path, n_ranks: int) -> None:
    assert_is_frame(pulls[n_ranks, STARS], pd.read_csv(gaia_csv))


@pytest.mark.parametrize(("n_ranks", "kind"), [(1, "even"), (2, "even"), (3, "even"), (3, "uneven"), (5, "uneven")])
def test_with_as_many_partitions_as_ranks_rank_r_has_partition_r(
    pulls: Pulls, published: pd.DataFrame, n_ranks: int, kind: str
) -> None:
    cut = cut_evenly if kind == "even" else cut_unevenly
    pull = pulls[n_ranks, f"mpi-{kind}-{n_ranks}"]
    for piece, rank, report in zip(cut(published, n_ranks), pull.ranks, pull.told["RankReports"], strict=True):
        assert rank[ID].tolist() == piece[ID].tolist()
        assert report["rows"] == len(piece)


@pytest.mark.parametrize("n_ranks", RANKS)
@pytest.mark.parametrize("name", [*(f"mpi-even-{n}" for n in EVEN), "mpi-uneven-7", "mpi-uneven-40"])
def test_no_rank_sits_idle(pulls: Pulls, name: str, n_ranks: int) -> None:
    if name == f"mpi-even-{n_ranks}":
        return
    rows = pulls[n_ranks, name].rows
    assert max(rows) - min(rows) <= 0.05 * N_ROWS / n_ranks + 1


@pytest.mark.parametrize("n_ranks", RANKS)
@pytest.mark.parametrize("name", EVERY)
def test_figures_are_those_of_the_arrays(pulls: Pulls, name: str, n_ranks: int) -> None:
    pull = pulls[n_ranks, name]
    n_bytes = [sum(array.nbytes for key, array in rank.items() if key != "n_vertices") for rank in pull.ranks]
    reports = pull.told["RankReports"]
    assert [report["rows"] for report in reports] == pull.rows
    assert [report["bytes_received"] for report in reports] == n_bytes
    assert pull.told["BytesReceived"] == sum(n_bytes)
    assert pull.told["BytesCopied"] == sum(report["bytes_copied"] for report in reports) == 0
    paths = {report["path"] for report in reports}
    assert paths <= {"direct from workers", "nothing to fetch"}
    assert "direct from workers" in pull.told["TransferPath"]
    assert f"{N_ROWS:,}" in pull.told["Status"]
    assert f"{n_ranks} rank" in pull.told["Status"]


@pytest.mark.parametrize("n_ranks", RANKS)
def test_rows_without_a_position_are_left_out_and_counted(pulls: Pulls, n_ranks: int) -> None:
    frame, pull = lost_positions(), pulls[n_ranks, LOST]
    kept = frame[np.isfinite(frame[list(POSITIONS)]).all(axis=1)]
    assert 0 < len(kept) < len(frame)
    assert_is_frame(pull, kept)
    told = pull.told
    assert (told["TotalRows"], told["PulledRows"]) == (len(frame), len(kept))
    assert told["DroppedRows"] == len(frame) - len(kept)
    assert f"{len(frame) - len(kept)} dropped" in told["Status"]


@pytest.mark.parametrize("n_ranks", RANKS)
def test_garbage_of_the_script_does_not_stop_the_ranks(pulls: Pulls, published: pd.DataFrame, n_ranks: int) -> None:
    # A proxy that is collected while the ranks talk sends them a message of its own: on several ranks, a deadlock.
    assert_is_frame(pulls[n_ranks, GARBAGE], published)


def test_all_widths_are_offered_and_on(pulls: Pulls) -> None:
    told = pulls[2, "mpi-even-2"].told
    assert set(told["Ticked"]) == {ID, *WIDTHS}
    assert set(told["Offered"]) == {ID, *WIDTHS, *POSITIONS}


def test_the_cluster_did_all_that_without_this_package(pulls: Pulls, cluster: ClusterHandle) -> None:
    assert all(pulls[n_ranks, STARS].rows for n_ranks in RANKS)
    state = package_on_workers(cluster)
    assert len(state) == cluster.n_workers + 1
    assert set(state.values()) == {(False, False)}, state


def test_must_fail_one_bit_is_seen(pulls: Pulls, published: pd.DataFrame) -> None:
    wrong = published.copy()
    wrong.loc[1234, ID] += 1
    with pytest.raises(AssertionError, match=f"{ID}: values differ"):
        assert_is_frame(pulls[3, "mpi-uneven-40"], wrong)
