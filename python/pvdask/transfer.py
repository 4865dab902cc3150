"""Every rank's side of a pull: fetch this rank's blocks straight from the workers that hold them.

There is no Dask client here: a rank talks to workers only, over connections that it closes at the end, and to the scheduler
only where a worker is lost or out of reach. So what the scheduler is sent does not grow with the data, nor with the ranks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pvdask.errors import CapacityError, ClusterError
from pvdask.loop import Deadline, LoopThread
from pvdask.plan import Part, Plan
from pvdask.receiving import get_block
from pvdask.tls import TLSFiles

CONCURRENT_PARTS = 3
"""Blocks on their way at a time: enough to keep several workers sending, few enough that little memory is held beside the
arrays themselves where a block cannot be received in its place."""

CONNECT_S = 5.0
"""Seconds that a worker has to accept a connection before its blocks are had by way of the scheduler; less where a pull has
little time altogether."""

BY_WAY_OF_SCHEDULER = "by way of the scheduler"

RETRY_S = 0.1
"""Seconds between two questions for a block that is being made again."""

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class Received:
    """What one rank fetched.

    Parameters
    ----------
    arrays : list of numpy.ndarray
        Points of shape (n, 3), then one array of shape (n,) a column; contiguous, aligned, and owned by the caller.
    bytes_received : int
        Payload that came over the wire.
    bytes_copied : int
        What was copied on this rank after that, since it was not received in its place.
    n_parts : int
        Blocks that came.
    indirect_parts : int
        Those of them that came by way of the scheduler.
    """

    arrays: list[Array]
    bytes_received: int = 0
    bytes_copied: int = 0
    n_parts: int = 0
    indirect_parts: int = 0
    partitions: list[int] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The way the blocks took, for a person."""
        if not self.n_parts:
            return "nothing to fetch"
        if not self.bytes_received:
            return "read by this rank"
        if not self.indirect_parts:
            return "direct from workers"
        return f"{self.indirect_parts} of {self.n_parts} blocks {BY_WAY_OF_SCHEDULER}"


def fetch(
    plan: Plan,
    rank: int,
    deadline: Deadline,
    on_progress: Callable[[float], None] | None = None,
    tls: TLSFiles | None = None,
) -> Received:
    """Fetch one rank's blocks.

    Parameters
    ----------
    plan : Plan
        Rank 0's plan.
    rank : int
        Which of its lists of parts to fetch.
    deadline : Deadline
        By when to be done.
    on_progress : callable, optional
        Called on this thread with the share, 0 to 1, that has come.
    tls : TLSFiles, optional
        What this side shows and trusts; by default what dask's own configuration says.

    Returns
    -------
    Received
        Its arrays are new: nobody else holds them.

    Raises
    ------
    CapacityError
        Where there is no memory for it.
    ClusterError
        Where a block can be had from neither the workers nor the scheduler.
    DeadlineError
        Where the deadline passed first.
    """
    parts = plan.ranks[rank]
    total = sum(part.n_bytes for part in parts) or 1
    try:
        return _fetch(plan, parts, total, deadline, on_progress, tls or TLSFiles())
    except MemoryError as error:
        raise CapacityError(
            f"There is no memory for the {total / 1e9:,.3f} GB that this rank fetches; take fewer columns, a SampleFraction, a "
            "Filter, or more hosts.",
            total,
            0,
        ) from error


def _fetch(
    plan: Plan,
    parts: tuple[Part, ...],
    total: int,
    deadline: Deadline,
    on_progress: Callable[[float], None] | None,
    tls: TLSFiles,
) -> Received:
    received = Received(_allocate(plan, parts))
    if not parts:
        return received

    def tick() -> None:
        if on_progress is not None:
            on_progress(received.bytes_received / total)

    with LoopThread() as loop:
        loop.run(
            lambda: _fetch_all(plan, parts, received, tls, min(CONNECT_S, deadline.timeout_s / 4)),
            deadline,
            "fetching from the workers",
            tick,
        )
    return received


def _allocate(plan: Plan, parts: tuple[Part, ...]) -> list[Array]:
    """Where the blocks go."""
    n_rows = sum(part.n_rows for part in parts)
    points = np.empty((n_rows if plan.has_points else 0, 3), plan.point_dtype)
    return [points, *(np.empty(n_rows, spec.dtype) for spec in plan.columns)]


