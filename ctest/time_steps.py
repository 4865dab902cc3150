"""Step through the time steps of a source, each rank writing down what it has (run by pvbatch on any number of ranks).

    pvbatch time_steps.py '{"scheduler_file": "s.json", "dataset": "stars", "columns": ["epoch"], "folder": "out"}'

Of step s, rank r writes ``COLUMN-s-r.npy``: the ids that it got. Rank 0 writes ``told.json``: the steps of each column.
"""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import json
import sys

DUMP = """
import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkParallelCore import vtkMultiProcessController

rank = vtkMultiProcessController.GetGlobalController().GetLocalProcessId()
array = self.GetPolyDataInput().GetPointData().GetArray("source_id")
np.save({stem!r} + "-" + str(rank) + ".npy", vtk_to_numpy(array) if array else np.empty(0, "i8"))
"""


def main():
    """Go through each column's steps, a time between two of them, and times before and after all."""
    options = json.loads(sys.argv[1])
    told = {}
    for column in options["columns"]:
        source = simple.DaskDataFrameSource(SchedulerFile=options["scheduler_file"], Dataset=options["dataset"])
        source.TimeColumn = column
        source.ColumnArrays = ["source_id"]
        source.UpdatePipelineInformation()
        steps = [float(step) for step in source.TimestepValues or []]
        times = [*steps, *options.get("times", [])]
        for number, time in enumerate(times):
            source.UpdatePipeline(time)
            writer = simple.ProgrammableFilter(Input=source)
            writer.Script = DUMP.format(stem=f"{options['folder']}/{column}-{number}")
            writer.UpdatePipeline(time)
            simple.Delete(writer)
        source.UpdatePipeline(times[0] if times else 0.0)
        source.UpdatePropertyInformation()
        told[column] = {"steps": steps, **{n: source.GetPropertyValue(n) for n in ("Status", "Failed", "PulledRows")}}
        simple.Delete(source)
    with open(f"{options['folder']}/told.json", "w", encoding="utf-8") as file:
        json.dump(told, file)


main()
