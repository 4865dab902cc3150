"""Which columns of a frame are pulled, and as what: names checked, positions guessed, types decided once for all ranks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any, Protocol

from pvdask import columns as on_workers
from pvdask.columns import SPHERICAL
from pvdask.dtypes import NUMERIC_KINDS, ColumnInfo, column_infos
from pvdask.errors import ColumnError
from pvdask.options import NO_COLUMN, PARTITION_ID_ARRAY, ROW_ID_ARRAY, SourceOptions
from pvdask.partitions import MAXIMUM_LABELS, scan
from pvdask.plan import ColumnSpec
from pvdask.positions import guess_positions

TIME_KINDS = (*NUMERIC_KINDS, "datetime", "timedelta")
"""Kinds of columns whose values can be time steps."""


class Partitions(Protocol):
    """Where a frame's partitions are looked at: a cluster, or the ranks themselves."""

    def map_partitions(self, frame: Any, function: Callable[[Any], Any]) -> list[Any]:
        """Call a function on every partition, and bring the results here."""


@dataclass(frozen=True)
class Chosen:
    """Which columns of a frame are pulled, as far as its metadata tell.

    Parameters
    ----------
    positions : list of str
        None, two or three columns, by display name.
    names : tuple of str
        Arrays that come along, in order.
    infos : tuple of ColumnInfo
        What is known of those that are columns; the others are row ids.
    expression : pvdask.expressions.Expression or None
        The filter.
    time : ColumnInfo or None
        The column of time steps, where one step is wanted.
    """

    positions: list[str]
    names: tuple[str, ...]
    infos: tuple[ColumnInfo, ...]
    expression: Any
    time: ColumnInfo | None = None

    @property
    def is_open(self) -> bool:
        """Whether only a look at the rows tells the type of an array."""
        return any(info.nullable for info in self.infos)

    def read(self) -> list[str]:
        """Columns that have to be read, each once, by display name."""
        filtered = self.expression.columns if self.expression else ()
        timed = [self.time.name] if self.time else []
        return list(dict.fromkeys([*self.positions, *(info.name for info in self.infos), *filtered, *timed]))


def choose_columns(frame: Any, options: SourceOptions, names: Sequence[str] | None = None) -> Chosen:
    """Check the named columns and the filter against a frame's metadata.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        The frame.
    options : SourceOptions
        What was asked for.
    names : sequence of str, optional
        Arrays to bring along; by default all that were asked for.

    Returns
    -------
    Chosen
        By display name.

    Raises
    ------
    ColumnError
        Where a column is missing or cannot be used for what it was named for.
    ExpressionError
        Where the filter is not one that is run.
    """
    from pvdask.expressions import parse

    infos = {info.name: info for info in column_infos(frame._meta)}
    positions = [] if options.is_table else _positions(infos, options.positions, options.coordinates)
    names = options.array_names if names is None else names
    ids = [spec.name for spec in row_id_specs()] if options.row_ids else []
    for taken in set(ids) & set(options.columns):
        raise ColumnError(
            f"GenerateRowIds: the dataset has a column {taken!r} of its own that is ticked; untick it, or rename it.",
            (taken,),
        )
    wanted = tuple(_known(infos, name, "ColumnArrays") for name in names if name not in ids)
    for info in wanted:
        if info.kind == "nested":
            raise _nested(info.name)
    dtypes = {str(name): frame._meta.dtypes.iloc[index] for index, name in enumerate(frame._meta.columns)}
    expression = parse(options.filter, dtypes) if options.filter else None
    time = time_column(infos, options.time_column) if options.time is not None else None
    return Chosen(positions, tuple(names), wanted, expression, time)


def time_column(infos: Mapping[str, ColumnInfo], name: str) -> ColumnInfo:
    """Check the column of time steps.

    Parameters
    ----------
    infos : mapping of str to ColumnInfo
        The frame's columns by display name.
    name : str
        Display name.

    Returns
    -------
    ColumnInfo
        One of numbers, dates or times.

    Raises
    ------
    ColumnError
        Where there is no such column, or its values are no times.
    """
    info = _known(infos, name, "TimeColumn")
    if info.kind not in TIME_KINDS:
        fit = ", ".join(repr(other.name) for other in infos.values() if other.kind in TIME_KINDS) or "none"
        raise ColumnError(
            f"TimeColumn: the column {name!r} is one of {info.kind}s; expected one of numbers, dates or times: {fit}.",
            (name,),
        )
    return info


def decide_types(partitions: Partitions, frame: Any, chosen: Chosen) -> tuple[ColumnSpec, ...]:
    """Decide the types of the arrays, once for the whole frame.

    Parameters
    ----------
    partitions : Partitions
        It looks at the rows, once for all columns whose dtypes leave the type open.
    frame : dask.dataframe.DataFrame
        The frame.
    chosen : Chosen
        What `choose_columns` found.

    Returns
    -------
    tuple of ColumnSpec
        In the order of ``chosen.names``.

    Raises
    ------
    ColumnError
        Where a column's values fit no array.
    """
    open_names = [info.name for info in chosen.infos if info.nullable]
    seen: list[Any] = []
    if open_names:
        seen = partitions.map_partitions(frame, partial(scan, names=open_names))
    specs = {spec.name: spec for spec in row_id_specs()}
    for info in chosen.infos:
        specs[info.name] = _spec(info, [entry[info.name] for entry in seen] if info.nullable else [])
    return tuple(specs[name] for name in chosen.names)


