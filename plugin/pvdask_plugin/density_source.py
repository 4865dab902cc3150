"""Dask Density Grid: a published frame of any size as an image, without a point of it on any rank."""

from __future__ import annotations

from typing import Any, ClassVar

from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkImageData

from pvdask.density import Grid, make_grid
from pvdask.grids import GridSpec
from pvdask_plugin.grid_output import GridOutput, GridProperties, Known
from pvdask_plugin.source import DaskDataFrameSource
from pvdask_plugin.vtk_ranks import VtkRanks, hold_collection


class DensityGridSource(GridProperties, DaskDataFrameSource):
    """An image of a frame, made on the workers; chosen as in the Dask DataFrame Source."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        **GridProperties.DEFAULTS,
        **dict.fromkeys(("XColumn", "YColumn", "ZColumn"), ""),
        "Coordinates": 0,
    }

    def __init__(self) -> None:
        super().__init__()
        self._output = GridOutput()

    def GetColumnInfo(self) -> list[str]:
        """Columns of numbers, for the drop-down; those that are no position first."""
        names = self._position_info(0)
        positions = self._catalogue.guess() or () if self._catalogue else ()
        return sorted(names, key=lambda name: name in positions)

    def Refresh(self) -> None:
        """Look at the cluster and bin again at the next update, changed or not."""
        self._output.forget()
        super().Refresh()

    def FillOutputPortInformation(self, port: int, info: Any) -> int:
        """Make an image."""
        info.Set(vtkDataObject.DATA_TYPE_NAME(), "vtkImageData")
        return 1

    def RequestDataObject(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Make the output."""
        information = outInfo.GetInformationObject(0)
        if vtkDataObject.GetData(information) is None:
            information.Set(vtkDataObject.DATA_OBJECT(), vtkImageData())
        return 1

    def RequestInformation(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Look at what is published, and tell the extent of the image, of which each rank makes a part."""
        super().RequestInformation(request, inInfo, outInfo)
        self._output.announce(outInfo.GetInformationObject(0), self._values())
        return 1

    def RequestData(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Make this rank's part; on an error on any rank, an empty output on all."""
        output = vtkDataObject.GetData(outInfo)
        hold_collection()
        if self._is_told(outInfo.GetInformationObject(0), output):
            return 1
        # An exception here would leave ParaView with a partial picture and exit status 0, so it is told in its place.
        try:
            options = self._agreed_options()
            deadline = self._update.go_on(options.connection.timeout_s, VtkRanks())
            spec = GridSpec.from_properties(self._values())

            def make(extent: tuple[int, ...], known: Known) -> Grid:
                return make_grid(options, spec, extent, VtkRanks(), known, self._progress, deadline)

            grid = self._output.fill(self, output, make)
            self._figures = {
                **grid.figures,
                "total_rows": grid.figures["rows"],
                "dropped_rows": grid.figures["dropped"],
            }
            self._status = grid.summary()
        except Exception as error:
            self._fail(error, output)
        return 1
