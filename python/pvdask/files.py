"""Files as a lazy Dask DataFrame: CSV and Parquet, single files, folders, globs, and series of files as one frame."""

from __future__ import annotations

import glob
import gzip
import math
import os
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from pvdask.csv_guard import check_csv
from pvdask.errors import InputError

PARQUET_SUFFIXES = (".parquet", ".pq", ".parq")
CSV_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")

SMALLEST_BLOCK_BYTES = 1 << 18
USUAL_BLOCK_BYTES = 4 << 20
LARGEST_BLOCK_BYTES = 64 << 20
FEW_BLOCKS, MANY_BLOCKS = 16, 64

SAMPLE_BYTES, SAMPLE_ROWS = 256_000, 10
"""What Dask looks at to tell the dtypes of CSV (dask.dataframe.read_csv, `sample` and `sample_rows`)."""

MAXIMUM_COLUMNS = 100_000
MAXIMUM_HEADER_BYTES = 16 << 20


def open_files(paths: Sequence[str], n_partitions: int = 0) -> Any:
    """Open files as one frame, without reading more than a sample of them.

    Parameters
    ----------
    paths : sequence of str
        CSV files (plain or gzip), Parquet files, folders of either, or globs; URLs of a file system that Dask knows.
    n_partitions : int, optional
        What the frame is to be repartitioned to: a CSV file is cut so that little is left to do for it.

    Returns
    -------
    dask.dataframe.DataFrame
        Lazy.

    Raises
    ------
    InputError
        Where they are missing, empty, or no tables.
    """
    import dask.dataframe as dd

    files = expand(paths)
    kinds = {_is_parquet(path) for path in files}
    if len(kinds) > 1:
        raise InputError("CSV and Parquet files were named together; open or publish them one kind at a time.")
    try:
        if kinds.pop():
            # A list of one folder is read without its hive partitions.
            return dd.read_parquet(files[0] if len(files) == 1 else files, split_row_groups="adaptive")
        return _read_csv(_csv_files(files), n_partitions)
    except InputError:
        raise
    except Exception as error:  # pandas, pyarrow and fsspec each raise kinds of their own
        raise InputError(unreadable(files, error)) from error


def expand(paths: Sequence[str]) -> list[str]:
    """Make paths absolute, as workers have a working directory of their own, and see that they are there.

    Parameters
    ----------
    paths : sequence of str
        See `open_files`.

    Returns
    -------
    list of str
        Globs replaced by what they match, in order; URLs left alone.

    Raises
    ------
    InputError
        Where there is nothing at a path, or it may not be read.
    """
    if not paths:
        raise InputError("No file is named; name CSV or Parquet files, or folders of them.")
    expanded: list[str] = []
    for text in paths:
        path = text if "://" in text else str(Path(text).absolute())
        if "://" in text or os.path.exists(path):
            expanded.append(path)
        else:
            matches = sorted(glob.glob(path, recursive=True))
            if not matches:
                raise InputError(f"There is no file {path}; name CSV or Parquet files, folders of them, or a glob.")
            expanded += matches
    for path in expanded:
        if "://" not in path and not os.access(path, os.R_OK):
            raise InputError(f"The file {path} may not be read by this user; see to its permissions.")
    return expanded


def unreadable(paths: Sequence[str], error: BaseException | None) -> str:
    """Say in a sentence why files are no table.

    Parameters
    ----------
    paths : sequence of str
        The files.
    error : BaseException or None
        What reading them raised.

    Returns
    -------
    str
        For a person.
    """
    shown = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    while error is not None and error.__cause__ is not None:
        error = error.__cause__  # Dask wraps what pandas and pyarrow say
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" -+|")]
    reason = (lines[0] if lines else type(error).__name__)[:300].rstrip(".")
    return f"{shown} cannot be read as a table ({reason}); expected CSV or Parquet with the same columns in every row."


def _read_csv(files: Sequence[str], n_partitions: int) -> Any:
    from dask.dataframe.io.csv import make_reader

    from pvdask.csv_blocks import read_block
    from pvdask.pickling import ByValue

    local = [file for file in files if "://" not in file]
    separator = "," if len(local) < len(files) else _separator(files[0])
    block = block_bytes(sum(os.path.getsize(file) for file in local), n_partitions if len(files) == 1 else 0)
    check_csv(files, block)
    # gzip cannot be cut; low_memory tells types from a part of a block at a time
    is_packed = any(file.endswith(".gz") for file in files)
    cut = {"blocksize": None, "compression": "gzip"} if is_packed else {"blocksize": block}
    reader = ByValue(read_block, expected=_numeric_columns(files[0], separator))
    return make_reader(reader, "read_csv", "CSV")(list(files), sep=separator, low_memory=False, **cut)


