"""A dataset that is published again is noticed by pvserver's rank 0, and pulled by all ranks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from leftovers import SESSION_MARKER, environment_marker, session_folders

from pvdask.connection import Connection
from pvdask.errors import ClusterError
from pvdask.launch import ClusterHandle, ParaViewInstall, Stack
from pvdask.watching import publication

pytestmark = pytest.mark.clientserver

SCRIPT = Path(__file__).resolve().parents[1] / "ctest" / "live_updates.py"
DATASET = "live-frame"


@pytest.fixture(scope="module", params=[1, 2])
def seen(
    request: pytest.FixtureRequest,
    cluster: ClusterHandle,
    install: ParaViewInstall,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What the script saw, with pvserver on one rank and on two."""
    folder = tmp_path_factory.mktemp("live")
    with environment_marker(SESSION_MARKER), Stack() as stack:
        session_folders.add(stack.folder.name)
        server = stack.start_server(install, request.param)
        path = folder / "options"
        options = {"host": server.host, "port": server.port, "folder": str(folder), "dataset": DATASET}
        path.write_text(json.dumps({**options, "scheduler_file": str(cluster.scheduler_file)}))
        run = stack.run_client(install, SCRIPT, [str(path)], timeout_s=120)
        assert run.returncode == 0, run.stdout + run.stderr + server.process.tail(40)
    found: dict[str, Any] = json.loads((folder / "seen.json").read_text())
    return found


def test_nothing_is_noticed_while_it_is_off(seen: dict[str, Any]) -> None:
    assert seen["first"]["PulledRows"] == 100
    assert seen["off"] is None


def test_nothing_is_noticed_where_nothing_changed(seen: dict[str, Any]) -> None:
    assert seen["on"]["PulledRows"] == 110
    assert seen["quiet"] is None


def test_what_is_published_again_is_noticed_and_pulled_by_all_ranks(seen: dict[str, Any]) -> None:
    assert seen["noticed"] is not None
    assert (
        seen["noticed"] < 2.0 + 1.0
    )  # the poll's second and what the answer takes; a figure of the demand, not a benchmark
    assert (seen["second"]["PulledRows"], seen["second"]["Failed"]) == (120, 0)


def test_a_dataset_that_is_gone_leaves_the_picture_until_it_is_back(seen: dict[str, Any]) -> None:
    assert seen["gone"] is None
    assert seen["noticed again"] is not None
    assert (seen["third"]["PulledRows"], seen["third"]["Failed"]) == (130, 0)


def test_a_scheduler_that_is_not_there_is_an_error_in_time() -> None:
    with pytest.raises(ClusterError, match="does not answer"):
        publication(Connection(scheduler_address="tcp://127.0.0.1:1"), "stars")
