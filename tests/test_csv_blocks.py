"""Blocks of CSV that hold numbers: what pandas makes of them, each number the nearest to its digits, whichever reader reads it."""

from __future__ import annotations

import io
import math
import os
import pickle
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from dask.base import tokenize
from dtype_cases import assert_same_bits
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdask import files
from pvdask.columns import convert
from pvdask.csv_blocks import read_block
from pvdask.files import block_bytes, open_files
from pvdask.pickling import ByValue, by_value, pickled

pytestmark = pytest.mark.unit

OPTIONS: dict[str, Any] = {"sep": ",", "low_memory": False}

TEXTS = {
    "integers and floats": "a,b\n1,2.5\n3,4e-3\n",
    "a value is missing": "a,b\n1,\n2,3\n",
    "all are missing": "a,b\n1,\n2,\n",
    "the ways to say so": "a,b\n1,NA\n2,null\n3,-1.#IND\n4,-nan\n5,n/a\n",
    "infinite": "a,b\n1,inf\n2,-Infinity\n3,-inf\n",
    "negative zero": "a,b\n-1,-0.0\n",
    "beyond int64": "a,b\n18446744073709551615,1\n1,2\n",
    "the last int64": "a,b\n9223372036854775807,1\n-9223372036854775808,2\n",
    "beyond 2^53, one missing": "a,b\n9007199254740993,\n,1\n",
    "subnormal": "a,b\n4.9e-324,2.2250738585072014e-308\n",
    "forty digits": "a,b\n0.1234567890123456789012345678901234567890,2\n",
    "blanks around": "a,b\n 1 , 2.5\n3, 4\n",
    "blanks alone": "a,b\n1, \n2,3\n",
    "an empty line": "a,b\n1,2\n\n3,4\n",
    "a line of blanks": "a,b\n1,2\n   \n3,4\n",
    "lines of DOS": "a,b\r\n1,2\r\n3,4\r\n",
    "no end of line": "a,b\n1,2",
    "a row too short": "a,b\n1\n3,4\n",
    "one field more than names": "a,b\n1,2,\n3,4,\n",
    "in quotes": '"a","b"\n"1","2.5"\n"3",""\n',
    "a plus": "a,b\n+1,2\n",
    "a leading zero": "a,b\n007,2\n",
    "points at the ends": "a,b\n1.,.5\n-.5,5.e3\n",
    "a name twice": "a,a\n1,2\n",
    "a saved index": ",b\n0,2\n1,3\n",
    "a byte order mark": "\ufeffa,b\n1,2\n",
    "true and false": "a,b\nTrue,1\nFalse,2\n",
    "dates": "a,b\n2020-01-01,1\n",
    "times of day": "a,b\n12:30,2\n",
    "texts": "a,b\ngiant,1\ndwarf,2\n",
    "a text among numbers": "a,b\n1,2\nnothing,3\n",
    "hexadecimal": "a,b\n31,2\n0x1F,3\n",
    "hexadecimal beyond int64": "a,b\n31,2\n0xFFFFFFFFFFFFFFFF,3\n",
    "not a number of a kind": "a,b\n1.5,2\nnan(1),3\n",
    "a name with brackets": "plx(mas),x\n1.5,2\n",
    "a byte 0": "a,b\n1,\x002\n",
    "names alone": "a,b\n",
}


def by_pandas(content: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content), float_precision="round_trip", low_memory=False)


def assert_same(found: pd.Series[Any], wanted: pd.Series[Any]) -> None:
    """Bit for bit where they are numbers."""
    if wanted.dtype == object:
        assert found.dtype == object
        assert found.map(repr).tolist() == wanted.map(repr).tolist()
    else:
        assert_same_bits(found.to_numpy(), wanted.to_numpy())


@pytest.mark.parametrize("dtypes", [("int64", "int64"), ("int64", "float64"), ("float64", "float64")], ids="-".join)
@pytest.mark.parametrize("name", TEXTS)
def test_a_block_is_what_pandas_makes_of_it(name: str, dtypes: tuple[str, str]) -> None:
    """Whatever the first rows of the file made one expect; a column of float64 may be read so at once."""
    content = TEXTS[name].encode()
    wanted = by_pandas(content)
    expected = dict(zip(wanted.columns, dtypes, strict=True))
    found = read_block(io.BytesIO(content), expected=expected, **OPTIONS)
    assert list(found.columns) == list(wanted.columns)
    for column, dtype in expected.items():
        is_early = dtype == "float64" == str(found[column].dtype)
        assert_same(found[column], wanted[column].astype("f8") if is_early else wanted[column])


numbers = st.one_of(
    st.integers(1 - 2**63, 2**64 - 1).map(
        str
    ),  # the first int64 is a missing value for pandas, where another is missing
    st.floats().map(repr),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.sampled_from(["", "NaN", "NULL", "-0", "1e308", "1e-400", " 7", "+1.5"]),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=20))
