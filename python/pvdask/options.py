"""What the properties of the source hold, parsed and checked: one frozen value that is the same on every rank."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pvdask.connection import Connection, read_scheduler_file
from pvdask.errors import OptionError
from pvdask.tls import TLSFiles

__all__ = ["Connection", "SourceOptions", "overrides", "read_scheduler_file"]

NO_COLUMN = "(none)"
"""What a column drop-down shows for "no column here"."""

T = TypeVar("T", int, float)

OVERRIDES_VARIABLE = "PVDASK_OVERRIDES"
"""Environment variable by which `pvdask render` puts its options in the place of what a state file holds."""

COORDINATES = ("Cartesian", "Spherical degrees")
"""Spherical ones are longitude and latitude in degrees, and the distance from the centre (1 where there is none)."""

OUTPUT_TYPES = ("Points", "Table")
PRECISIONS = ("Single", "Double")

PARTITION_ID_ARRAY = "PartitionId"
ROW_ID_ARRAY = "RowId"
"""Arrays that lead from a point back to its row: its partition, and its place in that, both counted from 0."""

MB = 1_000_000
DEFAULT_CACHE_LIMIT_MB = 1000

FILES = "FileNames"
_TEXT_PROPERTIES = (
    "SchedulerFile",
    "SchedulerAddress",
    "Dataset",
    "XColumn",
    "YColumn",
    "ZColumn",
    "Filter",
    "TimeColumn",
)
_TLS_PROPERTIES = ("TLSCAFile", "TLSCertificate", "TLSKey")
_OTHER_PROPERTIES = (
    *_TLS_PROPERTIES,
    *("Timeout", "Coordinates", "SampleFraction", "MaximumRows", "SampleSeed", "OutputType", "PointPrecision"),
    *("GenerateRowIds", "CacheLimit", "LiveUpdates", FILES),
)


@dataclass(frozen=True)
class SourceOptions:
    """All that decides what the source pulls.

    Parameters
    ----------
    connection : Connection
        Where the scheduler is, and for how long to wait for it.
    dataset : str
        Name under which the DataFrame is published; empty for the only one.
    files : tuple of str
        Files to read in place of a published DataFrame; on the cluster where a scheduler is named, else on the ranks.
    positions : tuple of str
        The columns of x, y and z, by display name. An empty one is guessed; the third may be `NO_COLUMN`.
    columns : tuple of str
        Columns to bring along as point data, by display name, in this order.
    coordinates : str
        One of `COORDINATES`: what the three position columns are.
    filter : str
        Row expression, see `pvdask.expressions`; empty for all rows.
    sample_fraction : float
        Share of the rows to keep at random, above 0, up to 1.
    maximum_rows : int
        Rows to keep at most, at random; 0 for no limit.
    sample_seed : int
        Another one gives another sample.
    output_type : str
        One of `OUTPUT_TYPES`.
    point_precision : str
        One of `PRECISIONS`.
    row_ids : bool
        Whether `PARTITION_ID_ARRAY` and `ROW_ID_ARRAY` come along.
    cache_limit_bytes : int
        Bytes of columns that are kept on a rank for when they are shown again.
    time_column : str
        Column, by display name, whose distinct values are the time steps; empty for none.
    time : float or None
        The time step to pull: rows whose time column has this value, in seconds where it holds dates. None for all rows.
    live : bool
        Whether a dataset that is published again is noticed and pulled.
    """

    connection: Connection = field(default_factory=Connection)
    dataset: str = ""
    files: tuple[str, ...] = ()
    positions: tuple[str, str, str] = ("", "", "")
    columns: tuple[str, ...] = ()
    coordinates: str = COORDINATES[0]
    filter: str = ""
    sample_fraction: float = 1.0
    maximum_rows: int = 0
    sample_seed: int = 0
    output_type: str = OUTPUT_TYPES[0]
    point_precision: str = PRECISIONS[0]
    row_ids: bool = False
    cache_limit_bytes: int = DEFAULT_CACHE_LIMIT_MB * MB
    time_column: str = ""
    time: float | None = None
    live: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.sample_fraction <= 1.0:
            raise OptionError("SampleFraction", f"found {self.sample_fraction}; expected a number above 0 and up to 1.")
        for name, value in (("MaximumRows", self.maximum_rows), ("CacheLimit", self.cache_limit_bytes)):
            if value < 0:
                raise OptionError(name, f"found {value}; expected 0 or more.")
        for name, value_, choices in (
            ("Coordinates", self.coordinates, COORDINATES),
            ("OutputType", self.output_type, OUTPUT_TYPES),
            ("PointPrecision", self.point_precision, PRECISIONS),
        ):
            if value_ not in choices:
                raise OptionError(name, f"found {value_!r}; expected one of {', '.join(map(repr, choices))}.")

    @property
    def is_embedded(self) -> bool:
        """Whether the ranks read the files themselves, since no scheduler is named."""
        return bool(self.files) and not (self.connection.scheduler_file or self.connection.scheduler_address)

    @property
    def is_table(self) -> bool:
        """Whether a table is wanted in place of points."""
        return self.output_type == "Table"

    @property
    def numbers_rows(self) -> bool:
        """Whether the places of rows in the frame matter, so that none may be left out while it is read."""
        return self.row_ids or self.sample_fraction < 1.0 or self.maximum_rows > 0

    @property
    def array_names(self) -> tuple[str, ...]:
        """Names of the arrays that come along, besides the points: the ticked columns, then the row ids if wanted."""
        return (*self.columns, *((PARTITION_ID_ARRAY, ROW_ID_ARRAY) if self.row_ids else ()))

    def rows_key(self) -> SourceOptions:
        """The options that decide which rows there are and where: equal ones mean the same rows in the same order."""
        return replace(
            self,
            columns=(),
            row_ids=False,
            cache_limit_bytes=0,
            live=False,
            connection=replace(self.connection, timeout_s=1.0),
        )

    @classmethod
    def from_properties(
        cls, properties: Mapping[str, Any], columns: Sequence[str] = (), environment: Mapping[str, str] = os.environ
    ) -> SourceOptions:
        """Parse what the source's properties hold.

        Parameters
        ----------
        properties : mapping of str to object
            By the names that they have in the XML; what is missing has its default.
        columns : sequence of str, optional
            The columns that are ticked.
        environment : mapping of str to str, optional
            Where `OVERRIDES_VARIABLE` is looked up: what a command line names goes before what a state file holds.

        Returns
        -------
        SourceOptions
            Checked.

        Raises
        ------
        OptionError
            Where a value cannot be used.
        """
        named = overrides(environment)
        if not properties.get(FILES):  # of the readers; the source reads what is published
            named.pop(FILES, None)
        values = {**properties, **named}
        files = tuple(values.get(FILES, ()))
        text = {name: str(values.get(name) or "") for name in _TEXT_PROPERTIES}
        tls = TLSFiles(*(str(values.get(name) or "") for name in _TLS_PROPERTIES))
        connection = Connection(text["SchedulerFile"], text["SchedulerAddress"], _number(values, "Timeout", 60.0), tls)
        return cls(
            connection if files else connection.with_environment(environment),
            text["Dataset"],
            files,
            (text["XColumn"], text["YColumn"], text["ZColumn"]),
            tuple(columns),
            coordinates=_choice(values.get("Coordinates"), COORDINATES),
            filter=text["Filter"].strip(),
            sample_fraction=_number(values, "SampleFraction", 1.0),
            maximum_rows=_number(values, "MaximumRows", 0),
            sample_seed=_number(values, "SampleSeed", 0),
            output_type=_choice(values.get("OutputType"), OUTPUT_TYPES),
            point_precision=_choice(values.get("PointPrecision"), PRECISIONS),
            row_ids=bool(_number(values, "GenerateRowIds", 0)),
            cache_limit_bytes=_number(values, "CacheLimit", DEFAULT_CACHE_LIMIT_MB) * MB,
            time_column="" if text["TimeColumn"] == NO_COLUMN else text["TimeColumn"],
            live=bool(_number(values, "LiveUpdates", 0)),
        )


def _number(values: Mapping[str, Any], name: str, default: T) -> T:
    """A property's value as a number of the type of its default."""
    value = values.get(name, default)
    try:
        return type(default)(value)
    except (TypeError, ValueError, OverflowError):
        raise OptionError(name, f"found {value!r}; expected a number.") from None


