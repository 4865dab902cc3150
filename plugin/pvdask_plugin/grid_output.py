"""What the density grid's filter and source have in common: their properties, and a grid of all ranks as a vtkImageData."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkImageData
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm, vtkStreamingDemandDrivenPipeline

from pvdask.density import Grid
from pvdask.errors import PvdaskError
from pvdask.grids import DEFAULT_DIMENSIONS, GridSpec, covers, edges_of, geometry
from pvdask.origin import ARRAY
from pvdask.ranks import agree
from pvdask_plugin.properties import ClusterProperties
from pvdask_plugin.vtk_data import string_array, wrap
from pvdask_plugin.vtk_ranks import VtkRanks

Known = dict[tuple[Any, ...], tuple[list[float], list[float]]]


class GridProperties(ClusterProperties):
    """Mixed into an algorithm that makes a density grid."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        **ClusterProperties.DEFAULTS,
        "Timeout": 600.0,
        "Dataset": "",
        "Filter": "",
        "Dimensions": DEFAULT_DIMENSIONS,
        "Operation": 0,
        "Column": "",
        "UseBounds": 0,
        "Bounds": (0.0, 1.0, 0.0, 1.0, 0.0, 1.0),
    }

    def SetDimensions(self, nx: int, ny: int, nz: int) -> None:
        """Bins along x, y and z."""
        self._set("Dimensions", (nx, ny, nz))

    def SetOperation(self, value: int) -> None:
        """An index into `pvdask.grids.OPERATIONS`."""
        self._set("Operation", value)

    def SetColumn(self, value: str | None) -> None:
        """Column that the operation is applied to; not looked at for a count."""
        self._set("Column", value)

    def SetUseBounds(self, value: int) -> None:
        """Whether the bounds are given."""
        self._set("UseBounds", value)

    def SetBounds(self, x0: float, x1: float, y0: float, y1: float, z0: float, z1: float) -> None:
        """What is binned: least and greatest x, y and z."""
        self._set("Bounds", (x0, x1, y0, y1, z0, z1))

    def SetFilter(self, value: str | None) -> None:
        """Row expression; empty for all rows."""
        self._set("Filter", value)

    def GetCountedRows(self) -> int:
        """Rows that are in bins."""
        return self._figures.get("counted", 0)

    def GetOutsideRows(self) -> int:
        """Rows outside the bounds."""
        return self._figures.get("outside", 0)

    def _values(self) -> dict[str, Any]:
        return {name: self._value(name) for name in self.DEFAULTS}


class GridOutput:
    """One algorithm's grid: kept, so that a filter that asks for a ghost layer has nothing binned again."""

    def __init__(self) -> None:
        self._known: Known = {}
        self._grid: Grid | None = None
        self._key = 0

    def forget(self) -> None:
        """Let go of the grid, and of the bounds that were found."""
        self._known, self._grid = {}, None

    def announce(self, information: Any, values: dict[str, Any]) -> None:
        """Tell the pipeline what will come, as far as it is known before any row is looked at.

        Parameters
        ----------
        information : vtkInformation
            Of the output port.
        values : dict
            What the properties hold.
        """
        dimensions = [max(int(n), 1) for n in values["Dimensions"]]  # of a wrong one, RequestData tells
        whole = [bound for n in dimensions for bound in (0, n - 1)]
        information.Set(vtkStreamingDemandDrivenPipeline.WHOLE_EXTENT(), whole, 6)
        information.Set(vtkAlgorithm.CAN_PRODUCE_SUB_EXTENT(), 1)
        for key in (vtkDataObject.ORIGIN(), vtkDataObject.SPACING(), vtkDataObject.DIRECTION()):
            information.Remove(key)  # a structured input's own
        for key in (vtkStreamingDemandDrivenPipeline.TIME_STEPS(), vtkStreamingDemandDrivenPipeline.TIME_RANGE()):
            information.Remove(key)  # the whole frame is binned, whichever step of it the input shows
        with suppress(PvdaskError):
            bounds = GridSpec.from_properties(values).bounds
            if bounds is not None:
                edges = edges_of(bounds[::2], bounds[1::2], dimensions)
                origin, spacing = geometry(*edges, dimensions)
                information.Set(vtkDataObject.ORIGIN(), origin, 3)
                information.Set(vtkDataObject.SPACING(), spacing, 3)

    def fill(self, algorithm: Any, output: vtkImageData, make: Callable[[tuple[int, ...], Known], Grid]) -> Grid:
        """Fill this rank's part of the image; all ranks call this together.

        Parameters
        ----------
        algorithm : vtkAlgorithm
            Whose output it is.
        output : vtkImageData
            Filled: the values are at its points, which are the centres of the bins. It shares memory with the grid.
        make : callable
            Makes a grid for an extent, on all ranks together, if those that they have do not serve any more.

        Returns
        -------
        Grid
            The whole of what this rank has.
        """
        information = algorithm.GetOutputInformation(0)
        extent = tuple(information.Get(vtkStreamingDemandDrivenPipeline.UPDATE_EXTENT(), index) for index in range(6))
        # Changes with what this or anything before it was told, on all ranks alike.
        key = algorithm.GetExecutive().GetPipelineMTime()
        serves = self._grid is not None and self._key == key and covers(self._grid.box, extent)
        if not all(report["serves"] for report in agree(VtkRanks(), None, {"serves": serves})):
            self._grid = None
            self._grid = make(extent, self._known)
            self._key = key
        assert self._grid is not None
        fill_image(output, self._grid, extent)
        return self._grid


def fill_image(output: vtkImageData, grid: Grid, extent: tuple[int, ...]) -> None:
    """Make an image of a part of a grid.

    Parameters
    ----------
    output : vtkImageData
        Filled.
    grid : Grid
        What this rank has.
    extent : tuple of int
        First and last bin along x, y and z; within the grid's box, or empty.
    """
    origin, spacing = geometry(grid.low, grid.high, grid.dimensions)
    output.SetExtent(*extent)
    output.SetOrigin(*origin)
    output.SetSpacing(*spacing)
    for name, array in zip(grid.names, grid.within(extent), strict=True):
        output.GetPointData().AddArray(wrap(array, name))
    output.GetPointData().SetActiveScalars(grid.names[-1])
    output.GetFieldData().AddArray(string_array(ARRAY, [grid.origin.to_json()]))
