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

    DEFAULTS: ClassVar[dict[str, Any]] = {"SchedulerFile": "", "SchedulerAddress": "", "Timeout": 60.0}

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
