"""From the command to the picture: `pvdask render`, with the time of each phase."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pvbench import data
from pvbench.model import Row, Samples
from pvbench.session import SCRIPTS, TIMEOUT_S, JobError, Session
from pvdask.launch.layout import project_layout

NAME = "timeline"
TITLE = "From the command to the picture"
COMMAND = Path(__file__).parents[1] / "timeline_command.py"


def run(session: Session) -> list[Row]:
    """The command itself, as often as there are turns; the phases are those of the turn of median length."""
    settings = session.settings
    dataset = session.frame(settings.rows)
    runs = []
    for turn in range(settings.slow_repeat):
        session.say(f"{NAME}: pvdask render")
        runs.append(_render(session, dataset, turn))
    runs.sort(key=lambda run: run["total"])
    chosen = runs[(len(runs) - 1) // 2]
    session.timeline = chosen["phases"]
    totals = Samples.of([run["total"] for run in runs], "s")
    what = f"{settings.rows:,} rows, {settings.ranks} ranks: command to picture"
    rows = [Row(NAME, what, totals, detail={"phases": chosen["phases"]})]
    for phase in chosen["phases"]:
        rows.append(Row(NAME, f"  {phase['name']}", Samples.of([phase["seconds"]], "s")))
    return rows


def _render(session: Session, dataset: str, turn: int) -> dict[str, Any]:
    picture = session.stack.folder / f"timeline-{turn}.png"
    spans = session.stack.folder / f"timeline-{turn}.json"
    state = project_layout().examples / "gaia" / "gaia.pvsm"
    words = ["render", str(state), "-n", str(session.settings.ranks), "-o", str(picture), "--dataset", dataset]
    words += ["--scheduler-file", session.connection.scheduler_file, "--color-by", data.VALUES[0]]
    for axis, column in zip("xyz", data.POSITIONS, strict=True):
        words += [f"--{axis}", column]
    environment = {
        **os.environ,
        "PVBENCH_SPANS": str(spans),
        "PVBENCH_SCRIPT": "",
        "PVBENCH_TIMELINE": str(SCRIPTS / "timeline.py"),
    }
    began = time.time()
    done = subprocess.run(
        [sys.executable, str(COMMAND), *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    ended = time.time()
    if done.returncode or not picture.exists():
        raise JobError(f"pvdask render ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    written = json.loads(spans.read_text(encoding="utf-8"))
    command = json.loads(Path(f"{spans}.command").read_text(encoding="utf-8"))
    return {"total": ended - began, "phases": _phases(began, ended, command, written)}


def _phases(began: float, ended: float, command: dict[str, float], written: dict[str, Any]) -> list[dict[str, Any]]:
    """Cut the time from `began` to `ended` at what was written down, without gaps."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for label, start, stop in written["spans"]:
        spans.setdefault(label, []).append((start, stop))
    (paraview,), (load,), (update,), (save,) = (
        spans[n] for n in ("import of paraview.simple", "load", "update", "save")
    )
    converted = max(stop for _, stop in spans["convert"])
    looked = min(start for start, _ in spans["convert"])
    cuts = [
        ("start of the command (Python, imports)", began, command["batch"]),
        ("start of pvbatch (mpiexec, MPI, X server)", command["batch"], paraview[0]),
        ("import of paraview.simple", *paraview),
        ("load the state; look at what is published", paraview[1], update[0]),
        ("connect and look up", update[0], looked),
        ("arrays on the workers", looked, converted),
        ("transfer, and arrays to VTK", converted, update[1]),
        ("colours and camera", update[1], save[0]),
        ("first picture, PNG", *save),
        ("end of pvbatch and of the command", save[1], ended),
    ]
    assert load[1] <= update[0]
    return [{"name": name, "start": start - began, "seconds": stop - start} for name, start, stop in cuts]
