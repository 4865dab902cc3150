"""Run by pvbatch: Fast Table To Points and Table To Points in turns, on a table that is there already."""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import rank_tools


def timed(make, table, axes):
    """Seconds of one run of a new filter, and its points."""
    points = make(Input=table)
    points.XColumn, points.YColumn, points.ZColumn = axes
    started = time.perf_counter()
    points.UpdatePipeline()
    seconds = time.perf_counter() - started
    n_points = points.GetDataInformation().GetNumberOfPoints()
    simple.Delete(points)
    return seconds, n_points


def main(job):
    """Pull the table, then the filters in turns."""
    table = simple.DaskDataFrameSource(SchedulerFile=job["scheduler_file"], Dataset=job["dataset"])
    table.OutputType = "Table"
    table.UpdatePipelineInformation()
    table.ColumnArrays = job["columns"]
    table.UpdatePipeline()
    found = {"fast": [], "stock": []}
    for _ in range(job["repeat"] + 1):
        sizes = set()
        for name, make in (("fast", simple.FastTableToPoints), ("stock", simple.TableToPoints)):
            seconds, n_points = timed(make, table, job["positions"])
            found[name].append(seconds)
            sizes.add(n_points)
        if len(sizes) > 1:
            raise SystemExit(f"the filters made {sizes} points of the same table")
    rank_tools.finish(job, found)


main(rank_tools.read_job())
