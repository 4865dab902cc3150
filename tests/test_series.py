"""Columns of every dtype to arrays, bit for bit what Python and pandas have in them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from block_requests import check_arrays, request_for, with_positions
from dtype_cases import CASES, PER_SECOND, UNFIT_OBJECTS, UNITS, arrow, assert_same_bits, floats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from pvdask.columns import convert
from pvdask.partitions import scan

pytestmark = pytest.mark.unit

quick = settings(deadline=None, max_examples=100)


@pytest.mark.parametrize("name", CASES)
def test_every_dtype(name: str) -> None:
    case = CASES[name]
    frame = with_positions(case.series)
    before = frame.copy(deep=True)
    block = convert(frame, request=request_for(("v", *case.sent)))
    check_arrays(block, len(frame))
    assert_same_bits(block[2], case.expected)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("name", CASES)
def test_every_dtype_by_partitions_of_one_row_and_of_none(name: str) -> None:
    """A partition that has no missing row, or no row, makes arrays of the type that the whole frame needs."""
    case = CASES[name]
    frame, request = with_positions(case.series), request_for(("v", *case.sent))
    ranges = [(0, 0), *((row, row + 1) for row in range(len(frame))), (len(frame), len(frame))]
    blocks = [convert(frame.iloc[start:stop], request=request) for start, stop in ranges]
    for block, (start, stop) in zip(blocks, ranges, strict=True):
        check_arrays(block, stop - start)
    assert_same_bits(np.concatenate([block[2] for block in blocks]), case.expected)


@pytest.mark.parametrize("name", CASES)
def test_every_dtype_with_rows_dropped(name: str) -> None:
    case = CASES[name]
    frame = with_positions(case.series)
    frame.loc[::2, "y"] = np.nan
    block = convert(frame, request=request_for(("v", *case.sent)))
    check_arrays(block, len(frame) // 2)
    assert_same_bits(block[2], case.expected[1::2])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.scanned])
def test_every_dtype_that_has_to_be_looked_at(name: str) -> None:
    case = CASES[name]
    kind, missing, labels = scan(with_positions(case.series), ["v"])["v"]
    assert kind == case.scanned
    assert missing is bool(case.series.isna().any())
    assert labels == (None if case.sent[2] is None else list(case.sent[2]))
    empty_kind, empty_missing, empty_labels = scan(with_positions(case.series).iloc[:0], ["v"])["v"]
    assert empty_kind in (case.scanned, "empty")
    assert empty_missing is False
    if not isinstance(case.series.dtype, pd.CategoricalDtype):
        assert not empty_labels


@pytest.mark.parametrize("name", UNFIT_OBJECTS)
def test_objects_that_no_array_can_hold(name: str) -> None:
    frame = pd.DataFrame({"v": pd.Series(UNFIT_OBJECTS[name], dtype=object)})
    assert scan(frame, ["v"])["v"][0] == "nested"


def test_labels_by_one_table_whatever_the_partition_s_own_categories() -> None:
    table = ["A", "F", "G", "K", "M"]
    first = with_positions(pd.Series(["M", "A", None], dtype=pd.CategoricalDtype(["M", "A"])))
    second = with_positions(pd.Series(["K", "F"], dtype=pd.CategoricalDtype(["K", "F"], ordered=True)))
    request = request_for(("v", "label", "<i4", table))
    assert convert(first, request=request)[2].tolist() == [4, 0, -1]
    assert convert(second, request=request)[2].tolist() == [3, 1]


def test_categories_that_are_written_alike() -> None:
    """1 and "1" are two categories with one label."""
    frame = with_positions(pd.Series([1, "1", None, 2], dtype="category"))
    _, _, labels = scan(frame, ["v"])["v"]
    codes = convert(frame, request=request_for(("v", "label", "<i4", labels)))[2]
    assert [labels[code] if code >= 0 else None for code in codes] == ["1", "1", None, "2"]


def test_dates_of_any_century() -> None:
    days = [-200_000, None, 2_000_000]
    frame = with_positions(arrow(days, pa.date32()))
    found = convert(frame, request=request_for(("v", "datetime", "<f8", None)))[2]
    assert_same_bits(found, floats([None if day is None else day * 86_400 for day in days]))


def test_integers_as_objects_keep_every_digit_or_are_close() -> None:
    """Objects become double precision: whole numbers up to 2**53 come through exactly."""
    values = [2**53, -(2**53), 2**53 - 1, None]
    frame = with_positions(pd.Series(values, dtype=object))
    assert_same_bits(convert(frame, request=request_for(("v", "number", "<f8", None)))[2], floats(values))


@quick
@given(st.lists(st.integers(-(10**9) + 1, 10**9 - 1), min_size=1, max_size=30), st.sampled_from([0, 2, 5, 9]))
def test_decimals_are_the_nearest_numbers(units: list[int], scale: int) -> None:
    """As Python's ``float()`` has them: 12345.67 is drawn as what anyone else takes for 12345.67."""
    values = [Decimal(unit).scaleb(-scale) for unit in units]
    for series in (pd.Series(values, dtype=object), arrow(values, pa.decimal128(12, scale))):
        found = convert(with_positions(series), request=request_for(("v", "decimal", "<f8", None)))[2]
        assert_same_bits(found, floats(values))


