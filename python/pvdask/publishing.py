"""Files to a published Dask DataFrame: read on the workers, repartitioned, persisted, rebalanced."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pvdask.connection import Connection
from pvdask.errors import ClusterError, DatasetError, InputError
from pvdask.files import open_files, unreadable
from pvdask.progress import Progress
from pvdask.scheduler import SchedulerClient, send_at_once


@dataclass(frozen=True)
class WorkerShare:
    """What one worker holds of a DataFrame: its name, partitions, rows and bytes in memory."""

    name: str
    n_partitions: int
    n_rows: int
    n_bytes: int


@dataclass(frozen=True)
class Published:
    """A DataFrame that was published: its name, rows, partitions and where they are."""

    name: str
    n_rows: int
    n_partitions: int
    workers: tuple[WorkerShare, ...]


def publish(
    connection: Connection, name: str, paths: Sequence[str], *, n_partitions: int | None = None, replace: bool = False
) -> Published:
    """Read files on the cluster and publish them as one DataFrame.

    Parameters
    ----------
    connection : Connection
        Where the scheduler is; its timeout is for connecting, reading takes as long as it takes.
    name : str
        Name to publish under.
    paths : sequence of str
        CSV or Parquet files or folders, absolute, as the workers see them.
    n_partitions : int, optional
        Default: as many as there are workers.
    replace : bool, optional
        Whether what is published under `name` may be replaced.

    Returns
    -------
    Published
        What is where.

    Raises
    ------
    InputError
        Where the files cannot be read as a table, or hold no row.
    DatasetError
        Where the name is taken and `replace` is not given.
    ClusterError
        Where the cluster cannot be reached, has no worker, or fails.
    """
    if not name.strip():
        raise DatasetError("The name to publish under is empty; give one, such as stars.")
    with connect(connection) as client:
        if name in map(str, client.list_datasets()) and not replace:
            raise DatasetError(f"A dataset {name!r} is published already; choose another name, or give --replace.")
        n_workers = len(client.scheduler_info(n_workers=-1)["workers"])
        if not n_workers:
            raise ClusterError("The cluster has no workers; start some, or see why they ended.")
        n_partitions = n_partitions or n_workers
        frame = _anew(open_files(paths, n_partitions).repartition(npartitions=n_partitions))
        frame = _persist(client, frame, paths)
        lengths = client.gather(client.map(len, _futures(frame), pure=False))
        if not sum(lengths):
            raise InputError(
                f"{', '.join(paths)}: no rows were found; expected a table with a header and at least one row."
            )
        client.publish_dataset(frame, name=name, override=replace)
        return Published(name, sum(lengths), frame.npartitions, _shares(client, frame, lengths))


def connect(connection: Connection) -> Any:
    """Connect to the scheduler, for a command.

    Parameters
    ----------
    connection : Connection
        Where it is.

    Returns
    -------
    distributed.Client
        A context that closes itself. It becomes the default client.

    Raises
    ------
    ClusterError
        Where no scheduler answers in time.
    """
    from distributed import Client

    connection = connection.with_environment()
    with SchedulerClient(connection) as checked:  # its deadline holds, where somebody listens and never answers as well
        address = checked.address
    try:
        client = Client(address, timeout=connection.timeout_s, security=connection.tls.security())
    except (OSError, TimeoutError) as error:
        raise ClusterError(f"The scheduler at {address} was lost ({error}); see that the cluster is up.") from error
    send_at_once(client)
    return client


def _anew(frame: Any) -> Any:
    """The same frame under another name than any before: else Dask takes it for what it has, should the files look unchanged."""
    from toolz.functoolz import identity

    return frame.map_partitions(
        identity, meta=frame._meta, enforce_metadata=False, token=f"pvdask-files-{uuid.uuid4().hex}"
    )


def _persist(client: Any, frame: Any, paths: Sequence[str]) -> Any:
    """The frame in the workers' memory, spread evenly; progress is shown partition by partition."""
    from distributed import as_completed

    persisted = frame.persist()
    futures = _futures(persisted)
    with Progress("reading", len(futures), unit="partitions") as progress:
        for _ in as_completed(futures):
            progress.advance()
    for future in futures:
        if future.status != "finished":
            raise InputError(unreadable(paths, future.exception()))
    return _spread(client, persisted, futures)


def _spread(client: Any, frame: Any, futures: Sequence[Any]) -> Any:
    """The same frame with as many partitions on each worker as on any other, neighbours together.

    ``Client.rebalance`` moves nothing as long as no worker's memory is a third full, so that a table that is small for the
    cluster would stay on the worker that read it, and all ranks would wait for that one.
    """
    import dask.dataframe as dd
    from distributed import wait
    from toolz.functoolz import identity

    workers = sorted(client.scheduler_info(n_workers=-1)["workers"])
    if _is_spread(client.who_has(futures), futures, workers):
        return frame
    moved = []
    for index, future in enumerate(futures):
        worker = workers[index * len(workers) // len(futures)]
        moved.append(client.submit(identity, future, workers=[worker], allow_other_workers=True, pure=False))
    wait(moved)
    divisions = frame.divisions if frame.known_divisions else None
    spread = dd.from_delayed(moved, meta=frame._meta, divisions=divisions, verify_meta=False, prefix="pvdask").persist()
    wait(spread)
    return spread


def _is_spread(where: Mapping[Any, Sequence[str]], futures: Sequence[Any], workers: Sequence[str]) -> bool:
    """Whether every worker has one run of neighbours, and none has more than one partition above another."""
    holders = [min(where.get(future.key, ()), default="") for future in futures]
    runs = [(holder, len(list(run))) for holder, run in groupby(holders)]
    sizes = [*(size for _, size in runs), *[0] * (len(workers) - len(runs))]
    return all(holder in workers for holder in holders) and len(dict(runs)) == len(runs) and max(sizes) - min(sizes) < 2


def _futures(frame: Any) -> list[Any]:
    from distributed import futures_of

    futures = list(futures_of(frame))
    if len(futures) != frame.npartitions:
        raise ClusterError(
            f"Dask persisted {len(futures)} of {frame.npartitions} partitions; this dask version loses some (dask issue "
            "12488): repartition, or use another version."
        )
    return futures


def _shares(client: Any, frame: Any, lengths: Sequence[int]) -> tuple[WorkerShare, ...]:
    futures = _futures(frame)
    info = client.scheduler_info(n_workers=-1)["workers"]
    where = client.who_has(futures)
    sizes = client.nbytes([future.key for future in futures], summary=False)
    shares = []
    for address in sorted(info, key=lambda address: str(info[address]["name"])):
        held = [index for index, future in enumerate(futures) if address in where.get(future.key, ())]
        n_bytes = sum(sizes.get(futures[index].key, 0) for index in held)
        shares.append(WorkerShare(str(info[address]["name"]), len(held), sum(lengths[i] for i in held), n_bytes))
    return tuple(shares)
