"""Arrays of a pull to VTK data objects, without a copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.util.vtkConstants import VTK_SIGNED_CHAR
from vtkmodules.vtkCommonCore import vtkPoints, vtkStringArray, vtkTypeInt32Array, vtkTypeInt64Array
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData, vtkTable

from pvdask.plan import ColumnSpec

LABELS_SUFFIX = ":labels"
"""The field array ``NAME:labels`` holds what the codes in the point array ``NAME`` stand for."""

Array = np.ndarray[Any, np.dtype[Any]]


def fill_poly_data(output: vtkPolyData, points: Array, columns: Sequence[Array], specs: Sequence[ColumnSpec]) -> None:
    """Make an output of points, one vertex cell a point and one array a column.

    Parameters
    ----------
    output : vtkPolyData
        Filled.
    points : numpy.ndarray
        Shape (n, 3), float32 or float64, C-contiguous. VTK uses its memory and keeps it alive.
    columns : sequence of numpy.ndarray
        Shape (n,) each, contiguous; likewise.
    specs : sequence of ColumnSpec
        Their names and labels, in the same order.
    """
    vtk_points = vtkPoints()
    vtk_points.SetData(wrap(points, "Points"))
    output.SetPoints(vtk_points)
    output.SetVerts(vertices(len(points)))
    for array, spec in zip(columns, specs, strict=True):
        output.GetPointData().AddArray(wrap(array, spec.name))
        if spec.labels is not None:
            output.GetFieldData().AddArray(string_array(spec.name + LABELS_SUFFIX, spec.labels))


def fill_table(output: vtkTable, columns: Sequence[Array], specs: Sequence[ColumnSpec]) -> None:
    """Make a table of the columns; coded ones become strings.

    Parameters
    ----------
    output : vtkTable
        Filled.
    columns : sequence of numpy.ndarray
        Shape (n,) each, contiguous. VTK uses the memory of numbers and keeps it alive; strings are new.
    specs : sequence of ColumnSpec
        Their names and labels, in the same order.
    """
    for array, spec in zip(columns, specs, strict=True):
        if spec.labels is None:
            output.AddColumn(wrap(array, spec.name))
        else:
            texts = [*spec.labels, ""]  # code -1, for a missing one, is the last
            output.AddColumn(string_array(spec.name, [texts[code] for code in array.tolist()]))


def wrap(array: Array, name: str) -> Any:
    """Show an array to VTK.

    Parameters
    ----------
    array : numpy.ndarray
        Contiguous, of a type that VTK has. Not copied: the VTK array keeps it alive.
    name : str
        Name of the VTK array.

    Returns
    -------
    vtkDataArray
        The same memory.
    """
    # By default int8 becomes VTK's plain char (ParaView 5.11), whose sign is the platform's and whose values are texts in Python.
    array_type = VTK_SIGNED_CHAR if array.dtype == np.int8 else None
    vtk_array = numpy_to_vtk(array, deep=0, array_type=array_type)
    vtk_array.SetName(name)
    # An attribute of a Python wrapper outlives its array until VTK next makes another such (VTK 9.2): a deleted source would
    # keep its memory. An observer goes with the array.
    memory = vars(vtk_array).pop("_numpy_reference", array)
    vtk_array.AddObserver("DeleteEvent", lambda *_: memory)
    return vtk_array


def vertices(n_points: int) -> vtkCellArray:
    """One vertex cell a point, so that Threshold, Clip and the Points representation see them.

    Offsets and connectivity are the same numbers, 0 to n, whatever the data: both, and those of the output before where that
    has as many points, share one buffer of 4 bytes a point.

    Parameters
    ----------
    n_points : int
        How many.

    Returns
    -------
    vtkCellArray
        With n_points cells.
    """
    numbers = _numbers(n_points + 1)
    offsets, connectivity = numbers.NewInstance(), numbers.NewInstance()
    for array, length in ((offsets, n_points + 1), (connectivity, n_points)):
        array.ShallowCopy(numbers)
        array.SetNumberOfValues(length)
    cells = vtkCellArray()
    cells.SetData(offsets, connectivity)
    return cells


_counted: list[Any] = []


def _numbers(count: int) -> Any:
    """The numbers from 0 to `count`, in an array that must not be written to."""
    # Not a longer one: an array's memory, which decides where ParaView draws, is what its buffer has.
    if not _counted or _counted[0].GetNumberOfValues() != count:
        # In memory of VTK's own: vtkCellArray.SetData (VTK 9.2) keeps the buffer and not the array, so NumPy's would be freed.
        array = vtkTypeInt32Array() if count <= np.iinfo("i4").max else vtkTypeInt64Array()
        array.SetNumberOfValues(count)
        numbers = vtk_to_numpy(array)
        numbers[:] = np.arange(count, dtype=numbers.dtype)
        _counted[:] = [array]
    return _counted[0]


def string_array(name: str, values: Sequence[str]) -> vtkStringArray:
    """Make an array of texts.

    Parameters
    ----------
    name : str
        Name of the array.
    values : sequence of str
        Copied.

    Returns
    -------
    vtkStringArray
        One component.
    """
    array = vtkStringArray()
    array.SetName(name)
    array.SetNumberOfValues(len(values))
    for index, value in enumerate(values):
        # What UTF-8 cannot write ends the whole process (VTK 9.2), so it is written as an escape.
        array.SetValue(index, value.encode(errors="backslashreplace").decode())
    return array
