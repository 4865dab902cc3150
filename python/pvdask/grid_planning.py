"""Rank 0's part of a density grid: find the bounds, have the frame binned, tell all ranks where their boxes are."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from pvdask import binning
from pvdask.errors import ColumnError, DatasetError
from pvdask.files import open_files
from pvdask.grid_cluster import GridCluster
from pvdask.grids import BYTES_PER_VALUE, GridSpec, edges_of, shape_of
from pvdask.options import SourceOptions
from pvdask.parquet import push_down
from pvdask.plan import ColumnSpec, Part, Plan
from pvdask.selection import choose_columns
from pvdask.tasks import is_persisted, project

VALUE_KINDS = ("number", "boolean", "decimal", "datetime", "timedelta")

Bounds = tuple[list[float], list[float]]
Known = dict[tuple[Any, ...], Bounds]
"""Bounds that were found before, by what they are the bounds of."""


@dataclass(frozen=True)
class GridPlan:
    """What rank 0 tells the others.

    Parameters
    ----------
    plan : Plan
        Which blocks each rank fetches: one at most, of a value a bin of its box.
    low, high : tuple of float
        Lower edges of the first bins, upper edges of the last.
    figures : dict of str to int
        See `pvdask.binning.HEADER`.
    """

    plan: Plan
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    figures: dict[str, int]

    def to_bytes(self) -> bytes:
        """Write the plan as JSON.

        Returns
        -------
        bytes
            UTF-8.
        """
        return json.dumps([self.low, self.high, self.figures, asdict(self.plan)]).encode()

    @classmethod
    def from_bytes(cls, payload: bytes) -> GridPlan:
        """Read what `to_bytes` wrote.

        Parameters
        ----------
        payload : bytes
            UTF-8 JSON.

        Returns
        -------
        GridPlan
            The plan.
        """
        low, high, figures, plan = json.loads(payload)
        return cls(Plan.from_bytes(json.dumps(plan).encode()), tuple(low), tuple(high), figures)


def make_grid_plan(
    cluster: GridCluster, options: SourceOptions, spec: GridSpec, boxes: Sequence[Sequence[int]], known: Known
) -> GridPlan:
    """Have a frame binned and share the grid out; on rank 0 alone.

    Parameters
    ----------
    cluster : GridCluster
        Connected; it holds the boxes until it is left.
    options : SourceOptions
        Which rows of which frame.
    spec : GridSpec
        What to make of them.
    boxes : sequence of sequence of int
        Shape (n_ranks,): what each rank fetches, () for nothing.
    known : dict
        Bounds that were found before; those found now are added.

    Returns
    -------
    GridPlan
        For all ranks.

    Raises
    ------
    CapacityError, ColumnError, DatasetError, ExpressionError, ClusterError
        Where there is nothing to plan.
    """
    dataset, frame = ("", open_files(options.files)) if options.files else cluster.look_up(options.dataset)
    identity = str(frame._name)
    frame, request = request_of(frame, options, spec)
    low, high = _bounds(
        cluster, frame, request, spec, (dataset or "what the files hold", identity, options.filter), known
    )
    request["low"], request["high"] = edges_of(low, high, spec.dimensions)
    wanted = [box for box in boxes if box]
    keys, counts = cluster.bin(frame, request, wanted, spec.n_bytes)
    where = cluster.who_has(keys)
    row = BYTES_PER_VALUE * len(spec.array_names)
    sizes = [size_of(box) for box in wanted]
    parts = iter([Part(key, where[key], n, n * row, 0, 0) for key, n in zip(keys, sizes, strict=True)])
    plan = Plan(
        scheduler=cluster.address,
        frame=identity,
        dataset=dataset,
        positions=tuple(request["positions"]),
        has_points=False,
        is_whole=True,
        point_dtype="<f4",
        columns=specs_of(spec),
        total_rows=counts[0],
        dropped_rows=counts[3],
        ranks=tuple((next(parts),) if box else () for box in boxes),
    )
    return GridPlan(plan, request["low"], request["high"], dict(zip(binning.HEADER, counts, strict=True)))


def request_of(frame: Any, options: SourceOptions, spec: GridSpec) -> tuple[Any, dict[str, Any]]:
    """Write down what is to be done with each partition.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        The frame.
    options : SourceOptions
        Which rows of it.
    spec : GridSpec
        What to make of them.

    Returns
    -------
    tuple
        The frame, of a lazy one only the columns and the row groups that are needed; and the request, see `pvdask.binning`,
        without bounds.

    Raises
    ------
    ColumnError, ExpressionError
        Where a column is missing or cannot be used, or the filter is not one that is run.
    """
    chosen = choose_columns(frame, options, ())
    column = _value_column(frame, spec) if spec.needs_column else None
    read = list(dict.fromkeys([*chosen.read(), *([column[0]] if column else ())]))
    if not is_persisted(frame):
        frame = project(push_down(frame, chosen.expression.tree) if chosen.expression else frame, read)
    return frame, {
        "positions": chosen.positions,
        "coordinates": options.coordinates,
        "filter": chosen.expression.tree if chosen.expression else None,
        "fraction": 1.0,
        "seed": 0,
        "dimensions": list(spec.dimensions),
        "operation": spec.operation,
        "column": column,
        "read": read,
    }


def joined_bounds(parts: Sequence[tuple[Sequence[float], Sequence[float], int]], what: str) -> Bounds:
    """Make the bounds of a frame of those of its partitions.

    Parameters
    ----------
    parts : sequence of tuple
        What `pvdask.binning.extent` gave of each.
    what : str
        The frame, for a message.

    Returns
    -------
    tuple
        Least and greatest x, y and z.

    Raises
    ------
    DatasetError
        Where no row has a finite position.
    """
    if not sum(n_rows for *_, n_rows in parts):
        raise DatasetError(
            f"No row of {what} has a finite position (of those that the Filter keeps), so there is nothing to find the bounds "
            "of; give Bounds, another Filter, or other rows."
        )
    low = [min(values) for values in zip(*(low for low, *_ in parts), strict=True)]
    high = [max(values) for values in zip(*(high for _, high, _ in parts), strict=True)]
    return low, high


def specs_of(spec: GridSpec) -> tuple[ColumnSpec, ...]:
    """Tell the arrays of a grid.

    Parameters
    ----------
    spec : GridSpec
        What is made.

    Returns
    -------
    tuple of ColumnSpec
        The count, then the values.
    """
    return tuple(
        ColumnSpec(name, "number", dtype) for name, dtype in zip(spec.array_names, ("<i8", "<f8"), strict=False)
    )


def size_of(box: Sequence[int]) -> int:
    """Tell how many bins a box has.

    Parameters
    ----------
    box : sequence of int
        First and last bin along x, y and z, or nothing.

    Returns
    -------
    int
        Their number.
    """
    return math.prod(shape_of(box))


def _bounds(
    cluster: GridCluster, frame: Any, request: dict[str, Any], spec: GridSpec, what: tuple[str, str, str], known: Known
) -> Bounds:
    """The bounds that are given, those that are known, or those of the frame."""
    if spec.bounds is not None:
        return list(spec.bounds[::2]), list(spec.bounds[1::2])
    key = (*what, request["coordinates"], *request["positions"])
    if key not in known:
        parts = cluster.map_partitions(frame, partial(binning.extent, request=request))
        found = joined_bounds(parts, what[0])
        known.clear()
        known[key] = found
    return known[key]


def _value_column(frame: Any, spec: GridSpec) -> tuple[str, str]:
    from pvdask.dtypes import column_infos

    infos = {info.name: info for info in column_infos(frame._meta)}
    info = infos.get(spec.column)
    if info is None or info.kind not in VALUE_KINDS:
        found = f"is of kind {info.kind}" if info else "is not there"
        offered = ", ".join(repr(name) for name, each in infos.items() if each.kind in VALUE_KINDS) or "none"
        raise ColumnError(
            f"Column: {spec.column!r} {found}, and a {spec.operation.lower()} needs numbers; columns of numbers are: {offered}.",
            (spec.column,),
        )
    return info.name, info.kind
