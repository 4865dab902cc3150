"""A report to attach to an issue: what `pvdask doctor` found, and the settings that matter, without secrets."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from pvdask.errors import InputError
from pvdask.version import __version__

SHOWN = ("PVDASK_", "OMPI_MCA_", "PRTE_MCA_", "DASK_", "LP_NUM_THREADS", "MESA_", "SLURM_JOB_NUM_NODES", "SLURM_NTASKS")
"""Beginnings of the environment variables that a report tells."""

_SECRET = ("KEY", "TOKEN", "PASSWORD", "SECRET", "CERT", "ADDRESS")


def check_new(path: Path) -> None:
    """See that a report can be written.

    Parameters
    ----------
    path : pathlib.Path
        Where to.

    Raises
    ------
    InputError
        Where there is a file already, or none can be made.
    """
    if path.exists():
        raise InputError(f"{path} is there already; name a new file for the report.")
    if not os.access(path.absolute().parent, os.W_OK):
        raise InputError(f"The folder {path.absolute().parent} is not there or may not be written to; name another.")


def write_report(path: Path, lines: Sequence[str], environment: Mapping[str, str] = os.environ) -> None:
    """Write a report, whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        Where to.
    lines : sequence of str
        What was found.
    environment : mapping of str to str, optional
        Of it the variables in `SHOWN` are told; values of those that may be secret are not, and home folders become ``~``.
    """
    shown = {name: value for name, value in sorted(environment.items()) if name.startswith(SHOWN)}
    settings = [
        f"{name}={'(set)' if any(word in name for word in _SECRET) else value}" for name, value in shown.items()
    ]
    system = f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} CPUs"
    text = "\n".join([f"pvdask {__version__}", system, "", *lines, "", "Settings:", *(settings or ["none"]), ""])
    home = environment.get("HOME", "")
    part = path.with_name(f".{path.name}.part")
    part.write_text(text.replace(home, "~") if len(home) > 1 else text, encoding="utf-8")
    part.replace(path)
