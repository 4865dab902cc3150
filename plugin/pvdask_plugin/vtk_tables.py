"""Rows of VTK data to columns of a table: positions and arrays, each in its own type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkDataSetAttributes

from pvdask.errors import InputError
from pvdask.options import COORDINATES
from pvdask.origin import ARRAY, Origin
from pvdask.sharing import Table
from pvdask_plugin.vtk_data import LABELS_SUFFIX
from pvdask_plugin.vtk_input import own_rows, rows_of

Array = np.ndarray[Any, np.dtype[Any]]
AXES = ("x", "y", "z")


def table_of(data: Sequence[Any], origin: Origin) -> Table:
    """Give the rows of all leaves as one table.

    Parameters
    ----------
    data : sequence of vtkDataSet or vtkTable
        See `pvdask_plugin.vtk_input.leaves`; those without rows do not count.
    origin : Origin
        Names the columns of the positions; x, y and z where it does not.

    Returns
    -------
    Table
        Positions first. A position whose name an array has is left out: the array is that column itself. An array of several
        components is a column each, ``NAME_0`` and so on. Ghost rows are left out. It shares memory with the data where it can.

    Raises
    ------
    InputError
        Where two columns have the same name, or the leaves differ in their arrays.
    """
    tables = [(dict(_columns(leaf, origin)), own_rows(leaf)) for leaf in data if _n_rows(leaf)]
    if not tables:
        tables = [(dict(_columns(leaf, origin)), None) for leaf in data[:1]]
    columns: dict[str, Array] = {}
    for name in tables[0][0] if tables else ():
        if any(set(table) != set(tables[0][0]) for table, _ in tables):
            raise InputError("The blocks of the input differ in their arrays; expected the same ones in each.")
        pieces = [table[name] if own is None else table[name][own] for table, own in tables]
        columns[name] = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    labels: dict[str, list[str]] = {}
    for leaf in data:
        labels |= {name: texts for name, texts in _labels(leaf) if name in columns}
    return Table(columns, labels)


def _n_rows(leaf: Any) -> int:
    return int(leaf.GetNumberOfRows() if leaf.IsA("vtkTable") else leaf.GetNumberOfPoints())


def _columns(leaf: Any, origin: Origin) -> Iterator[tuple[str, Array]]:
    arrays = dict(_arrays(rows_of(leaf)))
    for name, values in _positions(leaf, origin):
        if name not in arrays:
            yield name, values
    yield from arrays.items()


def _positions(leaf: Any, origin: Origin) -> Iterator[tuple[str, Array]]:
    if leaf.IsA("vtkTable") or not leaf.GetNumberOfPoints():
        return
    is_named = origin.positions and origin.coordinates == COORDINATES[0]
    names = (*origin.positions, *AXES[len(origin.positions) :]) if is_named else AXES
    if leaf.IsA("vtkPointSet"):
        points = vtk_to_numpy(leaf.GetPoints().GetData())
    else:
        points = np.array([leaf.GetPoint(index) for index in range(leaf.GetNumberOfPoints())])
    for axis, name in enumerate(names):
        yield name, points[:, axis]


def _arrays(rows: vtkDataSetAttributes) -> Iterator[tuple[str, Array]]:
    seen: set[str] = set()
    for index in range(rows.GetNumberOfArrays()):
        array = rows.GetAbstractArray(index)
        name = array.GetName() or f"array_{index}"
        if name == vtkDataSetAttributes.GhostArrayName():
            continue
        for column, values in _components(array, name):
            if column in seen:
                raise InputError(f"The input has several arrays that would become a column {column!r}; rename one.")
            seen.add(column)
            yield column, values


def _components(array: Any, name: str) -> Iterator[tuple[str, Array]]:
    if not array.IsA("vtkDataArray"):
        texts = [array.GetVariantValue(index).ToString() for index in range(array.GetNumberOfValues())]
        yield name, np.array(texts, dtype=object)
        return
    values = vtk_to_numpy(array)
    if values.ndim == 1:
        yield name, values
        return
    for component in range(values.shape[1]):
        yield f"{name}_{component}", values[:, component]


def _labels(leaf: Any) -> Iterator[tuple[str, list[str]]]:
    """What codes stand for, as the source writes it beside the arrays of codes."""
    fields = leaf.GetFieldData()
    for index in range(fields.GetNumberOfArrays()):
        array = fields.GetAbstractArray(index)
        name = array.GetName() or ""
        if name.endswith(LABELS_SUFFIX) and name != ARRAY and array.IsA("vtkStringArray"):
            yield name.removesuffix(LABELS_SUFFIX), [array.GetValue(i) for i in range(array.GetNumberOfValues())]
