"""What can go wrong with one rank of ParaView alone."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

from faulty_cluster import BIG, FaultyCluster
from sessions import Session

from faults.model import WHOLE, Apply, fault


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
