"""Density grids on 1, 2 and 3 ranks against a real dask-mpi cluster: what NumPy and pandas make of the whole frame."""

from __future__ import annotations

import itertools
import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clusters import connected, cut_unevenly, keep_package_from_workers, publish_pieces, unpublish
from grid_frames import AXES, OPERATIONS, bounds_of, expected, finite, rows
from leftovers import SESSION_MARKER, environment_marker, session_folders

from pvdask.launch import ClusterHandle, ParaViewInstall, Stack

pytestmark = pytest.mark.mpi

SCRIPT = Path(__file__).resolve().parents[1] / "ctest" / "density_grid.py"
N_ROWS = 6_001
RANKS = (1, 2, 3)
DIMENSIONS = (7, 12, 13)
GIVEN = [(-30.0, 25.0), (-50.0, 60.0), (-10.0, 20.0)]
BOUNDS = [bound for pair in GIVEN for bound in pair]

VALUES = {
    f"{operation} by {kind}": [
        kind,
        {"Dataset": "grid-frame", "Dimensions": DIMENSIONS, "Operation": operation, "Column": "mass"},
    ]
    for kind, operation in (("source", "Sum"), ("filter", "Mean"), ("source", "Minimum"), ("filter", "Maximum"))
}
STEPS: dict[str, list[Any]] = {
    **VALUES,
    "count": ["source", {"Dataset": "grid-frame", "Dimensions": DIMENSIONS}],
    "lazy": ["source", {"Dataset": "grid-lazy", "Dimensions": DIMENSIONS, "Operation": "Sum", "Column": "mass"}],
    "lazy count": ["filter", {"Dataset": "grid-lazy", "Dimensions": DIMENSIONS}],
    "bounds": ["filter", {"Dataset": "grid-frame", "Dimensions": DIMENSIONS, "UseBounds": 1, "Bounds": BOUNDS}],
    "filtered": ["source", {"Dataset": "grid-frame", "Dimensions": DIMENSIONS, "Filter": "mass > 2"}],
    "few bins": ["source", {"Dataset": "grid-frame", "Dimensions": [2, 1, 1]}],
    "one bin": ["filter", {"Dataset": "grid-frame", "Dimensions": [1, 1, 1]}],
    "plane": ["source", {"Dataset": "grid-frame", "Dimensions": [9, 8, 1], "ZColumn": "(none)"}],
    "sphere": ["filter", {"Dataset": "grid-sphere", "Dimensions": [5, 6, 7], "Coordinates": "Spherical degrees"}],
    "one row": ["source", {"Dataset": "grid-row", "Dimensions": [3, 3, 3]}],
    "csv": ["csv", {"Dimensions": DIMENSIONS, "Operation": "Mean", "Column": "mass"}],
    "csv minimum": ["csv", {"Dimensions": DIMENSIONS, "Operation": "Minimum", "Column": "mass", "Filter": "mass > 2"}],
}
ERRORS: dict[str, tuple[list[Any], str]] = {
    "no bins": (["source", {"Dataset": "grid-frame", "Dimensions": [8, 9, 0]}], "Dimensions: found 8, 9, 0"),
    "unknown column": (
        ["source", {"Dataset": "grid-frame", "Operation": "Sum", "Column": "weight"}],
        "Column: 'weight' is not there, and a sum needs numbers; columns of numbers are: 'x', 'y', 'z', 'mass', 'ident', 'seen'.",
    ),
    "text column": (
        ["source", {"Dataset": "grid-frame", "Operation": "Sum", "Column": "name"}],
        "'name' is of kind label",
    ),
    "reversed bounds": (
        ["source", {"Dataset": "grid-frame", "UseBounds": 1, "Bounds": [1, 0, 0, 1, 0, 1]}],
        "Bounds: found 1, 0, 0, 1, 0, 1",
    ),
    "empty": (["source", {"Dataset": "grid-empty"}], "No row of grid-empty has a finite position"),
    "nothing left": (
        ["source", {"Dataset": "grid-frame", "Filter": "mass > 1e9"}],
        "No row of grid-frame has a finite",
    ),
    "bad filter": (["filter", {"Dataset": "grid-frame", "Filter": "weight > 1"}], "there is no column 'weight'"),
    "too many bins": (
        ["source", {"Dataset": "grid-frame", "Dimensions": [100_000] * 3}],
        "give fewer bins (Dimensions)",
    ),
    "no dataset": (["source", {"Dataset": "grid-nowhere"}], "No dataset 'grid-nowhere' is published"),
    "no time": (["source", {"Dataset": "grid-frame", "Timeout": 0.1}], "Timeout of 0.1 s ended"),
}


