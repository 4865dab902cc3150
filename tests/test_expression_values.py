"""The row filter on columns of every type, with what each type has for missing values."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from test_expressions import rows

pytestmark = pytest.mark.unit

TIMES = ["2020-01-01", "2021-06-01 12:00:00", None]
SERIES = {
    **{
        f"{kind}{bits}": pd.Series([0, 1, 100], dtype=f"{kind}{bits}")
        for kind in ("int", "uint")
        for bits in (8, 16, 32, 64)
    },
    **{f"float{bits}": pd.Series([0, 1, 100], dtype=f"float{bits}") for bits in (16, 32, 64)},
    **{
        kind: pd.Series([0, 1, 100], dtype=kind) for kind in ("Int8", "UInt16", "Int64", "UInt64", "Float32", "Float64")
    },
    **{
        f"{kind}[pyarrow]": pd.Series([0, 1, 100], dtype=f"{kind}[pyarrow]")
        for kind in ("int8", "uint64", "float", "double")
    },
    "decimal": pd.Series([Decimal("0"), Decimal("1.0"), Decimal("100")]),
    "decimal[pyarrow]": pd.Series(
        [Decimal("0"), Decimal("1.0"), Decimal("100")], dtype=pd.ArrowDtype(pa.decimal128(9, 2))
    ),
    "category": pd.Series([0, 1, 100], dtype=pd.CategoricalDtype([100, 1, 0])),
    "objects": pd.Series([0, 1, 100], dtype=object),
    "mixed objects": pd.Series([0, 1.0, 100.0], dtype=object),
}


@pytest.mark.parametrize("name", SERIES)
def test_numbers_of_every_type(name: str) -> None:
    series = SERIES[name]
    frame = pd.DataFrame({"v": series})
    assert rows("v == 1", frame) == [1]
    assert rows("v != 1.0", frame) == [0, 2]
    assert rows("v in [100, 0, 7]", frame) == [0, 2]
    assert rows("isna(v) or v == 100", frame) == [2]
    if name == "category":
        return
    assert rows("0.5 < v <= 100", frame) == [1, 2]
    assert rows("v > -1e30 and v < 18446744073709551615", frame) == [0, 1, 2]
    assert rows("v * 100 == 10000", frame) == [2], "integers do not wrap around"
    assert rows("v - 1 < 0 and -v <= 0", frame) == [0]
    assert rows("abs(v - 50) == 50 and sqrt(v) < 11 and round(v / 3) >= 0 and max(v, 2) > 0", frame) == [0, 2]
    missing = pd.DataFrame({"v": [*series, None]}, dtype=object if series.dtype == object else None)
    if hasattr(series.dtype, "na_value") and not isinstance(series.dtype, np.dtype):
        missing = pd.DataFrame({"v": pd.concat([series, pd.Series([pd.NA], dtype=series.dtype)], ignore_index=True)})
    assert rows("v >= 0", missing) == [0, 1, 2]
    assert rows("isna(v)", missing) == [3]
    assert rows("notna(v) and v < 1", missing) == [0]


STRINGS = {
    "object": pd.Series(["a", "b", None], dtype=object),
    "string": pd.Series(["a", "b", None], dtype="string"),
    "string[pyarrow]": pd.Series(["a", "b", None], dtype="string[pyarrow]"),
    "arrow": pd.Series(["a", "b", None], dtype=pd.ArrowDtype(pa.large_string())),
    "category": pd.Series(["a", "b", None], dtype=pd.CategoricalDtype(["b", "a"], ordered=True)),
    "dictionary": pd.Series(["a", "b", None], dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
}


@pytest.mark.parametrize("name", STRINGS)
def test_text_of_every_type(name: str) -> None:
    frame = pd.DataFrame({"v": STRINGS[name], "w": ["a", "a", "a"]})
    assert rows("v == 'a'", frame) == [0]
    assert rows("'a' == v or v == ['b']", frame) == [0, 1]
    assert rows("v in ('a', 'q')", frame) == [0]
    assert rows("not v in ('a', 'q')", frame) == [1, 2]
    assert rows("startswith(v, 'a') or endswith(v, 'b')", frame) == [0, 1]
    assert rows("contains(v, '.')", frame) == [], "no regular expression"
    assert rows("isna(v)", frame) == [2]
    assert rows("v == w", frame) == [0]
    if name != "dictionary":
        assert rows("v < 'b'", frame) == ([] if name == "category" else [0]), (
            "an ordered category has an order of its own"
        )
        assert rows("v >= 'a'", frame) == ([0] if name == "category" else [0, 1])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("arrow", [False, True])
def test_times(unit: str, arrow: bool) -> None:
    kind = f"timestamp[{unit}][pyarrow]" if arrow else f"datetime64[{unit}]"
    span = f"duration[{unit}][pyarrow]" if arrow else f"timedelta64[{unit}]"
    times = pd.to_datetime(pd.Series(TIMES), format="ISO8601").astype(kind)
    frame = pd.DataFrame({"d": times, "w": pd.to_timedelta(pd.Series(["1 day", "2h", None])).astype(span)})
    frame.index = pd.Index([5, 5, 5])
    assert rows("d > '2020-06-01'", frame) == [1]
    assert rows("d == '2021-06-01T12:00:00'", frame) == [1]
    assert rows("d < '9999-12-31' and d >= '1500-01-01'", frame) == [0, 1]
    assert rows("d in ['2020-01-01']", frame) == [0]
    assert rows("w < '3 hours'", frame) == [1]
    assert rows("d - d == '0s' and w + w > '1 day'", frame) == [0]
    assert rows("d + w > '2020-01-01T12:00' and between(d, '2020', '2021')", frame) == [0]
    assert rows("isna(d) and isna(w)", frame) == [2]


def test_time_zones() -> None:
    zoned = pd.Series(["2021-01-01 00:00", "2021-01-01 01:00"], dtype="datetime64[ns]").dt.tz_localize("Europe/Paris")
    frame = pd.DataFrame({"z": zoned, "u": zoned.astype(pd.ArrowDtype(pa.timestamp("us", "UTC")))})
    assert rows("z >= '2021-01-01 00:30'", frame) == [1], "a text with no zone is in the column's"
    assert rows("z >= '2021-01-01 00:00Z'", frame) == [1]
    assert rows("u >= '2021-01-01'", frame) == [1]
    assert rows("z == u", frame) == [0, 1]


def test_dates_and_objects() -> None:
    dates = pd.Series(pd.to_datetime(pd.Series(TIMES), format="ISO8601").dt.date)
    frame = pd.DataFrame({"d": dates.astype(object), "e": dates.astype(pd.ArrowDtype(pa.date32()))})
    frame["f"] = pd.Series([True, None, False], dtype=object)
    frame["empty"] = pd.Series([None] * 3, dtype=object)
    assert rows("d > '2020-06-01' and e > '2020-06-01'", frame) == [1]
    assert rows("f", frame) == [0]
    assert rows("not f", frame) == [2]
    assert (
        rows("empty == 'a' or empty > 5 or empty in [1] or empty > '2020-01-01' or empty + 1 > 0 or empty", frame) == []
    )
    assert rows("isna(empty) and empty != 1", frame) == [0, 1, 2]
    assert rows("f == True or d == '2021-06-01'", frame) == [0, 1]


def test_large_integers_are_exact() -> None:
    frame = pd.DataFrame({"i": [2**62, 2**62 + 1, -(2**63)], "u": np.array([2**63, 2**64 - 1, 5], dtype=np.uint64)})
    assert rows("i == 4611686018427387905", frame) == [1]
    assert rows("i > 4611686018427387904", frame) == [1]
    assert rows("i < 18446744073709551615 and i in [4611686018427387905, 18446744073709551615]", frame) == [1]
    assert rows("u == 18446744073709551615", frame) == [1]
    assert rows("u > i", frame) == [0, 1, 2]
    assert rows("u > -1 and i == -9223372036854775808", frame) == [2]
    assert rows("i * 4 > 0 and i + i > 0 and u * 2 > u", frame) == [0, 1]
    assert rows("abs(i) > 0 and -i > 0", frame) == [2]
    assert rows("i // -1 > 0", frame) == [2]


def test_float32_literals_have_the_width_of_the_column() -> None:
    frame = pd.DataFrame({"f": np.array([0.1, 0.2], dtype=np.float32), "g": [0.1, 0.2]})
    assert rows("f == 0.1 and f in [0.1]", frame) == [0]
    assert rows("f < 1e300", frame) == [0, 1]
    assert rows("f == g", frame) == []
