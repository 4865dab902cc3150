"""Pull datasets and have every rank write down what it got (run by pvbatch on any number of ranks).

    pvbatch dump_ranks.py '{"scheduler_file": "s.json", "folder": "out", "jobs": [{"name": "a", "dataset": "stars"}]}'

Of each job, rank r writes ``NAME-r.npz``: ``Points`` and every array of the point data. Rank 0 writes ``NAME.json``: what
the source says about itself. A job may have ``properties``, which are set, and ``columns``, the ticked ones; and in place of
``dataset`` a ``reader`` and its ``files``.
"""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import gc
import json
import sys

from paraview import servermanager

FIGURES = ("Status", "TotalRows", "PulledRows", "DroppedRows", "BytesReceived", "BytesCopied", "TransferPath", "Failed")

THRESHOLDS = gc.get_threshold()
ALLOCATIONS_OF_NO_PULL = 300
"""More containers than Python makes for an update that does not pull, and far fewer than it makes for a pull."""

DUMP = """
import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkParallelCore import vtkMultiProcessController

rank = vtkMultiProcessController.GetGlobalController().GetLocalProcessId()
data = self.GetPolyDataInput()
points = data.GetPoints()
arrays = {{"Points": vtk_to_numpy(points.GetData()) if points else np.empty((0, 3), "f4")}}
for index in range(data.GetPointData().GetNumberOfArrays()):
    array = data.GetPointData().GetArray(index)
    arrays[array.GetName()] = vtk_to_numpy(array)
arrays["n_vertices"] = np.array(data.GetVerts().GetNumberOfCells())
np.savez({stem!r} + "-" + str(rank) + ".npz", **arrays)
"""


def dump(source, stem):
    """Have every rank write its share."""
    writer = simple.ProgrammableFilter(Input=source)
    writer.Script = DUMP.format(stem=stem)
    writer.UpdatePipeline()
    simple.Delete(writer)


def tell(source):
    """What the source says about itself."""
    source.UpdatePropertyInformation()
    told = {name: source.GetPropertyValue(name) for name in FIGURES}
    lines = source.GetPropertyValue("RankReports") or []
    told["RankReports"] = [json.loads(line) for line in ([lines] if isinstance(lines, str) else lines)]
    told["Offered"] = list(source.GetProperty("ColumnArrays").GetAvailable())
    told["Ticked"] = list(source.ColumnArrays)
    return told


def make_source(job, scheduler_file):
    """The source of a dataset, or a reader of files: on the cluster where a scheduler file is given."""
    if "reader" in job:
        reader = getattr(simple, job["reader"])(FileNames=job["files"])
        if scheduler_file:
            reader.SchedulerFile = scheduler_file
        return reader
    return simple.DaskDataFrameSource(SchedulerFile=scheduler_file, Dataset=job["dataset"])


def leave_garbage():
    """Proxies that refer to themselves. Deleting one is a message to all ranks, which must not wait for another then."""
    gc.collect()
    was_enabled = gc.isenabled()  # the plugin may hold it already
    gc.disable()
    for _ in range(20):
        proxy = servermanager.sources.Sphere()
        proxy.UpdatePipeline()
        proxy.__dict__["myself"] = proxy
    del proxy
    gc.set_threshold(gc.get_count()[0] + ALLOCATIONS_OF_NO_PULL)  # so the collector runs in the midst of the next pull
    if was_enabled:
        gc.enable()


def main():
    """Do one job after the other."""
    options = json.loads(sys.argv[1])
    for job in options["jobs"]:
        source = make_source(job, options["scheduler_file"])
        source.UpdatePipelineInformation()
        for name, value in job.get("properties", {}).items():
            setattr(source, name, value)
        if "columns" in job:
            source.ColumnArrays = job["columns"]
        stem = f"{options['folder']}/{job['name']}"
        print(f"job {job['name']}", flush=True)  # where a run hangs, this tells at what
        if job.get("garbage"):
            leave_garbage()
        source.UpdatePipeline()
        dump(source, stem)
        gc.set_threshold(*THRESHOLDS)
        with open(f"{stem}.json", "w", encoding="utf-8") as file:
            json.dump(tell(source), file)
        simple.Delete(source)


main()
