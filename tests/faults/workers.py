"""What can go wrong with the workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd
from clusters import connected, cut_evenly, unpublish
from faulty_cluster import (
    MIDDLING,
    N_PARTITIONS,
    SLOW,
    WORKERS,
    FaultyCluster,
    by_value,
    publish_lazy,
    wait_until,
)
from sessions import Session

from faults.model import TRY_AGAIN, WHOLE, Apply, fault


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

    with connected(cluster) as client:
        pieces = client.scatter(cut_evenly(cluster.frame, N_PARTITIONS), broadcast=False)
        frame = dd.from_delayed(pieces, meta=cluster.frame.iloc[:0], verify_meta=False).persist()
        client.publish_dataset(frame, name="scattered", override=True)
    cluster.kill("w0")
    yield Apply({"Dataset": "scattered"})
    unpublish(cluster, "scattered")
    cluster.mend_workers()


@fault(
    "All workers are paused, as their memory is nearly full",
    r"Timeout of 3 s ended while the workers made the arrays\. 2 of 2 workers \(the first is \S+\) do not take work, paused .*",
    "Free memory on the cluster, or start more workers; then Refresh.",
)
def workers_paused(cluster: FaultyCluster, session: Session) -> Iterator[Apply]:
    with connected(cluster) as client:
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
    with connected(cluster) as client:
        # One worker is enough for it. Of two partitions, each may end another worker, and then nobody is left to be ended again.
        usual = client.run_on_scheduler(by_value(allow_failures), 0)
        yield Apply({"Dataset": "poison", "Timeout": 8.0})
        client.run_on_scheduler(by_value(allow_failures), usual)
    unpublish(cluster, "poison")
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
    unpublish(cluster, "raising")


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
