"""A partition to a block of arrays: rows without a position dropped and counted, frames of all shapes, what is not copied."""

from __future__ import annotations

import pickle
import subprocess
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from block_requests import check_arrays, request_for, with_positions
from dtype_cases import CASES, assert_same_bits
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdask import columns
from pvdask.columns import convert, cut, describe
from pvdask.partitions import MAXIMUM_LABELS, scan
from pvdask.pickling import by_value

pytestmark = pytest.mark.unit

quick = settings(deadline=None, max_examples=100)


# ---- positions

REALS = st.floats(width=64) | st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -1e39, 0.0, -0.0])


@quick
@given(
    st.lists(st.tuples(REALS, REALS, REALS, st.integers(-(2**63), 2**63 - 1)), max_size=20),
    st.sampled_from(["<f4", "<f8"]),
)
def test_rows_without_a_position_are_dropped_and_counted(rows: list[tuple[float, ...]], point_dtype: str) -> None:
    frame = pd.DataFrame(rows, columns=["x", "y", "z", "id"]).astype({"x": "f8", "y": "f8", "z": "f8", "id": "i8"})
    with np.errstate(over="ignore"):
        wanted = frame[["x", "y", "z"]].astype(point_dtype)
    finite = np.isfinite(wanted).all(axis=1)
    block = convert(frame, request=request_for(("id", "number", "<i8", None), point_dtype=point_dtype))
    check_arrays(block, int(finite.sum()))
    assert_same_bits(block[1], np.ascontiguousarray(wanted[finite].to_numpy()))
    assert_same_bits(block[2], frame["id"][finite].to_numpy())
    n_rows, n_frame_rows, n_dropped, n_bytes = describe(block)
    assert (n_rows, n_frame_rows, n_dropped) == (finite.sum(), len(frame), (~finite).sum())
    assert n_bytes == block[1].nbytes + block[2].nbytes


NUMERIC = [name for name, case in CASES.items() if case.sent[0] in ("number", "boolean", "decimal")]


@pytest.mark.parametrize("name", NUMERIC)
def test_every_numeric_dtype_as_position(name: str) -> None:
    case = CASES[name]
    frame = with_positions(case.series)
    request = request_for(("x", "number", "<f8", None), positions=["v", "y", "z"], point_dtype="<f8")
    points = convert(frame, request=request)[1]
    wanted = case.expected.astype("<f8")
    assert_same_bits(np.ascontiguousarray(points[:, 0]), wanted[np.isfinite(wanted)])


def test_two_positions_lie_on_the_plane_z_0() -> None:
    frame = with_positions(pd.Series([1.0, 2.0]))
    assert convert(frame, request=request_for(positions=["x", "v"]))[1].tolist() == [[0, 1, 0], [1, 2, 0]]


def test_one_column_may_be_several_positions_and_point_data() -> None:
    frame = with_positions(pd.Series([1.5, np.nan, 2.5]))
    block = convert(frame, request=request_for(("v", "number", "<f8", None), positions=["v", "v", "v"]))
    assert block[1].tolist() == [[1.5] * 3, [2.5] * 3]
    assert block[2].tolist() == [1.5, 2.5]


def test_a_frame_with_no_row_left_is_a_valid_block() -> None:
    frame = with_positions(pd.Series([1, 2, 3], dtype="i2"))
    frame["x"] = np.inf
    block = convert(frame, request=request_for(("v", "number", "<i2", None)))
    check_arrays(block, 0)
    assert block[2].dtype == "i2"
    assert describe(block) == (0, 3, 3, 0)


def test_points_may_stay_behind() -> None:
    """A column that is fetched by itself comes with the same rows as the points that are there already."""
    frame = with_positions(pd.Series([1, 2, 3]))
    frame.loc[1, "z"] = np.nan
    block = convert(frame, request=request_for(("v", "number", "<i8", None), send_points=False))
    assert block[1].shape == (0, 3)
    assert block[2].tolist() == [1, 3]
    assert describe(block) == (2, 3, 1, 16)


def test_row_and_partition_lead_back_to_the_row() -> None:
    frame = with_positions(pd.Series([10, 20, 30, 40, 50]))
    frame.loc[[0, 3], "y"] = np.nan
    wanted = [
        ("v", "number", "<i8", None),
        ("p", columns.PARTITION_ID, "<i4", None),
        ("r", columns.ROW_ID, "<i8", None),
    ]
    _, _, values, partition, row = convert(frame, 7, request=request_for(*wanted))
    assert partition.tolist() == [7, 7, 7]
    assert frame["v"].iloc[row].tolist() == values.tolist() == [20, 30, 50]


# ---- frames of all shapes


def test_names_that_are_no_strings() -> None:
    names: list[Any] = [1, ("a", 2), None, 1.5, "x", "y", "z"]
    frame = pd.DataFrame(np.arange(14.0).reshape(2, 7), columns=pd.Index(names, dtype=object, tupleize_cols=False))
    wanted = [(str(name), "number", "<f8", None) for name in names[:4]]
    block = convert(frame, request=request_for(*wanted))
    assert [array.tolist() for array in block[2:]] == [[0, 7], [1, 8], [2, 9], [3, 10]]
    assert list(frame.columns) == names, "the partition keeps its own names"
    assert set(scan(frame, [name for name, *_ in wanted])) == {name for name, *_ in wanted}


