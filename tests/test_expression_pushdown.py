"""Filters given to Parquet readers: reading with them and then evaluating is reading all and then evaluating, exactly."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import dask.dataframe as dd
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdask.expressions import evaluate, parse, to_arrow, to_dask_filters

pytestmark = pytest.mark.unit

N_ROWS = 240


def table() -> pa.Table:
    """Every column in row groups of its own kind: constant, all missing, NaN beside a constant, sorted, random."""
    source = np.random.default_rng(3)
    number = source.integers(-5, 6, N_ROWS)
    group = np.arange(N_ROWS) // 40
    number = np.where(group == 1, 5, number)
    missing = (source.random(N_ROWS) < 0.3) | (group == 2)
    floats = np.where(missing, np.nan, number.astype(float))
    moments = [datetime.datetime(2019 + int(value), 1, 1, 2) for value in group]
    times = pa.array(moments, pa.timestamp("us"), mask=missing)
    columns = {
        "row": pa.array(np.arange(N_ROWS)),
        "nan": pa.array(floats, from_pandas=False),
        "null": pa.array(floats, from_pandas=True),
        "single": pa.array((floats / 10).astype(np.float32), from_pandas=False),
        "half": pa.array((floats / 10).astype(np.float16)),
        "integer": pa.array(number),
        "gaps": pa.array(number, mask=missing),
        "small": pa.array(number.astype(np.int8)),
        "id": pa.array(2**62 + number * 2**20),
        "unsigned": pa.array((number + 5).astype(np.uint64) + np.uint64(2**64 - 11)),
        "text": pa.array([f"é{value}" if value % 2 else "" for value in number], mask=missing),
        "large": pa.array([chr(100 + value) for value in number], pa.large_string(), mask=missing),
        "label": pa.array([f"é{value}" for value in number], mask=missing).dictionary_encode(),
        "flag": pa.array(number > 0),
        "perhaps": pa.array(number > 0, mask=missing),
        "moment": times,
        "nano": times.cast(pa.timestamp("ns")),
        "zoned": times.cast(pa.timestamp("ms", "Europe/Paris")),
        "day": times.cast(pa.date32()),
        "price": pa.array([Decimal(int(value)) / 4 for value in number], pa.decimal128(9, 2)),
    }
    return pa.table(columns)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pushdown") / "stars.parquet"
    pq.write_table(table(), path, row_group_size=40)
    return path


ATOMS = [
    *[
        f"{name} {op} 5"
        for name in ("nan", "null", "integer", "gaps", "small")
        for op in ("==", "!=", "<", "<=", ">", ">=")
    ],
    *[f"{name} {op} 0.5" for name in ("single", "half", "integer", "gaps") for op in ("==", "!=", "<", ">=")],
    *[
        "single >= 0.1",
        "single == 0.3",
        "single in [0.1, 0.5]",
        "half > 0.1",
        "integer > 4.9",
        "gaps <= -4.9",
        "small < 500",
    ],
    *[
        "id > 4611686018429485056",
        "id == 4611686018432630784",
        "id == 4611686018432630783",
        "unsigned > 18446744073709551610",
        "unsigned > -1",
    ],
    *[
        "unsigned in [18446744073709551611]",
        "integer in [5, 1, 0.5]",
        "nan in [5]",
        "nan not in [5]",
        "gaps not in [5]",
    ],
    *[
        "text == 'é5'",
        "text != 'é5'",
        "text > 'é1'",
        "text in ['', 'é3']",
        "startswith(text, 'é-')",
        "contains(text, '1')",
    ],
    *["large >= 'f'", "endswith(large, 'e')", "label == 'é5'", "label != 'é5'", "label in ['é5']", "text == '\\ud800'"],
    *["flag", "perhaps", "flag == False", "perhaps != True", "price > 0.6", "day > '2020-06-01'"],
    *[
        "moment > '2020-01-01T02:00'",
        "moment == '2020-01-01T02:00'",
        "nano != '2020-01-01T02:00'",
        "nano < '1500-01-01'",
    ],
    *["nano > '2020-01-01T01:59:59.999999999'", "zoned >= '2021-01-01T03:00'", "zoned < '2021-01-01T02:00Z'"],
    *[
        "isna(nan)",
        "isna(null)",
        "isna(gaps)",
        "notna(text)",
        "notna(nan)",
        "isna(moment)",
        "isna(label)",
        "notna(label)",
        "between(integer, 1, 4.5)",
    ],
    *["1 < integer <= 4", "abs(integer) == 5", "integer + 1 > 3", "nan == null", "5 > integer", "0 < null < gaps"],
]


def check(text: str, path: Path) -> tuple[bool, int]:
    """Return whether the reader was given anything, and how many rows it left out."""
    schema = pq.read_schema(path)
    everything = pq.read_table(path).to_pandas()
    tree = parse(text, dict(everything.dtypes)).tree
    expected = everything["row"][evaluate(tree, everything)].tolist()
    left_out, given_any = 0, False
    by_dtype = to_dask_filters(tree, dict(everything.dtypes))
    for filters in (to_dask_filters(tree, schema), by_dtype, to_arrow(tree, schema)):
        if filters is None:
            continue
        if isinstance(filters, list):
            filters = pq.filters_to_expression(filters)
        part = ds.dataset(path).to_table(filter=filters).to_pandas()
        assert part["row"][evaluate(tree, part)].tolist() == expected, (text, str(filters))
        left_out, given_any = max(left_out, N_ROWS - len(part)), True
    return given_any, left_out


@pytest.mark.parametrize("text", ATOMS)
def test_no_row_is_lost(text: str, path: Path) -> None:
    check(text, path)
    check(f"not ({text})", path)


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.sampled_from(ATOMS),
        lambda parts: st.one_of(
            st.tuples(parts, st.sampled_from([" and ", " or "]), parts).map(lambda t: f"({''.join(t)})"),
            parts.map(lambda part: f"not ({part})"),
        ),
        max_leaves=5,
    )
)
def test_no_row_of_a_combination_is_lost(path: Path, text: str) -> None:
    check(text, path)


@pytest.mark.parametrize(
    "text",
    [
        *[
            "nan > 4",
            "null <= -4",
            "single == 0.3",
            "integer > 4.9",
            "id > 4611686018429485056",
        ],
        *["text == 'é5'", "startswith(text, 'é-')", "label == 'é5'", "perhaps", "moment > '2020-01-01T02:00'"],
        *[
            "zoned >= '2021-01-01T03:00'",
            "1 < integer <= 4",
            "integer == 1 or text == 'é5'",
            "integer == 1 and abs(nan) > 3",
        ],
        *["not (integer < 4 or flag == False)", "isna(gaps)", "gaps != 5"],
    ],
)
def test_rows_are_left_out(text: str, path: Path) -> None:
    """The translation is of use, not only safe."""
    given_any, left_out = check(text, path)
    assert given_any
    assert left_out > 0


@pytest.mark.parametrize(
    "text",
    [
        "nan > 4 and text == 'é5' or moment > '2021-01-01'",
        "single == 0.3",
        "zoned >= '2021-01-01T03:00' and flag",
        "integer in [5, 1] and id == 4611686018432630784",
        "startswith(text, 'é') and nano <= '2022-01-01T02:00:00'",
        "gaps >= 2 and label == 'é3'",
    ],
)
@pytest.mark.parametrize("filesystem", ["fsspec", "arrow"])
def test_through_dask(text: str, filesystem: str, path: Path) -> None:
    columns = [name for name in pq.read_schema(path).names if name != "half"]
    options = {"filesystem": filesystem, "columns": columns, "split_row_groups": True}
    if filesystem == "arrow":
        del options["split_row_groups"]
    everything = dd.read_parquet(path, **options)
    tree = parse(text, dict(everything.dtypes)).tree
    whole = everything.compute()
    expected = whole["row"][evaluate(tree, whole)].tolist()
    assert expected
    filters = to_dask_filters(tree, pq.read_schema(path))
    assert filters is not None
    part = dd.read_parquet(path, filters=filters, **options).compute()
    assert len(part) < N_ROWS
    assert part["row"][evaluate(tree, part)].tolist() == expected


def test_size_is_bounded() -> None:
    types = {"x": "int64"}
    wide = " and ".join(f"(x == {i} or x == {i + 1} or x == {i + 2})" for i in range(40))
    filters = to_dask_filters(parse(wide).tree, types)
    assert filters is not None
    assert len(filters) <= 64
    assert to_dask_filters(parse(" or ".join(f"x == {i}" for i in range(300))).tree, types) is None
    assert to_dask_filters(parse("y > 1 or x > 1").tree, types) is None, "a column of unknown type"
    assert to_dask_filters(parse("y > 1 and x > 1").tree, types) == [[("x", ">", 1)]]