def test_any_numbers_are_what_pandas_makes_of_them(rows: list[tuple[str, str, str]]) -> None:
    content = "\n".join(["a,b,c", *map(",".join, rows), ""]).encode()
    wanted = by_pandas(content)
    expected = {
        name: dtype if dtype in ("int64", "float64") else "int64" for name, dtype in wanted.dtypes.astype(str).items()
    }
    found = read_block(io.BytesIO(content), expected=expected, **OPTIONS)
    assert found.dtypes.to_dict() == wanted.dtypes.to_dict()
    for name in wanted.columns:
        assert_same(found[name], wanted[name])


@pytest.mark.parametrize("other", ["", ",name", ",seen"], ids=["numbers", "texts", "dates"])
def test_a_number_is_the_nearest_to_its_digits_whatever_stands_beside_it(other: str, tmp_path: Path) -> None:
    """Of the digits of 500 stars, pandas takes some for their neighbours where it is asked for no more than its default."""
    texts = [repr(x) for x in np.random.default_rng(8).normal(0, 60, 500)]
    beside = {"": "", ",name": ",giant", ",seen": ",2020-01-01"}[other]
    content = "\n".join([f"a,b{other}", *(f"{text},{row}{beside}" for row, text in enumerate(texts)), ""])
    (tmp_path / "table.csv").write_text(content)
    wanted = [float(text) for text in texts]
    assert open_files([str(tmp_path / "table.csv")]).compute(scheduler="threads")["a"].tolist() == wanted
    assert pd.read_csv(io.StringIO(content))["a"].tolist() != wanted


def test_numbers_are_read_by_arrow_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engines: list[str] = []
    read = pd.read_csv

    def watched(*arguments: Any, **options: Any) -> pd.DataFrame:
        engines.append(options.get("engine", "c"))
        return read(*arguments, **options)

    monkeypatch.setattr(pd, "read_csv", watched)
    read_block(io.BytesIO(b"a,b\n1,2.5\n"), expected={"a": "int64", "b": "float64"}, **OPTIONS)
    read_block(io.BytesIO(b",b\n1,2.5\n"), expected={"Unnamed: 0": "int64", "b": "float64"}, **OPTIONS)
    assert engines == ["pyarrow", "pyarrow"]


def nearest(text: str) -> bool:
    """Whether no other float64 is nearer to the digits than what `float` makes of them, by exact arithmetic."""
    value, exact = float(text), Fraction(text)
    others = (math.nextafter(value, -math.inf), math.nextafter(value, math.inf))
    return all(abs(Fraction(value) - exact) <= abs(Fraction(other) - exact) for other in others)


def test_each_number_is_the_nearest_to_its_digits(tmp_path: Path) -> None:
    """Of a table of numbers, in any block, also where one block has to be read by pandas."""
    rng = random.Random(3)
    texts = [f"{rng.uniform(-100, 100):.{rng.randrange(12, 22)}f}" for _ in range(20_000)]
    assert all(map(nearest, texts[:500]))
    path = tmp_path / "numbers.csv"
    rows = [f"{index},{text}" for index, text in enumerate(texts)]
    rows[15_000] = "15000"  # pandas takes a row that is too short, Arrow does not
    path.write_text("\n".join(["id,x", *rows, ""]))
    frame = open_files([str(path)])
    assert frame.npartitions > 1
    found = frame.compute(scheduler="threads")
    assert found["id"].tolist() == list(range(20_000))
    wanted = [*map(float, texts[:15_000]), math.nan, *map(float, texts[15_001:])]
    assert np.array_equal(found["x"], wanted, equal_nan=True)


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", "a,b\n1.5,x\n", "a\n1\n2\n", "a b\n1 2\n", "a;b\n1;2\n", "a\tb\n1\t2\n"]
)
def test_files_of_any_kind_open(text: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    found = open_files([str(path)]).compute(scheduler="threads")
    separator = next((each for each in ",;\t " if each in text), ",")
    wanted = pd.read_csv(path, sep=separator)
    assert found.to_dict("list") == wanted.to_dict("list")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("end", ["\n\r", "\n\r\n", "\r\n", "\r"], ids=ascii)
@pytest.mark.parametrize("last", ["4", "giant"])
def test_lines_of_any_kind_of_end_with_a_blank_behind_it(end: str, last: str, tmp_path: Path) -> None:
    """pandas' own reader never comes back from some of these."""
    path = tmp_path / "table.csv"
    path.write_bytes(end.join(["a,b", " 1,2", f" 3,{last}", ""]).encode())
    found = open_files([str(path)]).compute(scheduler="threads")
    assert found["a"].tolist() == [1, 3]
    assert found["b"].map(str).tolist() == ["2", last]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "content",
    [
        b'a,b\n,\r\r\r, 1,1"",," ," ',
        b"a,b\n11,a\r,a\r\ra 1\r\ta1",
        b"a,b\n,,\n\n\n \r1\r  1\n  ,\n1\n\n,",
        b"a,b\n,, ,\n,   ,\r, \r, 1\r ,\n",
        b'a,b\n\r"";"\r\r \'',
        b"a,b\n\n\r\r\r\r\r1\n\r 1",
    ],
    ids=range(6),
)
def test_reading_ends(content: bytes) -> None:
    """pandas' own reader, as it is called here, never comes back from any of these: found by random texts."""
    with suppress(pd.errors.ParserError):
        assert len(read_block(io.BytesIO(content), expected={}, **OPTIONS)) < 20


