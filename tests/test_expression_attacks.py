"""Hostile filter texts: each is refused with one readable error, and nothing is compiled, imported, opened or run.

The texts are in ``data/filter_attacks.txt``; the ones made by size, and the random ones, are made here.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pvdask.errors import ExpressionError
from pvdask.expressions import evaluate, parse, to_arrow, to_dask_filters
from pvdask.expressions.types import _NAMES

pytestmark = pytest.mark.unit

ATTACKS = Path(__file__).parent / "data" / "filter_attacks.txt"
FRAME = pd.DataFrame(
    {
        "x": [1.0, -2.5, np.nan, np.inf],
        "y": np.array([0.1, 0, 3, 1e30], dtype=np.float32),
        "id": [2**62, -1, 0, 7],
        "s": pd.array(["a", None, "", "ü"], dtype="string"),
        "d": pd.to_datetime(["2020-01-01", None, "2024-02-29 12:00", "1970-01-01"], format="ISO8601"),
        "z": pd.to_datetime(["2020-01-01", None, "2024-02-29 12:00", "1970-01-01"], format="ISO8601").tz_localize(
            "Europe/Paris"
        ),
        "w": pd.to_timedelta(["1 day", None, "3h", "-1s"]),
        "flag": [True, False, True, False],
        "c": pd.Categorical(["lo", "hi", None, "lo"], ["lo", "hi"], ordered=True),
        "plx[mas]": [1, 2, 3, 4],
    }
)
COLUMNS = dict(FRAME.dtypes)
TAGS = {"column", "number", "text", "truth", "and", "or", "not", "compare", "chain", "in", "not in", "arithmetic"}
TAGS |= {"negative", "call"}
OPERATORS = {"==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "//", "%", "**"}


def attacks() -> list[str]:
    lines = ATTACKS.read_text("utf-8").split("\n")[:-1]
    texts = [line for line in lines if not line.startswith("# ") or line == "# x > 1"]
    escape = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U(0001[0-9a-f]{4})")
    return [escape.sub(lambda m: chr(int(next(filter(None, m.groups())), 16)), text) for text in texts]


def large_attacks() -> dict[str, str]:
    return {
        "long": "x > 1" + " " * 10_000,
        "parentheses": "(" * 4_000 + "x" + ")" * 4_000 + " > 1",
        "open parentheses": "(" * 9_999,
        "open brackets": "x in " + "[" * 9_000,
        "calls": "abs(" * 1_000 + "x" + ")" * 1_000 + " > 1",
        "minus": "-" * 5_000 + "x > 1",
        "tilde": "~" * 5_000 + "flag",
        "not": "not " * 2_000 + "flag",
        "powers": "**".join(["x"] * 2_000) + " > 1",
        "sum": "+".join(["x"] * 3_000) + " > 1",
        "and": "&".join(["flag"] * 1_900),
        "chain": "<".join(["x"] * 4_000),
        "list": "x in [" + ",".join(["1"] * 1_001) + "]",
        "digits": "x > " + "9" * 9_000,
        "exponent": "x > 1e" + "9" * 9_000,
        "fraction": "x > 1." + "9" * 9_000 + "e9999",
        "backticks": "`" * 9_999,
        "quotes": "'" * 9_999,
        "backslashes": "'" + "\\" * 9_997 + "'",
        "name": "a" * 9_000 + " > 1",
        "function": "a" * 9_000 + "(x) > 1",
    }


def test_corpus_size() -> None:
    assert len(set(attacks())) >= 400


@pytest.mark.parametrize("text", attacks(), ids=lambda text: ascii(text)[:60])
def test_attack(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text, COLUMNS)
    error = caught.value
    assert 0 <= error.position <= len(text) == len(error.text)
    shown = str(error)
    assert shown.replace("\n", "").isprintable(), "a terminal must not be made to obey a filter text"
    assert len(shown.split("\n")) == 3


@pytest.mark.parametrize("name", large_attacks())
def test_large_attack(name: str) -> None:
    text = large_attacks()[name]
    start = time.process_time()
    with pytest.raises(ExpressionError):
        parse(text, COLUMNS)
    with contextlib.suppress(ExpressionError):
        # Without types a name of 9,000 characters is as good as any.
        parse(text)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "text",
    [
        "(" * 45 + "x < x < x" + " < x) < x" * 45,
        "between(" * 45 + "x" + ", 0, 1)" * 45,
        "not (" * 45 + "flag" + ")" * 45,
        " or ".join(f"x == {i}" for i in range(450)),
    ],
    ids=["chains", "between", "not", "or"],
)
def test_nested_operands_are_computed_once(text: str) -> None:
    """No small text costs time that grows as a power of its depth."""
    start = time.process_time()
    assert evaluate(parse(text, COLUMNS).tree, FRAME).shape == (4,)
    assert evaluate(parse(text).tree, FRAME).shape == (4,)
    assert time.process_time() - start < 2


def test_hostile_column_names() -> None:
    names = {f"column {i} " + "x" * 100: "float64" for i in range(100_000)}
    names["\x1b[31m"] = "float64"
    start = time.process_time()
    with pytest.raises(ExpressionError, match="there is no column"):
        parse("colunm > 1", names)
    assert time.process_time() - start < 2
    with pytest.raises(ExpressionError) as caught:
        parse("`\x1b[31` > 1", {"\x1b[31m": "float64"})
    assert str(caught.value).replace("\n", "").isprintable()


def test_deep_caller() -> None:
    """A caller near Python's recursion limit gets the same error."""

    def dive(levels: int) -> None:
        if levels:
            dive(levels - 1)
        else:
            parse("(" * 90 + "x" + ")" * 90 + " > 1", COLUMNS)

    refusals: list[str] = []
    room = sys.getrecursionlimit() - len(__import__("inspect").stack())
    for spare in range(60, 400, 20):
        try:
            dive(room - spare)
        except ExpressionError as error:
            refusals.append(str(error))
        except RecursionError:
            # Not even room for the first call of parse.
            assert spare < 100
    assert refusals
    assert all("deep" in refusal for refusal in refusals)


