"""What ParaView makes of new points: their first radius, by how close they are, and the column that colours them first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from vtkmodules.vtkCommonDataModel import vtkPolyData, vtkTable

from pvdask.plan import ColumnSpec
from pvdask_plugin.output import RADIUS_ARRAY, add_radius, bounds, choose_scalars, extent, radius
from pvdask_plugin.vtk_data import fill_poly_data

pytestmark = pytest.mark.vtk


def cube(n_points: int, side: float, start: float = 0.0) -> dict[str, Any]:
    return {"n_points": n_points, "bounds": [start, start + side] * 3}


def output_of(columns: dict[str, Any], labels: tuple[str, ...] = ()) -> vtkPolyData:
    specs = [
        ColumnSpec(name, "number", values.dtype.str, ("a", "b") if name in labels else None)
        for name, values in columns.items()
    ]
    output = vtkPolyData()
    n_points = len(next(iter(columns.values()))) if columns else 2
    fill_poly_data(output, np.arange(3.0 * n_points).reshape(-1, 3), list(columns.values()), specs)
    choose_scalars(output, specs)
    return output


def test_the_radius_is_a_tenth_of_the_mean_distance() -> None:
    assert radius([cube(1000, 10.0)]) == pytest.approx(0.1)
    assert radius([cube(8000, 10.0)]) == pytest.approx(0.05)


def test_ranks_count_together_and_those_without_points_not_at_all() -> None:
    halves = [{"n_points": 500, "bounds": [0, 5, 0, 10, 0, 10]}, {"n_points": 500, "bounds": [5, 10, 0, 10, 0, 10]}]
    assert radius([*halves, {}]) == pytest.approx(0.1)


def test_the_radius_can_always_be_drawn() -> None:
    assert radius([cube(10**15, 10.0)]) == pytest.approx(0.01)
    plane = {"n_points": 10**6, "bounds": [0, 10, 0, 10, 5, 5]}
    assert radius([plane]) == pytest.approx(0.01)
    assert radius([cube(7, 0.0, 3.0)]) == radius([]) == radius([{}]) == 1.0


def test_points_carry_their_radius_and_tables_none() -> None:
    output = output_of({"a": np.zeros(2)})
    assert extent(output) == {"n_points": 2, "bounds": [0, 3, 1, 4, 2, 5]}
    add_radius(output, [cube(1000, 10.0)])
    array = output.GetFieldData().GetArray(RADIUS_ARRAY)
    assert array.GetRange() == pytest.approx((0, 0.2))
    table = vtkTable()
    assert extent(table) == {}
    add_radius(table, [])
    assert table.GetFieldData().GetNumberOfArrays() == 0


@pytest.mark.parametrize("n_points", [1, 1023, 1024, 1025, 5000])
def test_bounds_are_those_of_all_points(n_points: int) -> None:
    points = np.random.default_rng(n_points).normal(0, 50, (n_points, 3)).astype("f4")
    expected = [edge for axis in range(3) for edge in (points[:, axis].min(), points[:, axis].max())]
    assert bounds(points) == expected


@pytest.mark.parametrize(
    ("columns", "labels", "expected"),
    [
        ({"id": "i8", "mag": "f4", "temp": "f8"}, (), "mag"),
        ({"id": "i8", "kind": "i4"}, ("kind",), "id"),
        ({"kind": "i4"}, ("kind",), "kind"),
        ({"PartitionId": "i4", "RowId": "i8"}, (), None),
        ({}, (), None),
    ],
)
def test_the_first_colour_is_a_measured_quantity(
    columns: dict[str, str], labels: tuple[str, ...], expected: str | None
) -> None:
    scalars = (
        output_of({name: np.zeros(2, dtype) for name, dtype in columns.items()}, labels).GetPointData().GetScalars()
    )
    assert (scalars.GetName() if scalars else None) == expected