def test_a_packed_file_is_read_as_the_file_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    table = pd.DataFrame({"id": np.arange(5000), "x": rng.normal(0, 100, 5000)})
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_csv(tmp_path / "t.csv.gz", index=False)
    for name in ("t.csv", "t.csv.gz"):
        found = open_files([str(tmp_path / name)]).compute(scheduler="threads")
        assert_same(found["x"], table["x"])
        assert_same(found["id"], table["id"])


def test_the_reader_has_the_same_name_everywhere() -> None:
    reader = ByValue(read_block, expected={"a": "int64", "b": "int64"})
    assert tokenize(reader) == tokenize(ByValue(read_block, expected={"a": "int64", "b": "int64"}))
    assert tokenize(reader) != tokenize(ByValue(read_block, expected={"a": "int64", "b": "float64"}))


ELSEWHERE = """
import io, pickle, sys

reader = pickle.load(open(sys.argv[1], "rb"))
again = pickle.loads(pickle.dumps(reader))  # as a scheduler does for each task: by plain pickle, by no module of the package
assert again(io.BytesIO(b"a,b\\n1,2\\n"), sep=",").to_dict("list") == {"a": [1], "b": [2]}
assert not [name for name in sys.modules if name.split(".")[0] == "pvdask"], sys.modules
print("read")
"""


def test_the_reader_travels_by_value(tmp_path: Path) -> None:
    reader = ByValue(read_block, expected={"a": "int64", "b": "int64"})
    (tmp_path / "reader.pickle").write_bytes(pickle.dumps(reader))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-P", "-c", ELSEWHERE, str(tmp_path / "reader.pickle")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr


def test_functions_are_pickled_by_value_within_others_and_in_threads() -> None:
    """What Dask pickles is not only what this package gives it, and not on one thread."""
    before = cloudpickle.list_registry_pickle_by_value()

    def pickle_some(_: int) -> bool:
        nested = pickled([ByValue(read_block, expected={}), by_value(convert), read_block])
        return b"_by_arrow" in nested and b"interleaved" not in nested

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(pickle_some, range(200)))
    assert cloudpickle.list_registry_pickle_by_value() == before


@pytest.mark.parametrize("n_partitions", [1, 2, 7, 1000])
@pytest.mark.parametrize("total", [0, 1, 300_000, 113_000_000, 10**12])
def test_partitions_that_are_asked_for_are_made_of_whole_blocks(total: int, n_partitions: int) -> None:
    block = block_bytes(total, n_partitions)
    assert files.SMALLEST_BLOCK_BYTES <= block <= files.LARGEST_BLOCK_BYTES
    n_blocks = max(1, total // block)  # as Dask counts them
    assert n_blocks % n_partitions == 0 or block == files.SMALLEST_BLOCK_BYTES


def test_a_table_of_a_million_rows_is_cut_into_the_partitions_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    np.savetxt(path, np.arange(400_000).reshape(-1, 4), fmt="%d", delimiter=",", header="a,b,c,d", comments="")
    for n_partitions in (1, 2, 3):
        frame = open_files([str(path)], n_partitions)
        assert frame.npartitions == n_partitions
        assert frame.compute(scheduler="threads")["d"].tolist() == list(range(3, 400_000, 4))


@pytest.mark.parametrize(("n_files", "n_partitions"), [(6, 4), (3, 4), (5, 8), (5, 4), (2, 2), (1, 3)])
def test_partitions_of_several_files_are_of_about_a_size(n_files: int, n_partitions: int, tmp_path: Path) -> None:
    for index in range(n_files):
        np.savetxt(
            tmp_path / f"{index}.csv", np.zeros((60_000, 3)), fmt="%.5f", delimiter=",", header="x,y,z", comments=""
        )
    frame = open_files([str(tmp_path / "*.csv")], n_partitions).repartition(npartitions=n_partitions)
    rows = frame.map_partitions(len).compute(scheduler="threads").tolist()
    assert sum(rows) == n_files * 60_000
    assert max(rows) < 2.1 * min(rows), rows