def request_for(
    options: SourceOptions, chosen: Chosen, specs: Sequence[ColumnSpec], *, send_points: bool
) -> dict[str, Any]:
    """Write down what the workers are to make.

    Parameters
    ----------
    options : SourceOptions
        What was asked for.
    chosen : Chosen
        What `choose_columns` found.
    specs : sequence of ColumnSpec
        What `decide_types` decided.
    send_points : bool
        Whether the points are wanted, or only columns.

    Returns
    -------
    dict
        See `pvdask.columns` and `pvdask.tasks`.
    """
    return {
        "positions": chosen.positions,
        "coordinates": options.coordinates,
        "point_dtype": "<f8" if options.point_precision == "Double" else "<f4",
        "send_points": send_points and not options.is_table,
        "columns": [(spec.name, spec.kind, spec.dtype, spec.labels and list(spec.labels)) for spec in specs],
        "filter": chosen.expression.tree if chosen.expression else None,
        "time": (chosen.time.name, chosen.time.kind, options.time) if chosen.time else None,
        "read": chosen.read(),
        "fraction": options.sample_fraction,
        "maximum": options.maximum_rows,
        "seed": options.sample_seed,
    }


def row_id_specs() -> tuple[ColumnSpec, ColumnSpec]:
    """The two arrays that lead back to a row.

    Returns
    -------
    tuple of ColumnSpec
        Partition, then row.
    """
    return (
        ColumnSpec(PARTITION_ID_ARRAY, on_workers.PARTITION_ID, "<i4"),
        ColumnSpec(ROW_ID_ARRAY, on_workers.ROW_ID, "<i8"),
    )


def _known(infos: Mapping[str, ColumnInfo], name: str, what: str) -> ColumnInfo:
    if name in infos:
        return infos[name]
    close = get_close_matches(name, list(infos), n=1)
    hint = f"did you mean {close[0]!r}? It has" if close else "it has"
    shown = ", ".join(map(repr, list(infos)[:20])) + (f" and {len(infos) - 20} more" if len(infos) > 20 else "")
    raise ColumnError(f"{what}: the dataset has no column {name!r}; {hint} {shown}.", (name,))


def _positions(infos: Mapping[str, ColumnInfo], named: Sequence[str], coordinates: str) -> list[str]:
    numeric = [info.name for info in infos.values() if info.kind in NUMERIC_KINDS]
    guess = guess_positions(numeric, is_spherical=coordinates == SPHERICAL) or ("", "", "")
    chosen = [name or guessed for name, guessed in zip(named, guess, strict=True)]
    labels = ("XColumn", "YColumn", "ZColumn")
    missing = [label for label, name in zip(labels, chosen, strict=True) if not name]
    if missing:
        offered = ", ".join(map(repr, numeric[:20])) or "none"
        raise ColumnError(
            f"{', '.join(missing)}: no column is named, and none could be guessed; choose among the numeric columns: {offered}."
        )
    for label, name in zip(labels, chosen, strict=True):
        if name == NO_COLUMN:
            continue
        info = _known(infos, name, label)
        if info.kind not in (*NUMERIC_KINDS, "object"):
            offered = ", ".join(map(repr, numeric[:20])) or "none"
            raise ColumnError(
                f"{label}: column {name!r} is of kind {info.kind}, and a position needs numbers; numeric columns are: {offered}.",
                (name,),
            )
    return [name for name in chosen if name != NO_COLUMN]


def _spec(info: ColumnInfo, seen: Sequence[tuple[str, bool, list[str] | None]]) -> ColumnSpec:
    missing = any(entry[1] for entry in seen)
    kind = info.kind
    if kind in ("label", "object"):
        kinds = {entry[0] for entry in seen} - {"empty"}
        kind = "label" if not kinds or kinds == {"label"} else kinds.pop() if len(kinds) == 1 else "nested"
    if kind == "nested":
        raise _nested(info.name)
    if kind == "label":
        return ColumnSpec(info.name, kind, "<i4", _one_table([entry[2] or [] for entry in seen]))
    if kind == "boolean":
        return ColumnSpec(info.name, kind, "<f8" if missing else "|u1")
    if info.kind == "object":
        return ColumnSpec(info.name, kind, "<f8")
    return ColumnSpec(info.name, kind, "<f8" if missing and info.nullable else info.dtype)


def _nested(name: str) -> ColumnError:
    return ColumnError(
        f"Column {name!r} holds mixed or nested objects, which no array of ParaView can hold; leave it out, or make numbers or "
        "texts of it first.",
        (name,),
    )


def _one_table(tables: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """One table of labels for the whole frame: the common one where all partitions have the same, sorted otherwise."""
    distinct = {tuple(table) for table in tables}
    labels = (
        next(iter(distinct)) if len(distinct) == 1 else tuple(sorted({label for table in tables for label in table}))
    )
    if len(labels) > MAXIMUM_LABELS:
        raise ColumnError(
            f"A column has {len(labels):,} distinct texts, and at most {MAXIMUM_LABELS:,} can be labels; leave it "
            "out, or make a category of it with fewer."
        )
    return labels
