"""Run by pvbatch: the notebook's own way, with the real PVGeo (ipyparaview, "Multi-Node Rendering with Dask-MPI", 2019).

Every rank has a default Client, gets ``get_partition(rank).compute()``, turns it into a table by
``PVGeo.interface.data_frame_to_table`` and gives that to TableToPoints. The client stays open between pulls, as there.
"""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import rank_tools

SCRIPT = """
import sys
sys.path.insert(0, {here!r})
import notebook_rank
notebook_rank.table(self.GetTableOutput(), {job!r}, {columns!r}, {number})
"""


def main():
    """Pull as often as the job says; the first time is cold."""
    job = rank_tools.read_job()
    table = simple.ProgrammableSource(OutputDataSetType="vtkTable")
    points = simple.TableToPoints(Input=table)
    points.XColumn, points.YColumn, points.ZColumn = job["positions"]
    results = []
    for number, columns in enumerate(job["pulls"]):
        started = time.perf_counter()
        table.Script = SCRIPT.format(here=rank_tools.HERE, job=job["notebook"], columns=columns, number=number)
        points.UpdatePipeline()
        seconds = time.perf_counter() - started
        information = points.GetDataInformation()
        arrays = sorted(points.PointData.keys())
        results.append(
            {"seconds": seconds, "rows": information.GetNumberOfPoints(), "columns": columns, "arrays": arrays}
        )
    peers = rank_tools.on_every_rank(simple, job, "notebook_packages")
    rank_tools.finish(job, {"results": results, "packages": peers})


main()
