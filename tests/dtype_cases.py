"""One column of every type that DataFrames have, and the array that each has to become: the oracle for conversions.

What is expected is made from Python's own numbers, or by pandas' own arithmetic on times, never by the code under test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

MISSING = None
INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
UNITS = ("s", "ms", "us", "ns")
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclass(frozen=True)
class Case:
    """A column, how its dtype is classified, and what leaves the workers."""

    series: pd.Series[Any]
    info: tuple[str, str, bool]
    """Kind, type of the array where nothing is missing, and whether the rows have to be looked at (`ColumnInfo`)."""
    sent: tuple[str, str, tuple[str, ...] | None]
    """Kind, type and labels of the array (`ColumnSpec`)."""
    expected: np.ndarray[Any, Any]
    scanned: str = ""
    """What a look at the rows tells, where it is needed."""


def assert_same_bits(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> None:
    """The same type, shape and bits; only of NaN there are many bit patterns, of which any is as good as another."""
    assert found.dtype == expected.dtype, f"{found.dtype}, where {expected.dtype} is expected"
    assert found.shape == expected.shape, f"{found.shape}, where {expected.shape} is expected"
    if found.dtype.kind == "f":
        assert np.array_equal(np.isnan(found), np.isnan(expected)), f"{found} is missing where {expected} is not"
        found, expected = (np.where(np.isnan(array), 0, array) for array in (found, expected))
    unsigned = f"u{found.dtype.itemsize}"
    differ = np.flatnonzero(found.ravel().view(unsigned) != expected.ravel().view(unsigned))
    assert not len(differ), (
        f"at {differ[:5]}: {found.ravel()[differ[:5]]}, where {expected.ravel()[differ[:5]]} is expected"
    )


def floats(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Python's own conversion to double precision, NaN where missing."""
    return np.array([np.nan if value is MISSING else float(value) for value in values], "<f8")


def arrow(values: Sequence[Any], kind: pa.DataType) -> pd.Series[Any]:
    return pd.Series(pd.array(pa.array(values, kind), dtype=pd.ArrowDtype(kind)))


def _integers() -> dict[str, Case]:
    cases = {}
    for name in INTEGERS:
        limits = np.iinfo(name)
        values = [int(limits.min), 0, 1, 100, int(limits.max)]
        sent = np.dtype(name).str.replace("=", "<")
        whole, gaps = np.array(values, sent), [*values, MISSING]
        info, capital = ("number", sent, True), name.replace("uint", "UInt").replace("int", "Int", name[0] == "i")
        cases[name] = Case(pd.Series(values, dtype=name), ("number", sent, False), ("number", sent, None), whole)
        for backed in (capital, f"{name}[pyarrow]"):
            full, missing = pd.Series(values, dtype=backed), pd.Series(gaps, dtype=backed)
            cases[backed] = Case(full, info, ("number", sent, None), whole, "number")
            cases[f"{backed} with NA"] = Case(missing, info, ("number", "<f8", None), floats(gaps), "number")
    return cases


def _floats() -> dict[str, Case]:
    cases = {}
    values = [0.0, -0.0, 1.5, -2.25, float("inf"), float("-inf")]
    for name, sent in (("float16", "<f4"), ("float32", "<f4"), ("float64", "<f8")):
        limits = np.finfo(name)
        own = [*values, float(limits.max), float(limits.tiny), float(limits.smallest_subnormal), 1 / 3]
        rounded = [float(np.dtype(name).type(value)) for value in own]
        plain = ("number", sent, None)
        expected = np.array([*rounded, np.nan], sent)
        cases[name] = Case(pd.Series([*own, np.nan], dtype=name), ("number", sent, False), plain, expected)
        if name != "float16":
            cases |= _nullable_floats(name, sent, rounded)
    long_double = pd.Series(np.array(values, "longdouble"))
    cases["longdouble"] = Case(long_double, ("number", "<f8", False), ("number", "<f8", None), floats(values))
    halves = arrow(np.array([0.5, 2.0], "float16"), pa.float16())
    cases["halffloat[pyarrow]"] = Case(
        halves, ("number", "<f4", True), ("number", "<f4", None), np.array([0.5, 2], "<f4"), "number"
    )
    return cases