def spherical(n_rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    return pd.DataFrame(
        {"ra": rng.uniform(0, 360, n_rows), "dec": rng.uniform(-90, 90, n_rows), "dist": rng.exponential(5, n_rows)}
    )


def cartesian(frame: pd.DataFrame) -> pd.DataFrame:
    ra, dec, dist = np.radians(frame["ra"]), np.radians(frame["dec"]), frame["dist"]
    points = [dist * np.cos(dec) * np.cos(ra), dist * np.cos(dec) * np.sin(ra), dist * np.sin(dec)]
    return pd.DataFrame(dict(zip(AXES, points, strict=True)))


def publish_lazy(cluster: ClusterHandle, name: str, frame: pd.DataFrame) -> None:
    """The same rows, made by a function each time that they are asked for."""
    import dask.dataframe as dd

    n_rows = len(frame)

    def part(start: int, whole: pd.DataFrame = frame) -> pd.DataFrame:
        return whole[start : start + 1_000].copy()

    with connected(cluster) as client:
        lazy = dd.from_map(part, range(0, n_rows, 1_000), meta=frame[:0])
        client.publish_dataset(lazy, name=name, override=True)


@dataclass(frozen=True)
class Run:
    """What one run of pvbatch wrote."""

    folder: Path
    n_ranks: int
    told: dict[str, Any]

    def ranks(self, step: str) -> list[dict[str, Any]]:
        """Each rank's part of a step."""
        return [pickle.loads((self.folder / f"{step}-{rank}.pickle").read_bytes()) for rank in range(self.n_ranks)]

    def whole(self, step: str, dimensions: tuple[int, ...]) -> dict[str, np.ndarray]:
        """The arrays of all ranks, shape (nx, ny, nz); where two ranks have a bin, both have the same."""
        found: dict[str, np.ndarray] = {}
        seen = np.zeros(dimensions, bool)
        for part in self.ranks(step):
            x0, x1, y0, y1, z0, z1 = part["extent"]
            place = (slice(x0, x1 + 1), slice(y0, y1 + 1), slice(z0, z1 + 1))
            for name, values in part["arrays"].items():
                box = values.reshape(z1 - z0 + 1, y1 - y0 + 1, x1 - x0 + 1).T
                array = found.setdefault(name, np.zeros(dimensions, values.dtype))
                assert np.array_equal(array[place][seen[place]], box[seen[place]], equal_nan=values.dtype == "f8"), name
                array[place] = box
            seen[place] = True
        assert seen.all(), "no bin is on no rank"
        return found


@pytest.fixture(scope="module")
def frame(cluster: ClusterHandle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[pd.DataFrame]:
    """The frame, published in uneven partitions on workers that cannot import this package."""
    keep_package_from_workers(cluster)
    whole = rows(N_ROWS)
    publish_pieces(cluster, "grid-frame", cut_unevenly(whole, 7))
    publish_pieces(cluster, "grid-sphere", cut_unevenly(spherical(900), 4))
    publish_pieces(cluster, "grid-row", [whole[19:20]])
    publish_pieces(cluster, "grid-empty", [whole[:0], whole[:0]])
    publish_lazy(cluster, "grid-lazy", whole)
    whole.to_csv(tmp_path_factory.getbasetemp() / "grid.csv", index=False)
    yield whole
    unpublish(cluster, "grid-frame", "grid-sphere", "grid-row", "grid-empty", "grid-lazy")


@pytest.fixture(scope="module", params=RANKS)
def run(
    request: pytest.FixtureRequest,
    frame: pd.DataFrame,
    cluster: ClusterHandle,
    install: ParaViewInstall,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """One run of the script on a number of ranks."""
    folder = tmp_path_factory.mktemp(f"grid-{request.param}")
    publish_pieces(cluster, "grid-gone", [frame])
    options = {
        "scheduler_file": str(cluster.scheduler_file),
        "csv": str(tmp_path_factory.getbasetemp() / "grid.csv"),
        "folder": str(folder),
        "steps": [[name, *step] for name, step in STEPS.items()]
        + [[name, *step] for name, (step, _) in ERRORS.items()],
        "gone": {"Dataset": "grid-gone", "Dimensions": [5, 5, 16]},
    }
    with environment_marker(SESSION_MARKER), Stack() as stack:
        session_folders.add(stack.folder.name)
        done = stack.run_batch(install, request.param, SCRIPT, [json.dumps(options)], timeout_s=200)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return Run(folder, request.param, json.loads((folder / "told.json").read_text()))


def check(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert list(found) == list(wanted)
    assert found["count"].dtype == np.int64
    for name, values in wanted.items():
        assert np.allclose(found[name], values, rtol=1e-12, atol=0 if name == "count" else 1e-9, equal_nan=True), name


@pytest.mark.parametrize("step", VALUES)
def test_values_are_those_of_pandas(run: Run, frame: pd.DataFrame, step: str) -> None:
    operation = step.split()[0]
    assert operation in OPERATIONS
    check(run.whole(step, DIMENSIONS), expected(frame, DIMENSIONS, bounds_of(frame), operation, "mass"))
    n_counted = int(finite(frame)["mass"].notna().sum())
    n_missing, n_dropped = len(finite(frame)) - n_counted, N_ROWS - len(finite(frame))
    assert run.told[step] == {
        "Status": f"{n_counted:,} of {N_ROWS:,} rows in 7 x 12 x 13 bins on {run.n_ranks} rank(s); {n_dropped:,} without a finite "
        f"position; {n_missing:,} without a value",
        "Failed": 0,
        "CountedRows": n_counted,
        "OutsideRows": 0,
    }


def test_a_count_is_that_of_histogramdd(run: Run, frame: pd.DataFrame) -> None:
    check(run.whole("count", DIMENSIONS), expected(frame, DIMENSIONS, bounds_of(frame), "Count", ""))


def test_a_lazy_frame_is_binned_as_well(run: Run, frame: pd.DataFrame) -> None:
    check(run.whole("lazy", DIMENSIONS), expected(frame, DIMENSIONS, bounds_of(frame), "Sum", "mass"))
    check(run.whole("lazy count", DIMENSIONS), expected(frame, DIMENSIONS, bounds_of(frame), "Count", ""))


def test_the_whole_frame_is_binned_and_not_the_sample(run: Run) -> None:
    assert run.told["lazy count"]["CountedRows"] > N_ROWS * 0.9
    assert 0 < run.told["sample"]["PulledRows"] <= 7


def test_given_bounds(run: Run, frame: pd.DataFrame) -> None:
    wanted = expected(frame, DIMENSIONS, GIVEN, "Count", "")
    check(run.whole("bounds", DIMENSIONS), wanted)
    n_outside = len(finite(frame)) - int(wanted["count"].sum())
    assert n_outside > 100
    assert run.told["bounds"]["OutsideRows"] == n_outside
    assert f"{n_outside:,} outside the bounds" in run.told["bounds"]["Status"]


def test_points_are_at_the_centres_of_bins(run: Run, frame: pd.DataFrame) -> None:
    for step, bounds in (("bounds", GIVEN), ("count", bounds_of(frame))):
        spacing = [(high - low) / n for (low, high), n in zip(bounds, DIMENSIONS, strict=True)]
        origin = [low + width / 2 for (low, _), width in zip(bounds, spacing, strict=True)]
        for part in run.ranks(step):
            assert np.allclose(part["origin"], origin, rtol=1e-12)
            assert np.allclose(part["spacing"], spacing, rtol=1e-12)


def test_ranks_share_one_layer_of_points(run: Run) -> None:
    """So a volume rendering has no seam."""
    extents = [part["extent"] for part in run.ranks("count")]
    n_neighbours = 0
    for one, other in itertools.combinations(extents, 2):
        ends = list(zip(one[::2], one[1::2], other[::2], other[1::2], strict=True))
        common = [min(last, end) - max(first, start) + 1 for first, last, start, end in ends]
        n_neighbours += min(common) == 1
        assert min(common) <= 1
    assert n_neighbours >= run.n_ranks - 1


def test_a_filter_of_rows(run: Run, frame: pd.DataFrame) -> None:
    kept = frame[frame["mass"] > 2]
    check(run.whole("filtered", DIMENSIONS), expected(kept, DIMENSIONS, bounds_of(kept), "Count", ""))


@pytest.mark.parametrize(("step", "dimensions"), [("few bins", (2, 1, 1)), ("one bin", (1, 1, 1))])
def test_more_ranks_than_bins(run: Run, frame: pd.DataFrame, step: str, dimensions: tuple[int, ...]) -> None:
    check(run.whole(step, dimensions), expected(frame, dimensions, bounds_of(frame), "Count", ""))


def test_a_plane(run: Run, frame: pd.DataFrame) -> None:
    kept = frame[np.isfinite(frame[["x", "y"]]).all(axis=1)]
    found = run.whole("plane", (9, 8, 1))["count"][:, :, 0]
    assert np.array_equal(found, np.histogram2d(kept["x"], kept["y"], bins=(9, 8))[0])


def test_spherical_coordinates_of_the_input(run: Run) -> None:
    points = cartesian(spherical(900))
    check(run.whole("sphere", (5, 6, 7)), expected(points, (5, 6, 7), bounds_of(points), "Count", ""))


def test_a_single_row_is_in_the_middle(run: Run) -> None:
    count = run.whole("one row", (3, 3, 3))["count"]
    assert count.sum() == count[1, 1, 1] == 1


def test_files_without_a_cluster_are_binned_by_the_ranks(run: Run, frame: pd.DataFrame) -> None:
    check(run.whole("csv", DIMENSIONS), expected(frame, DIMENSIONS, bounds_of(frame), "Mean", "mass"))
    kept = frame[frame["mass"] > 2]
    check(run.whole("csv minimum", DIMENSIONS), expected(kept, DIMENSIONS, bounds_of(kept), "Minimum", "mass"))


def test_a_layer_of_ghosts_needs_no_binning(run: Run, frame: pd.DataFrame) -> None:
    """The dataset is gone when Gradient asks for a layer more than was shown."""
    assert run.told["gone"]["Failed"] == 0
    assert "grid-gone" not in run.told["published"]
    wanted = expected(frame, (5, 5, 16), bounds_of(frame), "Count", "")["count"]
    widened = 0
    for before, after in zip(run.ranks("before"), run.ranks("after"), strict=True):
        assert before["arrays"]["count"].size
        widened += after["arrays"]["count"].size - before["arrays"]["count"].size
    assert widened == 2 * 25 * (run.n_ranks - 1)
    found = run.whole("after", (5, 5, 16))
    assert np.array_equal(found["count"], wanted)


@pytest.mark.parametrize("step", ERRORS)
def test_what_cannot_be_is_one_error_and_no_hang(run: Run, step: str) -> None:
    assert run.told[step]["Failed"] == 1
    assert ERRORS[step][1] in run.told[step]["Status"]
    assert all(not part["arrays"] for part in run.ranks(step))


def test_data_of_elsewhere_are_an_error(run: Run) -> None:
    assert run.told["stranger"]["Failed"] == 1
    assert "does not tell which Dask DataFrame it came from" in run.told["stranger"]["Status"]
