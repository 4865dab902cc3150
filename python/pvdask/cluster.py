"""Rank 0's side of a pull: connect to the scheduler, look a DataFrame up, have the workers make its arrays."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from pvdask.errors import ClusterError, DatasetError
from pvdask.scheduler import SchedulerClient, first_line


@dataclass(frozen=True)
class Blocks:
    """Tasks on the workers whose results are the arrays of a frame, one a partition.

    Parameters
    ----------
    keys : tuple of str
        Keys of the tasks, shape (n_partitions,).
    counts : tuple of tuple of int
        For each: rows in the block, rows of the partition, rows dropped, bytes.
    """

    keys: tuple[str, ...]
    counts: tuple[tuple[int, int, int, int], ...]


class Cluster(SchedulerClient):
    """What a pull asks of the cluster: look a frame up, have the workers make its arrays, and tell where they are.

    On leaving its context, the workers free every result.
    """

    def datasets(self) -> list[str]:
        """List what is published.

        Returns
        -------
        list of str
            Sorted names.

        Raises
        ------
        ClusterError
            Where the scheduler is lost or too slow.
        """
        return sorted(map(str, self._run(self._datasets, "asking the scheduler what is published")))

    def look_up(self, name: str) -> tuple[str, Any]:
        """Get a published DataFrame.

        Parameters
        ----------
        name : str
            Name that it was published under; empty for the first by name, which is what a drop-down shows.

        Returns
        -------
        tuple of str and dask.dataframe.DataFrame
            The name, and what it names; a Series comes as a frame of one column.

        Raises
        ------
        DatasetError
            Where nothing is published under that name, or it is not a DataFrame.
        ClusterError
            Where the scheduler is lost or too slow.
        """
        found: tuple[str, Any] = self._run(lambda: self._look_up(name), f"looking up the dataset {name!r}")
        return found

    def convert(self, frame: Any, request: dict[str, Any]) -> Blocks:
        """Have the workers make the arrays of every partition, and wait until they have.

        Parameters
        ----------
        frame : dask.dataframe.DataFrame
            What `look_up` gave.
        request : dict
            See `pvdask.columns`.

        Returns
        -------
        Blocks
            Their results stay on the workers until this context is left.

        Raises
        ------
        ClusterError
            Where a task fails.
        """
        blocks: Blocks = self._run(lambda: self._convert(frame, request), "the workers made the arrays")
        return blocks

    def share_made(self) -> float:
        """How much of what `convert` asked for the workers have made so far.

        Returns
        -------
        float
            0 to 1.
        """
        return sum(future.status == "finished" for future in self._held) / len(self._held) if self._held else 0.0

    def cut(self, pieces: Sequence[tuple[str, int, int]]) -> list[str]:
        """Have the workers cut blocks by rows.

        Parameters
        ----------
        pieces : sequence of tuple
            Key of a block, first row, last row (exclusive).

        Returns
        -------
        list of str
            Keys of the cut blocks, in the order of `pieces`.
        """
        return self._run(lambda: self._cut(pieces), "the workers cut partitions by rows") if pieces else []

    def hold(self, frame: Any) -> Any:
        """Have a lazy frame computed, and keep it on the workers as long as what this gives is there.

        Parameters
        ----------
        frame : dask.dataframe.DataFrame
            Lazy.

        Returns
        -------
        dask.dataframe.DataFrame
            Persisted.
        """

        async def persist() -> Any:
            return self._client.persist(frame)

        return self._run(persist, "the workers computed the frame")

    def who_has(self, keys: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Ask where results are.

        Parameters
        ----------
        keys : sequence of str
            Keys of tasks.

        Returns
        -------
        dict of str to tuple of str
            Addresses of workers; none for a result that was lost and is being made again.
        """
        found: dict[str, tuple[str, ...]] = self._run(lambda: self._who_has(keys), "asking where the arrays are")
        return found

    def map_partitions(self, frame: Any, function: Callable[[Any], Any]) -> list[Any]:
        """Call a function on every partition, on the workers, and bring the results here.

        Parameters
        ----------
        frame : dask.dataframe.DataFrame
            What `look_up` gave.
        function : callable
            Called as ``function(partition)``; it travels by value, and its result should be small.

        Returns
        -------
        list
            Shape (n_partitions,).
        """
        results: list[Any] = self._run(lambda: self._map(frame, function), "looking at the rows")
        return results

    async def _datasets(self) -> Sequence[Any]:
        return list(await self._client.list_datasets())

    async def _look_up(self, name: str) -> tuple[str, Any]:
        if name:
            with suppress(KeyError):
                return name, _as_frame(await self._client.get_dataset(name), name)
        # It is the first that is wanted, or one whose name is not a text, or one that is not there.
        published = list(await self._client.list_datasets())
        by_text = {str(key): key for key in published}
        if not name and by_text:
            name = min(by_text)
        if name not in by_text:
            names = ", ".join(sorted(map(repr, by_text))) or "nothing"
            wanted = f"No dataset {name!r} is published" if name else "No dataset is named"
            raise DatasetError(
                f"{wanted} on the scheduler at {self.address}; published there: {names}. Choose one of these, or "
                "publish it with `pvdask publish`."
            )
        found = await self._client.get_dataset(by_text[name])
        return name, _as_frame(found, name)

    async def _convert(self, frame: Any, request: dict[str, Any]) -> Blocks:
        from pvdask.tasks import block_graph

        tasks = block_graph(frame, request)
        *blocks, total = self._client.get(tasks.graph, [*tasks.blocks, tasks.summary], sync=False)
        self._held += blocks
        headers = await self._result(total, "making the arrays")
        return Blocks(tasks.blocks, tuple(tuple(header.tolist()) for header in headers))

    async def _cut(self, pieces: Sequence[tuple[str, int, int]]) -> list[str]:
        import cloudpickle
        from distributed import wait
        from toolz.functoolz import apply

        from pvdask import columns
        from pvdask.pickling import by_value

        by_key = {future.key: future for future in self._held}
        submit = partial(self._client.submit, pure=False)
        cutter = submit(cloudpickle.loads, by_value(columns.cut))
        futures = [submit(apply, cutter, by_key[key], start, stop) for key, start, stop in pieces]
        self._held += futures
        with self._client.as_current():
            await wait(futures)
        for future in futures:
            if future.status != "finished":
                await self._result(future, "cutting partitions")
        return [future.key for future in futures]

    async def _result(self, future: Any, doing: str) -> Any:
        try:
            return await future
        except (ValueError, TypeError, KeyError, ArithmeticError, MemoryError) as error:
            raise ClusterError(f"A worker failed while {doing}: {first_line(error)}.") from error
        except (OSError, asyncio.TimeoutError):
            raise
        except (asyncio.CancelledError, concurrent.futures.CancelledError) as error:
            raise ClusterError(self._why_cancelled(error, doing)) from error
        except Exception as error:
            if type(error).__name__ == "KilledWorker":  # its import would come before a connection is there
                raise ClusterError(
                    f"A partition ended each worker that made it, which was seen while {doing}: it takes more memory than a worker "
                    "has, or crashes a library. See the workers' logs, then publish it otherwise, in smaller partitions perhaps."
                ) from error
            # a task can raise anything at all, from any library
            raise ClusterError(
                f"A worker failed while {doing}: {type(error).__name__}: {first_line(error)}."
            ) from error

    def _why_cancelled(self, error: BaseException, doing: str) -> str:
        """Say why the scheduler gave the work up; `error` is distributed's own, with a reason, or asyncio's."""
        if getattr(error, "reason", "") == "lost dependencies":
            return (
                f"Data of this dataset are lost, which was seen while {doing}: their worker is gone, and no task can make them "
                "again, since they were scattered. Publish the dataset again, from files or from tasks."
            )
        return (
            f"The scheduler at {self.address} dropped the work while {doing}; was it restarted? Refresh to try again."
        )

    async def _who_has(self, keys: Sequence[str]) -> dict[str, tuple[str, ...]]:
        found = await self._client.scheduler.who_has(keys=list(keys))
        return {key: tuple(found.get(key, ())) for key in keys}

    async def _map(self, frame: Any, function: Callable[[Any], Any]) -> list[Any]:
        from pvdask.tasks import map_graph

        graph, summary = map_graph(frame, function)
        (total,) = self._client.get(graph, [summary], sync=False)
        return list(await self._result(total, "looking at the rows"))


def _as_frame(found: Any, name: str) -> Any:
    """A published object as a Dask DataFrame."""
    import dask.dataframe as dd

    if isinstance(found, dd.Series):
        return found.to_frame()
    if not isinstance(found, dd.DataFrame):
        raise DatasetError(
            f"The dataset {name!r} is a {type(found).__module__}.{type(found).__name__}; expected a Dask DataFrame or "
            "Series. Publish one, for example with `client.publish_dataset(stars=df)`."
        )
    return found