def _nullable_floats(name: str, sent: str, values: list[float]) -> dict[str, Case]:
    cases = {}
    gaps = [*values, MISSING]
    for backed in (name.capitalize(), "float[pyarrow]" if name == "float32" else "double[pyarrow]"):
        info, wide = ("number", sent, True), ("number", "<f8", None)
        full, missing = pd.Series(values, dtype=backed), pd.Series(gaps, dtype=backed)
        cases[backed] = Case(full, info, ("number", sent, None), np.array(values, sent), "number")
        cases[f"{backed} with NA"] = Case(missing, info, wide, floats(gaps), "number")
    return cases


def _booleans() -> dict[str, Case]:
    cases = {}
    values: list[Any] = [True, False, True]
    narrow, wide = ("boolean", "|u1", None), ("boolean", "<f8", None)
    cases["bool"] = Case(pd.Series(values), ("boolean", "|u1", False), narrow, np.array([1, 0, 1], "u1"))
    for name in ("boolean", "bool[pyarrow]", "object"):
        info = ("object", "<f8", True) if name == "object" else ("boolean", "|u1", True)
        full, missing = pd.Series(values, dtype=name), pd.Series([*values, MISSING], dtype=name)
        label = "object of booleans" if name == "object" else name
        cases[label] = Case(full, info, narrow, np.array([1, 0, 1], "u1"), "boolean")
        cases[f"{label} with NA"] = Case(missing, info, wide, floats([1, 0, 1, MISSING]), "boolean")
    return cases


