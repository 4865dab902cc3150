"""The synthetic catalogue: what is written, that it depends on seed and row alone, and the command that writes it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from catalog_files import read_csv, run_catalog
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdask import catalog
from pvdask.catalog import BLOCK_ROWS, DECIMALS, generate_chunk, write_catalog
from pvdask.commands import catalog as command

pytestmark = pytest.mark.unit

HEADER = "source_id,x[pc],y[pc],z[pc],ra[deg],dec[deg],plx[mas],pmra[mas/yr],pmdec[mas/yr],G[mag],bp_rp[mag],M_G[mag]"


@pytest.fixture(scope="module")
def two_blocks() -> pd.DataFrame:
    return generate_chunk(5, 0, 2 * BLOCK_ROWS)


# -- what is written ------------------------------------------------------------------------------------------------


def test_csv_has_the_columns_types_and_decimals_of_the_gaia_file(tmp_path: Path) -> None:
    write_catalog(tmp_path / "stars.csv", 500, seed=3)
    lines = (tmp_path / "stars.csv").read_text().splitlines()
    assert lines[0] == HEADER
    assert len(lines) == 501
    for line in lines[1:]:
        words = line.split(",")
        assert words[0].isdigit()
        assert [len(word.partition(".")[2]) for word in words[1:]] == list(DECIMALS.values())
    types = pd.read_csv(tmp_path / "stars.csv").dtypes
    assert [str(kind) for kind in types] == ["int64"] + ["float64"] * 11


def test_one_row_is_read_with_the_same_types_as_many(tmp_path: Path) -> None:
    for seed in range(5):
        write_catalog(tmp_path / "one.csv", 1, seed=seed, replace=True)
        types = pd.read_csv(tmp_path / "one.csv").dtypes
        assert [str(kind) for kind in types] == ["int64"] + ["float64"] * 11


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_file_holds_exactly_the_generated_rows(tmp_path: Path, file_format: str) -> None:
    path = tmp_path / f"stars.{file_format}"
    summary = write_catalog(path, BLOCK_ROWS + 10, format=file_format, seed=7)
    read = read_csv(path) if file_format == "csv" else pd.read_parquet(path)
    pd.testing.assert_frame_equal(read, generate_chunk(7, 0, BLOCK_ROWS + 10), check_exact=True)
    assert (summary.path, summary.rows, summary.partitions) == (path, BLOCK_ROWS + 10, 1)
    assert summary.size_bytes == path.stat().st_size
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(("file_format", "partitions"), [("csv", 3), ("csv", 7), ("parquet", 2), ("parquet", 5)])
def test_partitions_hold_the_same_rows_in_equal_shares(tmp_path: Path, file_format: str, partitions: int) -> None:
    rows = BLOCK_ROWS + 1234
    summary = write_catalog(tmp_path / "stars", rows, format=file_format, partitions=partitions, seed=2)
    files = sorted((tmp_path / "stars").iterdir())
    assert [file.name for file in files] == [f"part.{index:04d}.{file_format}" for index in range(partitions)]
    parts = [read_csv(file) if file_format == "csv" else pd.read_parquet(file) for file in files]
    assert {len(part) for part in parts} <= {rows // partitions, rows // partitions + 1}
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), generate_chunk(2, 0, rows), check_exact=True)
    assert summary.size_bytes == sum(file.stat().st_size for file in files)


def test_parquet_is_streamed_as_one_row_group_a_block(tmp_path: Path) -> None:
    write_catalog(tmp_path / "stars.parquet", 2 * BLOCK_ROWS + 5, format="parquet")
    layout = pq.ParquetFile(tmp_path / "stars.parquet").metadata
    assert [layout.row_group(i).num_rows for i in range(layout.num_row_groups)] == [BLOCK_ROWS, BLOCK_ROWS, 5]


def test_names_sort_as_the_parts_do_beyond_ten_thousand() -> None:
    layout = catalog._Layout(rows=20_000, partitions=20_000, format="csv")
    names = [layout.file(Path("stars"), part).name for part in range(20_000)]
    assert names == sorted(names)


# -- seed and row alone ---------------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(start=st.integers(0, 2 * BLOCK_ROWS), rows=st.integers(0, BLOCK_ROWS))
def test_rows_do_not_depend_on_the_chunk_they_are_asked_for_in(two_blocks: pd.DataFrame, start: int, rows: int) -> None:
    rows = min(rows, 2 * BLOCK_ROWS - start)
    expected = two_blocks.iloc[start : start + rows].reset_index(drop=True)
    pd.testing.assert_frame_equal(generate_chunk(5, start, rows), expected, check_exact=True)


def test_another_seed_and_another_block_are_other_stars(two_blocks: pd.DataFrame) -> None:
    other = generate_chunk(6, 0, BLOCK_ROWS)
    first, second = two_blocks.iloc[:BLOCK_ROWS], two_blocks.iloc[BLOCK_ROWS:]
    for pair in (other, second):
        assert not np.isin(pair["ra[deg]"], first["ra[deg]"]).mean() > 0.001


def test_memory_does_not_grow_with_rows(tmp_path: Path) -> None:
    def peak_bytes(rows: int) -> int:
        tracemalloc.start()
        try:
            write_catalog(tmp_path / "stars.csv", rows, replace=True)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak_bytes(1)
    assert peak_bytes(5 * BLOCK_ROWS) < 1.5 * peak_bytes(BLOCK_ROWS)


def test_progress_counts_every_row_and_never_more_than_a_block(tmp_path: Path) -> None:
    steps: list[int] = []
    write_catalog(tmp_path / "stars", 2 * BLOCK_ROWS + 7, partitions=3, on_progress=steps.append)
    assert sum(steps) == 2 * BLOCK_ROWS + 7
    assert max(steps) <= BLOCK_ROWS


# -- the command ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["2000", "2e3", "2_000", "2E+3", "2000.0"])
def test_counts_are_read_as_people_write_them(text: str) -> None:
    assert command.parse_count("--rows", text) == 2000


@pytest.mark.parametrize(
    ("name", "options", "first_bytes"),
    [
        ("stars.csv", (), b"source_id"),
        ("stars.parquet", (), b"PAR1"),
        ("stars", (), b"source_id"),
        ("stars.dat", ("--format", "parquet"), b"PAR1"),
    ],
)
def test_format_follows_the_suffix_unless_named(
    tmp_path: Path, name: str, options: tuple[str, ...], first_bytes: bytes
) -> None:
    assert run_catalog("--rows", "20", "--output", str(tmp_path / name), *options) == 0
    assert (tmp_path / name).read_bytes().startswith(first_bytes)


def test_command_says_what_it_wrote(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "stars"
    assert run_catalog("--rows", "2e3", "--partitions", "4", "--seed", "9", "--output", str(target)) == 0
    printed = capfd.readouterr()
    assert printed.out.startswith(f"{target}: 2,000 stars, 0.2 MB, 4 files, csv, in ")
    assert "rows" in printed.err
    frames = [read_csv(file) for file in sorted(target.iterdir())]
    pd.testing.assert_frame_equal(pd.concat(frames, ignore_index=True), generate_chunk(9, 0, 2000), check_exact=True)


def test_the_example_of_the_help_is_one_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = command.EXAMPLE.split()
    assert words[:2] == ["pvdask", "catalog"]
    words[words.index("--rows") + 1] = "80"
    assert run_catalog(*words[2:]) == 0
    assert len(pd.read_parquet(tmp_path / "stars.parquet")) == 80
