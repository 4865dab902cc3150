"""Dask DataFrame Source: the adapter between ParaView's properties and `pvdask.pull`, and nothing else."""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING, Any

from vtkmodules.util.vtkAlgorithm import VTKPythonAlgorithmBase
from vtkmodules.vtkCommonCore import vtkDataArraySelection
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkPolyData, vtkTable
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm

from pvdask.cache import ColumnCache
from pvdask.errors import PvdaskError
from pvdask.options import SourceOptions
from pvdask.origin import ARRAY
from pvdask.ranks import agree, describe
from pvdask_plugin.messages import show_error
from pvdask_plugin.properties import ClusterProperties
from pvdask_plugin.vtk_data import fill_poly_data, fill_table, string_array
from pvdask_plugin.vtk_ranks import VtkRanks, hold_collection

if TYPE_CHECKING:
    from pvdask.pull import Pulled


class DaskDataFrameSource(ClusterProperties, VTKPythonAlgorithmBase):
    """Points of three columns of a Dask DataFrame; every rank pulls its own partitions straight from the workers."""

    def __init__(self) -> None:
        VTKPythonAlgorithmBase.__init__(self, nInputPorts=0, nOutputPorts=1, outputType="vtkDataObject")
        ClusterProperties.__init__(self)
        hold_collection()
        self._cache = ColumnCache()
        self._selection = vtkDataArraySelection()
        myself = weakref.ref(self)  # a strong one would tie algorithm and selection into a knot that is never freed
        self._selection.AddObserver("ModifiedEvent", lambda *_: _modified(myself))
        self._offered: set[str] = set()
        self._catalogue: Any = None
        self._looked_at: Any = None
        self._reports: list[dict[str, Any]] = []
        self._labels: dict[str, list[str]] = {}

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

    def SetCacheLimit(self, value: int) -> None:
        """Megabytes of columns that a rank keeps for when they are shown again."""
        self._set("CacheLimit", value)

    def Refresh(self) -> None:
        """Look at the cluster and pull again at the next update, changed or not."""
        self._looked_at = None
        self._cache.clear()
        self.Modified()

    def GetColumnArraySelection(self) -> vtkDataArraySelection:
        """Which columns come along as point data."""
        return self._selection

    def GetOfferedColumns(self) -> list[str]:
        """Columns of the dataset that an array can hold."""
        return [name for name, _ in self._catalogue.offered()] if self._catalogue else []

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

    def GetLabelTables(self) -> str:
        """JSON: for each coded column what its codes stand for, in order."""
        import json

        return json.dumps(self._labels)

    def GetRankReports(self) -> list[str]:
        """A line of JSON a rank: rows, bytes, partitions, path, seconds."""
        import json

        return [json.dumps(report) for report in self._reports]

    def FillOutputPortInformation(self, port: int, info: Any) -> int:
        """Points or a table, which RequestDataObject decides."""
        info.Set(vtkDataObject.DATA_TYPE_NAME(), "vtkDataObject")
        return 1

    def RequestDataObject(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Make the output of the kind that is asked for."""
        try:
            kind = vtkTable if self._options().is_table else vtkPolyData
        except PvdaskError:  # RequestData tells it
            kind = vtkPolyData
        information = outInfo.GetInformationObject(0)
        output = vtkDataObject.GetData(information)
        if output is None or not output.IsA(kind.__name__):
            information.Set(vtkDataObject.DATA_OBJECT(), kind())
        return 1

    def RequestInformation(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Look at what is published, on all ranks together; errors wait for RequestData to tell them."""
        # Without this, VTK's pipeline runs RequestData on rank 0 alone, and the collective calls there wait for ever.
        outInfo.GetInformationObject(0).Set(vtkAlgorithm.CAN_HANDLE_PIECE_REQUEST(), 1)
        # The properties are the same on all ranks, so all look around or none does.
        key = tuple(
            self._properties.get(name) for name in ("SchedulerFile", "SchedulerAddress", "Dataset", "FileNames")
        )
        if self._looked_at != key:
            self._looked_at = key
            hold_collection()  # a script may have let it go again
            self._look_around()
        return 1

    def RequestData(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Pull this rank's share; on an error on any rank, an empty output on all."""
        output = vtkDataObject.GetData(outInfo)
        hold_collection()
        # An exception here would leave ParaView with a partial picture and exit status 0, so it is told in its place.
        try:
            pulled = self._pull_together()
            agree(VtkRanks(), _fill(output, pulled))
            self._tell(pulled)
        except Exception as error:
            self._fail(error, output)
        return 1

    def _pull_together(self) -> Pulled:
        """Pull on all ranks."""
        options = self._agreed_options()
        from pvdask.pull import pull

        return pull(options, VtkRanks(), self._cache, self._progress)

    def _agreed_options(self) -> SourceOptions:
        """The options; what one rank alone meets here, such as a missing package, fails all, or they would wait for it."""
        options, error = SourceOptions(), None
        try:
            import pvdask.pull  # noqa: F401 - imports dask, which may not be there

            options = self._options()
        except ModuleNotFoundError as missing:
            error = (
                f"ParaView's Python ({sys.version.split()[0]}) has no package {missing.name!r}; start ParaView through ./run, or "
                f"have PYTHONPATH name a folder with dask, distributed and pandas for that Python."
            )
        except Exception as caught:  # whatever it is, the other ranks must hear of it
            error = describe(caught)
        agree(VtkRanks(), error)
        return options

    def _options(self) -> SourceOptions:
        count = self._selection.GetNumberOfArrays()
        names = [self._selection.GetArrayName(index) for index in range(count)]
        return SourceOptions.from_properties(self._properties, [n for n in names if self._selection.ArrayIsEnabled(n)])

    def _look_around(self) -> None:
        """Fill the drop-downs; an error is left for RequestData, which meets it again, to tell."""
        self._catalogue = None
        try:
            options = self._agreed_options()
            if not (options.files or options.connection.scheduler_file or options.connection.scheduler_address):
                return
            from pvdask.catalogue import look_around

            self._catalogue = look_around(options.connection, options.dataset, VtkRanks(), options.files)
        except PvdaskError as error:
            self._status = f"Error: {error}"
            return
        offered = self._catalogue.offered()
        if offered:
            self._offer(offered)

    def _offer(self, offered: list[tuple[str, bool]]) -> None:
        """Make the array selection match the columns; what a state file, a script or the user chose stays.

        A column that was named and is not there stays for one pull, which tells it; one of the dataset before goes at once.
        """
        columns = dict(offered)
        count = self._selection.GetNumberOfArrays()
        present = [self._selection.GetArrayName(index) for index in range(count)]
        named = [name for name in present if name not in self._offered]
        for name in present:
            if name not in columns and name not in named:
                self._selection.RemoveArrayByName(name)
        for name, is_on in columns.items():
            self._selection.AddArray(name, is_on and not named)
        self._offered = {*columns, *named}

    def _position_info(self, axis: int) -> list[str]:
        return self._catalogue.position_choices(axis) if self._catalogue else []

    def _progress(self, share: float) -> None:
        self.UpdateProgress(share)

    def _fail(self, error: Exception, output: vtkDataObject) -> None:
        self._status = f"Error: {describe(error)}"
        self._figures = {"failed": 1}
        self._reports = []
        output.Initialize()
        show_error(describe(error), VtkRanks().rank)

    def _tell(self, pulled: Pulled) -> None:
        self._reports = list(pulled.reports)
        self._figures = pulled.figures()
        self._labels = {spec.name: list(spec.labels) for spec in pulled.specs if spec.labels is not None}
        self._status = pulled.summary()


def _modified(reference: weakref.ref[DaskDataFrameSource]) -> None:
    source = reference()
    if source is not None:
        source.Modified()


def _fill(output: vtkDataObject, pulled: Pulled) -> str | None:
    """Hand the arrays to VTK; gives the error, out of memory for instance, for the ranks to agree on."""
    try:
        if output.IsA("vtkTable"):
            fill_table(output, pulled.columns, pulled.specs)
        else:
            fill_poly_data(output, pulled.points, pulled.columns, pulled.specs)
        output.GetFieldData().AddArray(string_array(ARRAY, [pulled.origin.to_json()]))
    except Exception as error:
        return describe(error)
    return None
