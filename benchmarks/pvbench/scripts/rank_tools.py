"""For the scripts that pvbatch runs: jobs, marks, and code that runs on every rank. Imported after `paraview.simple`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

MARK = "pvbench-mark"
HERE = str(Path(__file__).parent)


def read_job():
    """The job: the JSON file that is the script's one argument."""
    with open(sys.argv[1], encoding="utf-8") as file:
        return json.load(file)


def finish(job, outcome):
    """Tell the benchmark what came of the job."""
    with open(job["report"], "w", encoding="utf-8") as file:
        json.dump(outcome, file)


def mark(job, label):
    """Wait until the benchmark has read its own counters."""
    acknowledged = Path(f"{job['report']}.{label}")
    print(MARK, label, flush=True)
    while not acknowledged.exists():
        time.sleep(0.005)


def on_every_rank(simple, job, call):
    """Run ``rank_probe.<call>`` on every rank; returns what each gave, in rank order."""
    folder = Path(job["report"] + "-ranks")
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    probe = simple.ProgrammableSource(OutputDataSetType="vtkPolyData")
    probe.Script = (
        f"import sys\nsys.path.insert(0, {HERE!r})\nimport rank_probe\nrank_probe.answer({str(folder)!r}, {call!r})"
    )
    probe.UpdatePipeline()
    simple.Delete(probe)
    answers = [json.loads(path.read_text()) for path in sorted(folder.iterdir(), key=lambda path: int(path.stem))]
    if not answers:
        raise RuntimeError(f"no rank answered {call}")
    return answers


def make_source(simple, job):
    """The Dask DataFrame Source, as a user sets it up, with nothing pulled yet."""
    source = simple.DaskDataFrameSource(SchedulerFile=job["scheduler_file"], Dataset=job["dataset"])
    source.XColumn, source.YColumn, source.ZColumn = job["positions"]
    source.Timeout = 600.0
    return source


def update(source, columns=None):
    """Update the source; returns seconds, bytes and each rank's report. Raises where it failed."""
    if columns is not None:
        source.UpdatePipelineInformation()
        source.ColumnArrays = columns
    started = time.perf_counter()
    source.UpdatePipeline()
    seconds = time.perf_counter() - started
    source.UpdatePropertyInformation()
    if source.GetPropertyValue("Failed"):
        raise RuntimeError(str(source.GetPropertyValue("Status")))
    lines = source.GetPropertyValue("RankReports")
    lines = [lines] if isinstance(lines, str) else list(lines)
    figures = {
        name: source.GetPropertyValue(name) for name in ("PulledRows", "BytesReceived", "BytesCopied", "TransferPath")
    }
    return {"seconds": seconds, **figures, "ranks": [json.loads(line) for line in lines]}


def memory_bytes(source):
    """Bytes of all arrays of the source's output on all ranks together, cells included."""
    return source.GetDataInformation().GetMemorySize() * 1024
