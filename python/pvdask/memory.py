"""Whether what a pull brings fits into the memory that is left, before it starts."""

from __future__ import annotations

import platform
import re
import resource
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pvdask.errors import CapacityError
from pvdask.plan import Plan

CGROUP = Path("/sys/fs/cgroup")
RESERVE = 0.95
"""Share of the memory left that may be taken: the rest is for the picture and everybody else."""


def available_bytes(proc: Path = Path("/proc"), cgroup: Path = CGROUP) -> int:
    """Tell how much memory this process can still take.

    Parameters
    ----------
    proc, cgroup : pathlib.Path, optional
        Where the kernel tells.

    Returns
    -------
    int
        Bytes: what the machine has left, or what the process' control group or its address space (``ulimit -v``) has, whichever is
        least.
    """
    meminfo = dict(line.split(":", 1) for line in (proc / "meminfo").read_text().splitlines() if ":" in line)
    free = min(int(meminfo["MemAvailable"].split()[0]) * 1024, _address_space_bytes(proc))
    for folder in _groups(proc, cgroup):
        for limit_name, used_name in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit, used = _number(folder / limit_name), _number(folder / used_name)
            if limit is not None and used is not None:
                free = min(free, max(0, limit - used + (_inactive_file(folder) or 0)))
    return free


def needed_bytes(plan: Plan, rank: int) -> int:
    """Tell how much memory a rank's share takes.

    Parameters
    ----------
    plan : Plan
        What is pulled.
    rank : int
        Which rank.

    Returns
    -------
    int
        Bytes of its arrays and of the vertices: blocks are received in their place.
    """
    parts = plan.ranks[rank]
    n_rows = sum(part.n_rows for part in parts)
    row = sum(np.dtype(spec.dtype).itemsize for spec in plan.columns)
    if plan.has_points:
        row += 3 * np.dtype(plan.point_dtype).itemsize + 4
    return n_rows * row


def report(plan: Plan, rank: int) -> dict[str, Any]:
    """What a rank tells the others before the pull starts.

    Parameters
    ----------
    plan : Plan
        What is pulled.
    rank : int
        This rank.

    Returns
    -------
    dict
        Host, bytes needed and bytes available.
    """
    return {"host": platform.node(), "needed": needed_bytes(plan, rank), "available": available_bytes()}


def check(reports: Sequence[Mapping[str, Any]]) -> None:
    """See that on every host all of its ranks together have room.

    Parameters
    ----------
    reports : sequence of dict
        All ranks' reports, so that all come to the same end.

    Raises
    ------
    CapacityError
        Where they have not, on any host.
    """
    for host in dict.fromkeys(entry["host"] for entry in reports):
        here = [entry for entry in reports if entry["host"] == host]
        needed = sum(entry["needed"] for entry in here)
        available = int(min(entry["available"] for entry in here) * RESERVE)
        if needed > available:
            fraction = available / needed
            raise CapacityError(
                f"The pull needs {needed / 1e9:,.2f} GB on {host} for {len(here)} rank(s), and {available / 1e9:,.2f} GB are "
                f"left there; a SampleFraction of {_rounded_down(fraction):g} would fit, as would fewer columns, a Filter, "
                "or more hosts.",
                needed,
                available,
            )


def _rounded_down(fraction: float) -> float:
    """To two digits, not upwards."""
    if fraction <= 0:
        return 0.0
    scale = 10.0 ** (1 - int(np.floor(np.log10(fraction))))
    return float(np.floor(fraction * scale) / scale)


def _address_space_bytes(proc: Path) -> int:
    """Left of what this process may map; more than any machine has where that is not limited."""
    try:
        (limit,) = re.findall(r"^Max address space +(\d+)", (proc / "self" / "limits").read_text(), re.MULTILINE)
        pages = int((proc / "self" / "statm").read_text().split()[0])
    except (OSError, ValueError):
        return sys.maxsize
    return max(0, int(limit) - pages * resource.getpagesize())


def _groups(proc: Path, cgroup: Path) -> list[Path]:
    """Folders of the control groups that this process is in, the innermost first."""
    folders = []
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            base = cgroup / controllers if controllers else cgroup
            folder = base / path.lstrip("/")
            folders += [parent for parent in (folder, *folder.parents) if parent.is_relative_to(base)]
    return list(dict.fromkeys([*folders, cgroup, cgroup / "memory"]))


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _inactive_file(folder: Path) -> int | None:
    """Bytes of the file cache that the kernel takes back before it runs out."""
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.split()[:1] in (["inactive_file"], ["total_inactive_file"])]
    return int(found[-1]) if found else None
