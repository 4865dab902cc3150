"""What the filters that ask a Dask cluster have in common: one outcome on all ranks, told once."""

from __future__ import annotations

from typing import Any

from vtkmodules.util.vtkAlgorithm import VTKPythonAlgorithmBase
from vtkmodules.vtkCommonDataModel import vtkDataObject
from vtkmodules.vtkCommonExecutionModel import vtkAlgorithm

from pvdask.origin import Origin, OriginError
from pvdask.ranks import agree, describe
from pvdask_plugin.messages import show_error
from pvdask_plugin.properties import ClusterProperties
from pvdask_plugin.vtk_input import leaves, origins
from pvdask_plugin.vtk_ranks import VtkRanks, hold_collection


class ClusterFilter(ClusterProperties, VTKPythonAlgorithmBase):
    """A filter over any data; a subclass does its work in `_execute`, which all ranks call together.

    Parameters
    ----------
    output_type : str
        VTK class of its output.
    """

    def __init__(self, output_type: str = "vtkDataObject") -> None:
        VTKPythonAlgorithmBase.__init__(self, nInputPorts=1, nOutputPorts=1, outputType=output_type)
        ClusterProperties.__init__(self)
        hold_collection()

    def FillInputPortInformation(self, port: int, info: Any) -> int:
        """Take data of any kind, composite ones as a whole."""
        info.Set(vtkAlgorithm.INPUT_REQUIRED_DATA_TYPE(), "vtkDataObject")
        return 1

    def RequestData(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Do the work; on an error on any rank, an empty output on all."""
        output = vtkDataObject.GetData(outInfo)
        hold_collection()
        # An exception here would leave ParaView with a partial result and exit status 0, so it is told in its place.
        try:
            self._figures = {}
            self._status = self._execute(vtkDataObject.GetData(inInfo[0]), output)
        except Exception as error:
            self._figures = {"failed": 1}
            self._status = f"Error: {describe(error)}"
            output.Initialize()
            show_error(describe(error), VtkRanks().rank)
        return 1

    def _execute(self, data: Any, output: Any) -> str:
        """Do the work, and tell in one sentence what was done; an error has to be one on all ranks."""
        raise NotImplementedError


def agreed_origins(data: Any) -> list[Origin]:
    """Find where the input of all ranks came from; all ranks call this.

    Parameters
    ----------
    data : vtkDataObject
        This rank's input.

    Returns
    -------
    list of Origin
        Different ones, the same on all ranks; none where no rank has a note of it.

    Raises
    ------
    AgreedError
        On all ranks, where a note is not readable.
    """
    found: list[str] = []
    error = None
    try:
        found = sorted({origin.to_json() for origin in origins(leaves(data))})
    except OriginError as caught:
        error = describe(caught)
    everywhere = {text for report in agree(VtkRanks(), error, {"found": found}) for text in report["found"]}
    return [Origin.from_json(text) for text in sorted(everywhere)]


def only_origin(found: list[Origin]) -> Origin:
    """Take the one place that the input came from.

    Parameters
    ----------
    found : list of Origin
        What `agreed_origins` gave.

    Returns
    -------
    Origin
        The one.

    Raises
    ------
    OriginError
        Where there is none, or several.
    """
    if not found:
        raise OriginError(
            "The input does not tell which Dask DataFrame it came from; put this filter behind a Dask source (most filters "
            "keep its field data), or name the Dataset."
        )
    if len(found) > 1:
        raise OriginError("The input comes from several Dask DataFrames; put the filter behind one of them.")
    return found[0]
