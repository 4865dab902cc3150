"""The distinct values of a column as time steps: each step shows its rows alone, on 1, 2 and 3 ranks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clusters import ID, cut_unevenly, keep_package_from_workers, publish_pieces, unpublish
from leftovers import SESSION_MARKER, environment_marker, session_folders

from pvdask.launch import ClusterHandle, ParaViewInstall, Stack
from pvdask.timesteps import nearest_step

pytestmark = pytest.mark.mpi

SCRIPT = Path(__file__).resolve().parents[1] / "ctest" / "time_steps.py"
DATASET = "timed-frame"
N_ROWS = 900
COLUMNS = ["epoch", "seen", "count", "never", "name", "gone"]


def timed_frame() -> pd.DataFrame:
    """Steps as numbers with NaN among them, as dates, as integers; a column without a time, and one of texts."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({axis: rng.normal(size=N_ROWS) for axis in "xyz"})
    frame[ID] = np.arange(N_ROWS) + 2**60
    frame["epoch"] = rng.choice([2015.5, 2016.0, 2020.25, np.nan], N_ROWS)
    frame["seen"] = pd.Timestamp("2021-03-04") + pd.to_timedelta(rng.integers(0, 4, N_ROWS), unit="D")
    frame["count"] = rng.integers(-2, 3, N_ROWS)
    frame["never"] = np.nan
    frame["name"] = "star"
    return frame


@pytest.fixture(scope="module")
def frame(cluster: ClusterHandle) -> Iterator[pd.DataFrame]:
    """What is published."""
    keep_package_from_workers(cluster)
    frame = timed_frame()
    publish_pieces(cluster, DATASET, cut_unevenly(frame, 5))
    yield frame
    unpublish(cluster, DATASET)


@pytest.fixture(scope="module", params=[1, 2, 3])
def run(
    request: pytest.FixtureRequest,
    frame: pd.DataFrame,
    cluster: ClusterHandle,
    install: ParaViewInstall,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, int, dict[str, Any]]:
    """The folder, the number of ranks, and what the source told."""
    folder = tmp_path_factory.mktemp(f"time-{request.param}")
    options = {"scheduler_file": str(cluster.scheduler_file), "dataset": DATASET, "folder": str(folder)}
    with environment_marker(SESSION_MARKER), Stack() as stack:
        session_folders.add(stack.folder.name)
        told = json.dumps({**options, "columns": COLUMNS, "times": [2017.0, -1e9, 1e12]})
        done = stack.run_batch(install, request.param, SCRIPT, [told], timeout_s=120)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return folder, request.param, json.loads((folder / "told.json").read_text())


def ids(run: tuple[Path, int, dict[str, Any]], column: str, number: int) -> list[int]:
    """Ids of all ranks at a step."""
    folder, n_ranks, _ = run
    return [int(each) for rank in range(n_ranks) for each in np.load(folder / f"{column}-{number}-{rank}.npy")]


def times(frame: pd.DataFrame, column: str) -> pd.Series:
    """A column as ParaView's times."""
    is_dates = frame[column].dtype.kind == "M"
    return (frame[column] - pd.Timestamp(0)) / pd.Timedelta(seconds=1) if is_dates else frame[column].astype("f8")


@pytest.mark.parametrize("column", ["epoch", "seen", "count"])
def test_each_step_shows_its_rows_alone(
    run: tuple[Path, int, dict[str, Any]], frame: pd.DataFrame, column: str
) -> None:
    expected = times(frame, column)
    steps = run[2][column]["steps"]
    assert steps == sorted(expected.dropna().unique())
    shown = []
    for number, step in enumerate(steps):
        found = ids(run, column, number)
        assert found == frame.loc[expected == step, ID].tolist()
        shown += found
    assert len(shown) == len(set(shown)) == expected.notna().sum()


def test_a_time_between_steps_shows_the_one_before(run: tuple[Path, int, dict[str, Any]], frame: pd.DataFrame) -> None:
    steps = run[2]["epoch"]["steps"]
    between, before, after = (ids(run, "epoch", len(steps) + number) for number in range(3))
    assert between == frame.loc[frame["epoch"] == 2016.0, ID].tolist()
    assert before == frame.loc[frame["epoch"] == 2015.5, ID].tolist()
    assert after == frame.loc[frame["epoch"] == 2020.25, ID].tolist()


def test_a_column_without_a_time_shows_nothing(run: tuple[Path, int, dict[str, Any]]) -> None:
    told = run[2]["never"]
    assert (told["steps"], told["PulledRows"], told["Failed"]) == ([], 0, 0)


@pytest.mark.parametrize(("column", "said"), [("name", "one of labels"), ("gone", "'gone'")])
def test_a_column_that_is_no_time_is_one_error(run: tuple[Path, int, dict[str, Any]], column: str, said: str) -> None:
    told = run[2][column]
    assert told["Failed"] == 1
    assert told["Status"].startswith("Error: TimeColumn: ")
    assert said in told["Status"]


@pytest.mark.parametrize(("time", "step"), [(0.5, 1.0), (1.0, 1.0), (1.9, 1.0), (2.0, 2.0), (9.0, 2.0)])
def test_the_step_of_a_time(time: float, step: float) -> None:
    assert nearest_step((1.0, 2.0), time) == step
    assert nearest_step((), time) is None
