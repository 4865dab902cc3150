"""What can go wrong with the scheduler and its file."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

from faulty_cluster import SLOW, FaultyCluster, wait_until
from ports import held_port
from sessions import Session

from faults.model import Apply, fault


@fault("No scheduler is named", r"SchedulerFile: no scheduler is named; .*", "Name the scheduler file of a cluster.")
def not_named(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    yield Apply({"SchedulerFile": ""})


@fault(
    "Nothing listens where the scheduler is said to be",
    r"No scheduler answers at tcp://127.0.0.1:\d+ \(Connection refused\); start one with `pvdask cluster`, or correct .*",
    "Start a cluster, or correct SchedulerAddress; then Refresh.",
)
def absent(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    with held_port() as port:
        yield Apply({"SchedulerFile": "", "SchedulerAddress": f"tcp://127.0.0.1:{port}"})


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
    with held_port() as port:
        path.write_text(json.dumps({**content, "address": f"tcp://127.0.0.1:{port}"}))
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
