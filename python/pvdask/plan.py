"""What rank 0 tells the others: which keys to fetch from which workers, and what is in them. Plain data, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from pvdask.errors import PvdaskError

POINTS_KIND = "points"


class PlanError(PvdaskError):
    """Bytes that are not a plan; a fault of this package, never of the user."""


@dataclass(frozen=True)
class ColumnSpec:
    """How one column leaves the workers; the same for the whole frame.

    Parameters
    ----------
    name : str
        Display name, which the array has in ParaView.
    kind : str
        ``number``, ``boolean``, ``datetime``, ``timedelta``, ``decimal`` or ``label``.
    dtype : str
        NumPy type string of the array, as ``numpy.dtype.str`` writes it.
    labels : tuple of str or None
        For ``label``: entry i is what code i stands for; -1 is missing.
    """

    name: str
    kind: str
    dtype: str
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Part:
    """One block of rows that a rank fetches: the result of one task on the workers.

    Parameters
    ----------
    key : str
        Key of the task.
    addresses : tuple of str
        Workers that held it when the plan was made.
    n_rows, n_bytes : int
        What is in it.
    partition, start : int
        The partition, and the first of its rows (after filtering), that it came from.
    """

    key: str
    addresses: tuple[str, ...]
    n_rows: int
    n_bytes: int
    partition: int
    start: int


@dataclass(frozen=True)
class Plan:
    """A whole pull.

    Parameters
    ----------
    scheduler : str
        Address of the scheduler.
    frame : str
        Identity of the frame, which changes when another is published under the name.
    dataset : str
        Name that it is published under; empty for files.
    positions : tuple of str
        Columns that the points are made of.
    has_points : bool
        Whether the blocks hold points.
    is_whole : bool
        Whether this is all that was asked for; otherwise it is columns of rows that the ranks have already.
    point_dtype : str
        NumPy type string of the (n, 3) point array.
    columns : tuple of ColumnSpec
        The arrays that follow the points in each block, in this order.
    total_rows : int
        Rows of the frame.
    dropped_rows : int
        Rows left out since their position is not finite.
    ranks : tuple of tuple of Part
        Shape (n_ranks,): what each rank fetches, in row order.
    """

    scheduler: str
    frame: str
    dataset: str
    positions: tuple[str, ...]
    has_points: bool
    is_whole: bool
    point_dtype: str
    columns: tuple[ColumnSpec, ...]
    total_rows: int
    dropped_rows: int
    ranks: tuple[tuple[Part, ...], ...]

    def layout(self) -> tuple[tuple[tuple[int, int, int], ...], ...]:
        """Tell which rows each rank has.

        Returns
        -------
        tuple
            For each rank the (partition, first row, rows) of each of its blocks.
        """
        return tuple(tuple((part.partition, part.start, part.n_rows) for part in rank) for rank in self.ranks)

    def to_bytes(self) -> bytes:
        """Write the plan as JSON.

        Returns
        -------
        bytes
            UTF-8.
        """
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, payload: bytes) -> Plan:
        """Read what `to_bytes` wrote.

        Parameters
        ----------
        payload : bytes
            UTF-8 JSON.

        Returns
        -------
        Plan
            The plan.

        Raises
        ------
        PlanError
            Where the bytes are anything else.
        """
        try:
            content = json.loads(payload)
            content["positions"] = tuple(content["positions"])
            content["columns"] = tuple(_column(entry) for entry in content["columns"])
            content["ranks"] = tuple(tuple(_part(entry) for entry in rank) for rank in content["ranks"])
            plan = cls(**content)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise PlanError(f"These bytes are not a plan of a pull ({type(error).__name__}: {error}).") from None
        _check(plan)
        return plan


def _column(entry: dict[str, object]) -> ColumnSpec:
    labels = entry.pop("labels")
    return ColumnSpec(**entry, labels=None if labels is None else tuple(labels))  # type: ignore[arg-type]


def _part(entry: dict[str, object]) -> Part:
    return Part(**{**entry, "addresses": tuple(entry["addresses"])})  # type: ignore[arg-type]


def _check(plan: Plan) -> None:
    """Types and ranges: sizes from a plan are allocated, so a negative or huge one must not get that far."""
    counts = [plan.total_rows, plan.dropped_rows]
    if not (type(plan.has_points) is type(plan.is_whole) is bool):
        raise PlanError("These bytes are not a plan of a pull (has_points or is_whole is not a truth value).")
    texts = [
        plan.scheduler,
        plan.frame,
        plan.dataset,
        *plan.positions,
        plan.point_dtype,
        *(spec.name for spec in plan.columns),
        *(s.dtype for s in plan.columns),
        *(s.kind for s in plan.columns),
        *(label for s in plan.columns for label in s.labels or ()),
    ]
    for rank in plan.ranks:
        for part in rank:
            counts += [part.n_rows, part.n_bytes, part.partition, part.start]
            texts += [part.key, *part.addresses]
    if not all(type(count) is int and 0 <= count < 1 << 62 for count in counts):
        raise PlanError("These bytes are not a plan of a pull (a count is not a whole number of 0 or more).")
    if not all(type(text) is str for text in texts):
        raise PlanError("These bytes are not a plan of a pull (a text is not a string).")
