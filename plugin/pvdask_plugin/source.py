"""Dask DataFrame Source: the adapter between ParaView's properties and `pvdask.pull`, and nothing else."""

from __future__ import annotations

import math
import sys
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vtkmodules.util.vtkAlgorithm import VTKPythonAlgorithmBase
from vtkmodules.vtkCommonCore import vtkDataArraySelection
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkPolyData, vtkTable
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm, vtkStreamingDemandDrivenPipeline

from pvdask import log
from pvdask.cache import ColumnCache
from pvdask.choices import Choices
from pvdask.errors import PvdaskError
from pvdask.options import SourceOptions
from pvdask.ranks import AgreedError, agree, describe
from pvdask.timesteps import nearest_step
from pvdask.updates import Update
from pvdask_plugin.live import Watch
from pvdask_plugin.messages import show_error
from pvdask_plugin.output import Kept, add_radius, extent, fill, list_columns, tell
from pvdask_plugin.properties import SourceProperties
from pvdask_plugin.vtk_ranks import VtkRanks, hold_collection

if TYPE_CHECKING:
    from pvdask.pull import Pulled

UPDATE_TIME_STEP = vtkStreamingDemandDrivenPipeline.UPDATE_TIME_STEP()


class DaskDataFrameSource(SourceProperties, VTKPythonAlgorithmBase):
    """Points of three columns of a Dask DataFrame; every rank pulls its own partitions straight from the workers."""

    def __init__(self) -> None:
        VTKPythonAlgorithmBase.__init__(self, nInputPorts=0, nOutputPorts=1, outputType="vtkDataObject")
        SourceProperties.__init__(self)
        hold_collection()
        self._cache = ColumnCache()
        self._selection = vtkDataArraySelection()
        myself = weakref.ref(self)  # a strong one would tie algorithm and selection into a knot that is never freed
        self._selection.AddObserver("ModifiedEvent", lambda *_: _modified(myself))
        self._offered: set[str] = set()
        self._catalogue: Any = None
        self._choices = Choices()
        self._looked_at: Any = None
        self._steps: tuple[float, ...] = ()
        self._steps_error = ""
        self._is_timed = False
        self._watch = Watch()
        self._reports: list[dict[str, Any]] = []
        self._labels: dict[str, list[str]] = {}
        self._update = Update()
        self._last = Kept()

    def SetLiveUpdates(self, value: int) -> None:
        """Whether a dataset that is published again is noticed and pulled."""
        self._watch.forget()
        self._set("LiveUpdates", value)

    def Refresh(self) -> None:
        """Look at the cluster and pull again at the next update, changed or not."""
        self._looked_at = None
        self._cache.clear()
        self.Modified()

    def GetNeedsUpdate(self) -> bool:
        """Whether there is something new; ParaView's GUI asks all ranks this again and again."""
        try:
            options = self._options()
        except PvdaskError:  # the same on all ranks; the next pull tells it
            return False
        has_news = self._watch.has_news(options, VtkRanks())
        if has_news:
            self.Refresh()
        return has_news

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

    def GetTimeColumnInfo(self) -> list[str]:
        """Columns whose values can be time steps, none first."""
        return self._catalogue.time_choices() if self._catalogue else []

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
        key = self._place()
        if self._looked_at != key:
            hold_collection()  # a script may have let it go again
            # Where it failed, the next update looks again: the cluster may be there by then, with nothing set anew.
            self._looked_at = key if self._look_around() else None
        self._tell_steps(outInfo.GetInformationObject(0))
        return 1

    def RequestData(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Pull this rank's share; on an error on any rank, an empty output on all."""
        output = vtkDataObject.GetData(outInfo)
        hold_collection()
        if self._is_told(outInfo.GetInformationObject(0), output):
            return 1
        # An exception here would leave ParaView with a partial picture and exit status 0, so it is told in its place.
        try:
            pulled = self._pull_together(self._step(outInfo.GetInformationObject(0), output))
            with log.step(VtkRanks().rank, "hand over to VTK") as sizes:
                add_radius(output, agree(VtkRanks(), fill(output, pulled), extent(output)))
                sizes["rows"] = len(pulled.points)
            tell(output, pulled, VtkRanks().rank)
            self._last = Kept(self._place(), pulled.specs, pulled.points.dtype)
            self._tell(pulled)
        except Exception as error:
            self._fail(error, output)
        return 1

    def _pull_together(self, time: float | None) -> Pulled:
        """Pull on all ranks."""
        options = replace(self._agreed_options(), time=time)
        from pvdask.pull import pull

        deadline = self._update.go_on(options.connection.timeout_s, VtkRanks())
        return pull(options, VtkRanks(), self._cache, self._progress, deadline)

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
        properties = self._choices.settle(self._properties)
        return SourceOptions.from_properties(properties, [n for n in names if self._selection.ArrayIsEnabled(n)])

    def _tell_steps(self, information: Any) -> None:
        """Tell ParaView the time steps, which are the same on all ranks."""
        for key in (vtkStreamingDemandDrivenPipeline.TIME_STEPS(), vtkStreamingDemandDrivenPipeline.TIME_RANGE()):
            information.Remove(key)
        if self._steps:
            information.Set(vtkStreamingDemandDrivenPipeline.TIME_STEPS(), self._steps, len(self._steps))
            information.Set(vtkStreamingDemandDrivenPipeline.TIME_RANGE(), (self._steps[0], self._steps[-1]), 2)

    def _step(self, information: Any, output: vtkDataObject) -> float | None:
        """The time step to pull; none where there is no time column."""
        if self._steps_error:  # the same on all ranks; without it all rows would be shown as one step's
            raise AgreedError(self._steps_error)
        if not self._steps:  # where no row has a time, none is shown
            return math.nan if self._is_timed else None
        key = UPDATE_TIME_STEP
        step = nearest_step(self._steps, information.Get(key) if information.Has(key) else self._steps[0])
        output.GetInformation().Set(vtkDataObject.DATA_TIME_STEP(), step)
        return step

    def _look_around(self) -> bool:
        """Fill the drop-downs; an error is left for RequestData, which meets it again, to tell."""
        self._catalogue = None
        self._choices.forget()
        self._steps, self._steps_error, self._is_timed = (), "", False
        try:
            options = self._agreed_options()
            if not (options.files or options.connection.scheduler_file or options.connection.scheduler_address):
                return True
            from pvdask.catalogue import look_around
            from pvdask.timesteps import time_steps

            deadline = self._update.begin(options.connection.timeout_s)
            found = look_around(options.connection, options.dataset, VtkRanks(), options.files, deadline)
            self._catalogue = found
            place = (options.connection.scheduler_file, options.connection.scheduler_address, options.files)
            is_same = self._choices.look(found, (*place, found.dataset), self._properties)
        except PvdaskError as error:
            self._status = f"Error: {error}"
            self._update.looked(describe(error))
            return False
        options = self._options()
        try:
            self._steps = time_steps(options, VtkRanks(), deadline) if options.time_column else ()
        except PvdaskError as error:
            self._steps_error = describe(error)
        self._update.looked()
        self._is_timed = bool(options.time_column)
        if offered := dict(found.offered()):
            self._offered = list_columns(self._selection, offered, self._offered, is_same)
        return True

    def _position_info(self, axis: int) -> list[str]:
        return self._catalogue.position_choices(axis) if self._catalogue else []

    def _progress(self, share: float) -> None:
        self.SetProgressText("Dask DataFrame")  # in place of the class, which is that of every source in Python
        self.UpdateProgress(share)

    def _fail(self, error: Exception, output: vtkDataObject) -> None:
        self._status = f"Error: {describe(error)}"
        self._figures = {"failed": 1}
        self._reports = []
        output.Initialize()
        self._last.put_empty(output, self._place())
        self._update.failed()
        show_error(describe(error), VtkRanks().rank)

    def _is_told(self, information: Any, output: vtkDataObject) -> bool:
        """Whether this is asked for again, after an error, with nothing set anew: then that is not met and told again.

        What comes behind asks more than once: a Histogram (ParaView 5.11), or each of several views.
        """
        key = UPDATE_TIME_STEP
        time = information.Get(key) if information.Has(key) else None
        is_told = self._update.is_told((self.GetMTime(), time), VtkRanks())
        if is_told:
            output.Initialize()
            self._last.put_empty(output, self._place())
        return is_told

    def _tell(self, pulled: Pulled) -> None:
        self._reports = list(pulled.reports)
        self._figures = pulled.figures()
        self._labels = {spec.name: list(spec.labels) for spec in pulled.specs if spec.labels is not None}
        self._status = pulled.summary()


def _modified(reference: weakref.ref[DaskDataFrameSource]) -> None:
    source = reference()
    if source is not None:
        source.Modified()
