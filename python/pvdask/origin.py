"""Where points came from, written beside them: so that a filter far behind the source finds the way back to the rows.

The note travels as a field array, as `ARRAY`, through every filter that keeps field data. A data file can hold one, too, and
whoever reads from a scheduler trusts it with its life (what is published there is pickled), so a note alone is not believed:
`trusted_connection` takes a scheduler from it only if this process has pulled from that one by a property that the user set.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from pvdask.connection import Connection
from pvdask.errors import PvdaskError

ARRAY = "DaskDataFrame"
"""Name of the field array, one string of JSON."""

_TEXTS = ("scheduler", "dataset", "frame", "coordinates")
_known_schedulers: set[str] = set()


class OriginError(PvdaskError):
    """Data that do not tell where they came from, or tell of a place that is not trusted."""


@dataclass(frozen=True)
class Origin:
    """Where points came from.

    Parameters
    ----------
    scheduler : str
        Address of the scheduler; empty where the ranks read the files themselves.
    dataset : str
        Name under which the DataFrame was published; empty for files.
    files : tuple of str
        The files, where it was read from files.
    frame : str
        Identity of the DataFrame, which changes when another is published under the name.
    positions : tuple of str
        The columns that the positions are made of: none for a table, else two or three.
    coordinates : str
        What they are, one of `pvdask.options.COORDINATES`.
    """

    scheduler: str = ""
    dataset: str = ""
    files: tuple[str, ...] = ()
    frame: str = ""
    positions: tuple[str, ...] = ()
    coordinates: str = ""

    def to_json(self) -> str:
        """Write the note.

        Returns
        -------
        str
            JSON.
        """
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Origin:
        """Read what `to_json` wrote; it may come from a file that anybody made.

        Parameters
        ----------
        text : str
            JSON.

        Returns
        -------
        Origin
            The note.

        Raises
        ------
        OriginError
            Where the text is anything else.
        """
        try:
            content = json.loads(text)
            content |= {name: tuple(content[name]) for name in ("files", "positions")}
            origin = cls(**content)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise OriginError(f"The field array {ARRAY!r} of the input is not what the Dask source writes.") from None
        texts = [*(getattr(origin, name) for name in _TEXTS), *origin.files, *origin.positions]
        if not all(type(text) is str for text in texts):
            raise OriginError(f"The field array {ARRAY!r} of the input is not what the Dask source writes.")
        return origin


def remember_scheduler(address: str) -> None:
    """Note that this process pulled from a scheduler that the user named.

    Parameters
    ----------
    address : str
        The scheduler's; empty for none.
    """
    if address:
        _known_schedulers.add(address)


def trusted_connection(named: Connection, origin: Origin) -> Connection:
    """Choose the scheduler to ask about points.

    Parameters
    ----------
    named : Connection
        What the user named; wins, where it names anything.
    origin : Origin
        Where the points came from.

    Returns
    -------
    Connection
        With the timeout of `named`.

    Raises
    ------
    OriginError
        Where the user named nothing, and the points' scheduler is one that nothing in this process has pulled from.
    """
    if named.scheduler_file or named.scheduler_address or not origin.scheduler:
        return named
    if origin.scheduler not in _known_schedulers:
        raise OriginError(
            f"The data say that they came from the scheduler at {origin.scheduler}, which no source here has pulled from. "
            "If you trust it, name it in SchedulerFile or SchedulerAddress."
        )
    return replace(named, scheduler_address=origin.scheduler)
