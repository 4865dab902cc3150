"""Publish To Dask: the input of all ranks becomes a published Dask DataFrame, and passes on."""

from __future__ import annotations

from typing import Any, ClassVar

from vtkmodules.vtkCommonDataModel import vtkDataObject

from pvdask.origin import Origin, trusted_connection
from pvdask.ranks import agree, describe
from pvdask.sharing import Table, publish_tables
from pvdask_plugin.filters.cluster_filter import ClusterFilter, agreed_origins
from pvdask_plugin.vtk_input import leaves
from pvdask_plugin.vtk_ranks import VtkRanks
from pvdask_plugin.vtk_tables import table_of


class PublishToDask(ClusterFilter):
    """One partition a rank, never gathered; the output is the input."""

    DEFAULTS: ClassVar[dict[str, Any]] = {**ClusterFilter.DEFAULTS, "Dataset": "", "Replace": 0}

    def __init__(self) -> None:
        super().__init__("vtkDataObject")

    def SetReplace(self, value: int) -> None:
        """Whether what is published under the name may be replaced."""
        self._set("Replace", value)

    def RequestDataObject(self, request: Any, inInfo: Any, outInfo: Any) -> int:
        """Make the output of the input's kind."""
        data = vtkDataObject.GetData(inInfo[0])
        information = outInfo.GetInformationObject(0)
        output = vtkDataObject.GetData(information)
        if data is not None and (output is None or output.GetClassName() != data.GetClassName()):
            information.Set(vtkDataObject.DATA_OBJECT(), data.NewInstance())
        return 1

    def _execute(self, data: Any, output: Any) -> str:
        found = agreed_origins(data)
        origin = found[0] if len(found) == 1 else Origin()
        table, error = Table({}), None
        try:
            table = table_of(leaves(data), origin)
        except Exception as caught:  # whatever it is, the other ranks must hear of it
            error = describe(caught)
        agree(VtkRanks(), error)
        name = self._value("Dataset")
        replace = bool(self._value("Replace"))
        n_rows = publish_tables(
            trusted_connection(self._connection(), origin), name, table, VtkRanks(), replace=replace
        )
        output.ShallowCopy(data)
        return f"{n_rows:,} rows of {VtkRanks().size} rank(s) published as {name!r}"