def _choice(value: Any, choices: Sequence[str]) -> str:
    """An enumerated property's value: ParaView gives its index, a command line its text; nothing is the first."""
    if isinstance(value, int) and 0 <= value < len(choices):
        return choices[value]
    return choices[0] if value in (None, "") else str(value)


def overrides(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Read the properties that a command line sets over a state file's.

    Parameters
    ----------
    environment : mapping of str to str, optional
        Holds a JSON object in `OVERRIDES_VARIABLE`, or nothing.

    Returns
    -------
    dict
        Property name to value.

    Raises
    ------
    OptionError
        Where it is not a JSON object of known properties.
    """
    try:
        values = json.loads(environment.get(OVERRIDES_VARIABLE) or "{}")
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not set(values) <= {*_TEXT_PROPERTIES, *_OTHER_PROPERTIES}:
        known = ", ".join((*_TEXT_PROPERTIES, *_OTHER_PROPERTIES))
        raise OptionError(OVERRIDES_VARIABLE, f"expected a JSON object with any of {known}; unset it, or correct it.")
    if FILES in values:
        files = [values[FILES]] if isinstance(values[FILES], str) else values[FILES]
        if not (isinstance(files, list) and files and all(isinstance(name, str) and name for name in files)):
            raise OptionError(OVERRIDES_VARIABLE, f"{FILES}: expected a path, or a list of paths.")
        values[FILES] = files
    return values
