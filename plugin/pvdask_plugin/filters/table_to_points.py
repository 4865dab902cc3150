"""Fast Table To Points: a table's rows as points, columns in their own types and without a copy."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.util.vtkAlgorithm import VTKPythonAlgorithmBase
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkPolyData, vtkTable
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm

from pvdask.errors import InputError, PvdaskError
from pvdask.options import NO_COLUMN
from pvdask_plugin.messages import show_error
from pvdask_plugin.properties import Properties
from pvdask_plugin.vtk_data import vertices, wrap
from pvdask_plugin.vtk_ranks import VtkRanks

BLOCK_ROWS = 65_536
"""Rows that are interleaved at a time, so that new memory is touched once, while it is in the cache."""

MOST_THREADS = 4
"""Copying is bound by memory, which few cores saturate."""


class FastTableToPoints(Properties, VTKPythonAlgorithmBase):
    """Points of three columns of a table; each rank makes its own."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        **dict.fromkeys(("XColumn", "YColumn", "ZColumn"), ""),
        "PointPrecision": 0,
        "KeepPositionColumns": 0,
    }

    def __init__(self) -> None:
        VTKPythonAlgorithmBase.__init__(
            self, nInputPorts=1, nOutputPorts=1, inputType="vtkTable", outputType="vtkPolyData"
        )
        Properties.__init__(self)

    def SetXColumn(self, value: str | None) -> None:
        """Column of x."""
        self._set("XColumn", value)

    def SetYColumn(self, value: str | None) -> None:
        """Column of y."""
        self._set("YColumn", value)

    def SetZColumn(self, value: str | None) -> None:
        """Column of z, or ``(none)`` for a plane."""
        self._set("ZColumn", value)

    def SetPointPrecision(self, value: int) -> None:
        """0 for single, 1 for double precision."""
        self._set("PointPrecision", value)

    def SetKeepPositionColumns(self, value: int) -> None:
        """Whether the three columns come along as arrays, too."""
        self._set("KeepPositionColumns", value)

    def FillInputPortInformation(self, port: int, info: Any) -> int:
        """Take a table."""
        info.Set(vtkAlgorithm.INPUT_REQUIRED_DATA_TYPE(), "vtkTable")
        return 1

    def RequestData(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Make the points of this rank's rows; on an error, an empty output."""
        output = vtkPolyData.GetData(outInfo)
        try:
            names = [self._value(name) for name in ("XColumn", "YColumn", "ZColumn")]
            precision = np.dtype("f8" if self._value("PointPrecision") else "f4")
            keep = bool(self._value("KeepPositionColumns"))
            to_points(vtkTable.GetData(inInfo[0]), output, names, precision, keep=keep)
        except PvdaskError as error:
            output.Initialize()
            show_error(str(error), VtkRanks().rank)
        return 1


def to_points(table: vtkTable, output: vtkPolyData, names: list[str], precision: Any, *, keep: bool) -> None:
    """Make points of a table's rows.

    Parameters
    ----------
    table : vtkTable
        n rows; not changed.
    output : vtkPolyData
        Gets n points and vertex cells. Its point arrays are the table's columns themselves, not copied.
    names : list of str
        Columns of x, y and z; the third may be `pvdask.options.NO_COLUMN`, for z = 0.
    precision : numpy.dtype
        float32 or float64, of the positions.
    keep : bool
        Whether the columns of the positions come along as arrays.

    Raises
    ------
    InputError
        Where a column is missing or is not one of numbers.
    """
    rows = table.GetRowData()
    if not rows.GetNumberOfArrays():  # a rank that has nothing of the table
        return
    axes = [_axis(rows, name) for name in names if name != NO_COLUMN]
    points = _interleaved(axes, table.GetNumberOfRows(), precision)
    vtk_points = vtkPoints()
    vtk_points.SetData(wrap(points, "Points"))
    output.SetPoints(vtk_points)
    output.SetVerts(vertices(len(points)))
    for index in range(rows.GetNumberOfArrays()):
        array = rows.GetAbstractArray(index)
        if keep or array.GetName() not in names:
            output.GetPointData().AddArray(array)
    output.GetFieldData().PassData(table.GetFieldData())


def _interleaved(axes: list[Any], n_rows: int, precision: Any) -> Any:
    """Positions, n x 3, of two or three columns; NumPy lets go of the interpreter, so that threads share the rows."""
    points = np.empty((n_rows, 3), precision)

    def fill(start: int) -> None:
        block = points[start : start + BLOCK_ROWS]
        with np.errstate(over="ignore"):
            block[:, len(axes) :] = 0
            for axis, values in enumerate(axes):
                block[:, axis] = values[start : start + BLOCK_ROWS]

    starts = range(0, n_rows, BLOCK_ROWS)
    n_threads = min(len(os.sched_getaffinity(0)), MOST_THREADS)  # mpiexec binds a rank to the cores that are its own
    if n_threads > 1 and len(starts) > 1:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(fill, starts))
    else:
        for start in starts:
            fill(start)
    return points


def _axis(rows: Any, name: str) -> Any:
    array = rows.GetArray(name)
    if array is None or array.GetNumberOfComponents() != 1:
        numeric = [rows.GetArray(index) for index in range(rows.GetNumberOfArrays())]
        have = ", ".join(repr(each.GetName()) for each in numeric if each is not None) or "none"
        raise InputError(
            f"The table has no column of numbers {name!r} to make points of; it has {have}. Choose one of these."
        )
    return vtk_to_numpy(array)