@pytest.mark.parametrize("unit", UNITS)
@given(data=st.data())
@settings(deadline=None, max_examples=30)
def test_times_are_within_the_last_digit(unit: str, data: st.DataObject) -> None:
    ticks = data.draw(st_numpy.arrays("i8", 20, elements=st.integers(-(2**62), 2**62)))
    for kind, code in (("datetime", "M8"), ("timedelta", "m8")):
        series = pd.Series(ticks.view(f"{code}[{unit}]")) if unit == "ns" or kind == "timedelta" else None
        if series is None:  # pandas takes no dates beyond the years that datetime has
            series = pd.Series((ticks % (2**36 * PER_SECOND[unit])).view(f"M8[{unit}]"))
        exact = [Fraction(int(tick), PER_SECOND[unit]) for tick in series.to_numpy().view("i8")]
        found = convert(with_positions(series), request=request_for(("v", kind, "<f8", None)))[2]
        for value, wanted in zip(found, exact, strict=True):
            # Two roundings, of the ticks and of the quotient, of at most 2**-53 of the value each: under two last digits.
            assert abs(Fraction(float(value)) - wanted) <= 2 * Fraction(float(np.spacing(abs(value))))


@quick
@given(st_numpy.arrays("i8", 20, elements=st.integers(-2_208_988_800, 4_102_444_800)), st.sampled_from(UNITS))
def test_whole_seconds_of_two_centuries_come_out_whole(seconds: np.ndarray[Any, Any], unit: str) -> None:
    series = pd.Series((seconds * PER_SECOND[unit]).view(f"M8[{unit}]"))
    found = convert(with_positions(series), request=request_for(("v", "datetime", "<f8", None)))[2]
    assert_same_bits(found, seconds.astype("f8"))


# ---- the harness itself

UNEQUAL: dict[str, tuple[Any, Any]] = {
    "a value": (np.array([1.0, 2.0]), np.array([1.0, 2.5])),
    "the last bit": (np.array([1.0]), np.nextafter(np.array([1.0]), 2)),
    "the sign of zero": (np.array([0.0]), np.array([-0.0])),
    "missing": (np.array([np.nan]), np.array([0.0])),
    "not missing": (np.array([0.0]), np.array([np.nan])),
    "type": (np.array([1], "i8"), np.array([1], "i4")),
    "signedness": (np.array([1], "u4"), np.array([1], "i4")),
    "shape": (np.zeros(3), np.zeros(2)),
    "digits of an id": (np.array([2**53 + 1]), np.array([2**53 + 1]).astype("f8").astype("i8")),
}


@pytest.mark.parametrize("what", UNEQUAL)
def test_must_fail_a_wrong_oracle_is_seen(what: str) -> None:
    with pytest.raises(AssertionError):
        assert_same_bits(*UNEQUAL[what])
    for array in UNEQUAL[what]:
        assert_same_bits(array.copy(), array)


def test_must_fail_every_case_sees_a_wrong_value() -> None:
    for case in CASES.values():
        wrong = case.expected.copy()
        bits = wrong.view(f"u{wrong.itemsize}")
        bits[0] ^= bits.dtype.type(1)
        found = convert(with_positions(case.series), request=request_for(("v", *case.sent)))[2]
        with pytest.raises(AssertionError, match="is expected"):
            assert_same_bits(found, wrong)
