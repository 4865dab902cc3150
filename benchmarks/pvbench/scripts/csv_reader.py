"""Run by pvbatch: ParaView's own CSVReader and TableToPoints."""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import rank_tools


def main():
    """Read the file once."""
    job = rank_tools.read_job()
    started = time.perf_counter()
    reader = simple.CSVReader(FileName=[job["csv"]])
    points = simple.TableToPoints(Input=reader)
    points.XColumn, points.YColumn, points.ZColumn = job["positions"]
    points.UpdatePipeline()
    seconds = time.perf_counter() - started
    rank_tools.finish(job, {"seconds": seconds, "rows": points.GetDataInformation().GetNumberOfPoints()})


main()
