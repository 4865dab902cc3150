"""pvserver on two ranks and a client of it: the source works, fails readably, works again, and comes back from a state."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
    every_width,
    keep_package_from_workers,
    publish_pieces,
    unpublish,
)
from leftovers import SESSION_MARKER, environment_marker, session_folders

from pvdask.launch import ClusterHandle, ParaViewInstall, Stack

pytestmark = pytest.mark.clientserver

SCRIPT = Path(__file__).resolve().parents[1] / "ctest" / "client_server.py"
STARS, OTHER = "clientserver-stars", "clientserver-other"
N_ROWS = 900


@pytest.fixture(scope="module")
def frame(cluster: ClusterHandle) -> Iterator[pd.DataFrame]:
    """What is published as STARS, in 3 partitions for 2 ranks."""
    keep_package_from_workers(cluster)
    frame = every_width(N_ROWS)
    publish_pieces(cluster, STARS, cut_evenly(frame, 3))
    publish_pieces(cluster, OTHER, cut_evenly(frame[:10], 1))
    yield frame
    unpublish(cluster, STARS, OTHER)


@pytest.fixture(scope="module")
def steps(
    frame: pd.DataFrame, cluster: ClusterHandle, install: ParaViewInstall, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What the client saw, step by step; and what ``client`` and ``server`` wrote."""
    folder = tmp_path_factory.mktemp("client")
    with environment_marker(SESSION_MARKER), Stack() as stack:
        session_folders.add(stack.folder.name)
        server = stack.start_server(install, 2)
        options = {"host": server.host, "port": server.port, "folder": str(folder), "dataset": STARS}
        path = folder / "options"
        path.write_text(json.dumps({**options, "scheduler_file": str(cluster.scheduler_file)}))
        run = stack.run_client(install, SCRIPT, [str(path)], timeout_s=200)
        assert run.returncode == 0, run.stdout + run.stderr + server.process.tail(40)
        written = {"client": run.stdout + run.stderr, "server": server.process.stdout + server.process.stderr}
    found = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    return {**found, **written}


def assert_whole(step: dict[str, Any]) -> None:
    """The step had all rows."""
    assert (step["n_points"], step["TotalRows"], step["PulledRows"], step["Failed"]) == (N_ROWS, N_ROWS, N_ROWS, 0)
    assert f"{N_ROWS:,} of {N_ROWS:,} rows on 2 rank" in step["Status"]


def assert_failed(step: dict[str, Any], *said: str) -> None:
    """The step had no rows, and said why."""
    assert (step["n_points"], step["PulledRows"], step["Failed"]) == (0, 0, 1)
    assert step["arrays"] == []
    assert step["Status"].startswith("Error: ")
    assert all(part in step["Status"] for part in said), step["Status"]


def test_drop_downs_offer_what_there_is(steps: dict[str, Any]) -> None:
    assert {STARS, OTHER} <= set(steps["offered"]["datasets"])
    good = steps["good"]
    assert set(good["in_drop_down"]) == set(good["datasets"]) == set(steps["offered"]["datasets"])
    for name, axis in zip(("XColumn", "YColumn", "ZColumn"), POSITIONS, strict=True):
        assert good["guessed"][name][0] == axis
        assert {*POSITIONS, ID, *WIDTHS} <= set(good["guessed"][name])


def test_pull_brings_every_row_to_the_servers_ranks(steps: dict[str, Any], frame: pd.DataFrame) -> None:
    good = steps["good"]
    assert_whole(good)
    assert good["arrays"] == sorted([ID, *WIDTHS])
    expected = frame.sort_values(ID)
    assert good["ids"] == expected[ID].to_numpy().tobytes().hex()
    assert good["points"] == expected[list(POSITIONS)].to_numpy().astype("f4").tobytes().hex()
    assert good["coloured"] > 200


def test_figures_come_through_to_the_client(steps: dict[str, Any]) -> None:
    good = steps["good"]
    reports = [json.loads(line) for line in good["RankReports"]]
    assert len(reports) == 2
    assert sum(report["rows"] for report in reports) == N_ROWS
    row = 3 * 4 + 8 + sum(np.dtype("f4" if name == "f2" else name).itemsize for name in WIDTHS)
    assert good["BytesReceived"] == sum(report["bytes_received"] for report in reports) == N_ROWS * row
    assert good["BytesCopied"] == sum(report["bytes_copied"] for report in reports)
    assert good["TransferPath"] == "direct from workers"


def test_a_wrong_dataset_is_told_and_the_right_one_works_again(steps: dict[str, Any]) -> None:
    assert_failed(steps["bad dataset"], "'nowhere'", repr(STARS))
    assert_whole(steps["corrected"])
    assert steps["corrected"]["ids"] == steps["good"]["ids"]
    assert steps["corrected"]["points"] == steps["good"]["points"]
    assert steps["corrected"]["ticked"] == steps["good"]["ticked"]


def test_a_wrong_column_is_told_and_the_right_one_works_again(steps: dict[str, Any]) -> None:
    assert_failed(steps["bad column"], "YColumn", "'no such column'")
    assert_whole(steps["ticked"])


@pytest.mark.parametrize("side", ["client", "server"])
def test_each_error_is_shown_once_at_the_client_and_in_the_servers_log(steps: dict[str, Any], side: str) -> None:
    for step in ("bad dataset", "bad column"):
        message = steps[step]["Status"].removeprefix("Error: ")
        assert steps[side].count(f"Dask: {message}") == 1, steps[side]
    assert steps[side].count("Dask: ") == 2, steps[side]
    assert "Traceback" not in steps[side]


def test_a_state_brings_back_the_ticked_columns(steps: dict[str, Any]) -> None:
    ticked = sorted(["f4", ID])
    for step in ("ticked", "loaded", "refreshed"):
        assert_whole(steps[step])
        assert steps[step]["ticked"] == steps[step]["arrays"] == ticked, step
        assert steps[step]["set"] == {"Dataset": STARS, "XColumn": "z", "YColumn": "y", "ZColumn": "x"}, step
