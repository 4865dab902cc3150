"""What the properties mean by a name that is empty, or left over from the dataset before."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any

from pvdask.options import NO_COLUMN

if TYPE_CHECKING:  # it brings Dask along
    from pvdask.catalogue import Catalogue

AXES = ("XColumn", "YColumn", "ZColumn")
_COLUMNS = (*AXES, "TimeColumn")


class Choices:
    """Keeps what was looked at, and settles names by it; the same on every rank.

    A panel fills its drop-downs only after it has handed its values over, so what comes first is an empty Dataset, or a new one
    with the position columns of the one before.
    """

    def __init__(self) -> None:
        self._catalogue: Catalogue | None = None
        self._columns: set[str] = set()
        self._place: Any = None
        self._leftovers: dict[str, str] = {}

    def forget(self) -> None:
        """Settle nothing until the next look."""
        self._catalogue = None
        self._leftovers = {}

    def look(self, catalogue: Catalogue, place: Any, properties: Mapping[str, Any]) -> bool:
        """Take in what there is.

        Parameters
        ----------
        catalogue : Catalogue
            What was found.
        place : hashable
            Where: connection, dataset, files.
        properties : mapping of str to object
            What is set now, by the names in the XML.

        Returns
        -------
        bool
            Whether this is where was looked before.
        """
        self._catalogue = catalogue
        columns = {name for name, _ in catalogue.columns}
        is_same = bool(place == self._place)
        if not columns:
            return is_same
        # In the same dataset a column that is there no more is an error to tell: someone took it away.
        if not is_same:
            named = {name: properties.get(name) or NO_COLUMN for name in _COLUMNS}
            self._leftovers = {name: column for name, column in named.items() if column in self._columns - columns}
        self._columns, self._place = columns, place
        return is_same

    def settle(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Put names in place of what is empty or left over.

        A name that is guessed here is the one that the drop-down then shows, so that handing that over changes nothing.

        Parameters
        ----------
        properties : mapping of str to object
            By the names in the XML.

        Returns
        -------
        dict of str to object
            The same, with the dataset and the position columns that are meant.
        """
        settled = dict(properties)
        for name, column in self._leftovers.items():
            if settled.get(name) == column:
                settled[name] = ""
        if self._catalogue is None or not self._catalogue.columns:
            return settled
        settled["Dataset"] = settled.get("Dataset") or self._catalogue.dataset
        guess = self._catalogue.guess() if not settled.get("Coordinates") else None
        for axis, name in zip(AXES, guess or (), strict=False):
            settled[axis] = settled.get(axis) or name
        return settled


def match_columns(offered: Mapping[str, bool], ticked: Mapping[str, bool], known: Set[str]) -> dict[str, bool]:
    """Make the list of columns match a dataset; what a state file, a script or the user chose stays.

    A name that was chosen and is not there stays, for the pull to tell it. One of the dataset before goes at once, and so does a
    list that was made for another dataset: a panel lists all columns of its dataset, ticked or not, and ParaView 5.11 keeps that
    list, in state files too, until an Apply after the one that chose another dataset.

    Parameters
    ----------
    offered : mapping of str to bool
        The dataset's columns, and whether each is on by default.
    ticked : mapping of str to bool
        The list as it is, and whether each is on.
    known : set of str
        Names that were in the list the last time.

    Returns
    -------
    dict of str to bool
        The list as it has to be.
    """
    chosen = {name: on for name, on in ticked.items() if name not in known}
    strange = {name: on for name, on in chosen.items() if name not in offered}
    if not all(strange.values()) and not offered.keys() <= ticked.keys():
        strange, chosen = {}, {}
    there = {name: on for name, on in ticked.items() if name in offered}
    return {**{name: on and not chosen for name, on in offered.items()}, **there, **strange}
