"""The output of the source: arrays, and what ParaView takes as the first radius and the first colour of new points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkDataArraySelection, vtkDoubleArray
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkPolyData

from pvdask.choices import match_columns
from pvdask.options import PARTITION_ID_ARRAY, ROW_ID_ARRAY
from pvdask.origin import ARRAY
from pvdask.plan import ColumnSpec
from pvdask.ranks import describe
from pvdask_plugin.vtk_data import Array, fill_poly_data, fill_table, string_array

if TYPE_CHECKING:
    from pvdask.pull import Pulled

LAST_PULL_ARRAY = "last pull"
RADIUS_ARRAY = "pvdask:radius"
"""A field array of two values, 0 and twice the radius: the middle of its range is what the XML takes for the first radius."""

_SHARE_OF_SPACING = 0.1
_SHARE_OF_EXTENT = 1e-3
_FOLD = 1024


def fill(output: vtkDataObject, pulled: Pulled) -> str | None:
    """Hand the arrays to VTK.

    Parameters
    ----------
    output : vtkDataObject
        Points or a table; filled.
    pulled : Pulled
        This rank's share.

    Returns
    -------
    str or None
        The error, out of memory for instance, for the ranks to agree on.
    """
    try:
        if output.IsA("vtkTable"):
            fill_table(output, pulled.columns, pulled.specs)
        else:
            fill_poly_data(output, pulled.points, pulled.columns, pulled.specs)
            choose_scalars(output, pulled.specs)
        output.GetFieldData().AddArray(string_array(ARRAY, [pulled.origin.to_json()]))
    except Exception as error:
        return describe(error)
    return None


@dataclass(frozen=True)
class Kept:
    """What the last good output held, so that one after an error has the same arrays, with nothing in them.

    What comes behind the source, a colour or a filter of an array, then finds it, and goes on once there are rows again.

    Parameters
    ----------
    place : tuple
        Where it was from; an output from elsewhere may have other arrays.
    specs : tuple of ColumnSpec
        The arrays, the same on every rank.
    point_dtype : numpy.dtype
        Type of the points.
    """

    place: tuple[Any, ...] = ()
    specs: tuple[ColumnSpec, ...] = ()
    point_dtype: Any = "f4"

    def put_empty(self, output: vtkDataObject, place: tuple[Any, ...]) -> None:
        """Put empty arrays into an output.

        Parameters
        ----------
        output : vtkDataObject
            Empty; stays as it is where it is neither points nor a table, or is from another place.
        place : tuple
            Where it is from.
        """
        columns = [np.empty(0, spec.dtype) for spec in self.specs]
        if place != self.place:
            return
        if output.IsA("vtkTable"):
            fill_table(output, columns, self.specs)
        elif output.IsA("vtkPolyData"):
            fill_poly_data(output, np.empty((0, 3), self.point_dtype), columns, self.specs)


def tell(output: vtkDataObject, pulled: Pulled, rank: int) -> None:
    """Add what the pull did to the output, where the Information panel shows it.

    The panel of properties learns it too late: ParaView asks for information properties before it updates the data (5.11).

    Parameters
    ----------
    output : vtkDataObject
        Gets a field array of one text.
    pulled : Pulled
        What was pulled.
    rank : int
        This rank; the panel shows all ranks' texts one after the other, so that only rank 0 says anything.
    """
    output.GetFieldData().AddArray(string_array(LAST_PULL_ARRAY, [pulled.details()] if rank == 0 else []))


def list_columns(
    selection: vtkDataArraySelection, offered: dict[str, bool], known: set[str], is_same: bool = False
) -> set[str]:
    """Make the list of columns match a dataset, see `pvdask.choices.match_columns`.

    Parameters
    ----------
    selection : vtkDataArraySelection
        The list; changed.
    offered : dict of str to bool
        The dataset's columns, and whether each is on by default.
    known : set of str
        What this returned the last time.
    is_same : bool, optional
        Whether the dataset is that of the last time, published again: a ticked column that it has no more stays then, for the
        pull to tell it.

    Returns
    -------
    set of str
        The names in the list.
    """
    present = [selection.GetArrayName(index) for index in range(selection.GetNumberOfArrays())]
    ticked = {name: bool(selection.ArrayIsEnabled(name)) for name in present}
    gone = {name: True for name, is_on in ticked.items() if is_same and is_on and name not in offered}
    matched = {**match_columns(offered, ticked, known), **gone}
    for name in ticked.keys() - matched.keys():
        selection.RemoveArrayByName(name)
    for name, is_on in matched.items():
        selection.AddArray(name, is_on)
    return set(matched)


def choose_scalars(output: vtkPolyData, specs: Sequence[ColumnSpec]) -> None:
    """Make the first column the active scalars, which is what ParaView colours new points by.

    Fractions go before whole numbers, which may be ids, and those before codes; row ids are no choice.

    Parameters
    ----------
    output : vtkPolyData
        Has an array for each of the columns.
    specs : sequence of ColumnSpec
        The columns, in order.
    """
    columns = [spec for spec in specs if spec.name not in (PARTITION_ID_ARRAY, ROW_ID_ARRAY)]
    first = min(columns, key=lambda spec: (spec.labels is not None, np.dtype(spec.dtype).kind != "f"), default=None)
    if first is not None:
        output.GetPointData().SetActiveScalars(first.name)


def extent(output: vtkDataObject) -> dict[str, Any]:
    """How many points this rank has, and within which bounds.

    Parameters
    ----------
    output : vtkDataObject
        Points, or a table, which has none.

    Returns
    -------
    dict
        As JSON can hold it; empty where there are no points.
    """
    n_points = output.GetNumberOfPoints() if output.IsA("vtkPolyData") else 0
    return {"n_points": n_points, "bounds": bounds(vtk_to_numpy(output.GetPoints().GetData()))} if n_points else {}


def bounds(points: Array) -> list[float]:
    """Within which bounds points are; in a fifth of the time that vtkPoints.GetBounds takes (VTK 9.2).

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, 3), n at least 1, C-contiguous.

    Returns
    -------
    list of float
        Least and greatest x, y and z, in this order.
    """
    # Long rows, of many points each, are what NumPy compares by vector instructions.
    n_folded = len(points) // _FOLD * _FOLD
    rows = points[:n_folded].reshape(-1, 3 * _FOLD)
    lows, highs = [points[n_folded:]], [points[n_folded:]]
    if len(rows):
        lows.append(rows.min(axis=0).reshape(-1, 3))
        highs.append(rows.max(axis=0).reshape(-1, 3))
    low, high = np.concatenate(lows).min(axis=0), np.concatenate(highs).max(axis=0)
    return [float(edge) for pair in zip(low, high, strict=True) for edge in pair]


def add_radius(output: vtkDataObject, extents: Sequence[dict[str, Any]]) -> None:
    """Add the field array that a new representation takes its radius from.

    Parameters
    ----------
    output : vtkDataObject
        Points get it, on every rank; a table does not.
    extents : sequence of dict
        All ranks', see `extent`.
    """
    if not output.IsA("vtkPolyData"):
        return
    array = vtkDoubleArray()
    array.SetName(RADIUS_ARRAY)
    for value in (0.0, 2 * radius(extents)):
        array.InsertNextValue(value)
    output.GetFieldData().AddArray(array)


def radius(extents: Sequence[dict[str, Any]]) -> float:
    """A tenth of the mean distance between points, so that few hide each other; a thousandth of the extent at least.

    Parameters
    ----------
    extents : sequence of dict
        All ranks', see `extent`.

    Returns
    -------
    float
        In the units of the positions; 1 where all points are one.
    """
    known = [each for each in extents if each]
    lows = [[each["bounds"][2 * axis] for each in known] for axis in range(3)]
    highs = [[each["bounds"][2 * axis + 1] for each in known] for axis in range(3)]
    lengths = [max(high) - min(low) for low, high in zip(lows, highs, strict=True) if low]
    largest = max(lengths, default=0.0)
    if not largest > 0:
        return 1.0
    volume = math.prod(max(length, largest * _SHARE_OF_EXTENT) for length in lengths)
    spacing = math.pow(volume / sum(each["n_points"] for each in known), 1 / 3)
    return max(_SHARE_OF_SPACING * spacing, largest * _SHARE_OF_EXTENT)
