"""What comes into a filter, whatever kind of data it is: its rows, and where they came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkDataSetAttributes

from pvdask.errors import InputError
from pvdask.origin import ARRAY, Origin

Array = np.ndarray[Any, np.dtype[Any]]


def leaves(data: vtkDataObject) -> list[Any]:
    """Take apart composite data.

    Parameters
    ----------
    data : vtkDataObject
        Any.

    Returns
    -------
    list of vtkDataSet or vtkTable
        Those that have rows of their own, empty ones too.
    """
    if not data.IsA("vtkCompositeDataSet"):
        return [data] if data.IsA("vtkDataSet") or data.IsA("vtkTable") else []
    found = []
    iterator = data.NewIterator()
    iterator.InitTraversal()
    while not iterator.IsDoneWithTraversal():
        found += leaves(iterator.GetCurrentDataObject())
        iterator.GoToNextItem()
    return found


def rows_of(leaf: Any) -> vtkDataSetAttributes:
    """Give the arrays that have a value a row.

    Parameters
    ----------
    leaf : vtkDataSet or vtkTable
        One of `leaves`.

    Returns
    -------
    vtkDataSetAttributes
        Row data of a table, else point data.
    """
    return leaf.GetRowData() if leaf.IsA("vtkTable") else leaf.GetPointData()


def own_rows(leaf: Any) -> Array | None:
    """Tell which rows are this rank's own: those that it has only as another's ghosts are not.

    Parameters
    ----------
    leaf : vtkDataSet or vtkTable
        One of `leaves`.

    Returns
    -------
    numpy.ndarray or None
        Shape (n,), bool; None where all are.
    """
    ghosts = rows_of(leaf).GetArray(vtkDataSetAttributes.GhostArrayName())
    if ghosts is None:
        return None
    own: Array = (vtk_to_numpy(ghosts) & vtkDataSetAttributes.DUPLICATEPOINT) == 0
    return own


def integers(data: Sequence[Any], names: Sequence[str]) -> Array:
    """Join integer arrays of all leaves.

    Parameters
    ----------
    data : sequence of vtkDataSet or vtkTable
        `leaves`.
    names : sequence of str
        Arrays of rows.

    Returns
    -------
    numpy.ndarray
        Shape (n_rows, len(names)), int64, new.

    Raises
    ------
    InputError
        Where a leaf with rows lacks one, or it does not hold whole numbers.
    """
    pieces = [np.empty((0, len(names)), "i8")]
    for leaf in data:
        rows = rows_of(leaf)
        n_rows = leaf.GetNumberOfRows() if leaf.IsA("vtkTable") else leaf.GetNumberOfPoints()
        if not n_rows:
            continue
        columns = [_integers(rows, name) for name in names]
        piece = np.stack(columns, axis=1)
        own = own_rows(leaf)
        pieces.append(piece if own is None else piece[own])
    return np.concatenate(pieces)


def _integers(rows: vtkDataSetAttributes, name: str) -> Array:
    array = rows.GetArray(name)
    have = (
        ", ".join(repr(rows.GetAbstractArray(index).GetName()) for index in range(rows.GetNumberOfArrays())) or "none"
    )
    if array is None:
        raise InputError(
            f"The input has no array {name!r} (it has {have}); switch on GenerateRowIds of the Dask source, and Apply."
        )
    values: Array = vtk_to_numpy(array)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise InputError(f"The array {name!r} of the input is no list of whole numbers; expected the source's own.")
    return values.astype("i8")


def origins(data: Sequence[Any]) -> Iterator[Origin]:
    """Read the notes of where the rows came from.

    Parameters
    ----------
    data : sequence of vtkDataSet or vtkTable
        `leaves`.

    Yields
    ------
    Origin
        One for each leaf that has one.

    Raises
    ------
    OriginError
        Where a note is not readable.
    """
    for leaf in data:
        note = leaf.GetFieldData().GetAbstractArray(ARRAY)
        if note is not None and note.IsA("vtkStringArray") and note.GetNumberOfValues():
            yield Origin.from_json(note.GetValue(0))
