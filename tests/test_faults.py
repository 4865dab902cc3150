"""Each fault of `faults.FAULTS` on a real cluster: no partial picture, no hang, one sentence, and then everything works again.

In the short form each fault meets one ParaView and one consumer behind the source, in turn; with PVDASK_LONG=1 each meets all.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from clusters import connected
from commandline import run_command
from fault_table import DOCS, line_of, page
from faults import FAULTS, TICKED, TIMEOUT_S, XYZ, Apply, Fault
from faulty_cluster import MIDDLING, N_ROWS, SLOW, STARS, FaultyCluster, by_value, checksum_of, wait_until
from leftovers import SESSION_MARKER, environment_marker, session_folders
from sessions import CONSUMERS, HangError, Session, Told

from pvdask.launch import ParaViewInstall, Stack
from pvdask.launch.layout import project_layout

pytestmark = pytest.mark.faults

IS_LONG = bool(os.environ.get("PVDASK_LONG"))
PARAVIEWS = [("pvbatch", 2), ("pvbatch", 3), ("pvserver", 2), ("pvbatch", 1)]
if IS_LONG:
    PARAVIEWS += [("pvserver", 3), ("pvserver", 1)]
MARGIN_S = 2.0
"""What all ranks may take beyond Timeout."""
HANG_S = 20.0
"""After so long beyond Timeout it is a hang."""
STATE = project_layout().examples / "gaia" / "gaia.pvsm"
MIDDLING_ROWS = 200_000


def cases() -> list[Any]:
    """The matrix, or a way through it that meets every fault, every ParaView and every consumer."""
    if IS_LONG:
        every = itertools.product(FAULTS, PARAVIEWS, CONSUMERS)
    else:
        every = (
            (fault, PARAVIEWS[number % len(PARAVIEWS)], CONSUMERS[(number + number // len(PARAVIEWS)) % len(CONSUMERS)])
            for number, fault in enumerate(FAULTS)
        )
    return [
        pytest.param(fault, paraview, consumer, id=f"{fault.make.__name__}-{paraview[0]}-{paraview[1]}-{consumer}")
        for fault, paraview, consumer in every
    ]


class World:
    """The cluster, and the ParaViews that have been started."""

    def __init__(self, stack: Stack, install: ParaViewInstall, folder: Path) -> None:
        self._stack, self._install, self._folder = stack, install, folder
        self.cluster = FaultyCluster(stack, folder)
        self.sessions: dict[tuple[str, int], Session] = {}
        self.good_ones: dict[tuple[str, int], Told] = {}
        self.seen: dict[str, str] = {}
        self.late: list[float] = []

    def good(self) -> dict[str, Any]:
        """What to set for a pull that succeeds."""
        return {
            "SchedulerFile": str(self.cluster.scheduler_file),
            "SchedulerAddress": "",
            "Dataset": STARS,
            "Timeout": TIMEOUT_S,
            **XYZ,
        }

    def session(self, paraview: tuple[str, int]) -> tuple[Session, Told]:
        """A ParaView that has pulled once, and what it pulled."""
        if paraview not in self.sessions:
            self.sessions[paraview] = Session(self._stack, self._install, self._folder, *paraview)
        session = self.sessions[paraview]
        if not session.is_started:
            for _ in range(2):  # after the first, everything behind the source is made
                told = session.apply({**self.good(), "Timeout": 60.0}, columns=TICKED)
            assert_whole(told, self.cluster)
            self.good_ones[paraview] = told
        return session, self.good_ones[paraview]

    def close(self) -> None:
        for session in self.sessions.values():
            session.stop()
        self.cluster.close()


@pytest.fixture(scope="module")
def world(install: ParaViewInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with environment_marker(SESSION_MARKER), Stack() as stack:
        session_folders.add(stack.folder.name)
        world = World(stack, install, tmp_path_factory.mktemp("faults"))
        try:
            world.cluster.start()
            yield world
        finally:
            world.close()


@dataclass(frozen=True)
class FaultyClusterFrame:
    """In place of a cluster: the frame that it should have."""

    frame: pd.DataFrame


def assert_whole(told: Told, cluster: FaultyCluster, n_rows: int = N_ROWS) -> None:
    """All rows, each once, each value as it was; on all ranks together."""
    assert not told.failed, told.sentence
    assert told.n_rows == told.answer["PulledRows"] == n_rows
    if n_rows == N_ROWS:
        assert told.checksum == checksum_of(cluster.frame)


def assert_nothing(told: Told, n_ranks: int, arrays: dict[str, str]) -> None:
    """An agreed error: every rank has nothing, in the same arrays, and the same reason; one of them said it, once."""
    assert told.failed, told.sentence
    assert len(told.ranks) == n_ranks
    assert [rank["n_points"] for rank in told.ranks] == [0] * n_ranks
    assert told.answer["PulledRows"] == 0
    assert [rank["arrays"] for rank in told.ranks] == [arrays] * n_ranks
    assert [rank["errors"] for rank in told.ranks] == [[told.answer["Status"]]] * n_ranks
    assert told.messages == [f"Dask: {told.sentence.splitlines()[0]}"], told.messages
    assert "Traceback" not in told.sentence


def break_and_mend(world: World, fault: Fault, session: Session, consumer: str) -> tuple[Told, Apply]:
    """One Apply while the fault is there; gives what came of it, and what was applied."""
    make = fault.make(world.cluster, session)
    apply: Apply = next(make)
    try:
        told = session.apply(
            {**world.good(), **apply.properties},
            consumer,
            columns=apply.columns or TICKED,
            timeout_s=apply.timeout_s + HANG_S,
            meanwhile=apply.meanwhile,
        )
    finally:
        assert next(make, None) is None
    return told, apply


def check(fault: Fault, told: Told, apply: Apply, session: Session, good: Told, cluster: FaultyCluster) -> None:
    """What came of an Apply is what the table promises."""
    assert told.seconds < apply.timeout_s + MARGIN_S
    if told.failed and not fault.survives:
        is_elsewhere = {"Dataset", "SchedulerFile", "SchedulerAddress"} & apply.properties.keys()
        assert_nothing(told, session.n_ranks, {} if is_elsewhere else good.ranks[0]["arrays"])
    else:
        assert fault.survives or fault.may_survive, told.sentence
        assert_whole(told, cluster, MIDDLING_ROWS if apply.properties.get("Dataset") == MIDDLING else N_ROWS)
    assert re.fullmatch(fault.says, told.sentence, re.S), told.sentence


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("fault", "paraview", "consumer"), cases())
def test_fault(
    world: World, fault: Fault, paraview: tuple[str, int], consumer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    session, good = world.session(paraview)
    try:
        told, apply = break_and_mend(world, fault, session, consumer)
        with capsys.disabled():
            print(
                f"\n{fault.name}: {session.name}, {consumer}: {told.seconds:.2f} s of {apply.timeout_s:g} s: {told.sentence}"
            )
        check(fault, told, apply, session, good, world.cluster)
        world.seen.setdefault(fault.name, told.sentence)
        world.late.append(told.seconds - apply.timeout_s)
    finally:
        if session.is_started:
            again = session.apply({**world.good(), "Timeout": 30.0}, consumer, columns=TICKED)
            assert_whole(again, world.cluster)
            assert again.ranks == good.ranks


def test_a_pvserver_that_is_killed_in_a_pull_leaves_nothing_on_the_cluster(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = world.session(("pvserver", 2))
    cluster = world.cluster
    cluster.wait_until_quiet()
    killed: list[float] = []

    def ours() -> list[str]:
        with connected(cluster) as client:
            names: list[str] = client.run_on_scheduler(by_value(ours_on_scheduler))
        return names

    def kill() -> None:
        cluster.wait_until_begun()
        assert ours()
        for pid in session.ranks:
            os.kill(pid, signal.SIGKILL)
        killed.append(time.monotonic())

    with pytest.raises(HangError):
        session.apply({**world.good(), "Dataset": SLOW, "Timeout": 30.0}, meanwhile=kill, timeout_s=5.0)
    wait_until(lambda: not ours(), "the cluster frees what was ours", 10)
    with capsys.disabled():
        print(f"\nthe cluster had freed all that a killed pvserver held, within {time.monotonic() - killed[0]:.1f} s")
    assert_whole(world.session(("pvserver", 2))[1], cluster)


def ours_on_scheduler(dask_scheduler: Any = None) -> list[str]:
    """Tasks of pulls, and clients that pull."""
    tasks = [str(key) for key in dask_scheduler.tasks if str(key).startswith("pvdask-")]
    return tasks + [name for name in dask_scheduler.clients if "pvdask" in name]


@pytest.mark.timeout(120)
def test_render_writes_no_picture_unless_it_is_to_keep_going(world: World, tmp_path: Path) -> None:
    picture = tmp_path / "out.png"
    words = ["render", str(STATE), "-n", "1", "-o", str(picture), "--scheduler-file", str(world.cluster.scheduler_file)]
    words += ["--dataset", "nowhere", "--size", "60x40"]
    run = run_command(*words)
    assert run.returncode == 1, run.stderr
    assert re.search(r"^pvdask: error: No dataset 'nowhere' is published", run.stderr, re.M), run.stderr
    assert list(tmp_path.iterdir()) == []
    run = run_command(*words, "--keep-going")
    assert run.returncode == 0, run.stderr
    assert re.search(r"^pvdask: warning: nothing of .* is in the picture: No dataset 'nowhere'", run.stderr, re.M), (
        run.stderr
    )
    assert picture.exists()


def test_timeout_is_kept_to_within_a_second(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The latest of all that ended by it: filters, rendering and the agreement of the ranks are in that time."""
    late = [seconds for seconds in world.late if seconds > 0]
    with capsys.disabled():
        print(f"\n{len(late)} of {len(world.late)} faults ended by Timeout, the latest {max(late):.2f} s after it")
    assert max(late) < 1.0


