"""Dask DataFrame Source: the adapter between ParaView's properties and `pvdask.pull`, and nothing else."""

from __future__ import annotations

import weakref
from typing import Any

from vtkmodules.util.vtkAlgorithm import VTKPythonAlgorithmBase
from vtkmodules.vtkCommonCore import vtkDataArraySelection
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm

from pvdask.errors import PvdaskError
from pvdask.options import SourceOptions
from pvdask.ranks import agree, describe
from pvdask_plugin.messages import show_error
from pvdask_plugin.vtk_data import fill_poly_data
from pvdask_plugin.vtk_ranks import VtkRanks


class DaskDataFrameSource(VTKPythonAlgorithmBase):
    """Points of three columns of a Dask DataFrame; every rank pulls its own partitions straight from the workers."""

    def __init__(self) -> None:
        super().__init__(nInputPorts=0, nOutputPorts=1, outputType="vtkPolyData")
        self._properties: dict[str, Any] = {}
        self._selection = vtkDataArraySelection()
        myself = weakref.ref(self)  # a strong one would tie algorithm and selection into a knot that is never freed
        self._selection.AddObserver("ModifiedEvent", lambda *_: _modified(myself))
        self._catalogue: Any = None
        self._looked_at: Any = None
        self._status = "Nothing pulled yet"
        self._reports: list[dict[str, Any]] = []
        self._figures: dict[str, int] = {}

    def SetSchedulerFile(self, value: str | None) -> None:
        """Path of the scheduler file; empty for none."""
        self._set("SchedulerFile", value)

    def SetSchedulerAddress(self, value: str | None) -> None:
        """Address of the scheduler, ``tcp://host:port``; empty for none."""
        self._set("SchedulerAddress", value)

    def SetDataset(self, value: str | None) -> None:
        """Name of a published DataFrame; empty for the only one."""
        self._set("Dataset", value)

    def SetXColumn(self, value: str | None) -> None:
        """Column of x; empty to guess."""
        self._set("XColumn", value)

    def SetYColumn(self, value: str | None) -> None:
        """Column of y; empty to guess."""
        self._set("YColumn", value)

    def SetZColumn(self, value: str | None) -> None:
        """Column of z; empty to guess."""
        self._set("ZColumn", value)

    def SetTimeout(self, value: float) -> None:
        """Seconds that one pull may take."""
        self._set("Timeout", value)

    def Refresh(self) -> None:
        """Look at the cluster and pull again at the next update, changed or not."""
        self._looked_at = None
        self.Modified()

    def GetColumnArraySelection(self) -> vtkDataArraySelection:
        """Which columns come along as point data."""
        return self._selection

    def GetDatasetInfo(self) -> list[str]:
        """What is published, for the drop-down."""
        return list(self._catalogue.datasets) if self._catalogue else []

    def GetXColumnInfo(self) -> list[str]:
        """Numeric columns, the best guess for x first."""
        return self._position_info(0)

    def GetYColumnInfo(self) -> list[str]:
        """Numeric columns, the best guess for y first."""
        return self._position_info(1)

    def GetZColumnInfo(self) -> list[str]:
        """Numeric columns, the best guess for z first."""
        return self._position_info(2)

    def GetStatus(self) -> str:
        """What happened last, for a person."""
        return self._status

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

    def GetTransferPath(self) -> str:
        """The way the payload took."""
        return "; ".join(dict.fromkeys(str(report["path"]) for report in self._reports))

    def GetFailed(self) -> int:
        """1 where the last update ended in an error."""
        return self._figures.get("failed", 0)

    def GetRankReports(self) -> list[str]:
        """A line of JSON a rank: rows, bytes, partitions, path, seconds."""
        import json

        return [json.dumps(report) for report in self._reports]

    def RequestInformation(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Look at what is published, on all ranks together; errors wait for RequestData to tell them."""
        # Without this, VTK's pipeline runs RequestData on rank 0 alone, and the collective calls there wait for ever.
        outInfo.GetInformationObject(0).Set(vtkAlgorithm.CAN_HANDLE_PIECE_REQUEST(), 1)
        try:
            options = self._options()
        except PvdaskError:  # the same on all ranks; RequestData meets it again and tells it
            return 1
        key = (options.connection, options.dataset)
        if self._looked_at != key and (options.connection.scheduler_file or options.connection.scheduler_address):
            self._looked_at = key
            self._look_around(options)
        return 1

    def RequestData(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Pull this rank's share; on an error on any rank, an empty output on all."""
        output = vtkPolyData.GetData(outInfo)
        try:
            pulled = self._pull_together()
        except (
            Exception
        ) as error:  # ParaView prints a traceback and goes on with a partial picture: this is told instead
            self._fail(error, output)
            return 1
        fill_poly_data(output, pulled.received.arrays[0], pulled.received.arrays[1:], pulled.plan.columns)
        self._tell(pulled)
        return 1

    def _pull_together(self) -> Any:
        """Pull on all ranks; also what one rank alone meets before the pull, such as a missing package, is agreed on."""
        ranks, options, error = VtkRanks(), None, None
        try:
            from pvdask.pull import pull

            options = self._options()
        except Exception as caught:  # whatever it is, the other ranks must not wait for this one in vain
            error = caught
        agree(ranks, error)
        return pull(options, ranks, self._progress)

    def _set(self, name: str, value: Any) -> None:
        if self._properties.get(name) != value:
            self._properties[name] = value
            self.Modified()

    def _options(self) -> SourceOptions:
        count = self._selection.GetNumberOfArrays()
        names = [self._selection.GetArrayName(index) for index in range(count)]
        return SourceOptions.from_properties(self._properties, [n for n in names if self._selection.ArrayIsEnabled(n)])

    def _look_around(self, options: SourceOptions) -> None:
        try:
            from pvdask.pull import look_around

            self._catalogue = look_around(options.connection, options.dataset, VtkRanks())
        except Exception as error:  # the same on all ranks; RequestData meets it again and tells it
            self._catalogue = None
            self._status = str(error)
            return
        offered = self._catalogue.offered()
        if offered:
            self._offer(offered)

    def _offer(self, offered: list[tuple[str, bool]]) -> None:
        """Make the array selection match the columns; what the user chose stays."""
        names = {name for name, _ in offered}
        count = self._selection.GetNumberOfArrays()
        for name in [self._selection.GetArrayName(index) for index in range(count)]:
            if name not in names:
                self._selection.RemoveArrayByName(name)
        for name, is_on in offered:
            self._selection.AddArray(name, is_on)

    def _position_info(self, axis: int) -> list[str]:
        return self._catalogue.position_choices(axis) if self._catalogue else []

    def _progress(self, share: float) -> None:
        self.UpdateProgress(share)

    def _fail(self, error: Exception, output: vtkPolyData) -> None:
        self._status = f"Error: {describe(error)}"
        self._figures = {"failed": 1}
        self._reports = []
        output.Initialize()
        show_error(describe(error), VtkRanks().rank)

    def _tell(self, pulled: Any) -> None:
        self._reports = list(pulled.reports)
        self._figures = pulled.figures()
        self._status = pulled.summary()


def _modified(reference: weakref.ref[DaskDataFrameSource]) -> None:
    source = reference()
    if source is not None:
        source.Modified()
