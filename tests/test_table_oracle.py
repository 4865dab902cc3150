"""A table that came through a cluster against the one that PVGeo makes of the same rows, as the notebook of 2019 did."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from clusters import cut_evenly, publish_pieces, unpublish
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkTable

from pvdask.launch import ClusterHandle
from pvdask.options import Connection, SourceOptions
from pvdask.pull import pull
from pvdask.ranks import SerialRanks
from pvdask_plugin.filters.pvgeo import import_pvgeo
from pvdask_plugin.vtk_data import fill_table

pytestmark = pytest.mark.cluster

NAME = "oracle"
N_ROWS = 2000
NUMBERS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8")


def make_rows() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    rows = {name: rng.integers(0, 100, N_ROWS).astype(name) for name in NUMBERS}
    rows["f8"] = rng.normal(size=N_ROWS)
    rows["i8"] += 2**60
    rows["kind [odd, name]"] = rng.choice(["dwarf", "giant", "white dwarf", ""], N_ROWS).astype(object)
    return pd.DataFrame(rows)


ROWS = make_rows()


@pytest.fixture
def published(cluster: ClusterHandle) -> Iterator[ClusterHandle]:
    publish_pieces(cluster, NAME, cut_evenly(ROWS, 3))
    yield cluster
    unpublish(cluster, NAME)


def test_the_table_is_that_of_pvgeo(published: ClusterHandle) -> None:
    connection = Connection(str(published.scheduler_file))
    ours, names = vtkTable(), tuple(ROWS.columns)
    pulled = pull(SourceOptions(connection, NAME, output_type="Table", columns=names), SerialRanks())
    fill_table(ours, pulled.columns, pulled.specs)
    theirs = import_pvgeo().interface.data_frame_to_table(ROWS)
    assert ours.GetNumberOfRows() == theirs.GetNumberOfRows() == N_ROWS
    assert ours.GetNumberOfColumns() == theirs.GetNumberOfColumns() == len(names)
    for name in NUMBERS:
        mine, other = (vtk_to_numpy(table.GetColumnByName(name)) for table in (ours, theirs))
        assert mine.dtype == ROWS[name].dtype
        assert np.array_equal(mine, other), name
    texts = [table.GetColumnByName("kind [odd, name]") for table in (ours, theirs)]
    # pyvista, which PVGeo uses, knows ASCII alone
    mine, other = ([array.GetValue(row) for row in range(N_ROWS)] for array in texts)
    assert mine == other == ROWS["kind [odd, name]"].tolist()
