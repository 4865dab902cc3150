"""Look Up Rows: a table of all columns of the rows that a selection's points came from."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from pvdask.options import PARTITION_ID_ARRAY, ROW_ID_ARRAY
from pvdask.origin import Origin, trusted_connection
from pvdask.ranks import agree, describe
from pvdask_plugin.filters.cluster_filter import ClusterFilter, agreed_origins, only_origin
from pvdask_plugin.vtk_data import fill_table
from pvdask_plugin.vtk_input import integers, leaves
from pvdask_plugin.vtk_ranks import VtkRanks


class LookUpRows(ClusterFilter):
    """A table of all columns of the input's rows, found by their ids; each rank looks up its own."""

    DEFAULTS: ClassVar[dict[str, Any]] = {**ClusterFilter.DEFAULTS, "Dataset": "", "MaximumRows": 100_000}

    def __init__(self) -> None:
        super().__init__("vtkTable")

    def _execute(self, data: Any, output: Any) -> str:
        from pvdask.lookup import look_up

        ids, error = np.empty((0, 2), "i8"), None
        try:
            ids = integers(leaves(data), (PARTITION_ID_ARRAY, ROW_ID_ARRAY))
        except Exception as caught:  # whatever it is, the other ranks must hear of it
            error = describe(caught)
        agree(VtkRanks(), error)
        dataset = self._value("Dataset")
        origin = Origin(dataset=dataset) if dataset else only_origin(agreed_origins(data))
        maximum = int(self._value("MaximumRows"))
        files = () if origin.scheduler else origin.files
        rows = look_up(trusted_connection(self._connection(files), origin), origin, ids, maximum, VtkRanks())
        fill_table(output, rows.columns, rows.specs)
        return f"{rows.n_rows:,} rows of {len(rows.specs) - 2} columns looked up"