def test_the_table_in_the_docs_is_what_was_seen(world: World) -> None:
    seen = [fault for fault in FAULTS if fault.name in world.seen]
    assert seen
    if os.environ.get("PVDASK_WRITE_DOCS"):
        assert seen == FAULTS
        DOCS.write_text(page(FAULTS, world.seen), encoding="utf-8")
    text = DOCS.read_text(encoding="utf-8")
    missing = [line for line in (line_of(fault, world.seen[fault.name]) for fault in seen) if line not in text]
    assert not missing, "run this with PVDASK_WRITE_DOCS=1"
    assert len(FAULTS) == text.count("\n| ") - 1


def test_must_fail_a_partial_picture_is_seen(world: World) -> None:
    """The eyes of this file: rows that are missing, and rows that are others, are noticed."""
    session, good = world.session(("pvbatch", 2))
    told = session.apply({**world.good(), "SampleFraction": 0.9}, columns=TICKED)
    with pytest.raises(AssertionError):
        assert_whole(told, world.cluster)
    other = FaultyClusterFrame(world.cluster.frame.assign(x=world.cluster.frame["x"] + 1))
    with pytest.raises(AssertionError):
        assert_whole(good, other)
    with pytest.raises(AssertionError):
        assert_nothing(good, 2, {})
    session.apply({**world.good(), "SampleFraction": 1.0}, columns=TICKED)


def test_must_fail_a_hang_is_seen(world: World) -> None:
    session, _ = world.session(("pvbatch", 2))
    with world.cluster.stopped("scheduler"), pytest.raises(HangError):
        session.apply({**world.good(), "Timeout": 30.0}, timeout_s=2.0)
    assert not session.is_started
