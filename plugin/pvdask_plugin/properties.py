"""What the source and the filters have in common: properties that ParaView sets, and what happened last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pvdask.connection import Connection
from pvdask.options import SourceOptions
from pvdask_plugin.vtk_ranks import collect_when_idle


class Properties:
    """Mixed into an algorithm: the values that ParaView has set."""

    DEFAULTS: ClassVar[dict[str, Any]] = {}
    """What a property is before it is set; the XML says the same."""

    Modified: Callable[[], None]
    """The algorithm's own."""

    def __init__(self) -> None:
        self._properties: dict[str, Any] = {}

    def _set(self, name: str, value: Any) -> None:
        collect_when_idle()
        if self._properties.get(name) != value:
            self._properties[name] = value
            self.Modified()

    def _value(self, name: str) -> Any:
        value = self._properties.get(name)
        return self.DEFAULTS[name] if value is None else value  # ParaView sets None for an empty text


class ClusterProperties(Properties):
    """Mixed into an algorithm that asks a Dask cluster."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        **dict.fromkeys(("SchedulerFile", "SchedulerAddress", "TLSCAFile", "TLSCertificate", "TLSKey"), ""),
        "Timeout": 60.0,
    }

    def __init__(self) -> None:
        super().__init__()
        self._status = "Nothing pulled yet"
        self._figures: dict[str, int] = {}

    def SetSchedulerFile(self, value: str | None) -> None:
        """Path of the scheduler file; empty for none."""
        self._set("SchedulerFile", value)

    def SetSchedulerAddress(self, value: str | None) -> None:
        """Address of the scheduler, ``tcp://host:port``; empty for none."""
        self._set("SchedulerAddress", value)

    def SetTLSCAFile(self, value: str | None) -> None:
        """Certificate of the authority that is trusted; empty for dask's own configuration."""
        self._set("TLSCAFile", value)

    def SetTLSCertificate(self, value: str | None) -> None:
        """Certificate that this side shows."""
        self._set("TLSCertificate", value)

    def SetTLSKey(self, value: str | None) -> None:
        """File of its private key."""
        self._set("TLSKey", value)

    def SetDataset(self, value: str | None) -> None:
        """Name of a published DataFrame."""
        self._set("Dataset", value)

    def SetTimeout(self, value: float) -> None:
        """Seconds that one update may take."""
        self._set("Timeout", value)

    def SetMaximumRows(self, value: int) -> None:
        """Rows to bring at most."""
        self._set("MaximumRows", value)

    def GetStatus(self) -> str:
        """What happened last, for a person."""
        collect_when_idle()
        return self._status

    def GetFailed(self) -> int:
        """1 where the last update ended in an error."""
        return self._figures.get("failed", 0)

    def _connection(self, files: tuple[str, ...] = ()) -> Connection:
        """The scheduler that the properties name, or the environment; of files, the properties alone: they need none."""
        return SourceOptions.from_properties({**self._properties, "FileNames": files}).connection


LOOKED_AT = ("SchedulerFile", "SchedulerAddress", "Dataset", "FileNames", "TimeColumn")
"""Properties that decide what there is to choose from."""


class SourceProperties(ClusterProperties):
    """Mixed into the source: setters that ParaView calls; `pvdask.options.SourceOptions` knows what they mean."""

    def _place(self) -> tuple[Any, ...]:
        return tuple(map(self._properties.get, LOOKED_AT))

    def SetXColumn(self, value: str | None) -> None:
        """Column of x; empty to guess."""
        self._set("XColumn", value)

    def SetYColumn(self, value: str | None) -> None:
        """Column of y; empty to guess."""
        self._set("YColumn", value)

    def SetZColumn(self, value: str | None) -> None:
        """Column of z; empty to guess."""
        self._set("ZColumn", value)

    def SetCoordinates(self, value: int) -> None:
        """What the position columns are: an index into `pvdask.options.COORDINATES`."""
        self._set("Coordinates", value)

    def SetFilter(self, value: str | None) -> None:
        """Row expression; empty for all rows."""
        self._set("Filter", value)

    def SetSampleFraction(self, value: float) -> None:
        """Share of the rows to keep at random."""
        self._set("SampleFraction", value)

    def SetSampleSeed(self, value: int) -> None:
        """Which random sample."""
        self._set("SampleSeed", value)

    def SetOutputType(self, value: int) -> None:
        """An index into `pvdask.options.OUTPUT_TYPES`."""
        self._set("OutputType", value)

    def SetPointPrecision(self, value: int) -> None:
        """An index into `pvdask.options.PRECISIONS`."""
        self._set("PointPrecision", value)

    def SetGenerateRowIds(self, value: int) -> None:
        """Whether the arrays PartitionId and RowId come along."""
        self._set("GenerateRowIds", value)

    def SetTimeColumn(self, value: str | None) -> None:
        """Column whose distinct values are the time steps; empty or ``(none)`` for none."""
        self._set("TimeColumn", value)

    def SetCacheLimit(self, value: int) -> None:
        """Megabytes of columns that a rank keeps for when they are shown again."""
        self._set("CacheLimit", value)

    def GetTotalRows(self) -> int:
        """Rows of the whole DataFrame."""
        return self._figures.get("total_rows", 0)

    def GetPulledRows(self) -> int:
        """Points on all ranks."""
        return self._figures.get("rows", 0)

    def GetDroppedRows(self) -> int:
        """Rows left out since their position is not finite."""
        return self._figures.get("dropped_rows", 0)

    def GetBytesReceived(self) -> int:
        """Payload that all ranks received."""
        return self._figures.get("bytes_received", 0)

    def GetBytesCopied(self) -> int:
        """Payload that ranks copied after they received it."""
        return self._figures.get("bytes_copied", 0)
