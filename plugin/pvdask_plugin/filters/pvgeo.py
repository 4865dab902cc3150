"""PVGeo's own filters behind ParaView's menu: what the adapters have in common, and the import of PVGeo, which is a trap.

PVGeo's plugin for ParaView was made with decorators that ParaView 5.11 cannot run on Python 3.11. Its algorithms do run.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
from vtkmodules.util.vtkAlgorithm import VTKPythonAlgorithmBase
from vtkmodules.vtkCommonCore import vtkInformation, vtkInformationVector, vtkOutputWindow
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkDataObjectTypes
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm

from pvdask.errors import InputError, SetupError
from pvdask.ranks import agree, describe
from pvdask_plugin.messages import show_error
from pvdask_plugin.properties import Properties
from pvdask_plugin.vtk_ranks import VtkRanks, hold_collection

HOW_TO_INSTALL = (
    "PVGeo is not installed for ParaView's Python ({version}), where the package {package!r} is missing: `./run setup` "
    "installs it; elsewhere run `pip install --no-deps -r constraints/pvgeo.txt`, since with its dependencies came a vtk wheel, "
    "which crashes ParaView."
)

POINT, CELL, ROW = vtkDataObject.POINT, vtkDataObject.CELL, vtkDataObject.ROW


class PVGeoFilter(Properties, VTKPythonAlgorithmBase):
    """A filter whose work an algorithm of PVGeo does, on each rank with what the rank has.

    A subclass says which algorithm, and sets it up.
    """

    ALGORITHM: ClassVar[str] = ""
    """Name of PVGeo's class."""

    INPUT_TYPE: ClassVar[str] = "vtkPolyData"
    OUTPUT_TYPE: ClassVar[str] = ""
    """Class of the output; empty for that of the input."""

    def __init__(self) -> None:
        VTKPythonAlgorithmBase.__init__(
            self, nInputPorts=1, nOutputPorts=1, outputType=self.OUTPUT_TYPE or "vtkDataObject"
        )
        Properties.__init__(self)
        hold_collection()

    def FillInputPortInformation(self, port: int, info: Any) -> int:
        """Take data of any kind: what is not of the right one is an error, and composite data are not taken apart.

        Ranks can differ in how many blocks they have, and what is done here is done on all ranks together.
        """
        info.Set(vtkAlgorithm.INPUT_REQUIRED_DATA_TYPE(), "vtkDataObject")
        return 1

    def RequestDataObject(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Make the output, of the input's kind where none is named."""
        information = outInfo.GetInformationObject(0)
        output, data = vtkDataObject.GetData(information), vtkDataObject.GetData(inInfo[0])
        wanted = self.OUTPUT_TYPE or (data.GetClassName() if data is not None else "")
        if wanted and (output is None or output.GetClassName() != wanted):
            information.Set(vtkDataObject.DATA_OBJECT(), vtkDataObjectTypes.NewDataObject(wanted))
        return 1

    def RequestData(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Have PVGeo's algorithm do the work; on an error on any rank, an empty output on all."""
        output = vtkDataObject.GetData(outInfo)
        error = None
        try:
            self._execute(vtkDataObject.GetData(inInfo[0]), output)
        except Exception as caught:  # whatever it is, the other ranks must hear of it
            error = told(caught)
        try:
            agree(VtkRanks(), error)
        except Exception as agreed:
            output.Initialize()
            show_error(describe(agreed), VtkRanks().rank, "PVGeo")
        return 1

    def _execute(self, data: Any, output: Any) -> None:
        label = type(self).__name__
        if data.IsA("vtkCompositeDataSet") or not data.IsA(self.INPUT_TYPE):
            raise InputError(
                f"{label} takes a {self.INPUT_TYPE}, and the input is a {data.GetClassName()}; of composite data, extract or merge "
                "blocks first."
            )
        if not (data.GetNumberOfRows() if data.IsA("vtkTable") else data.GetNumberOfPoints()):
            import_pvgeo()  # so that all ranks agree on whether it is there
            output.GetFieldData().PassData(data.GetFieldData())  # a rank that has nothing of the input
            return
        with _own_random_numbers(), np.errstate(all="ignore"):
            self._run(getattr(import_pvgeo().filters, self.ALGORITHM)(), data, output)
        kept = output.GetFieldData()
        for index in range(data.GetFieldData().GetNumberOfArrays()):  # where the rows came from, above all
            array = data.GetFieldData().GetAbstractArray(index)
            if kept.GetAbstractArray(array.GetName()) is None:
                kept.AddArray(array)

    def _run(self, algorithm: Any, data: Any, output: Any) -> None:
        """Set PVGeo's algorithm up, and have it run on data that have points or rows."""
        raise NotImplementedError


def run(algorithm: Any, data: Any, output: Any) -> None:
    """Call PVGeo's RequestData, so that its errors come as exceptions: in a pipeline they would be printed, and that is all.

    Parameters
    ----------
    algorithm : PVGeo.base.AlgorithmBase
        Set up.
    data, output : vtkDataObject
        What it takes, and what it fills.
    """
    algorithm.RequestData(None, [_vector(data)], _vector(output))


def _vector(data: Any) -> vtkInformationVector:
    information, vector = vtkInformation(), vtkInformationVector()
    information.Set(vtkDataObject.DATA_OBJECT(), data)
    vector.Append(information)
    return vector


def told(error: Exception) -> str:
    """Say in words what went wrong.

    Parameters
    ----------
    error : Exception
        Any; PVGeo wraps its own in arrows.

    Returns
    -------
    str
        One message for a person.
    """
    message = describe(error)
    if type(error).__name__ != "PVGeoError":
        return message
    return (message.partition("--->")[2].rpartition("<---")[0] or message).strip()


def import_pvgeo() -> Any:
    """Import PVGeo without harm to ParaView's messages.

    On import, pyvista (0.43) sends VTK's messages to `logging`, whose stream ParaView (5.11) sends to VTK, without end. So
    ParaView's streams are out of the way meanwhile, and its window for messages is put back.

    Returns
    -------
    module
        PVGeo.

    Raises
    ------
    SetupError
        Where it is not installed.
    """
    if "PVGeo" in sys.modules:
        return sys.modules["PVGeo"]
    window, streams = vtkOutputWindow.GetInstance(), (sys.stdout, sys.stderr)
    sys.stdout, sys.stderr = sys.__stdout__ or sys.stdout, sys.__stderr__ or sys.stderr
    try:
        return importlib.import_module("PVGeo")
    except ModuleNotFoundError as missing:
        version = sys.version.split()[0]
        raise SetupError(HOW_TO_INSTALL.format(version=version, package=missing.name)) from None
    finally:
        sys.stdout, sys.stderr = streams
        vtkOutputWindow.SetInstance(window)


def find_array(data: Any, name: str, what: str, associations: tuple[int, ...] = (POINT, CELL, ROW)) -> tuple[int, Any]:
    """Find an array by its name.

    Parameters
    ----------
    data : vtkDataObject
        The input.
    name : str
        Of the array.
    what : str
        Property that names it, for a message.
    associations : tuple of int, optional
        Where to look, in this order.

    Returns
    -------
    tuple
        Where it is, and the array.

    Raises
    ------
    InputError
        Where there is no array of numbers of that name.
    """
    offered: dict[str, None] = {}
    for association in associations:
        arrays = data.GetAttributesAsFieldData(association)
        if arrays is None:
            continue
        array = arrays.GetArray(name)
        if array is not None:
            return association, array
        offered |= dict.fromkeys(_numeric(arrays))
    have = ", ".join(map(repr, offered)) or "none"
    raise InputError(f"{what}: the input has no array of numbers {name!r}; it has {have}. Choose one of these.")


def _numeric(arrays: Any) -> Iterator[str]:
    for index in range(arrays.GetNumberOfArrays()):
        array = arrays.GetArray(index)
        if array is not None and array.GetName():
            yield str(array.GetName())


@contextmanager
def _own_random_numbers() -> Iterator[None]:
    """PVGeo estimates spacings from a random choice of points: the same choice each time, and on no account the user's numbers."""
    state = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(state)
