"""Facts of the machine and of the software that figures depend on; no names of hosts, users or folders."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

from pvdask.launch import ParaViewInstall
from pvdask.version import __version__

PACKAGES = ("numpy", "pandas", "pyarrow", "dask", "distributed", "dask-mpi", "tornado")


def facts(install: ParaViewInstall) -> dict[str, Any]:
    """Cores, memory and versions."""
    mpi = subprocess.run(["mpiexec", "--version"], capture_output=True, text=True, check=False).stdout.splitlines()
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": platform.release(),
        "system": _system(),
        "transparent_hugepages": _read("/sys/kernel/mm/transparent_hugepage/enabled"),
        "python": platform.python_version(),
        "paraview": str(getattr(install, "version", "")),
        "mpi": mpi[0] if mpi else "",
        "pvdask": __version__,
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


class LoadMeter:
    """How busy the machine was with other things: cores in use that are not this run's own, on average."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._busy, self._own = _busy_seconds(), _own_seconds()

    def read(self) -> dict[str, float]:
        """Since the start: cores that were busy, and those of them that were not ours; and the load averages now."""
        seconds = max(time.monotonic() - self._started, 1e-9)
        busy = (_busy_seconds() - self._busy) / seconds
        own = (_own_seconds() - self._own) / seconds
        return {
            "busy_cores": round(busy, 2),
            "busy_cores_of_others": round(max(busy - own, 0.0), 2),
            "load_average_1_minute": round(os.getloadavg()[0], 2),
            "seconds": round(seconds, 1),
        }


def _busy_seconds() -> float:
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    """CPU time of this process and of all that it started, whether that has ended or still runs."""
    import psutil

    times = os.times()
    seconds = times.user + times.system + times.children_user + times.children_system
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            used = process.cpu_times()
            seconds += used.user + used.system + used.children_user + used.children_system
    return seconds


def _processor() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _system() -> str:
    for line in _read("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return platform.system()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
