"""What there is to choose from: the published datasets, and the columns of one. All ranks ask together; rank 0 looks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pvdask.cluster import Cluster
from pvdask.connection import Connection
from pvdask.errors import DatasetError
from pvdask.loop import Deadline
from pvdask.options import NO_COLUMN
from pvdask.positions import best_first, guess_positions
from pvdask.ranks import RankGroup, describe, share


@dataclass(frozen=True)
class Catalogue:
    """What there is to choose from; the same on every rank.

    Parameters
    ----------
    datasets : tuple of str
        Names of what is published.
    dataset : str
        The one that is looked at; empty where none is.
    columns : tuple of (str, str)
        Display name and kind (see `pvdask.dtypes`) of each column of `dataset`.
    """

    datasets: tuple[str, ...] = ()
    dataset: str = ""
    columns: tuple[tuple[str, str], ...] = ()

    def guess(self) -> tuple[str, str, str] | None:
        """The columns of x, y and z, as far as names tell.

        Returns
        -------
        tuple of str or None
            See `pvdask.positions.guess_positions`.
        """
        return guess_positions(self._numeric())

    def position_choices(self, axis: int) -> list[str]:
        """What the drop-down of one axis offers.

        Parameters
        ----------
        axis : int
            0, 1 or 2.

        Returns
        -------
        list of str
            Display names of the numeric columns, the best guess first.
        """
        guess = self.guess()
        names = self._numeric()
        return best_first([*names, NO_COLUMN] if axis == 2 and names else names, guess[axis] if guess else None)

    def time_choices(self) -> list[str]:
        """What the drop-down of the time column offers.

        Returns
        -------
        list of str
            `pvdask.options.NO_COLUMN`, then the display names of columns whose values can be time steps, dates first.
        """
        dates = [name for name, kind in self.columns if kind in ("datetime", "timedelta")]
        return [NO_COLUMN, *dates, *self._numeric()]

    def offered(self) -> list[tuple[str, bool]]:
        """What the array selection offers.

        Returns
        -------
        list of (str, bool)
            Display name of each column that an array can hold, and whether it is on by default: numeric columns are, but
            not the guessed positions.
        """
        numeric = self._numeric()
        positions = self.guess() or ()
        return [(name, name in numeric and name not in positions) for name, kind in self.columns if kind != "nested"]

    def _numeric(self) -> list[str]:
        return [name for name, kind in self.columns if kind in ("number", "boolean", "decimal")]


def look_around(
    connection: Connection,
    dataset: str,
    ranks: RankGroup,
    files: Sequence[str] = (),
    deadline: Deadline | None = None,
) -> Catalogue:
    """Find out what is published, and the columns of one dataset.

    Parameters
    ----------
    connection : Connection
        Where the scheduler is.
    dataset : str
        The dataset to look at; empty for the first by name.
    ranks : RankGroup
        All ranks call this; rank 0 alone asks.
    files : sequence of str, optional
        Files to look at in place of a published dataset; no cluster is asked then.
    deadline : Deadline, optional
        By when to be done; by default the connection's timeout from now.

    Returns
    -------
    Catalogue
        The same on every rank; without columns where `dataset` is not published.

    Raises
    ------
    AgreedError
        On every rank, where rank 0 could not ask.
    """
    payload, error = None, None
    if ranks.rank == 0:
        try:
            payload = json.dumps(_look_into(files) if files else _look_around(connection, dataset, deadline)).encode()
        except Exception as caught:  # whatever it is, the other ranks are waiting to hear of it
            error = describe(caught)
    datasets, name, columns = json.loads(share(ranks, payload, error))
    return Catalogue(tuple(datasets), name, tuple((column, kind) for column, kind in columns))


def _look_into(files: Sequence[str]) -> tuple[list[str], str, list[tuple[str, str]]]:
    from pvdask.dtypes import column_infos
    from pvdask.files import open_files

    return [], "", [(info.name, info.kind) for info in column_infos(open_files(files)._meta)]


def _look_around(
    connection: Connection, dataset: str, deadline: Deadline | None
) -> tuple[list[str], str, list[tuple[str, str]]]:
    from pvdask.dtypes import column_infos

    with Cluster(connection, deadline) as cluster:
        datasets = cluster.datasets()
        name = dataset or (datasets[0] if datasets else "")
        if name not in datasets:
            return datasets, "", []
        try:
            meta = cluster.look_up(name)[1]._meta
        except DatasetError:
            return datasets, "", []
        return datasets, name, [(info.name, info.kind) for info in column_infos(meta)]
