"""The row filter: grammar, types, errors, and its results against ``DataFrame.query`` and pandas' own operators."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from decimal import Decimal
from functools import partial

import cloudpickle
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdask.errors import ExpressionError
from pvdask.expressions import WORKER_MODULES, evaluate, parse

pytestmark = pytest.mark.unit


def rows(text: str, frame: pd.DataFrame) -> list[int]:
    """Return which rows hold, and check that knowing the types makes no difference to it."""
    mask = evaluate(parse(text, dict(frame.dtypes)).tree, frame)
    assert mask.dtype == bool
    assert mask.shape == (len(frame),)
    assert mask.tolist() == evaluate(parse(text).tree, frame).tolist()
    return np.flatnonzero(mask).tolist()


# ---- pandas.DataFrame.query as the oracle

NUMBERS = st.sampled_from(["a", "b", "i", "j", "`plx[mas]`", "0", "1", "2", "-3", "0.5", "1e3"])


def sums(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(parts, st.sampled_from(["+", "-", "*", "/", "//", "%"]), parts).map(lambda t: f"({' '.join(t)})"),
        parts.map(lambda part: f"(-{part})"),
        st.tuples(st.sampled_from(["abs", "sqrt", "sin", "floor", "exp"]), parts).map(
            lambda t: f"{t[0]}({t[1]} + 0.0 * a)"
        ),
        parts.map(lambda part: f"(({part}) ** 2)"),
    )


NUMERIC = st.recursive(NUMBERS, sums, max_leaves=5).map(lambda text: f"({text} + 0 * i)")
COMPARISON = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
ATOMS = st.one_of(
    st.tuples(NUMERIC, COMPARISON, NUMERIC).map(" ".join),
    st.tuples(st.sampled_from(["a", "i"]), COMPARISON, st.sampled_from(["b", "j"]), COMPARISON, st.just("2")).map(
        " ".join
    ),
    st.tuples(st.sampled_from(["a", "i", "j"]), st.sampled_from([" in ", " not in "]), st.just("[1, 2, 0.5]")).map(
        "".join
    ),
    st.tuples(st.just("s"), st.sampled_from([" == ", " != "]), st.sampled_from(["'x'", "'ü'", "''"])).map("".join),
    st.sampled_from(
        ["s in ['x', 'ü']", "s not in ('x',)", "flag", "d > '2020-06-01'", "'2020-06-01' >= d", "d != '2020-01-01'"]
    ),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda parts: st.one_of(
        st.tuples(parts, st.sampled_from([" and ", " or ", " & ", " | "]), parts).map(lambda t: f"({''.join(t)})"),
        parts.map(lambda part: f"(not ({part}))"),
        parts.map(lambda part: f"~({part})"),
    ),
    max_leaves=4,
)
FLOATS = st.one_of(
    st.just(float("nan")), st.sampled_from([0.0, -0.0, 0.5, 1.0, 2.0, float("inf")]), st.floats(-1e6, 1e6)
)
INTEGERS = st.integers(-1000, 1000) | st.integers(0, 3)
ROWS = st.lists(
    st.tuples(
        FLOATS,
        FLOATS,
        INTEGERS,
        INTEGERS,
        FLOATS,
        st.sampled_from(["x", "ü", "", None]),
        st.booleans(),
        st.integers(-1, 900),
    ),
    min_size=1,
    max_size=6,
)


def frame_of(lines: list[tuple[object, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(lines, columns=["a", "b", "i", "j", "plx[mas]", "s", "flag", "d"])
    days = pd.to_timedelta(frame.d.where(frame.d >= 0), unit="D")
    return frame.assign(d=pd.Timestamp("2019-01-01") + days, s=frame.s.astype(object), i=frame.i.astype("int64"))


@settings(max_examples=4000, deadline=None)
@given(CONDITIONS, ROWS)
def test_against_query(text: str, lines: list[tuple[object, ...]]) -> None:
    frame = frame_of(lines)
    frame.index = pd.Index([7] * len(frame))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        # pandas 2.3 warns about its own way of comparing dates with texts.
        warnings.simplefilter("ignore")
        try:
            expected = frame.assign(row=range(len(frame))).query(text, engine="python")["row"].tolist()
        except ZeroDivisionError:
            with pytest.raises(ExpressionError, match="division by zero"):
                parse(text)
            return
    assert rows(text, frame) == expected


# Pairs of a filter and the same in pandas' own operators: query itself loses NA on the way through two of them.
LOGIC_ATOMS = st.one_of(
    st.tuples(st.sampled_from(["a", "i"]), COMPARISON, st.sampled_from(["0.5", "1", "j"])).map(
        lambda t: (" ".join(t), f"(f.{t[0]} {t[1]} {t[2].replace('j', 'f.j')})")
    ),
    st.tuples(st.just("s"), COMPARISON, st.just("'x'")).map(lambda t: (" ".join(t), f"(f.s {t[1]} 'x')")),
    st.sampled_from(
        [
            ("flag", "f.flag"),
            ("i in [1, 2]", "f.i.isin([1, 2])"),
            ("s not in ['x']", "~f.s.isin(['x'])"),
            ("d > '2020-06-01'", "(f.d > pandas.Timestamp('2020-06-01'))"),
            ("startswith(s, 'x')", "f.s.str.startswith('x')"),
        ]
    ),
)
LOGIC = st.recursive(
    LOGIC_ATOMS,
    lambda parts: st.one_of(
        st.tuples(parts, parts).map(lambda t: (f"({t[0][0]} and {t[1][0]})", f"({t[0][1]} & {t[1][1]})")),
        st.tuples(parts, parts).map(lambda t: (f"({t[0][0]} or {t[1][0]})", f"({t[0][1]} | {t[1][1]})")),
        parts.map(lambda part: (f"(not {part[0]})", f"(~{part[1]})")),
    ),
    max_leaves=4,
)


@settings(max_examples=2000, deadline=None)
@given(LOGIC, ROWS, st.sampled_from(["numpy_nullable", "pyarrow"]), st.integers(0, 5))
def test_types_with_na(texts: tuple[str, str], lines: list[tuple[object, ...]], backend: str, gap: int) -> None:
    """``Int64``, ``string``, ``boolean`` and Arrow-backed columns, with NA: three-valued logic as in pandas."""
    types = {
        "numpy_nullable": {"a": "Float64", "i": "Int64", "j": "Int64", "s": "string", "flag": "boolean"},
        "pyarrow": {
            "a": "double[pyarrow]",
            "i": "int64[pyarrow]",
            "j": "int64[pyarrow]",
            "s": pd.ArrowDtype(pa.string()),
            "flag": "bool[pyarrow]",
            "d": "timestamp[ns][pyarrow]",
        },
    }[backend]
    frame = frame_of(lines)[["a", "i", "j", "s", "flag", "d"]].astype(types)
    frame.loc[gap % len(frame), ["i", "flag"]] = pd.NA
    result = eval(texts[1], {"f": frame, "pandas": pd})
    expected = np.flatnonzero(result.to_numpy(dtype=bool, na_value=False)).tolist()
    assert rows(texts[0], frame) == expected


# ---- every type

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


def test_precedence() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "flag": [True, False, True]})
    assert rows("a > 1 & a < 3 | a == 3 and flag", frame) == [1, 2]
    assert rows("~flag == True", frame) == [1]
    assert rows("not a == 1 and flag", frame) == [2]
    assert rows("-a ** 2 == -4 and 2 ** -1 == 0.5 * a / 2 and 2 ** 3 ** 2 == a * 256", frame) == [1]
    assert rows("a + 1 * 2 == 4 and (a + 1) * 2 == 6 and 7 % 4 // 2 == a - 1", frame) == [1]


def test_column_names() -> None:
    names = [
        "a b",
        "plx[mas]",
        "a`b",
        "x'",
        "1st",
        "é",
        "x.y",
        "True",
        "class",
        "__x__",
        "(1, 2)",
        "7",
        "λ",
        "in",
        "abs",
    ]
    frame = pd.DataFrame({name: [0, place] for place, name in enumerate(names, 1)})
    for place, name in enumerate(names, 1):
        text = "`" + name.replace("`", "``") + f"` == {place}"
        assert parse(text, dict(frame.dtypes)).columns == (name,)
        assert rows(text, frame) == [1]
    assert rows("é == 6 and λ == 13 and abs(abs) == 15", frame) == [1]


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("`plx[mas]` > 1 and `a``b c` > nosuch", 30, "no column 'nosuch'"),
        ("`plx[mas]` > 1 and plx > 2", 19, "did you mean `plx\\[mas\\]`"),
        ("PM > 1", 0, "did you mean pm"),
        ("`pmm` > 1", 0, "did you mean pm"),
        ("'𝒳é' == s and pm > 'a'", 19, "a number cannot be compared with text"),
        ("s < 1", 4, "text cannot be compared with a number; put it in quotes"),
        ("pm + s > 1", 5, "a number is needed here, and this is text"),
        ("pm + 1", 3, "a condition .* this is a number"),
        ("flag and pm", 9, "a condition .* this is a number"),
        ("d > '2020-02-30'", 4, "is not a date"),
        ("sqr(pm) > 1", 0, "there is no function 'sqr'; there are abs"),
        ("pm.mean() > 1", 2, "attributes and methods are not allowed"),
        ("pm[0] > 1", 2, "subscripts are not allowed"),
        ("nested == 1", 0, "which a filter cannot use"),
    ],
)
def test_errors_point_at_the_character(text: str, position: int, message: str) -> None:
    columns = {
        "plx[mas]": "float64",
        "a`b c": "int8",
        "pm": "float32",
        "s": "string",
        "flag": "bool",
        "d": "datetime64[ns]",
    }
    columns["nested"] = pd.ArrowDtype(pa.list_(pa.int8()))
    with pytest.raises(ExpressionError, match=message) as caught:
        parse(text, columns)
    assert caught.value.position == position
    assert caught.value.text == text


def test_result_belongs_to_the_caller_and_frame_is_unchanged() -> None:
    frame = pd.DataFrame({"flag": [True, False], "x": [1.0, 2.0]})
    before = frame.copy(deep=True)
    mask = evaluate(parse("flag").tree, frame)
    mask[:] = True
    pd.testing.assert_frame_equal(frame, before)
    assert evaluate(parse("flag and x > 0").tree, frame.iloc[:0]).shape == (0,)


def test_partition_that_does_not_fit() -> None:
    for text, columns in [
        ("y > 1", ["x"]),
        ("x > 'a'", ["x"]),
        ("x > 1", ["x", "x"]),
        ("x", ["x"]),
        ("x and x > 1", ["x"]),
    ]:
        with pytest.raises((ValueError, TypeError), match=r"column|cannot be compared|condition"):
            evaluate(parse(text).tree, pd.DataFrame([[1] * len(columns)], columns=columns))


_WORKER = """
import sys
sys.modules["pvdask"] = None
import pickle
import pandas as pd
run = pickle.loads(sys.stdin.buffer.read())
frame = pd.DataFrame({"x": [1.0, float("nan"), 3.0], "s": ["a", "b", "a"], "d": pd.to_datetime(["2020-01-01"] * 3)})
print(run(frame).tolist())
"""


def test_evaluates_where_this_package_is_not_installed() -> None:
    expression = parse("sqrt(x) > 0 and s == 'a' and x in [1, 3] and d < '2021-01-01' and not isna(x)")
    assert pickle.loads(pickle.dumps(expression)) == expression
    for module in WORKER_MODULES:
        cloudpickle.register_pickle_by_value(module)
    try:
        payload = cloudpickle.dumps(partial(evaluate, expression.tree))
    finally:
        for module in WORKER_MODULES:
            cloudpickle.unregister_pickle_by_value(module)
    done = subprocess.run([sys.executable, "-c", _WORKER], input=payload, capture_output=True, timeout=60, check=True)
    assert done.stdout.decode().strip() == "[True, False, True]"
    print(f"{len(payload):,} bytes")