_AUDITED = """
import json, sys
texts = json.load(sys.stdin)
from pvdask.errors import ExpressionError
from pvdask.expressions import parse
import pandas as pd
columns = {"x": "float64", "y": "float32", "id": "int64", "s": "string", "d": "datetime64[ns]", "flag": "bool",
           "w": "timedelta64[ns]", "z": "datetime64[ns, Europe/Paris]",
           "c": pd.CategoricalDtype(["lo", "hi"], ordered=True), "plx[mas]": "int64"}
columns = {name: pd.api.types.pandas_dtype(dtype) for name, dtype in columns.items()}
# pandas reads its time zone database once, at the first text with a zone.
parse("z > '2020-01-01T00:00Z' and z > '2020-01-01T00:00+01:00'", columns)
events, refused, recording = [], 0, True
def hook(event, arguments):
    if recording:
        events.append(event + " " + repr(arguments)[:100])
sys.addaudithook(hook)
for text in texts:
    for known in (columns, None):
        try:
            parse(text, known)
        except ExpressionError:
            refused += known is not None
proof = eval("1 + 1")
recording = False
print(json.dumps({"events": events, "refused": refused, "proof": proof}))
"""


def test_nothing_is_evaluated() -> None:
    """Python's own audit events: between them the attacks import, open, compile, execute and start nothing."""
    texts = [*attacks(), *large_attacks().values()]
    python = str(Path(__file__).parent.parent / "python")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {python!r})\n" + _AUDITED],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    result = json.loads(done.stdout)
    assert result["refused"] == len(texts)
    # The last ones are of the eval that proves that the hook sees one.
    proof = [event for event in result["events"] if "1 + 1" in event or "<module>" in event]
    assert len(proof) == 2
    assert [event for event in result["events"] if event not in proof] == []


def check_tree(tree: object) -> None:
    """Fail unless `tree` consists of nothing but what is on the whitelist, as plain builtins."""
    assert type(tree) is tuple
    tag, *rest = tree
    assert tag in TAGS
    if tag in ("column", "number", "text", "truth"):
        (value,) = rest
        assert type(value) in {"column": (str,), "text": (str,), "number": (int, float), "truth": (bool,)}[tag]
        assert tag != "column" or value in COLUMNS
    elif tag == "chain":
        assert set(rest[0]) <= OPERATORS
        assert len(rest[1]) == len(rest[0]) + 1
        for part in rest[1]:
            check_tree(part)
    elif tag in ("in", "not in"):
        check_tree(rest[0])
        assert {type(value) for value in rest[1]} <= {int, float, str, bool}
    else:
        if tag in ("compare", "arithmetic", "call"):
            assert rest[0] in (_NAMES if tag == "call" else OPERATORS)
            rest = rest[1:]
        for part in rest:
            check_tree(part)


