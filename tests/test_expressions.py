"""The row filter: grammar, types, errors, and its results against ``DataFrame.query`` and pandas' own operators."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
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


@settings(max_examples=400, deadline=None)
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


@settings(max_examples=250, deadline=None)
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
