"""Density Grid: the whole frame that points came from, binned on the workers into an image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline

from pvdask.density import Grid, make_grid
from pvdask.grids import GridSpec
from pvdask.options import NO_COLUMN, SourceOptions
from pvdask.origin import Origin, trusted_connection
from pvdask_plugin.filters.cluster_filter import ClusterFilter, agreed_origins, only_origin
from pvdask_plugin.grid_output import GridOutput, GridProperties, Known
from pvdask_plugin.vtk_ranks import VtkRanks


class DensityGrid(GridProperties, ClusterFilter):
    """An image of the frame behind the input, of which the input may be a small sample."""

    DEFAULTS: ClassVar[dict[str, Any]] = GridProperties.DEFAULTS

    def __init__(self) -> None:
        super().__init__("vtkImageData")
        self._output = GridOutput()

    def RequestInformation(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Tell the extent of the image, of which each rank makes a part."""
        self._output.announce(outInfo.GetInformationObject(0), self._values())
        return 1

    def RequestUpdateExtent(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Ask for the input's own extent where it is structured: that of the output means nothing there."""
        information = inInfo[0].GetInformationObject(0)
        whole = vtkStreamingDemandDrivenPipeline.WHOLE_EXTENT()
        if information.Has(whole):
            extent = [information.Get(whole, index) for index in range(6)]
            information.Set(vtkStreamingDemandDrivenPipeline.UPDATE_EXTENT(), extent, 6)
        return 1

    def _execute(self, data: Any, output: Any) -> str:
        spec = GridSpec.from_properties(self._values())

        def make(extent: tuple[int, ...], known: Known) -> Grid:
            dataset = self._value("Dataset")
            origin = Origin(dataset=dataset) if dataset else only_origin(agreed_origins(data))
            return make_grid(self._options(origin), spec, extent, VtkRanks(), known, self.UpdateProgress)

        grid = self._output.fill(self, output, make)
        self._figures = dict(grid.figures)
        return grid.summary()

    def _options(self, origin: Origin) -> SourceOptions:
        files = () if origin.scheduler else origin.files
        columns = (*origin.positions, *[NO_COLUMN] * (len(origin.positions) == 2), "", "", "")
        values = {
            **self._properties,
            "Dataset": origin.dataset,
            "FileNames": origin.files,
            "Coordinates": origin.coordinates,
            **dict(zip(("XColumn", "YColumn", "ZColumn"), columns, strict=False)),
        }
        connection = trusted_connection(self._connection(files), origin)
        return replace(SourceOptions.from_properties(values), connection=connection)