async def _fetch_all(plan: Plan, parts: tuple[Part, ...], received: Received, tls: TLSFiles, connect_s: float) -> None:
    async with _connections(tls, connect_s) as rpc:
        gate, one_by_one = asyncio.Semaphore(CONCURRENT_PARTS), asyncio.Lock()
        unreachable: set[str] = set()  # of all blocks together: one of them has waited for it
        first_rows = np.cumsum([0, *(part.n_rows for part in parts)])

        async def one(part: Part, first: int) -> None:
            targets = [array[first : first + part.n_rows] for array in received.arrays]
            # Where blocks are not received in their place, after all, no more than one is held beside the arrays.
            async with gate, one_by_one if received.bytes_copied else nullcontext():
                arrays = await _fetch_block(plan, part, rpc, received, unreachable, targets)
                received.bytes_copied += put(arrays, targets)
                del arrays

        tasks = [asyncio.ensure_future(one(part, int(row))) for part, row in zip(parts, first_rows, strict=False)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()


@asynccontextmanager
async def _connections(tls: TLSFiles, connect_s: float) -> AsyncIterator[Any]:
    from distributed.core import ConnectionPool

    arguments = tls.security().get_connection_args("client")
    pool = await ConnectionPool(connection_args=arguments, deserialize=True, timeout=connect_s)
    try:
        yield pool
    finally:
        await pool.close()


async def _fetch_block(
    plan: Plan, part: Part, rpc: Any, received: Received, unreachable: set[str], targets: list[Array]
) -> list[Array]:
    """One block: from a worker; where it is lost, from wherever it is made again; at the last through the scheduler."""
    addresses = set(part.addresses)
    while True:
        for address in addresses - unreachable:
            if not await _is_reachable(address, rpc):
                unreachable.add(address)
                continue
            block = await _from_worker(part, address, rpc, targets)
            if block is not None:
                return _checked(plan, part, block, received)
        try:
            if addresses and addresses <= unreachable:
                block = await _through_scheduler(plan, part, rpc)
                if block is not None:
                    received.indirect_parts += 1
                    return _checked(plan, part, block, received)
            await asyncio.sleep(RETRY_S)
            addresses = set((await rpc(plan.scheduler).who_has(keys=[part.key])).get(part.key, ()))
        except OSError as error:
            raise ClusterError(
                f"The scheduler at {plan.scheduler} was lost while fetching from the workers; see that the cluster is up, "
                "then Refresh."
            ) from error


async def _is_reachable(address: str, rpc: Any) -> bool:
    """Whether a worker accepts a connection, which then is ready in the pool."""
    try:
        # The pool's own timeout does not count the handshake, which a worker behind some firewalls never answers
        # (distributed 2026.8).
        rpc.reuse(address, await asyncio.wait_for(rpc.connect(address), rpc.timeout))
    except (OSError, asyncio.TimeoutError):
        return False
    return True


async def _from_worker(part: Part, address: str, rpc: Any, targets: list[Array]) -> Any:
    """A block from one worker; None where it has it no more, or is lost meanwhile."""
    while True:
        try:
            response = await get_block(rpc, address, part.key, targets)
        except ConnectionError:
            return None
        except OSError as error:
            raise ClusterError(
                f"The worker at {address} cannot send a block ({error}); see its log, and whether its disk is well, then Refresh."
            ) from error
        if response["status"] != "busy":  # it sends to as many others as it may
            return response["data"].get(part.key)
        await asyncio.sleep(RETRY_S)


async def _through_scheduler(plan: Plan, part: Part, rpc: Any) -> Any:
    """A block by way of the scheduler; None where it cannot reach the worker either."""
    from distributed.protocol import deserialize
    from distributed.protocol.serialize import Serialized

    response = await rpc(plan.scheduler).gather(keys=[part.key])
    if response["status"] != "OK":
        return None
    block = response["data"][part.key]
    return deserialize(block.header, block.frames) if isinstance(block, Serialized) else block


def _checked(plan: Plan, part: Part, block: Any, received: Received) -> list[Array]:
    """The block's arrays, proven to be what the plan promised: VTK will trust their sizes blindly."""
    arrays: list[Array] = list(block[1:])
    shapes: list[tuple[int, ...]] = [(part.n_rows if plan.has_points else 0, 3), *[(part.n_rows,)] * len(plan.columns)]
    dtypes = [np.dtype(plan.point_dtype), *(np.dtype(spec.dtype) for spec in plan.columns)]
    found = [(array.shape, array.dtype) for array in arrays]
    if found != list(zip(shapes, dtypes, strict=True)):
        raise ClusterError(
            f"Partition {part.partition} came with other rows or types than planned ({found[:3]}); was the dataset "
            "published again meanwhile? Refresh to try again."
        )
    received.n_parts += 1
    received.partitions.append(part.partition)
    received.bytes_received += sum(array.nbytes for array in arrays)
    return arrays


def put(arrays: Sequence[Array], targets: Sequence[Array]) -> int:
    """Copy a block's arrays to where they belong, those that are not there.

    Parameters
    ----------
    arrays : sequence of numpy.ndarray
        What came; an array may be in memory of any of the targets.
    targets : sequence of numpy.ndarray
        Of the same shapes and types.

    Returns
    -------
    int
        Bytes copied.
    """
    elsewhere = [(target, array) for target, array in zip(targets, arrays, strict=True) if not _is_in(array, target)]
    # What stands in the place of another leaves it before that is written.
    moved = [
        (target, array.copy() if any(np.may_share_memory(array, other) for other in targets) else array)
        for target, array in elsewhere
    ]
    for target, array in moved:
        target[...] = array
    return sum(array.nbytes for _, array in moved)


def _is_in(array: Array, target: Array) -> bool:
    return not array.size or (array.ctypes.data == target.ctypes.data and array.strides == target.strides)
