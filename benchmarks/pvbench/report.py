"""Rows to a table on the terminal and to a JSON file."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pvbench.model import Row, Samples
from pvbench.settings import Settings

FORMAT = 1
WIDTH = 58


def table(rows: Sequence[Row]) -> str:
    """The table, a line a row, under a line a benchmark."""
    lines = [f"{'':{WIDTH}}  {'ours':>24}  {'against':>24}  {'reached':>9}  target"]
    previous = ""
    for row in rows:
        if row.benchmark != previous:
            lines.append(f"--- {row.benchmark}{': against ' + row.peer_name if row.peer_name else ''}")
            previous = row.benchmark
        reached = "" if row.reached is None else f"{_number(row.reached)} {row.reached_unit}"
        verdict = {None: "", True: "  met", False: "  MISSED"}[row.met]
        target = "" if row.target is None else str(row.target)
        peer = _samples(row.peer) if row.peer else ""
        lines += _wrapped(row.what, f"  {_samples(row.ours):>24}  {peer:>24}  {reached:>9}  {target}{verdict}")
        if row.note:
            lines.append(f"    ({row.note})")
    return "\n".join(lines)


def _wrapped(what: str, rest: str) -> list[str]:
    if len(what) <= WIDTH:
        return [f"{what:{WIDTH}}{rest}".rstrip()]
    cut = what.rfind(" ", 0, WIDTH + 1)
    return [what[:cut], f"{'  ' + what[cut + 1 :]:{WIDTH}}{rest}".rstrip()]


def _samples(samples: Samples) -> str:
    if len(set(samples.values)) == 1:
        return f"{_number(samples.median)} {samples.unit}"
    return f"{_number(samples.median)} [{_number(min(samples.values))}-{_number(max(samples.values))}] {samples.unit}"


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def write_json(folder: Path, content: dict[str, Any], rows: Sequence[Row], settings: Settings) -> Path:
    """Write one run's file; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    started = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    options = {name: value for name, value in vars(settings).items() if name != "output"}
    path = folder / f"bench-{started}.json"
    full = {
        "format": FORMAT,
        "started_utc": started,
        "options": options,
        **content,
        "rows": [row.as_json() for row in rows],
    }
    path.write_text(json.dumps(full, indent=1) + "\n", encoding="utf-8")
    return path
