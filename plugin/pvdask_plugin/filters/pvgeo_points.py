"""PVGeo's filters of points: Voxelize Points, Add Cell Connectivity To Points, Points To Tube."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkIdList, vtkPoints
from vtkmodules.vtkCommonDataModel import vtkPolyData

from pvdask.errors import InputError, OptionError
from pvdask_plugin.filters.pvgeo import PVGeoFilter, run, told


class VoxelizePoints(PVGeoFilter):
    """A voxel round each point of a regular grid, by PVGeo."""

    ALGORITHM = "VoxelizePoints"
    INPUT_TYPE = "vtkPointSet"
    OUTPUT_TYPE = "vtkUnstructuredGrid"
    DEFAULTS: ClassVar[dict[str, Any]] = {
        "EstimateGrid": 1,
        "CellSize": (10.0, 10.0, 10.0),
        "Angle": 0.0,
        "SafeSize": 10.0,
        "UniqueNodes": 1,
    }

    def SetEstimateGrid(self, value: int) -> None:
        """Whether cell sizes and rotation are found from the points."""
        self._set("EstimateGrid", value)

    def SetCellSize(self, dx: float, dy: float, dz: float) -> None:
        """Size of the voxels, where they are not estimated."""
        self._set("CellSize", (dx, dy, dz))

    def SetAngle(self, value: float) -> None:
        """Rotation about z in degrees, where it is not estimated."""
        self._set("Angle", value)

    def SetSafeSize(self, value: float) -> None:
        """Size along an axis for which none can be estimated."""
        self._set("SafeSize", value)

    def SetUniqueNodes(self, value: int) -> None:
        """Whether voxels share nodes."""
        self._set("UniqueNodes", value)

    def _run(self, algorithm: Any, data: Any, output: Any) -> None:
        safe = self._value("SafeSize")
        sizes, angle = self._value("CellSize"), self._value("Angle")
        estimate = bool(self._value("EstimateGrid"))
        if (
            estimate and data.GetNumberOfPoints() == 1
        ):  # PVGeo 3.0.2 (filters/voxelize.py) gives 7 values there, and takes 3
            estimate, sizes, angle = False, (safe,) * 3, 0.0
        for name, values in (("CellSize", sizes), ("SafeSize", (safe,))):
            if not all(math.isfinite(size) and size > 0 for size in values):
                raise OptionError(name, f"found {', '.join(map(str, values))}; expected sizes above 0.")
        if not estimate:
            algorithm.set_deltas(*sizes)
            algorithm.set_angle(math.radians(angle))
        algorithm.set_estimate_grid(estimate)
        algorithm.set_safe_size(safe)
        algorithm.set_unique(bool(self._value("UniqueNodes")))
        try:
            run(algorithm, data, output)
        except Exception as error:  # what its estimate meets elsewhere than on a grid can be anything
            if not estimate:
                raise
            raise InputError(
                f"PVGeo found no regular grid in the points ({told(error)}); switch off EstimateGrid, and give CellSize."
            ) from error


class AddCellConnectivityToPoints(PVGeoFilter):
    """Lines between points, in their order or from neighbour to neighbour, by PVGeo."""

    ALGORITHM = "AddCellConnToPoints"
    OUTPUT_TYPE = "vtkPolyData"
    DEFAULTS: ClassVar[dict[str, Any]] = {"CellType": 4, "UseNearestNeighbor": 0, "UseUniquePoints": 0}

    def SetCellType(self, value: int) -> None:
        """Take 3 for a line from point to point, 4 for one line through all."""
        self._set("CellType", value)

    def SetUseNearestNeighbor(self, value: int) -> None:
        """Whether points are put in order by their neighbourhood first."""
        self._set("UseNearestNeighbor", value)

    def SetUseUniquePoints(self, value: int) -> None:
        """Whether of points at one place the first alone is taken."""
        self._set("UseUniquePoints", value)

    def _run(self, algorithm: Any, data: Any, output: Any) -> None:
        algorithm.set_cell_type(int(self._value("CellType")))
        algorithm.set_use_nearest_nbr(bool(self._value("UseNearestNeighbor")))
        # PVGeo 3.0.2 (filters/xyz.py) takes points away, but not their values; so that is done here.
        run(algorithm, unique_points(data) if self._value("UseUniquePoints") else data, output)


class PointsToTube(AddCellConnectivityToPoints):
    """A tube along a line through points, by PVGeo."""

    ALGORITHM = "PointsToTube"
    DEFAULTS: ClassVar[dict[str, Any]] = {
        **AddCellConnectivityToPoints.DEFAULTS,
        "Radius": 10.0,
        "NumberOfSides": 20,
        "Capping": 0,
    }

    def SetRadius(self, value: float) -> None:
        """Radius of the tube."""
        self._set("Radius", value)

    def SetNumberOfSides(self, value: int) -> None:
        """How round it is."""
        self._set("NumberOfSides", value)

    def SetCapping(self, value: int) -> None:
        """Whether its ends are closed."""
        self._set("Capping", value)

    def _run(self, algorithm: Any, data: Any, output: Any) -> None:
        algorithm.set_radius(float(self._value("Radius")))
        algorithm.set_number_of_sides(int(self._value("NumberOfSides")))
        algorithm.set_capping(bool(self._value("Capping")))
        super()._run(algorithm, data, output)


def unique_points(data: vtkPolyData) -> vtkPolyData:
    """Take the first of all points that are at one place.

    Parameters
    ----------
    data : vtkPolyData
        n points with their arrays; its cells are not looked at.

    Returns
    -------
    vtkPolyData
        The points that are left, in their order, with their arrays.
    """
    points = vtk_to_numpy(data.GetPoints().GetData())
    rows = np.sort(np.unique(points, axis=0, return_index=True)[1])
    ids = vtkIdList()
    ids.SetNumberOfIds(len(rows))
    for place, row in enumerate(rows.tolist()):
        ids.SetId(place, row)
    taken = vtkPolyData()
    places = vtkPoints()
    places.SetData(_taken(data.GetPoints().GetData(), ids))
    taken.SetPoints(places)
    arrays = data.GetPointData()
    for index in range(arrays.GetNumberOfArrays()):
        taken.GetPointData().AddArray(_taken(arrays.GetAbstractArray(index), ids))
    return taken


def _taken(array: Any, ids: vtkIdList) -> Any:
    other = array.NewInstance()
    other.SetName(array.GetName())
    other.SetNumberOfComponents(array.GetNumberOfComponents())
    other.SetNumberOfTuples(ids.GetNumberOfIds())
    array.GetTuples(ids, other)
    return other
