"""What can go wrong with a cluster, as data: one entry here is tested at every rank count, and is a line of docs/faults.md.

An entry is made by a generator: it breaks something of a real cluster, yields what the next Apply is, and mends it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from clusters import connected, cut_evenly, unpublish
from faulty_cluster import (
    BIG,
    MIDDLING,
    N_PARTITIONS,
    SLOW,
    STARS,
    WORKERS,
    FaultyCluster,
    by_value,
    publish_lazy,
    wait_until,
)
from sessions import Session

TIMEOUT_S = 3.0
XYZ = {"XColumn": "x", "YColumn": "y", "ZColumn": "z"}
TICKED = ["source_id", "f4"]


@dataclass
class Apply:
    """What the user applies while something is broken."""

    properties: dict[str, Any] = field(default_factory=dict)
    columns: list[str] | None = None
    meanwhile: Callable[[], None] | None = None
    """Called once the pull is on its way."""

    @property
    def timeout_s(self) -> float:
        return float(self.properties.get("Timeout", TIMEOUT_S))


Make = Callable[[FaultyCluster, Session], Iterator[Apply]]


@dataclass(frozen=True)
class Fault:
    """One thing that can go wrong.

    Parameters
    ----------
    name : str
        What happens, as the table in the docs has it.
    make : callable
        Generator as above.
    says : str
        Regular expression that the one sentence has to match as a whole, as far as the first line goes.
    cure : str
        What the user does.
    survives : bool
        Whether the pull has to be complete nonetheless; `says` is then of the status.
    may_survive : bool
        Whether it may be: an agreed error is as good.
    """

    name: str
    make: Make
    says: str
    cure: str
    survives: bool = False
    may_survive: bool = False


FAULTS: list[Fault] = []


def fault(name: str, says: str, cure: str, **further: Any) -> Callable[[Make], Make]:
    """Enter a generator into the table."""

    def enter(make: Make) -> Make:
        FAULTS.append(Fault(name, make, says, cure, **further))
        return make

    return enter


WHOLE = r"3,000 of 3,000 rows on \d rank\(s\).*"
TRY_AGAIN = "Nothing: the picture is whole."

# --- the scheduler and its file -------------------------------------------------------------------------------------------


@fault("No scheduler is named", r"SchedulerFile: no scheduler is named; .*", "Name the scheduler file of a cluster.")
def not_named(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    yield Apply({"SchedulerFile": ""})


@fault(
    "Nothing listens where the scheduler is said to be",
    r"No scheduler answers at tcp://127.0.0.1:\d+ \(Connection refused\); start one with `pvdask cluster`, or correct .*",
    "Start a cluster, or correct SchedulerAddress; then Refresh.",
)
def absent(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield Apply({"SchedulerFile": "", "SchedulerAddress": f"tcp://127.0.0.1:{closed.getsockname()[1]}"})


@fault(
    "The scheduler file is missing",
    r"The scheduler file .*missing.json cannot be read \(No such file or directory\); start a cluster with .*",
    "Name the file of a cluster that runs.",
)
def file_missing(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    yield Apply({"SchedulerFile": str(cluster.folder / "missing.json")})


@fault(
    "The scheduler file is cut short",
    r"The scheduler file .*cut.json is not JSON; expected the JSON object that a Dask scheduler writes.*",
    "Wait until the cluster has started; else start it again.",
)
def file_truncated(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    path = cluster.folder / "cut.json"
    path.write_text(cluster.scheduler_file.read_text()[:30])
    yield Apply({"SchedulerFile": str(path)})


@fault(
    "The scheduler file is of a cluster that has ended",
    r"No scheduler answers at tcp://127.0.0.1:\d+ \(.*\); start one with `pvdask cluster`, or correct SchedulerFile.*",
    "Start the cluster again: it replaces the file. Then Refresh.",
)
def file_stale(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    path = cluster.folder / "stale.json"
    content = json.loads(cluster.scheduler_file.read_text())
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        path.write_text(json.dumps({**content, "address": f"tcp://127.0.0.1:{closed.getsockname()[1]}"}))
        yield Apply({"SchedulerFile": str(path)})


@fault(
    "The scheduler file is of another cluster",
    r"No dataset 'stars' is published on the scheduler at tcp://127.0.0.1:\d+; published there: nothing\. .*",
    "Name the right file.",
)
def file_of_another(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    path = cluster.folder / "other.json"
    words = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    pid = cluster.fork("scheduler", [*words, "--scheduler-file", str(path)], "other")
    wait_until(path.exists, "the other cluster's file")
    yield Apply({"SchedulerFile": str(path)})
    os.kill(pid, signal.SIGKILL)
    path.unlink(missing_ok=True)


@fault(
    "The scheduler is stopped (SIGSTOP), or does not answer",
    r"Timeout of 3 s ended while connecting to the scheduler at .*",
    "Let it go on, or start the cluster again; then Refresh.",
)
def scheduler_stopped(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    with cluster.stopped("scheduler"):
        yield Apply()


@fault(
    "The scheduler is stopped during a pull",
    r"Timeout of 3 s ended while the workers made the arrays\. The scheduler at \S+ does not answer: .*",
    "Let it go on, or start the cluster again; then Refresh.",
)
def scheduler_stopped_midway(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    cluster.wait_until_quiet()

    def stop() -> None:
        cluster.wait_until_begun()
        cluster.signal(signal.SIGSTOP, "scheduler")

    yield Apply({"Dataset": SLOW}, meanwhile=stop)
    cluster.signal(signal.SIGCONT, "scheduler")


@fault(
    "The scheduler is killed during a pull",
    r"The scheduler at \S+ (dropped the work while making the arrays; was it restarted\?|was lost while .*) .*",
    "Start the cluster again, publish again, Refresh.",
)
def scheduler_killed(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    cluster.wait_until_quiet()

    def kill() -> None:
        cluster.wait_until_begun()
        cluster.kill("scheduler")

    yield Apply({"Dataset": SLOW}, meanwhile=kill)
    cluster.start()


@fault(
    "The scheduler was restarted: it has forgotten what was published",
    r"No dataset 'stars' is published on the scheduler at \S+; published there: nothing\. .*",
    "Publish again, then Refresh.",
)
def scheduler_restarted(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    cluster.kill("scheduler")
    cluster.start_scheduler()
    yield Apply()
    cluster.start()


# --- the workers ----------------------------------------------------------------------------------------------------------


@fault(
    "A worker is stopped (SIGSTOP), or its host does not answer",
    r"Timeout of 3 s ended while the workers made the arrays\. 1 of 2 workers \(the first is \S+\) does not answer: .*",
    "End that worker, so that the others do its work, or let it go on; then Refresh.",
)
def worker_stopped(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    with cluster.stopped("w0"):
        yield Apply()


@fault("A worker is killed while it makes arrays", WHOLE, TRY_AGAIN, survives=True)
def worker_killed(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    cluster.wait_until_quiet()

    def kill() -> None:
        cluster.wait_until_begun()
        cluster.kill("w0")

    yield Apply({"Dataset": SLOW, "Timeout": 20.0}, meanwhile=kill)
    cluster.mend_workers()


@fault("A worker is killed while it sends to a rank", WHOLE.replace("3,000", "200,000"), TRY_AGAIN, survives=True)
def worker_killed_sending(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    pids, killed = session.ranks, []

    def kill(name: str, n_bytes: int, peer: int | None) -> None:
        if peer in pids and n_bytes > 200_000 and not killed:
            killed.append(name)
            os.kill(cluster.workers[name], signal.SIGKILL)

    for name, proxy in cluster.proxies.items():
        proxy.on_bytes = partial(kill, name)
    yield Apply({"Dataset": MIDDLING, "Timeout": 30.0}, ["source_id"])
    for proxy in cluster.proxies.values():
        proxy.on_bytes = lambda *_: None
    assert killed, "no byte was sent to a rank"
    cluster.mend_workers()


@fault("A worker that held persisted data was killed", WHOLE, TRY_AGAIN, survives=True)
def worker_killed_before(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    cluster.kill("w0")
    yield Apply({"Timeout": 20.0})
    cluster.mend_workers()


@fault(
    "Data that were scattered, and so cannot be made again, were on a worker that is gone",
    r"Data of this dataset are lost, which was seen while making the arrays: their worker is gone, .*",
    "Publish again, from files or from tasks.",
)
def scattered_data_lost(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    import dask.dataframe as dd

    with connected(cluster) as client:  # type: ignore[arg-type]
        pieces = client.scatter(cut_evenly(cluster.frame, N_PARTITIONS), broadcast=False)
        frame = dd.from_delayed(pieces, meta=cluster.frame.iloc[:0], verify_meta=False).persist()
        client.publish_dataset(frame, name="scattered", override=True)
    cluster.kill("w0")
    yield Apply({"Dataset": "scattered"})
    unpublish(cluster, "scattered")  # type: ignore[arg-type]
    cluster.mend_workers()


@fault(
    "All workers are paused, as their memory is nearly full",
    r"Timeout of 3 s ended while the workers made the arrays\. 2 of 2 workers \(the first is \S+\) do not take work, paused .*",
    "Free memory on the cluster, or start more workers; then Refresh.",
)
def workers_paused(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    with connected(cluster) as client:  # type: ignore[arg-type]
        client.run(by_value(set_pause), 1e-6)
        wait_until(lambda: set(cluster.joined().values()) == {"paused"}, "all workers pause")
        yield Apply()
        client.run(by_value(set_pause), 0.8)
    cluster.mend_workers()


def set_pause(share: float, dask_worker: Any = None) -> None:
    """Set from which share of its memory on a worker pauses; its own memory monitor then does it."""
    dask_worker.memory_manager.memory_pause_fraction = share


@fault(
    "A partition kills every worker that makes it",
    r"A partition ended each worker that made it, which was seen while making the arrays: it takes more memory .*",
    "Mend the frame that was published: that partition takes too much memory, or crashes a library.",
)
def poison(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    publish_lazy(cluster, "poison", die, range(2))
    with connected(cluster) as client:  # type: ignore[arg-type]
        # One worker is enough for it. Of two partitions, each may end another worker, and then nobody is left to be ended again.
        usual = client.run_on_scheduler(by_value(allow_failures), 0)
        yield Apply({"Dataset": "poison", "Timeout": 8.0})
        client.run_on_scheduler(by_value(allow_failures), usual)
    unpublish(cluster, "poison")  # type: ignore[arg-type]
    cluster.mend_workers()
    cluster.publish()  # each worker that ended is held against the tasks that it had, and those of the stars have few lives


def allow_failures(number: int, dask_scheduler: Any = None) -> int:
    """Set how many workers a task may end; gives what it was."""
    before, dask_scheduler.allowed_failures = dask_scheduler.allowed_failures, number
    return int(before)


def die(number: int) -> pd.DataFrame:
    """A partition that crashes."""
    import os

    os._exit(11)


@fault(
    "A partition cannot be made: its code raises an error",
    r"A worker failed while making the arrays: the stars went out\.",
    "Mend the frame that was published, and publish it again.",
)
def raising(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    publish_lazy(cluster, "raising", go_out, range(2))
    yield Apply({"Dataset": "raising"})
    unpublish(cluster, "raising")  # type: ignore[arg-type]


def go_out(number: int) -> pd.DataFrame:
    """A partition that cannot be made."""
    raise ValueError("the stars went out")


@fault(
    "All workers are gone",
    r"Timeout of 3 s ended while the workers made the arrays\. The scheduler at \S+ has no workers; start some .*",
    "Start workers that join the scheduler, or a new cluster; then Refresh.",
)
def no_workers(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    cluster.kill(*WORKERS)
    yield Apply()
    cluster.start()


@fault(
    "A pull takes longer than Timeout",
    r"Timeout of 0\.5 s ended while the workers made the arrays\..*",
    "Give it more time (Timeout), or take fewer columns, a Filter or a SampleFraction.",
)
def too_slow(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    yield Apply({"Dataset": SLOW, "Timeout": 0.5})


# --- the dataset ----------------------------------------------------------------------------------------------------------


@fault(
    "The dataset is not published",
    r"No dataset 'nowhere' is published on the scheduler at \S+; published there: 'big', 'middling', 'slow', 'stars'\. .*",
    "Choose one that is, or publish it.",
)
def dataset_missing(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    yield Apply({"Dataset": "nowhere"})


@fault(
    "The dataset that is shown was unpublished",
    r"No dataset 'stars' is published on the scheduler at \S+; published there: 'big', 'middling', 'slow'\. .*",
    "Publish it again, then Refresh.",
)
def unpublished(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    unpublish(cluster, STARS)  # type: ignore[arg-type]
    yield Apply()
    cluster.publish()


@fault(
    "The dataset was published again, without a position column",
    r"XColumn: .*'x'.*",
    "Choose another column, or publish it with that one.",
)
def other_columns(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    cluster.publish(cluster.frame.rename(columns={"x": "right ascension"}))
    yield Apply()
    cluster.publish()


@fault(
    "The dataset was published again, without a ticked column",
    r"ColumnArrays: .*'f4'.*",
    "Untick that column, or publish the dataset with it.",
)
def column_gone(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    cluster.publish(cluster.frame.drop(columns="f4"))
    yield Apply(columns=TICKED)
    cluster.publish()


@fault("The dataset is published again during a pull, as another", WHOLE, "Refresh for the new one.", survives=True)
def republished_midway(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    """Between one rank's read and another's, if that had a meaning: all ranks have the rows that rank 0 looked up."""

    cluster.wait_until_quiet()

    def publish() -> None:
        cluster.wait_until_begun()
        publish_lazy(cluster, SLOW, go_out, range(3))

    yield Apply({"Dataset": SLOW, "Timeout": 20.0}, meanwhile=publish)
    cluster.publish()


# --- one rank -------------------------------------------------------------------------------------------------------------


@fault(
    "One rank has no memory left",
    r"The pull needs .* GB on \S+ for \d rank\(s\), and .* GB are left there; a SampleFraction of .*",
    "Take fewer columns, a Filter, a SampleFraction, or more hosts.",
)
def rank_out_of_memory(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    pid = session.ranks[-1]
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    limits = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (pages * resource.getpagesize() + 40_000_000, limits[1]))
    yield Apply({"Dataset": BIG, "Timeout": 30.0}, ["source_id"])
    resource.prlimit(pid, resource.RLIMIT_AS, limits)


def cut(cluster: FaultyCluster, session: Session, how: str) -> Iterator[Apply]:
    """Cut the last rank from one worker."""
    with cluster.cut_off(session.ranks[-1], how):
        yield Apply({"Timeout": 20.0})


DETOUR = WHOLE + r"MB received; .*blocks by way of the scheduler.*"
OPEN_PORTS = "Nothing: the picture is whole. It is slower: open the workers' ports to ParaView's hosts."


@fault("A firewall refuses one rank the way to a worker", DETOUR, OPEN_PORTS, survives=True)
def cut_refused(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    yield from cut(cluster, session, "refuse")


@fault("A firewall drops what one rank sends to a worker", DETOUR, OPEN_PORTS, survives=True)
def cut_dropped(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    yield from cut(cluster, session, "drop")


# --- hosts that differ ----------------------------------------------------------------------------------------------------


@fault("A worker's clock is an hour ahead", WHOLE, TRY_AGAIN, survives=True)
def clock_skew(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    cluster.kill("w0")
    cluster.start_worker("w0", clock_ahead_s=3600)
    yield Apply({"Timeout": 20.0})
    cluster.kill("w0")
    cluster.mend_workers()


@fault("The disk that a worker spills to is full", WHOLE.replace("3,000", "200,000"), TRY_AGAIN, survives=True)
def disk_full(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    """Dask keeps in memory what it cannot write (distributed 2026.8)."""
    spill = {"DASK_DISTRIBUTED__WORKER__MEMORY__TARGET": "0.0001", "DASK_DISTRIBUTED__WORKER__MEMORY__SPILL": "0.6"}
    cluster.kill("w0")
    cluster.start_worker("w0", environment={**cluster.environment, **spill}, disk_bytes=200_000)
    yield Apply({"Dataset": MIDDLING, "Timeout": 30.0}, ["source_id"])
    log = (cluster.folder / "w0.log").read_text()
    assert "No space left on device" in log, log[-2000:]
    cluster.kill("w0")
    cluster.mend_workers()


OTHER_PACKAGES = Path(os.environ.get("PVDASK_OTHER_PACKAGES") or Path(sys.prefix) / "other-packages")
"""What `./run` installs by constraints/other-worker.txt."""


@fault("A worker has another NumPy, pandas and pyarrow than ParaView's side", WHOLE, TRY_AGAIN, survives=True)
def other_packages(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    """Arrays travel, and no frames: so do lazy frames, whose functions are of the same Dask."""
    assert OTHER_PACKAGES.is_dir(), "`./run setup` installs it"
    cluster.kill("w0")
    cluster.start_strange_worker("w0", OTHER_PACKAGES)
    with connected(cluster) as client:  # type: ignore[arg-type]
        versions = client.run(by_value(versions_of_packages))
    assert len(set(versions.values())) == 2, versions
    yield Apply({"Dataset": SLOW, "Timeout": 30.0})
    cluster.kill("w0")
    cluster.mend_workers()


def versions_of_packages() -> tuple[str, ...]:
    """What a worker has."""
    import importlib

    return tuple(importlib.import_module(name).__version__ for name in ("numpy", "pandas", "pyarrow"))
