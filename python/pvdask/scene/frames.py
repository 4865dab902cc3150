"""A Dask DataFrame that is published for a scene alone, and the rows of it that were picked there."""

from __future__ import annotations

import atexit
import contextlib
import uuid
from collections.abc import Sequence
from typing import Any

from pvdask.errors import SceneError

_PREFIX = "pvdask-view-"


class PrivateFrame:
    """A DataFrame under a name that nobody else uses, until `withdraw`.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        What to publish, on the cluster of its default client.

    Raises
    ------
    SceneError
        There is no client, or `frame` is no Dask DataFrame.
    """

    def __init__(self, frame: Any) -> None:
        from distributed import Client, default_client

        if not (hasattr(frame, "dask") and hasattr(frame, "npartitions") and hasattr(frame, "columns")):
            raise SceneError(
                f"A scene shows a Dask DataFrame, and this is {type(frame).__module__}.{type(frame).__name__}; make one with "
                "dask.dataframe.from_pandas or dask.dataframe.read_csv."
            )
        try:
            self._client: Client = default_client()
        except ValueError:
            raise SceneError(
                "There is no Dask client in this process: make one, distributed.Client(scheduler_file=...), before the scene; "
                "its workers hand the rows to ParaView."
            ) from None
        self.name = _PREFIX + uuid.uuid4().hex[:12]
        self.frame = frame
        self.address = str(self._client.scheduler.address)
        self._client.publish_dataset(frame, name=self.name)
        atexit.register(self.withdraw)  # before Dask, whose own was registered earlier, closes the client

    def withdraw(self) -> None:
        """Take the name off the cluster; harmless where that is gone."""
        atexit.unregister(self.withdraw)
        with contextlib.suppress(Exception):  # the cluster may have ended, or the client been closed
            if self._client.status == "running":
                self._client.unpublish_dataset(self.name)


def is_private(name: str) -> bool:
    """Whether a published name is one of `PrivateFrame`'s."""
    return name.startswith(_PREFIX)


def rows_of(frame: Any, rows: Sequence[tuple[int, Sequence[int]]]) -> Any:
    """Some rows of a DataFrame.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        Out of which.
    rows : sequence of (int, sequence of int)
        Partitions, and places of rows in each.

    Returns
    -------
    dask.dataframe.DataFrame
        A partition for each of those; lazy.
    """
    import dask.dataframe as dd

    def take(
        part: Any, places: Sequence[int]
    ) -> Any:  # inside, so that it is pickled by value: workers lack this package
        return part.iloc[list(places)]

    if not rows:
        return frame.partitions[0].map_partitions(take, [], meta=frame._meta)
    return dd.concat(
        [frame.partitions[number].map_partitions(take, list(places), meta=frame._meta) for number, places in rows]
    )
