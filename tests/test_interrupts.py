"""Ctrl-C at any moment of any command: it ends soon, without a traceback, and leaves neither a process nor half a file.

The moments are spread over the time that a command takes; PVDASK_LONG=1 tries more of them.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from clusters import unpublish
from commandline import SOURCE

from pvdask.launch import ClusterHandle, Stack
from pvdask.launch.layout import project_layout

pytestmark = pytest.mark.faults

IS_LONG = bool(os.environ.get("PVDASK_LONG"))
MOMENTS_S = (0.1, 0.25, 0.5, 0.8, 1.2, 1.8, 2.6, 3.6, 5.0, 7.0)
N_SHORT = 1
STATE = project_layout().examples / "gaia" / "gaia.pvsm"
ENDS_S = 15.0
NOT_BEGUN = "Fatal Python error: init_import_site"
"""What Python says, with a status of its own, where it is interrupted before it runs anything."""
INTERRUPTED = {130, -signal.SIGINT}

COMMANDS = {
    "catalog": "catalog --rows 2e6 --output {d}/stars.csv",
    "certificates": "certificates {d}/tls",
    "cluster": "cluster -n 2 --scheduler-file {d}/s.json",
    "demo": "demo --rows 20000 -o {d}/demo",
    "doctor": "doctor --scheduler-file {sf} --report {d}/report.txt",
    "gui": "gui",
    "publish": "publish interrupted {csv} --scheduler-file {sf}",
    "render": "render {state} -n 2 -o {d}/out.png --scheduler-file {sf}",
    "server": "server -n 2 --port 0",
    "view": "view --scheduler-file {sf} --port 0",
}


def cases() -> list[Any]:
    """Every command at every moment, or each at some."""
    if IS_LONG:
        chosen = list(itertools.product(COMMANDS, MOMENTS_S))
    else:
        step = len(MOMENTS_S) // N_SHORT
        chosen = [
            (name, MOMENTS_S[(7 * number + turn * step) % len(MOMENTS_S)])
            for number, name in enumerate(COMMANDS)
            for turn in range(N_SHORT)
        ]
    return [pytest.param(name, moment_s, id=f"{name}-{moment_s:g}") for name, moment_s in chosen]


@pytest.mark.parametrize(("name", "moment_s"), cases())
def test_ctrl_c(
    name: str, moment_s: float, cluster: ClusterHandle, gaia_csv: Path, stack: Stack, tmp_path: Path
) -> None:
    words = COMMANDS[name].format(d=tmp_path, sf=cluster.scheduler_file, csv=gaia_csv, state=STATE).split()
    environment = {**os.environ, **stack.display(), "PYTHONPATH": str(SOURCE), "PVDASK_SCHEDULER_FILE": ""}
    process = subprocess.Popen(
        [sys.executable, "-m", "pvdask", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # these tests may run where it is ignored
    )
    try:
        time.sleep(moment_s)
        has_ended = process.poll() is not None
        if not has_ended:
            os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all that are in the foreground
        began = time.monotonic()
        stdout, stderr = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        unpublish(cluster, "interrupted")
    said = f"{name} after {moment_s:g} s: status {process.returncode}\n{stdout}{stderr}"
    assert time.monotonic() - began < ENDS_S, said
    assert not of_this_package(stderr), said
    has_begun = NOT_BEGUN not in stderr
    assert has_ended or process.returncode in {0, *INTERRUPTED} or not has_begun, said
    left = sorted(path.name for path in tmp_path.rglob("*") if re.search(r"\.(part|tmp)|^\.", path.name))
    assert not left, said


def of_this_package(stderr: str) -> list[str]:
    """Lines of a traceback that come from this package; Python's own, before it has begun, are not ours to hide."""
    return [line for line in stderr.splitlines() if "/pvdask/" in line and line.lstrip().startswith("File ")]


def test_must_fail_a_traceback_of_this_package_is_seen() -> None:
    assert of_this_package('Traceback\n  File "/x/python/pvdask/cli.py", line 3, in main\nKeyboardInterrupt')
    assert not of_this_package('Traceback\n  File "/usr/lib/python3.11/site.py", line 3, in main\nKeyboardInterrupt')
