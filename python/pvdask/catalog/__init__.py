"""Synthetic star catalogues of any length, in the columns of a Gaia sample within 100 pc."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pvdask.catalog import draw, healpix
from pvdask.catalog.model import Floats
from pvdask.catalog.parts import (
    FORMATS,
    check_room,
    check_target,
    discard,
    open_part,
    put_in_place,
    temporary_beside,
)
from pvdask.errors import InputError, OptionError

BLOCK_ROWS = 131_072
"""Rows that are drawn together; part of what a seed means, so a change of it changes every catalogue."""

MAX_ROWS = 1 << healpix.SEQUENCE_BITS
"""The source ids of more rows than this could not all differ."""

DECIMALS = {
    "x[pc]": 5,
    "y[pc]": 5,
    "z[pc]": 5,
    "ra[deg]": 7,
    "dec[deg]": 7,
    "plx[mas]": 4,
    "pmra[mas/yr]": 3,
    "pmdec[mas/yr]": 3,
    "G[mag]": 4,
    "bp_rp[mag]": 4,
    "M_G[mag]": 4,
}
"""Columns behind ``source_id``, in their order, and the decimals that each is rounded to."""


@dataclass(frozen=True)
class CatalogSummary:
    """What was written.

    Attributes
    ----------
    path : Path
        The file, or the folder of the partitions.
    rows, partitions : int
        Stars, and the files they are in.
    format : str
        ``"csv"`` or ``"parquet"``.
    size_bytes : int
        All files together.
    elapsed_s : float
        Time it took, in seconds.
    """

    path: Path
    rows: int
    partitions: int
    format: str
    size_bytes: int
    elapsed_s: float


def generate_chunk(seed: int, start: int, rows: int) -> pd.DataFrame:
    """Return some rows of a catalogue: the same ones however they are asked for.

    Row i depends on `seed` and i alone. Stars are drawn in blocks of `BLOCK_ROWS`, and the randomness of block b is a
    Philox stream (Salmon, Moraes, Dror & Shaw 2011, SC'11) seeded by the b-th child of ``SeedSequence(seed)``. NumPy may
    change its streams from one version to another (NEP 19), so the same rows are to be expected of the same NumPy only.

    Parameters
    ----------
    seed : int
        Which catalogue; not negative.
    start : int
        Index of the first row.
    rows : int
        How many rows; they are all held in memory.

    Returns
    -------
    pandas.DataFrame
        int64 ``source_id`` and float64 columns in the order of `DECIMALS`, rounded to its decimals, with an index from
        0. The frame is the caller's.

    Raises
    ------
    OptionError
        If a number is out of range.
    """
    _check_number("seed", seed, least=0)
    _check_number("start", start, least=0, most=MAX_ROWS)
    _check_number("rows", rows, least=0, most=MAX_ROWS - start)
    pieces = list(_blocks(seed, start, rows))
    if not pieces:
        return _block(seed, 0).iloc[:0].copy()
    return pd.concat(pieces, ignore_index=True)


def write_catalog(
    path: str | os.PathLike[str],
    rows: int,
    *,
    format: str = "csv",
    partitions: int = 1,
    seed: int = 0,
    replace: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> CatalogSummary:
    """Write a synthetic star catalogue, a block at a time: memory does not grow with `rows`.

    What is written appears under its name when it is whole, or not at all.

    Parameters
    ----------
    path : path-like
        The file to write; with several partitions the folder, which gets ``part.0000.csv`` and so on.
    rows : int
        Stars, 1 to 2**35.
    format : {"csv", "parquet"}
        What to write. Both hold the same numbers.
    partitions : int
        Files to spread the rows over, equally; at most `rows`.
    seed : int
        Which catalogue; not negative. The rows do not depend on `partitions`.
    replace : bool
        Whether a file of that name, or a folder of nothing but partitions, may be replaced.
    on_progress : callable, optional
        Called with the number of rows that were just written, never more than `BLOCK_ROWS`.

    Returns
    -------
    CatalogSummary
        What was written.

    Raises
    ------
    OptionError
        If a number is out of range or the format is unknown.
    InputError
        If the path cannot be written, exists already, or has not the room.
    """
    check_request(path, rows, format=format, partitions=partitions, seed=seed, replace=replace)
    started = time.monotonic()
    target = Path(path)
    try:
        size = _write_beside(target, _Layout(rows, partitions, format), seed, on_progress or (lambda _: None))
    except OSError as error:
        raise _unwritable(target, error) from error
    return CatalogSummary(target, rows, partitions, format, size, time.monotonic() - started)


def check_request(
    path: str | os.PathLike[str], rows: int, *, format: str, partitions: int, seed: int, replace: bool
) -> None:
    """Raise what `write_catalog` would, with the same arguments, before it writes anything."""
    _check_number("rows", rows, least=1, most=MAX_ROWS)
    _check_number("partitions", partitions, least=1, most=rows)
    _check_number("seed", seed, least=0)
    if format not in FORMATS:
        raise OptionError("format", f"'{format}' was given, and it can be {' or '.join(FORMATS)}.")
    target = Path(path)
    try:
        check_target(target, replace)
        check_room(target, rows, format)
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> InputError:
    """Return what to tell when the operating system refuses."""
    reason = error.strerror or str(error)
    return InputError(f"{target} cannot be written ({reason}): see to that, or choose another path.")


@dataclass(frozen=True)
class _Layout:
    """How rows are spread over files."""

    rows: int
    partitions: int
    format: str

    def end(self, part: int) -> int:
        """Return the row behind the last one of a part."""
        return self.rows * (part + 1) // self.partitions

    def file(self, root: Path, part: int) -> Path:
        """Return the file of a part: `root` itself if it is the only one."""
        if self.partitions == 1:
            return root
        width = max(4, len(str(self.partitions - 1)))
        return root / f"part.{part:0{width}d}.{self.format}"


def _write_beside(target: Path, layout: _Layout, seed: int, on_progress: Callable[[int], None]) -> int:
    """Write everything under another name, put it in place, and return its size in bytes."""
    temporary = temporary_beside(target)
    try:
        if layout.partitions > 1:
            temporary.mkdir()
        size = _write_parts(temporary, layout, seed, on_progress)
        put_in_place(temporary, target)
    finally:
        discard(temporary)
    return size


def _write_parts(root: Path, layout: _Layout, seed: int, on_progress: Callable[[int], None]) -> int:
    """Write one part after the other, each block drawn once, and return the size of all in bytes."""
    size = row = 0
    blocks = _blocks(seed, 0, layout.rows)
    block = next(blocks)
    for part in range(layout.partitions):
        file = layout.file(root, part)
        with open_part(file, layout.format, DECIMALS) as writer:
            while row < layout.end(part):
                if block.empty:
                    block = next(blocks)
                piece = block.iloc[: layout.end(part) - row]
                block = block.iloc[len(piece) :]
                writer.write(piece)
                row += len(piece)
                on_progress(len(piece))
        size += file.stat().st_size
    return size


def _blocks(seed: int, start: int, rows: int) -> Iterator[pd.DataFrame]:
    """Yield rows `start` to `start` + `rows`, in pieces that end where blocks end."""
    end = start + rows
    while start < end:
        index, skipped = divmod(start, BLOCK_ROWS)
        piece = _block(seed, index).iloc[skipped : skipped + end - start]
        start += len(piece)
        yield piece


def _block(seed: int, index: int) -> pd.DataFrame:
    """Draw one whole block.

    Positions and M_G are worked out again from what is published beside them, rounded: so that the columns agree to
    their last digit.
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(index,))))
    stars = draw.draw_stars(rng, BLOCK_ROWS)
    x, y, z = stars.position_pc.T
    distance = np.sqrt(x**2 + y**2 + z**2)
    # Rounding can take a right ascension to 360.
    ra = np.mod(_rounded("ra[deg]", np.mod(np.degrees(np.arctan2(y, x)), 360.0)), 360.0)
    dec = _rounded("dec[deg]", np.degrees(np.arcsin(z / distance)))
    parallax = _rounded("plx[mas]", 1000.0 / distance)
    pm_ra, pm_dec = draw.proper_motions(draw.draw_velocities(rng, stars), ra, dec, parallax)
    distance_modulus = 10.0 - 5.0 * np.log10(parallax)
    g_mag = _rounded("G[mag]", stars.absolute_mag + distance_modulus)
    distance = 1000.0 / parallax
    across = distance * np.cos(np.radians(dec))
    columns = {
        "x[pc]": across * np.cos(np.radians(ra)),
        "y[pc]": across * np.sin(np.radians(ra)),
        "z[pc]": distance * np.sin(np.radians(dec)),
        "ra[deg]": ra,
        "dec[deg]": dec,
        "plx[mas]": parallax,
        "pmra[mas/yr]": pm_ra,
        "pmdec[mas/yr]": pm_dec,
        "G[mag]": g_mag,
        "bp_rp[mag]": stars.color_mag,
        "M_G[mag]": g_mag - distance_modulus,
    }
    identifiers = healpix.source_ids(ra, dec, index * BLOCK_ROWS)
    return pd.DataFrame({"source_id": identifiers} | {name: _rounded(name, columns[name]) for name in DECIMALS})


def _rounded(name: str, values: Floats) -> Floats:
    """Return values rounded to the decimals of a column, zero without a sign."""
    scale = 10.0 ** DECIMALS[name]
    result: Floats = np.rint(values * scale) / scale + 0.0
    return result


def _check_number(name: str, value: int, *, least: int, most: int | None = None) -> None:
    """Raise :class:`OptionError` unless `value` is within its range."""
    if value < least:
        raise OptionError(name, f"{value:,} was given, and it has to be at least {least:,}.")
    if most is not None and value > most:
        raise OptionError(name, f"{value:,} was given, and it can be {most:,} at most.")