def _numeric_columns(file: str, separator: str) -> dict[str, str]:
    """Names and dtypes of the columns, as far as the first rows tell, if all are numbers; else, and of one alone, nothing."""
    import fsspec

    from pvdask.csv_blocks import NUMERIC_DTYPES, read_block

    dtypes: dict[str, str] = {}
    with suppress(Exception):  # whatever it is, Dask meets it as well
        with fsspec.open(file, "rb", compression="infer") as opened:
            sample = opened.read(SAMPLE_BYTES)
        rows = read_block(BytesIO(sample[: sample.rfind(b"\n") + 1]), expected={}, nrows=SAMPLE_ROWS, sep=separator)
        dtypes = {str(name): str(dtype) for name, dtype in rows.dtypes.items()}
    is_numeric = len(dtypes) > 1 and len(separator) == 1 and set(dtypes.values()) <= set(NUMERIC_DTYPES)
    return dtypes if is_numeric else {}


def block_bytes(total_bytes: int, n_partitions: int = 0) -> int:
    """Size of the blocks that CSV files are cut into.

    A block costs some 10 ms whatever its size, so that the usual one is as large as takes longer than that to read; small files
    make blocks for a few ranks all the same, and large ones no more than a scheduler minds. It depends on the files alone, so
    that partitions are the same however many ranks read them. Where one file is to become so many partitions, each is one block, or
    as few as are not too large: blocks that are joined have to come to one worker first.

    Parameters
    ----------
    total_bytes : int
        Of all files.
    n_partitions : int, optional
        How many partitions are wanted; 0 where it does not matter.

    Returns
    -------
    int
        In bytes.
    """
    if n_partitions:
        n_blocks = n_partitions * max(1, math.ceil(total_bytes / n_partitions / LARGEST_BLOCK_BYTES))
        return max(total_bytes // n_blocks, SMALLEST_BLOCK_BYTES)
    few = max(total_bytes // FEW_BLOCKS, SMALLEST_BLOCK_BYTES)
    return min(max(total_bytes // MANY_BLOCKS, min(few, USUAL_BLOCK_BYTES)), LARGEST_BLOCK_BYTES)


def _separator(file: str) -> str:
    """Tell the separator from the header line: the commonest of the usual ones."""
    opened = gzip.open(file, "rb") if file.endswith(".gz") else open(file, "rb")  # noqa: SIM115 - closed below
    with opened:
        header = opened.readline(MAXIMUM_HEADER_BYTES + 1)
    if len(header) > MAXIMUM_HEADER_BYTES:
        raise InputError(
            f"{file}: its first line is longer than {MAXIMUM_HEADER_BYTES >> 20} MB; expected a CSV table."
        )
    if not header.strip():
        raise InputError(f"{file} has an empty first line; expected the names of the columns.")
    candidates = {separator: header.count(separator.encode()) for separator in (",", "\t", ";", "|")}
    separator = max(candidates, key=lambda each: candidates[each])
    if candidates[separator] > MAXIMUM_COLUMNS:
        raise InputError(f"{file} has over {MAXIMUM_COLUMNS:,} columns; expected a table of fewer.")
    if candidates[separator]:
        return separator
    return r"\s+" if len(header.split()) > 1 else ","


def _is_parquet(path: str) -> bool:
    folder = Path(path)
    if folder.is_dir():
        return any(inside.suffix in PARQUET_SUFFIXES for inside in folder.rglob("*"))
    return folder.suffix in PARQUET_SUFFIXES


def _csv_files(paths: Sequence[str]) -> list[str]:
    files: list[str] = []
    for path in paths:
        if os.path.isdir(path):
            inside = sorted(str(file) for file in Path(path).iterdir() if file.name.endswith(CSV_SUFFIXES))
            if not inside:
                raise InputError(f"The folder {path} holds neither CSV nor Parquet files.")
            files += inside
        else:
            files.append(path)
    empty = [file for file in files if os.path.isfile(file) and not os.path.getsize(file)]
    if empty:
        raise InputError(f"The file {empty[0]} is empty; expected a CSV table with a header line.")
    return files
