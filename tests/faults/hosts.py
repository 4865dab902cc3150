"""What a worker's host may have that is not as elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from clusters import connected
from faulty_cluster import MIDDLING, SLOW, FaultyCluster, by_value
from sessions import Session

from faults.model import TRY_AGAIN, WHOLE, Apply, fault


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
    with connected(cluster) as client:
        versions = client.run(by_value(versions_of_packages))
    assert len(set(versions.values())) == 2, versions
    yield Apply({"Dataset": SLOW, "Timeout": 30.0})
    cluster.kill("w0")
    cluster.mend_workers()


def versions_of_packages() -> tuple[str, ...]:
    """What a worker has."""
    import importlib

    return tuple(importlib.import_module(name).__version__ for name in ("numpy", "pandas", "pyarrow"))
