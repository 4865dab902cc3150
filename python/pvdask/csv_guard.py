"""CSV files that would take all memory before the first row is read: seen by reading little of them."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Sequence
from typing import BinaryIO

from pvdask.errors import InputError
from pvdask.memory import available_bytes

MAXIMUM_LINE_BYTES = 16 << 20
"""Longest line: a table of `pvdask.files.MAXIMUM_COLUMNS` columns has room for 160 characters in each."""

MEMORY_SHARE = 0.5
"""Share of the free memory that a packed file may become, as pandas makes about as much of it once more."""

MOST_UNPACKED = 1032
"""Bytes that one byte of deflate makes at most (zlib's technical details, "Maximum Compression Factor")."""

_STEP_BYTES = 1 << 16


def check_csv(files: Sequence[str], block_bytes: int) -> None:
    """See that a CSV file can be read block by block.

    Parameters
    ----------
    files : sequence of str
        Paths of this machine; URLs are left alone.
    block_bytes : int
        Size of the blocks that plain files are cut into.

    Raises
    ------
    InputError
        Where a line goes on for more than `MAXIMUM_LINE_BYTES` past the start of a block, which would make that block as long as
        the line is, or where a packed file, which cannot be cut, becomes more than `MEMORY_SHARE` of the memory that is free.
    """
    for file in files:
        if "://" in file:
            continue
        with open(file, "rb") as opened:
            if file.endswith(".gz"):
                _check_packed(file, opened)
            else:
                _check_lines(file, opened, block_bytes)


def _check_lines(file: str, opened: BinaryIO, block_bytes: int) -> None:
    for start in range(0, os.fstat(opened.fileno()).st_size, block_bytes):
        opened.seek(start)
        read = 0
        while step := opened.read(_STEP_BYTES):
            if b"\n" in step or b"\r" in step:
                break
            read += len(step)
            if read > MAXIMUM_LINE_BYTES:
                raise InputError(
                    f"{file} has a line of more than {MAXIMUM_LINE_BYTES >> 20} MB (around byte {start:,}); expected a CSV table."
                )


def _check_packed(file: str, opened: BinaryIO) -> None:
    limit = int(available_bytes() * MEMORY_SHARE)
    size = os.fstat(opened.fileno()).st_size
    if size * MOST_UNPACKED <= limit:
        return
    unpacked = 0
    with gzip.open(opened) as packed:
        try:
            while step := packed.read(_STEP_BYTES):
                unpacked += len(step)
                if unpacked > limit:
                    break
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{file} is no gzip file ({error}); expected a CSV table, packed by gzip.") from None
    if unpacked > limit:
        raise InputError(
            f"{file}, of {size / 1e6:,.1f} MB, unpacks to more than {limit / 1e9:,.1f} GB, half of the memory that is free "
            "here, and a packed file cannot be read in parts; unpack it first."
        )
