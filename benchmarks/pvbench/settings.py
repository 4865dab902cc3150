"""Options of `./run bench`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "results"


@dataclass(frozen=True)
class Settings:
    """Sizes and repetitions of a run; `variants`: also what no target is for."""

    rows: int = 10_000_000
    csv_rows: int = 1_000_000
    growth_rows: tuple[int, ...] = (1_000_000, 3_000_000, 10_000_000, 30_000_000)
    picture_rows: int = 4_000_000
    glyph_stars: int = 300
    table_rows: int = 2_500_000
    page_rows: int = 1_000_000
    workers: int = 2
    ranks: int = 2
    repeat: int = 3
    slow_repeat: int = 2
    warm: int = 3
    frames: int = 5
    variants: bool = True
    only: tuple[str, ...] = ()
    output: Path = RESULTS


QUICK = {
    "rows": 200_000,
    "csv_rows": 20_000,
    "growth_rows": (50_000, 150_000),
    "picture_rows": 20_000,
    "glyph_stars": 20,
    "table_rows": 20_000,
    "page_rows": 20_000,
    "repeat": 1,
    "slow_repeat": 1,
    "warm": 2,
    "frames": 2,
    "variants": False,
}


def parse(words: list[str], names: list[str]) -> Settings:
    """Read the command line.

    Parameters
    ----------
    words : list of str
        Without the program's name.
    names : list of str
        Names of the benchmarks.

    Returns
    -------
    Settings
        What was asked for.
    """
    parser = argparse.ArgumentParser(
        prog="./run bench", description="Measure this project against what it takes the place of."
    )
    parser.add_argument("--rows", type=_count, help="rows of the persisted frame (10 M)")
    parser.add_argument("--csv-rows", type=_count, help="rows of the CSV file (1 M)")
    parser.add_argument("--growth-rows", type=_count, nargs="+", help="sizes for the growth (1 M 3 M 10 M 30 M)")
    parser.add_argument("--picture-rows", type=_count, help="stars of the first picture (4 M)")
    parser.add_argument("--glyph-stars", type=_count, help="stars that are drawn as glyphs (300)")
    parser.add_argument("--table-rows", type=_count, help="rows of the table that becomes points (2.5 M)")
    parser.add_argument("--page-rows", type=_count, help="stars that are turned in the page (1 M)")
    parser.add_argument("--ranks", type=_count, help="MPI ranks (2)")
    parser.add_argument("--workers", type=_count, help="Dask workers (2)")
    parser.add_argument(
        "--repeat", type=_count, metavar="N", help="turns of each side (3); two of what takes half a minute"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one turn: that all runs, not how fast")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"some of: {', '.join(names)}")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="where JSON and plots go (benchmarks/results)")
    given = {name: value for name, value in vars(parser.parse_args(words)).items() if value is not None}
    chosen = QUICK if given.pop("quick") else {}
    for name in ("growth_rows", "only"):
        if name in given:
            given[name] = tuple(given[name])
    if "repeat" in given:
        given["slow_repeat"] = min(given["repeat"], 2)
    return Settings(**{**chosen, **given})


def _count(text: str) -> int:
    value = int(float(text.replace("_", "")))
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, found {text}")
    return value
