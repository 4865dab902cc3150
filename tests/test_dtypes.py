"""What each column becomes, told from its dtype alone: the whole table of DESIGN's dtype policy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from dtype_cases import CASES, NESTED, UNFIT_OBJECTS

from pvdask.dtypes import NUMERIC_KINDS, OFFERED_KINDS, ColumnInfo, column_infos
from pvdask.errors import ColumnError

pytestmark = pytest.mark.unit


def info_of(series: pd.Series[Any]) -> ColumnInfo:
    """Of metadata, which has no rows."""
    (info,) = column_infos(pd.DataFrame({"v": series}).iloc[:0])
    return info


@pytest.mark.parametrize("name", CASES)
def test_classified(name: str) -> None:
    case = CASES[name]
    assert info_of(case.series) == ColumnInfo("v", *case.info)


@pytest.mark.parametrize("name", CASES)
def test_classified_alike_with_and_without_rows(name: str) -> None:
    series = CASES[name].series
    assert column_infos(pd.DataFrame({"v": series})) == [info_of(series)]


@pytest.mark.parametrize("name", NESTED)
def test_what_no_array_can_hold_is_never_offered(name: str) -> None:
    info = info_of(NESTED[name])
    assert info.kind == "nested"
    assert info.kind not in OFFERED_KINDS


@pytest.mark.parametrize("name", UNFIT_OBJECTS)
def test_of_objects_only_the_rows_tell(name: str) -> None:
    info = info_of(pd.Series(UNFIT_OBJECTS[name], dtype=object))
    assert info.kind == "object"
    assert info.nullable


def test_every_kind_is_in_the_table() -> None:
    kinds = {case.info[0] for case in CASES.values()}
    assert kinds == set(OFFERED_KINDS)
    assert set(NUMERIC_KINDS) < kinds


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.info[0] != "object"])
def test_the_type_is_what_is_sent_where_nothing_is_missing(name: str) -> None:
    case = CASES[name]
    if case.info[2] and case.info[0] != "label" and case.series.isna().any():
        assert case.sent[1] == "<f8"
    else:
        assert case.sent[1] == case.info[1]
    assert np.dtype(case.info[1]).str == case.info[1], "as numpy writes it"


NAMES: list[Any] = ["x[pc]", "a b", 'a "b", c', "größe", "1st", "x", "X", "", 1, 1.5, None, ("a", 2), True]


def test_names_are_display_names_in_the_frame_s_order() -> None:
    frame = pd.DataFrame(np.zeros((0, len(NAMES))), columns=pd.Index(NAMES, dtype=object, tupleize_cols=False))
    assert [info.name for info in column_infos(frame)] == [str(name) for name in NAMES]


def test_names_of_several_levels() -> None:
    frame = pd.DataFrame([[0, 1]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))
    assert [info.name for info in column_infos(frame)] == ["('a', 'x')", "('a', 'y')"]


@pytest.mark.parametrize(
    ("names", "doubled"),
    [
        (["x", "x"], ("x",)),
        (["x", "y", "x", "y", "z"], ("x", "y")),
        ([1, "1"], ("1",)),
        (["", ""], ("",)),
        ([None, "None"], ("None",)),
    ],
)
def test_columns_of_the_same_display_name(names: list[Any], doubled: tuple[str, ...]) -> None:
    with pytest.raises(ColumnError) as caught:
        column_infos(pd.DataFrame(np.zeros((0, len(names))), columns=pd.Index(names, dtype=object)))
    assert caught.value.columns == doubled
    for name in doubled:
        assert repr(name) in str(caught.value)


def test_a_frame_without_columns() -> None:
    assert column_infos(pd.DataFrame()) == []


def test_ten_thousand_columns() -> None:
    frame = pd.DataFrame(np.zeros((0, 10_000), "f4"))
    infos = column_infos(frame)
    assert len(infos) == 10_000
    assert {info.dtype for info in infos} == {"<f4"}


def test_must_fail_a_wrong_class_is_seen() -> None:
    wrong = ColumnInfo("v", "number", "<f8", nullable=True)
    assert info_of(CASES["Int64"].series) != wrong
    assert info_of(CASES["float64"].series) != wrong
