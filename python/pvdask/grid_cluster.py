"""What a density grid asks of the cluster: a frame binned on the workers, in boxes that stay there until they are fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pvdask.cluster import Cluster
from pvdask.errors import CapacityError, ClusterError
from pvdask.lanes import box_graph, lane_graph, share_out
from pvdask.tasks import frame_graph

LANES_SHARE = 0.25
"""Share of a worker's memory that its lanes' grids may take; the rest is for partitions, and for a grid on its way. A grid that is
changed in place is the result of two tasks for a moment, so Dask counts it twice, and spills at 60 % of the memory."""


class GridCluster(Cluster):
    """What a density grid asks of the cluster."""

    def bin(
        self, frame: Any, request: dict[str, Any], boxes: Sequence[Sequence[int]], n_bytes: int
    ) -> tuple[list[str], list[int]]:
        """Have the workers bin a frame, and wait until they have.

        Parameters
        ----------
        frame : dask.dataframe.DataFrame
            Persisted or lazy; of a lazy one, hardly more than a partition a worker thread is in memory at a time.
        request : dict
            See `pvdask.binning`.
        boxes : sequence of sequence of int
            First and last bin along x, y and z of each box that is wanted.
        n_bytes : int
            Size of a whole grid.

        Returns
        -------
        tuple
            Keys of the boxes, whose results stay on the workers until this context is left, and what went into the grid, see
            `pvdask.binning.HEADER`.

        Raises
        ------
        CapacityError
            Where a grid does not fit into the memory of a worker.
        ClusterError
            Where a task fails.
        """
        done: tuple[list[str], list[int]] = self._run(
            lambda: self._bin(frame, request, boxes, n_bytes), "the workers binned the rows"
        )
        return done

    async def _bin(
        self, frame: Any, request: dict[str, Any], boxes: Sequence[Sequence[int]], n_bytes: int
    ) -> tuple[list[str], list[int]]:
        graph, parts = frame_graph(frame, request["read"])
        identity = await self._client.scheduler.identity(n_workers=-1)
        lanes = lanes_of(identity["workers"], n_bytes)
        shares = share_out(len(parts), lanes, await self._holders(frame, graph, parts))
        grids = {}
        for worker, mine in shares.items():
            tasks, key = lane_graph(graph, parts, mine, request)
            (grids[key],) = self._client.get(tasks, [key], sync=False, workers=[worker], allow_other_workers=True)
        tasks, keys, summary = box_graph(grids, boxes, request)
        *blocks, total = self._client.get(tasks, [*keys, summary], sync=False)
        self._held += blocks
        grids.clear()  # held no longer than the boxes need them
        headers = await self._result(total, "binning the rows")
        counts: list[int] = headers[0].tolist()
        return keys, counts

    async def _holders(self, frame: Any, graph: dict[Any, Any], parts: Sequence[Any]) -> list[tuple[str, ...]]:
        """Workers that hold each partition, or what it is made of; none of a partition that is made from nothing."""
        from dask.core import get_dependencies
        from distributed import futures_of

        held = {future.key for future in futures_of(frame)}
        if not held:
            return [()] * len(parts)
        found = await self._client.scheduler.who_has(keys=list(held))
        near = [[key for key in (part, *get_dependencies(graph, part)) if key in held] for part in parts]
        return [tuple(found.get(keys[0], ())) if keys else () for keys in near]


def lanes_of(workers: Mapping[str, Mapping[str, Any]], n_bytes: int) -> dict[str, int]:
    """Decide how many grids each worker fills at a time.

    Parameters
    ----------
    workers : mapping
        By address what the scheduler tells of each: ``nthreads`` and ``memory_limit``.
    n_bytes : int
        Size of a grid.

    Returns
    -------
    dict of str to int
        One a thread, or as many as fit into the worker's memory.

    Raises
    ------
    CapacityError
        Where not even one does on any worker.
    ClusterError
        Where there is no worker.
    """
    if not workers:
        raise ClusterError("The cluster has no workers; start some, or see why they ended.")
    lanes = {}
    largest = 0
    for address, worker in sorted(workers.items()):
        limit = int(worker.get("memory_limit") or 0)
        largest = max(largest, limit)
        fit = (
            int(worker["nthreads"]) if not limit else min(int(worker["nthreads"]), int(limit * LANES_SHARE) // n_bytes)
        )
        if fit:
            lanes[address] = fit
    if not lanes:
        raise CapacityError(
            f"The grid needs {n_bytes / 1e9:,.2f} GB on each worker, and none may use more than "
            f"{LANES_SHARE:.0%} of its {largest / 1e9:,.2f} GB for it; give fewer bins (Dimensions), or workers more memory.",
            n_bytes,
            int(largest * LANES_SHARE),
        )
    return lanes
