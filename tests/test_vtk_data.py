"""Arrays to VTK without a copy: the same memory, kept as long as VTK needs it, and let go of afterwards."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkObject
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData, vtkTable
from vtkmodules.vtkFiltersCore import vtkThresholdPoints

from pvdask.plan import ColumnSpec
from pvdask_plugin.vtk_data import LABELS_SUFFIX, fill_poly_data, fill_table, vertices, wrap

pytestmark = pytest.mark.vtk

DTYPES = ["i1", "u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", "<f8"]
N = 1000


def number(name: str, dtype: str) -> ColumnSpec:
    return ColumnSpec(name, "number", dtype)


def label(name: str, *labels: str) -> ColumnSpec:
    return ColumnSpec(name, "label", "<i4", labels)


def filled(n_points: int = N, dtype: str = "<f4") -> tuple[vtkPolyData, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Points and one column, with the arrays that they were made of."""
    points = np.random.default_rng(1).random((n_points, 3)).astype(dtype)
    column = np.arange(n_points, dtype="<i8") + 2**53
    output = vtkPolyData()
    fill_poly_data(output, points, [column], [number("source_id", "<i8")])
    return output, points, column


@pytest.fixture
def without_collector() -> Iterator[None]:
    """What is freed here is freed by reference counts alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# ---- the same memory


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_points_are_the_same_memory(dtype: str) -> None:
    output, points, _ = filled(dtype=dtype)
    assert output.GetNumberOfPoints() == N
    assert output.GetPoints().GetData().GetDataTypeSize() == np.dtype(dtype).itemsize
    assert np.shares_memory(vtk_to_numpy(output.GetPoints().GetData()), points)
    points[7] = (1.5, -2.5, 3.5)
    assert output.GetPoint(7) == (1.5, -2.5, 3.5)


def test_columns_are_the_same_memory() -> None:
    output, _, column = filled()
    array = output.GetPointData().GetArray("source_id")
    assert np.shares_memory(vtk_to_numpy(array), column)
    column[3] = 2**60 + 1
    assert array.GetValue(3) == 2**60 + 1


def test_table_columns_are_the_same_memory() -> None:
    column, output = np.arange(5.0), vtkTable()
    fill_table(output, [column], [number("a", "<f8")])
    column[2] = 77.0
    assert output.GetValueByName(2, "a").ToDouble() == 77.0
    assert np.shares_memory(vtk_to_numpy(output.GetColumnByName("a")), column)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_keeps_its_width_sign_and_values(dtype: str) -> None:
    limits: Any = np.finfo(dtype) if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
    values = np.array([limits.min, 0, 1, limits.max], dtype)
    array = wrap(values, "v")
    assert array.GetDataTypeSize() == values.itemsize
    assert array.GetNumberOfComponents() == 1
    assert [array.GetValue(index) for index in range(4)] == values.tolist()
    assert array.GetDataTypeAsString() != "char", "whose sign is another on another platform"
    back = vtk_to_numpy(array)
    assert back.dtype.kind == values.dtype.kind
    assert back.tobytes() == values.tobytes()
    assert np.shares_memory(back, values)


def test_not_a_number_stays_so() -> None:
    array = wrap(np.array([np.nan, np.inf, -0.0]), "v")
    assert np.isnan(array.GetValue(0))
    assert array.GetValue(1) == np.inf
    assert np.signbit(array.GetValue(2))


def test_integers_beyond_double_precision_are_exact() -> None:
    assert wrap(np.array([2**53 + 1, -(2**63)]), "v").GetValue(0) == 2**53 + 1
    assert wrap(np.array([2**64 - 1], "u8"), "v").GetValue(0) == 2**64 - 1


NAMES = ["plx[mas]", "a b", 'quote " and , comma', "größe Ω", "1st", "x", "X", "('a', 2)", "1"]


def test_arrays_have_their_columns_names_and_order() -> None:
    output = vtkPolyData()
    points = np.zeros((2, 3), "f4")
    arrays = [np.full(2, index, "f8") for index in range(len(NAMES))]
    fill_poly_data(output, points, arrays, [number(name, "<f8") for name in NAMES])
    data = output.GetPointData()
    assert [data.GetArrayName(index) for index in range(data.GetNumberOfArrays())] == NAMES
    assert [data.GetArray(name).GetValue(0) for name in NAMES] == list(range(len(NAMES)))


# ---- vertices


@pytest.mark.parametrize("n_points", [0, 1, 2, N])
def test_one_vertex_a_point(n_points: int) -> None:
    output, _, _ = filled(n_points)
    assert output.GetNumberOfVerts() == output.GetNumberOfCells() == n_points
    for index in {0, n_points // 2, n_points - 1} & set(range(n_points)):
        cell = output.GetCell(index)
        assert cell.GetNumberOfPoints() == 1
        assert cell.GetPointId(0) == index


def test_vertices_are_valid_and_cost_four_bytes_a_point() -> None:
    cells = vertices(N)
    assert cells.IsValid()
    assert not cells.IsStorage64Bit()
    offsets, connectivity = (vtk_to_numpy(a) for a in (cells.GetOffsetsArray(), cells.GetConnectivityArray()))
    assert np.array_equal(offsets, np.arange(N + 1))
    assert np.array_equal(connectivity, np.arange(N))
    assert np.shares_memory(offsets, connectivity)


def test_a_filter_sees_all_that_is_there() -> None:
    output, _, column = filled()
    keep = vtkThresholdPoints()
    keep.SetInputData(output)
    keep.SetInputArrayToProcess(0, 0, 0, 0, "source_id")
    keep.ThresholdByUpper(float(column[N // 2]))
    keep.Update()
    wanted = column.astype("f8") >= float(column[N // 2])
    assert keep.GetOutput().GetNumberOfPoints() == np.count_nonzero(wanted)


def test_nothing_at_all() -> None:
    output = vtkPolyData()
    fill_poly_data(output, np.empty((0, 3), "f4"), [np.empty(0, "i8")], [number("a", "<i8")])
    assert output.GetNumberOfPoints() == 0
    assert output.GetPointData().GetArray("a").GetNumberOfTuples() == 0
    assert output.GetPointData().GetArrayName(0) == "a", "the same arrays on a rank with no rows"


# ---- labels


def texts_of(array: Any) -> list[str]:
    return [array.GetValue(index) for index in range(array.GetNumberOfValues())]


def test_labels_travel_beside_the_codes() -> None:
    output = vtkPolyData()
    codes = np.array([1, 0, -1], "i4")
    fill_poly_data(output, np.zeros((3, 3), "f4"), [codes], [label("type", "G", "größer Ω")])
    assert vtk_to_numpy(output.GetPointData().GetArray("type")).tolist() == [1, 0, -1]
    field = output.GetFieldData()
    assert field.GetNumberOfArrays() == 1
    assert texts_of(field.GetAbstractArray("type" + LABELS_SUFFIX)) == ["G", "größer Ω"]


def test_labels_of_several_columns_and_of_none() -> None:
    output = vtkPolyData()
    zeros = np.zeros(1, "i4")
    fill_poly_data(output, np.zeros((1, 3), "f4"), [zeros, zeros], [label("a", "x"), label("b")])
    field = output.GetFieldData()
    assert [field.GetArrayName(index) for index in range(2)] == ["a" + LABELS_SUFFIX, "b" + LABELS_SUFFIX]
    assert texts_of(field.GetAbstractArray(1)) == []


def test_a_table_has_the_texts_themselves() -> None:
    output = vtkTable()
    columns = [np.array([1, -1, 0], "i4"), np.arange(3, dtype="i2")]
    fill_table(output, columns, [label("type", "G", "größer Ω"), number("n", "<i2")])
    assert output.GetNumberOfRows() == 3
    assert texts_of(output.GetColumnByName("type")) == ["größer Ω", "", "G"]
    assert vtk_to_numpy(output.GetColumnByName("n")).tolist() == [0, 1, 2]


def test_texts_that_are_no_unicode() -> None:
    """As of a CSV file read with surrogateescape: shown somehow, and no error."""
    output = vtkPolyData()
    fill_poly_data(output, np.zeros((1, 3), "f4"), [np.zeros(1, "i4")], [label("type", "a\udcffb")])
    (text,) = texts_of(output.GetFieldData().GetAbstractArray("type" + LABELS_SUFFIX))
    assert text.startswith("a")
    assert text.endswith("b")


# ---- how long memory is kept


def test_vtk_keeps_the_memory_alive(without_collector: None) -> None:
    """All that Python had of the arrays is gone, and much else is written; what VTK shows stays."""
    output, points, column = filled()
    expected_points, expected = points.copy(), column.copy()
    alive = weakref.ref(points), weakref.ref(column)
    del points, column
    gc.collect()
    assert all(reference() is not None for reference in alive)
    noise = [np.full((N, 3), -1.0, "f4") for _ in range(200)]
    assert np.array_equal(vtk_to_numpy(output.GetPoints().GetData()), expected_points)
    assert np.array_equal(vtk_to_numpy(output.GetPointData().GetArray("source_id")), expected)
    assert output.GetCell(N - 1).GetPointId(0) == N - 1
    del noise


def test_another_data_object_keeps_the_memory_alive(without_collector: None) -> None:
    """As the next filter of a pipeline does, after the source has let go."""
    output, points, column = filled()
    expected = column.copy()
    other = vtkPolyData()
    other.ShallowCopy(output)
    del output, points, column
    gc.collect()
    assert np.array_equal(vtk_to_numpy(other.GetPointData().GetArray("source_id")), expected)


def test_vertices_are_in_memory_of_their_own(without_collector: None) -> None:
    """vtkCellArray.SetData (VTK 9.2) keeps the buffer of what it is given and not the array that keeps NumPy's alive."""
    cells = vertices(N)
    noise = [np.full(N + 1, -1, "i4") for _ in range(200)]
    assert np.array_equal(vtk_to_numpy(cells.GetOffsetsArray()), np.arange(N + 1))
    copy = vtkCellArray()
    copy.ShallowCopy(cells)
    del cells
    noise += [np.full(N + 1, -1, "i4") for _ in range(200)]
    assert np.array_equal(vtk_to_numpy(copy.GetConnectivityArray()), np.arange(N))


