"""The other way round: tables that lie on the ranks become one published Dask DataFrame, a partition a rank.

Every rank sends its arrays straight to a worker; rank 0 sees their names and types alone. Like anything that is scattered to a
cluster, the rows are lost with the worker that holds them: there is no task to make them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pvdask.connection import Connection
from pvdask.errors import ClusterError, DatasetError, InputError, OptionError
from pvdask.loop import Deadline
from pvdask.ranks import RankGroup, agree, describe, share
from pvdask.scheduler import SchedulerClient

Array = np.ndarray[Any, np.dtype[Any]]
Schema = list[tuple[str, str, list[str] | None]]
"""For each column its name, its NumPy type string, and what codes stand for, if it is one of codes."""


@dataclass(frozen=True)
class Table:
    """What one rank shares.

    Parameters
    ----------
    columns : mapping of str to numpy.ndarray
        Shape (n,) each; looked at, not kept.
    labels : mapping of str to sequence of str, optional
        For columns of codes: entry i is what code i stands for; a code of -1 is a missing value.
    """

    columns: Mapping[str, Array]
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values()), ()))

    def schema(self) -> Schema:
        """Tell the columns.

        Returns
        -------
        list
            See `Schema`.
        """
        return [
            (name, array.dtype.str, list(self.labels[name]) if name in self.labels else None)
            for name, array in self.columns.items()
        ]


class Publisher(SchedulerClient):
    """What a rank asks of the cluster to share its rows."""

    def check_name(self, name: str, *, replace: bool) -> list[str]:
        """See that a name can be published under, and tell where partitions can go.

        Parameters
        ----------
        name : str
            The name.
        replace : bool
            Whether what is published under it may be replaced.

        Returns
        -------
        list of str
            Addresses of the workers, sorted.

        Raises
        ------
        DatasetError
            Where the name is taken.
        ClusterError
            Where there is no worker.
        """

        async def check() -> list[str]:
            if name in map(str, await self._client.list_datasets()) and not replace:
                raise DatasetError(
                    f"A dataset {name!r} is published already; choose another name, or switch on Replace."
                )
            identity = await self._client.scheduler.identity(n_workers=-1)
            return sorted(identity["workers"])

        workers: list[str] = self._run(check, "asking for the published names and the workers")
        if not workers:
            raise ClusterError("The cluster has no workers; start some, or see why they ended.")
        return workers

    def send(self, arrays: Sequence[Array], worker: str) -> str:
        """Send arrays to a worker; they stay there until this context is left.

        Parameters
        ----------
        arrays : sequence of numpy.ndarray
            Columns.
        worker : str
            Its address.

        Returns
        -------
        str
            Key of the list of them.
        """

        async def scatter() -> str:
            (future,) = await self._client.scatter([list(arrays)], workers=[worker], direct=True, hash=False)
            self._held.append(future)
            return str(future.key)

        key: str = self._run(scatter, f"sending rows to the worker at {worker}")
        return key

    def publish(self, name: str, keys: Sequence[str], schema: Schema, *, replace: bool) -> None:
        """Publish the rows that all ranks have sent.

        Parameters
        ----------
        name : str
            Name to publish under.
        keys : sequence of str
            What `send` gave, one a rank.
        schema : list
            The columns.
        replace : bool
            Whether what is published under the name may be replaced.
        """
        self._run(lambda: self._publish(name, keys, schema, replace=replace), "publishing the rows")

    async def _publish(self, name: str, keys: Sequence[str], schema: Schema, *, replace: bool) -> None:
        import uuid
        from functools import partial

        import cloudpickle
        from dask.dataframe.dask_expr import from_graph
        from distributed import Future, wait
        from toolz.functoolz import apply

        from pvdask import partitions
        from pvdask.pickling import by_value

        prefix = f"pvdask-shared-{uuid.uuid4().hex}"
        submit = partial(self._client.submit, pure=False)
        maker = submit(cloudpickle.loads, by_value(partial(partitions.to_frame, schema=schema)))
        sent = [Future(key, self._client) for key in keys]
        made = [submit(apply, maker, future, key=(prefix, index)) for index, future in enumerate(sent)]
        with self._client.as_current():
            await wait(made)
        for future in made:
            await future
        meta = partitions.to_frame([np.empty(0, dtype) for _, dtype, _ in schema], schema=schema)
        graph = {(prefix, index): future for index, future in enumerate(made)}
        frame = from_graph(graph, meta, (None,) * (len(made) + 1), list(graph), prefix)
        await self._client.publish_dataset(frame, name=name, override=replace)


def publish_tables(connection: Connection, name: str, table: Table, ranks: RankGroup, *, replace: bool = False) -> int:
    """Publish what lies on the ranks as one DataFrame.

    Parameters
    ----------
    connection : Connection
        Where the scheduler is.
    name : str
        Name to publish under.
    table : Table
        This rank's rows; a rank without rows may have no columns either.
    ranks : RankGroup
        All ranks call this together.
    replace : bool, optional
        Whether what is published under `name` may be replaced.

    Returns
    -------
    int
        Rows on all ranks.

    Raises
    ------
    AgreedError
        On every rank, with the same message, where anything failed on any of them; nothing is published then.
    OptionError
        On every rank, where there is no name.
    """
    if not name.strip():
        raise OptionError("Dataset", "the name to publish under is empty; give one, such as selected.")
    schema, n_rows = _agreed_schema(table, ranks)
    deadline = Deadline(connection.timeout_s)
    client = Publisher(connection, deadline)
    workers, error = "", None
    try:
        if ranks.rank == 0:
            try:
                client.__enter__()
                workers = "\n".join(client.check_name(name, replace=replace))
            except Exception as caught:  # whatever it is, the other ranks are waiting to hear of it
                error = describe(caught)
        addresses = share(ranks, workers.encode(), error).decode().split("\n")
        key = ""
        try:
            if ranks.rank:
                client.__enter__()
            key = client.send(_columns(table, schema), addresses[ranks.rank * len(addresses) // ranks.size])
        except Exception as caught:  # as above
            error = describe(caught)
        keys = [report["key"] for report in agree(ranks, error, {"key": key})]
        try:
            if ranks.rank == 0:
                client.publish(name, keys, schema, replace=replace)
        except Exception as caught:  # as above
            error = describe(caught)
        agree(ranks, error)
    finally:  # no sooner: the rows that a rank has sent are there as long as it is connected, or published
        client.__exit__(None, None, None)
    return n_rows


def _agreed_schema(table: Table, ranks: RankGroup) -> tuple[Schema, int]:
    """The columns of all ranks, and the rows: those without rows take the columns of the others."""
    error = None
    if not table.columns and table.n_rows:
        error = "a rank has rows and no columns"
    reports = agree(ranks, error, {"schema": table.schema(), "rows": table.n_rows})
    schemas = [report["schema"] for report in reports if report["schema"] and (report["rows"] or ranks.size == 1)]
    schemas = schemas or [report["schema"] for report in reports if report["schema"]]
    if not schemas:
        raise InputError("The input has no arrays and no points to publish on any rank; expected at least one column.")
    for other in schemas[1:]:
        if other != schemas[0]:
            ours, theirs = ({f"{name} ({dtype})" for name, dtype, _ in schema} for schema in (schemas[0], other))
            differ = ", ".join(sorted(ours ^ theirs)) or "their order or labels"
            raise InputError(f"The ranks' tables differ in their columns: {differ}; expected the same on all ranks.")
    return [(name, dtype, labels) for name, dtype, labels in schemas[0]], sum(report["rows"] for report in reports)


def _columns(table: Table, schema: Schema) -> list[Array]:
    return [
        np.ascontiguousarray(table.columns[name]) if table.n_rows else np.empty(0, dtype) for name, dtype, _ in schema
    ]