def ticks_of(unit: str) -> list[int]:
    """Numbers of `unit` since 1970: at its borders, before it, in summer and in winter, and far off."""
    per = PER_SECOND[unit]
    far = 9_000_000_000 if unit == "ns" else 250_000_000_000  # years 2255 and 9892
    seconds = [0, 1_600_000_000, 1_610_000_000, -2_000_000_000, far]
    return [1, -1, *(second * per for second in seconds), 1_600_000_000 * per + per // 3]


def _times() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    date, span = ("datetime", "<f8", None), ("timedelta", "<f8", None)
    for unit in UNITS:
        epoch, second = pd.Timestamp(0).as_unit(unit), pd.Timedelta(seconds=1).as_unit(unit)
        ticks = np.array([*ticks_of(unit), np.iinfo("i8").min])  # the last one is NaT
        naive, spans = pd.Series(ticks.view(f"M8[{unit}]")), pd.Series(ticks.view(f"m8[{unit}]"))
        zoned = naive.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")
        since = ((naive - epoch) / second).to_numpy()
        lasting = (spans / second).to_numpy()
        present = [*map(int, ticks[:-1]), MISSING]
        for label, series, expected, sent in (
            (f"datetime64[{unit}]", naive, since, date),
            (f"datetime64[{unit}, Europe/Berlin]", zoned, since, date),
            (f"timedelta64[{unit}]", spans, lasting, span),
            (f"timestamp[{unit}][pyarrow]", arrow(present, pa.timestamp(unit)), since, date),
            (f"timestamp[{unit}, Asia/Tokyo][pyarrow]", arrow(present, pa.timestamp(unit, "Asia/Tokyo")), since, date),
            (f"duration[{unit}][pyarrow]", arrow(present, pa.duration(unit)), lasting, span),
        ):
            cases[label] = Case(series, (sent[0], "<f8", False), sent, expected)
    days: list[Any] = [0, -1, 19_000, MISSING]
    expected = floats([day if day is MISSING else day * 86_400 for day in days])
    cases["date32[pyarrow]"] = Case(arrow(days, pa.date32()), ("datetime", "<f8", False), date, expected)
    millis = [day if day is MISSING else day * 86_400_000 for day in days]
    cases["date64[pyarrow]"] = Case(arrow(millis, pa.date64()), ("datetime", "<f8", False), date, expected)
    return cases


def _labels() -> dict[str, Case]:
    cases = {}
    texts: list[Any] = ["b", "a", "", "größer Ω", "b", MISSING, "a"]
    table = ("", "a", "b", "größer Ω")
    codes = np.array([-1 if text is MISSING else table.index(text) for text in texts], "<i4")
    kinds: dict[str, Any] = {
        "string[python]": pd.StringDtype("python"),
        "string[pyarrow]": pd.StringDtype("pyarrow"),
        "str": pd.StringDtype("pyarrow", na_value=np.nan),
        "arrow string": pd.ArrowDtype(pa.string()),
        "arrow large_string": pd.ArrowDtype(pa.large_string()),
    }
    label = ("label", "<i4", table)
    for name, dtype in kinds.items():
        cases[name] = Case(pd.Series(texts, dtype=dtype), ("label", "<i4", True), label, codes, "label")
    cases["object of strings"] = Case(pd.Series(texts, dtype=object), ("object", "<f8", True), label, codes, "label")
    return cases | _categories()


def _categories() -> dict[str, Case]:
    stars = ["O", "M", "G", MISSING, "O"]
    stamps = pd.to_datetime(["2020-01-01", "2021-06-01"])
    made: dict[str, tuple[pd.Series[Any], list[str], list[int]]] = {
        "category": (pd.Series(stars, dtype="category"), ["G", "M", "O"], [2, 1, 0, -1, 2]),
        "category with unused ones": (
            pd.Series(stars, dtype=pd.CategoricalDtype(["A", "O", "M", "G"])),
            ["A", "O", "M", "G"],
            [1, 2, 3, -1, 1],
        ),
        "category, ordered": (
            pd.Series(stars, dtype=pd.CategoricalDtype(["O", "G", "M"], ordered=True)),
            ["O", "G", "M"],
            [0, 2, 1, -1, 0],
        ),
        "category of integers": (pd.Series([7, 3, 7], dtype="category"), ["3", "7"], [1, 0, 1]),
        "category of times": (pd.Series(stamps[[1, 0]]).astype("category"), [str(stamp) for stamp in stamps], [1, 0]),
        "category of nothing": (pd.Series([MISSING, MISSING], dtype="category"), [], [-1, -1]),
    }
    cases = {
        name: Case(series, ("label", "<i4", True), ("label", "<i4", tuple(table)), np.array(codes, "<i4"), "label")
        for name, (series, table, codes) in made.items()
    }
    coded = pa.array(["b", "a", MISSING, "b"]).dictionary_encode()
    cases["dictionary[pyarrow]"] = Case(
        pd.Series(pd.array(coded, dtype=pd.ArrowDtype(coded.type))),
        ("label", "<i4", True),
        ("label", "<i4", ("a", "b")),
        np.array([1, 0, -1, 1], "<i4"),
        "label",
    )
    return cases


def _objects() -> dict[str, Case]:
    decimals = [Decimal("0.1"), Decimal("-12345678901234.5"), Decimal("1e20"), MISSING, Decimal(0)]
    sent = ("decimal", "<f8", None)
    info = ("object", "<f8", True)
    cases = {"object of decimals": Case(pd.Series(decimals, dtype=object), info, sent, floats(decimals), "decimal")}
    for kind in (pa.decimal128(38, 4), pa.decimal256(50, 4)):
        cases[f"{kind}[pyarrow]"] = Case(arrow(decimals, kind), ("decimal", "<f8", False), sent, floats(decimals))
    numbers: dict[str, list[Any]] = {
        "integers": [1, MISSING, -(2**40)],
        "floats": [1.5, MISSING, float("inf")],
        "numbers": [1, 2.5, MISSING],
    }
    for name, values in numbers.items():
        series = pd.Series(values, dtype=object)
        cases[f"object of {name}"] = Case(series, info, ("number", "<f8", None), floats(values), "number")
    return cases


CASES: dict[str, Case] = _integers() | _floats() | _booleans() | _times() | _labels() | _objects()

NESTED: dict[str, pd.Series[Any]] = {
    "list[pyarrow]": arrow([[1], None], pa.list_(pa.int64())),
    "struct[pyarrow]": arrow([{"a": 1}, None], pa.struct([("a", pa.int64())])),
    "map[pyarrow]": arrow([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
    "binary[pyarrow]": arrow([b"a", None], pa.binary()),
    "time64[pyarrow]": arrow([1, None], pa.time64("us")),
    "null[pyarrow]": arrow([None, None], pa.null()),
    "complex": pd.Series([1j, 2]),
    "period": pd.Series(pd.period_range("2020", periods=2, freq="D")),
    "interval": pd.Series(pd.interval_range(0, 2)),
    "sparse": pd.Series(pd.arrays.SparseArray([1.0, 0.0])),
}

UNFIT_OBJECTS: dict[str, list[Any]] = {
    "lists": [[1, 2], [3]],
    "dicts": [{"a": 1}, {}],
    "arrays": [np.zeros(2), np.ones(2)],
    "texts and numbers": ["a", 1],
    "bytes": [b"a", b"b"],
    "booleans and numbers": [True, 2],
    "complex numbers": [1j, 2.0],
}
"""Objects that only a look at the rows shows to be none that an array can hold."""
