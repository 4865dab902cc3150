"""What one rank tells of itself; runs in a programmable source, on every rank."""

from __future__ import annotations

import builtins
import json
import sys
import threading
import time
from pathlib import Path

_imports = {"seconds": 0.0}
_resident = {}
_depth = threading.local()


def answer(folder, call):
    """Write what the function named `call` gives, under this rank's number."""
    from vtkmodules.vtkParallelCore import vtkMultiProcessController

    rank = vtkMultiProcessController.GetGlobalController().GetLocalProcessId()
    content = {"rank": rank, **globals()[call]()}
    Path(folder, f"{rank}.json").write_text(json.dumps(content))


def modules():
    """Whether what only rank 0 needs was imported here, and how long all imports took since `watch_imports`."""
    names = ("pandas", "pyarrow", "dask.dataframe", "distributed", "distributed.client")
    return {"modules": {name: name in sys.modules for name in names}, "import_seconds": _imports["seconds"]}


def watch_imports():
    """From here on add up the time in outermost import statements, on whatever thread."""
    original = builtins.__import__

    def timed(*arguments, **keywords):
        if getattr(_depth, "inside", False):
            return original(*arguments, **keywords)
        _depth.inside, started = True, time.perf_counter()
        try:
            return original(*arguments, **keywords)
        finally:
            _depth.inside = False
            _imports["seconds"] += time.perf_counter() - started

    builtins.__import__ = timed
    return {}


def count_sockets():
    """From here on count what comes in and goes out through this process's sockets."""
    import socket_counter

    socket_counter.install()
    return {}


def sockets():
    """Bytes since `count_sockets`."""
    import socket_counter

    return dict(socket_counter.COUNTED)


def reset_peak():
    """Forget the peak of resident memory so far."""
    Path("/proc/self/clear_refs").write_text("5")
    _resident["before"] = _status("VmRSS")
    return {"resident": _resident["before"]}


def peak():
    """Bytes that resident memory grew by at its highest since `reset_peak`, and that it has grown by now."""
    return {"peak_growth": _status("VmHWM") - _resident["before"], "growth": _status("VmRSS") - _resident["before"]}


def _status(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name}")


def notebook_packages():
    """Versions of what the notebook's way ran with on this rank."""
    return {
        name: str(getattr(sys.modules.get(name), "__version__", None)) for name in ("PVGeo", "pyvista", "distributed")
    }