def test_a_series_is_a_frame_of_one_column() -> None:
    series = pd.Series([1.5, 2.5], name="v")
    block = convert(series, request=request_for(("v", "number", "<f8", None), positions=["v", "v", "v"]))
    assert block[1].tolist() == [[1.5] * 3, [2.5] * 3]
    assert scan(pd.Series(["b", "a"], name=3), ["3"])["3"] == ("label", False, ["a", "b"])


def test_rows_are_told_by_place_and_not_by_index() -> None:
    frame = with_positions(pd.Series([10, 20, 30]))
    frame.loc[1, "x"] = np.nan
    frame.index = pd.Index([5, 5, 5])
    block = convert(frame, request=request_for(("v", "number", "<i8", None)))
    assert block[2].tolist() == [10, 30]


def test_a_frame_whose_columns_are_not_contiguous() -> None:
    """Rows of a C-ordered table: each column lies with gaps."""
    frame = pd.DataFrame(np.arange(400.0).reshape(100, 4), columns=["x", "y", "z", "v"])
    assert not frame["v"].to_numpy().flags.c_contiguous
    block = convert(frame, request=request_for(("v", "number", "<f8", None)))
    check_arrays(block, 100)
    assert_same_bits(block[2], np.arange(3.0, 400.0, 4.0))


@pytest.mark.parametrize("what", ["position", "column"])
def test_a_column_that_is_missing_is_named(what: str) -> None:
    frame = with_positions(pd.Series([1.0]))
    wanted = (
        request_for(("lost", "number", "<f8", None)) if what == "column" else request_for(positions=["lost", "y", "z"])
    )
    with pytest.raises(ValueError, match=r"no column 'lost'; it has 'v', 'x', 'y', 'z'"):
        convert(frame, request=wanted)


def test_too_many_labels() -> None:
    n_labels = MAXIMUM_LABELS + 1
    frame = pd.DataFrame({"v": np.arange(n_labels).astype(str).astype(object)})
    with pytest.raises(ValueError, match=r"'v' has 100,001 distinct texts"):
        scan(frame, ["v"])
    assert len(scan(frame.iloc[1:], ["v"])["v"][2] or []) == MAXIMUM_LABELS


# ---- cutting


def block_of(n_rows: int) -> list[Any]:
    frame = with_positions(pd.Series(np.arange(n_rows)))
    return convert(frame, request=request_for(("v", "number", "<i8", None), ("x", "number", "<f8", None)))


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (0, 0), (10, 10), (3, 7), (9, 10)])
def test_cut_copies_nothing(start: int, stop: int) -> None:
    block = block_of(10)
    piece = cut(block, start, stop)
    check_arrays(piece, stop - start)
    for whole, part in zip(block[1:], piece[1:], strict=True):
        assert_same_bits(part, whole[start:stop])
        assert np.shares_memory(part, whole) == (stop > start)
    assert describe(piece)[0] == stop - start


@quick
@given(st.lists(st.integers(0, 30), max_size=5).map(sorted))
def test_pieces_of_a_block_join_to_the_block(borders: list[int]) -> None:
    block = block_of(30)
    edges = [0, *borders, 30]
    pieces = [cut(block, start, stop) for start, stop in pairwise(edges)]
    for index in range(1, len(block)):
        assert_same_bits(np.concatenate([piece[index] for piece in pieces]), block[index])
    assert sum(describe(piece)[1] for piece in pieces) == 0, "the partition's rows are not counted once more a piece"


# ---- on workers that have no such package

WORKER = """
import pickle, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("pvdask", "pvdask_plugin", "vtkmodules", "paraview"):
            raise ImportError(f"{name} is not on the workers")
sys.meta_path.insert(0, Blocker())
with open(sys.argv[1], "rb") as file:
    convert, frame = pickle.load(file)
import cloudpickle
result = cloudpickle.loads(convert)(frame)
with open(sys.argv[2], "wb") as file:
    pickle.dump((result, sorted(name for name in sys.modules if name.startswith("pvdask."))), file)
"""


def run_on_worker(pickled: bytes, frame: Any, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "in").write_bytes(pickle.dumps((pickled, frame)))
    command = [sys.executable, "-I", "-c", WORKER, str(folder / "in"), str(folder / "out")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_workers_need_not_have_the_package(tmp_path: Path) -> None:
    case = CASES["string[pyarrow]"]
    frame, request = with_positions(case.series), request_for(("v", *case.sent))
    done = run_on_worker(by_value(partial(convert, request=request)), frame, tmp_path)
    assert done.returncode == 0, done.stderr
    block, imported = pickle.loads((tmp_path / "out").read_bytes())
    assert imported == []
    assert_same_bits(block[2], case.expected)
    done = run_on_worker(by_value(partial(scan, names=["v"])), frame, tmp_path)
    assert done.returncode == 0, done.stderr
    assert pickle.loads((tmp_path / "out").read_bytes())[0] == scan(frame, ["v"])


def test_must_fail_pickled_by_name_the_workers_need_the_package(tmp_path: Path) -> None:
    done = run_on_worker(
        cloudpickle.dumps(partial(convert, request=request_for())), with_positions(pd.Series([1])), tmp_path
    )
    assert done.returncode != 0
    assert "pvdask is not on the workers" in done.stderr