def test_must_fail_memory_that_is_not_kept_is_seen(without_collector: None) -> None:
    numbers = np.arange(N + 1, dtype="i4")
    alive = weakref.ref(numbers)
    cells = vtkCellArray()
    cells.SetData(numpy_to_vtk(numbers, deep=0), numpy_to_vtk(numbers[:-1], deep=0))
    del numbers
    assert alive() is None, "the cells now show memory that is free for others"


def test_memory_is_let_go_of_with_the_data_object(without_collector: None) -> None:
    output, points, column = filled()
    gone = weakref.ref(points), weakref.ref(column)
    del points, column
    output.Initialize()
    assert [reference() is None for reference in gone] == [True, True], "at once, not when VTK next tidies up"


def test_vtk_s_objects_die_with_the_data_object(without_collector: None) -> None:
    deleted: list[str] = []

    def watch(what: vtkObject) -> None:
        name = what.GetClassName()
        what.AddObserver("DeleteEvent", lambda *_: deleted.append(name))

    output, points, column = filled()
    watched = [
        output,
        output.GetPoints(),
        output.GetPoints().GetData(),
        output.GetVerts(),
        output.GetVerts().GetConnectivityArray(),
        output.GetVerts().GetOffsetsArray(),
        output.GetPointData().GetArray(0),
    ]
    for what in watched:
        watch(what)
    n_watched = len(watched)
    del what, watched, output
    assert len(deleted) == n_watched, deleted
    assert points.shape == (N, 3)
    assert len(column) == N


def test_a_thousand_pulls_leave_nothing(without_collector: None) -> None:
    output = vtkPolyData()
    references = []
    for _ in range(1000):
        points, column = np.zeros((10, 3), "f4"), np.zeros(10)
        references += [weakref.ref(points), weakref.ref(column)]
        output.Initialize()
        fill_poly_data(output, points, [column], [number("a", "<f8")])
    del points, column
    assert sum(reference() is not None for reference in references) == 2, "those of the last pull alone"


# ---- the harness itself


def test_must_fail_a_copy_is_seen() -> None:
    values = np.arange(4.0)
    copied = numpy_to_vtk(values, deep=1)
    assert not np.shares_memory(vtk_to_numpy(copied), values)
    values[0] = 5.0
    assert copied.GetValue(0) == 0.0


def test_must_fail_a_leak_is_seen(without_collector: None) -> None:
    deleted: list[str] = []
    output, points, _ = filled()
    output.AddObserver("DeleteEvent", lambda *_: deleted.append("output"))
    kept = output.GetPoints()
    reference = weakref.ref(points)
    del output, points
    assert deleted == ["output"]
    assert reference() is not None, "whoever keeps the points keeps their memory"
    del kept
    assert reference() is None