PIECES = [*(ATTACKS.parent / "filter_pieces.txt").read_text("utf-8").splitlines(), "\x00", "\n", "\ud800", "\u202e"]
VALID = [
    "x > 1 and not y < 2 or flag",
    "sqrt(abs(x)) + id // 2 ** 2 <= -y % 3",
    "s in ['a', 'ü'] & ~isna(d) | c >= 'hi'",
    "d > '2020-01-01' and z <= '2024-02-29T12:00Z' and w < '2 days'",
    "0 < x < y < 10",
    "`plx[mas]` not in (1, 2)",
    "min(x, y, id) > -1 or startswith(s, 'a')",
    "d - d == '0 days' and between(id, 1, 2)",
]


def random_text(source: random.Random, corpus: list[str]) -> str:
    """A soup of tokens, or a valid text or an attack with a few pieces replaced."""
    if source.random() < 0.3:
        return source.choice(["", " "]).join(source.choices(PIECES, k=source.randint(1, 14)))
    if source.random() < 0.3:
        # Likely to be valid: conditions joined, with numbers, comparisons and columns exchanged for others.
        text = source.choice([" and ", " or not ", " & ~"]).join(f"({part})" for part in source.choices(VALID, k=2))
        text = re.sub(r"(?<= )(<=|>=|<|>)(?= )", lambda _: source.choice(["<", "<=", ">", "==", "!="]), text)
        text = re.sub(r"\b[12]\b", lambda _: source.choice(["0", "7", "2.5", "-1", "1e300", "2**63", "(3)"]), text)
        return re.sub(r"\b[xy]\b", lambda _: source.choice(["x", "y", "id", "-x", "abs(y)", "x * id", "`x`"]), text)
    text = source.choice(VALID if source.random() < 0.8 else corpus)
    for _ in range(source.choice([1, 1, 1, 2, 3])):
        pieces = re.findall(r"\w+|\W", text) or [""]
        place = source.randrange(len(pieces))
        change = source.random()
        if change < 0.6:
            pieces[place] = source.choice(PIECES)
        elif change < 0.7:
            del pieces[place]
        elif change < 0.9:
            pieces.insert(place, source.choice([*PIECES, " ", source.choice(pieces)]))
        else:
            pieces[place] = chr(source.choice([source.randrange(0x110000), source.randrange(128)]))
        text = "".join(pieces)
    return text


def test_fuzz() -> None:
    """20,000 random texts: refused with a position inside the text, or a tree off the whitelist's parts that evaluates."""
    source, corpus = random.Random(20_251_122), attacks()
    start, accepted, outside = time.process_time(), 0, 0
    for _ in range(20_000):
        text = random_text(source, corpus)
        try:
            expression = parse(text, COLUMNS)
        except ExpressionError as error:
            outside += not 0 <= error.position <= len(text)
            continue
        accepted += 1
        check_tree(expression.tree)
        assert set(expression.columns) <= set(COLUMNS)
        result = evaluate(expression.tree, FRAME)
        assert result.dtype == bool
        assert result.shape == (4,)
        to_dask_filters(expression.tree, COLUMNS)
    seconds = time.process_time() - start
    print(f"20,000 texts, {accepted} of them filters, in {seconds:.1f} s")
    assert outside == 0
    assert accepted > 1_000, "the fuzzer has to reach the evaluator too"
    assert seconds < 60


def test_attacks_by_tree_are_refused_by_the_evaluator() -> None:
    """A tree that did not come from parse is no way in either."""
    for tree in [
        ("eval", "1"),
        ("call", "__import__", ("text", "os")),
        ("compare", "exec", ("column", "x"), ("number", 1)),
    ]:
        with pytest.raises((ValueError, KeyError, TypeError)):
            evaluate(tree, FRAME)
    assert to_arrow(("call", "__import__", ("text", "os")), []) is None
