"""``pvdask catalog``: write a synthetic star catalogue of any length."""

from __future__ import annotations

import argparse
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypedDict

from pvdask.errors import OptionError

HELP = "write a synthetic star catalogue (CSV or Parquet) of any length"

EXAMPLE = "pvdask catalog --rows 2e6 --partitions 8 --output stars.parquet"

_SUFFIX_FORMATS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}

# Far above any count that is accepted anywhere, and still an integer of a handful of bytes: 1e999999999 is not.
_LARGEST = Decimal(10) ** 18


class _Request(TypedDict):
    """What both the check and the writing are told."""

    format: str
    partitions: int
    seed: int
    replace: bool


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--rows", required=True, metavar="N", help="stars: 200000, 2e5 or 200_000")
    parser.add_argument(
        "--output", required=True, type=Path, metavar="PATH", help="file to write; with --partitions the folder"
    )
    parser.add_argument(
        "--format", choices=sorted(set(_SUFFIX_FORMATS.values())), help="default: by the suffix of PATH, else csv"
    )
    parser.add_argument(
        "--partitions", default="1", metavar="K", help="files to spread the rows over (default: 1, no folder)"
    )
    parser.add_argument("--seed", default="0", metavar="S", help="same seed, same stars (default: 0)")
    parser.add_argument("--replace", action="store_true", help="write over an existing catalogue")


def run(arguments: argparse.Namespace) -> int:
    """Write the catalogue and say what was written.

    Parameters
    ----------
    arguments : argparse.Namespace
        What `configure` asked for.

    Returns
    -------
    int
        0.

    Raises
    ------
    OptionError, InputError
        As `pvdask.catalog.write_catalog` does.
    """
    rows = parse_count("--rows", arguments.rows)
    partitions = parse_count("--partitions", arguments.partitions)
    seed = parse_count("--seed", arguments.seed)
    file_format = arguments.format or _SUFFIX_FORMATS.get(arguments.output.suffix.lower(), "csv")
    # pandas and pyarrow take a while to load: not before the options are read.
    from pvdask.catalog import check_request, write_catalog
    from pvdask.progress import Progress

    request: _Request = {
        "format": file_format,
        "partitions": partitions,
        "seed": seed,
        "replace": arguments.replace,
    }
    # First of all, so that what is refused is refused without a bar at nothing.
    check_request(arguments.output, rows, **request)
    with Progress(f"Writing {arguments.output}", rows, unit="rows") as progress:
        summary = write_catalog(arguments.output, rows, **request, on_progress=progress.advance)
    files = f", {summary.partitions:,} files" if summary.partitions > 1 else ""
    size = f"{summary.size_bytes / 1e6:,.1f} MB"
    print(f"{summary.path}: {summary.rows:,} stars, {size}{files}, {summary.format}, in {summary.elapsed_s:.1f} s")
    return 0


def parse_count(name: str, text: str) -> int:
    """Return the whole number that `text` stands for.

    Parameters
    ----------
    name : str
        The option, for the message.
    text : str
        ``"200000"``, ``"2e5"`` or ``"200_000"``.

    Returns
    -------
    int
        The number; it may be negative.

    Raises
    ------
    OptionError
        If it is no whole number, or one beyond 10**18.
    """
    problem = OptionError(name, f"'{text}' was given, and it has to be a whole number such as 200000, 2e5 or 200_000.")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise problem from None
    if not value.is_finite() or not -_LARGEST <= value <= _LARGEST or value != value.to_integral_value():
        raise problem
    return int(value)
