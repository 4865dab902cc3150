"""Filters > Dask behind the source, and every rank's share of what they give (run by pvbatch on any number of ranks).

    pvbatch dask_filters.py '{"scheduler_file": "s.json", "dataset": "stars", "folder": "out"}'

Of each step, rank r writes ``STEP-r.pickle``: a dict of arrays. Rank 0 writes ``told.json``: each filter's Status and Failed.
"""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import json
import sys

DUMP = """
import pickle
import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkParallelCore import vtkMultiProcessController

rank = vtkMultiProcessController.GetGlobalController().GetLocalProcessId()
data = self.GetInputDataObject(0, 0)
is_table = data.IsA("vtkTable")
found = {{}}
if not is_table and data.GetNumberOfPoints():
    found["Points"] = vtk_to_numpy(data.GetPoints().GetData())
rows = data.GetRowData() if is_table else data.GetPointData()
for index in range(rows.GetNumberOfArrays()):
    array = rows.GetAbstractArray(index)
    is_numeric = array.IsA("vtkDataArray")
    values = vtk_to_numpy(array) if is_numeric else [array.GetValue(i) for i in range(array.GetNumberOfValues())]
    found[array.GetName()] = values
with open({stem!r} + "-" + str(rank) + ".pickle", "wb") as file:
    pickle.dump(found, file)
"""

told = {}


def dump(source, stem):
    """Have every rank write its share."""
    writer = simple.ProgrammableFilter(Input=source)
    writer.Script = DUMP.format(stem=stem)
    writer.UpdatePipeline()
    simple.Delete(writer)


def tell(step, proxy):
    """Update a filter, and note what it says of itself."""
    proxy.UpdatePipeline()
    proxy.UpdatePropertyInformation()
    told[step] = {name: proxy.GetPropertyValue(name) for name in ("Status", "Failed")}


def main():
    """Do one step after the other."""
    options = json.loads(sys.argv[1])
    folder = options["folder"]
    source = simple.DaskDataFrameSource(SchedulerFile=options["scheduler_file"], Dataset=options["dataset"])
    source.UpdatePipelineInformation()
    source.ColumnArrays = options["columns"]
    source.GenerateRowIds = 1
    source.PointPrecision = "Double"
    source.Filter = "x > -60"
    chosen = simple.Threshold(Input=source, Scalars=["POINTS", "key"])
    chosen.LowerThreshold, chosen.UpperThreshold = options["range"]

    dump(chosen, f"{folder}/chosen")
    rows = simple.LookUpRows(Input=chosen)
    tell("rows", rows)
    dump(rows, f"{folder}/rows")
    rows.MaximumRows = 3
    tell("too many rows", rows)

    sent = simple.PublishToDask(Input=chosen, Dataset=options["published"])
    tell("sent", sent)
    dump(sent, f"{folder}/sent")
    again = simple.PublishToDask(Input=chosen, Dataset=options["published"])
    tell("sent again", again)
    again.Replace = 1
    tell("replaced", again)
    nameless = simple.PublishToDask(Input=chosen)
    tell("nameless", nameless)

    stranger = simple.PointSource(NumberOfPoints=3)
    lost = simple.LookUpRows(Input=stranger)
    tell("no ids", lost)

    source.OutputType = "Table"
    source.Filter = ""
    source.GenerateRowIds = 0
    source.ColumnArrays = ["x", "y", "z", *options["columns"]]
    for step, make in (("fast", simple.FastTableToPoints), ("stock", simple.TableToPoints)):
        points = make(Input=source)
        points.XColumn, points.YColumn, points.ZColumn = "x", "y", "z"
        if step == "fast":
            points.PointPrecision = "Double"
        points.UpdatePipeline()
        dump(points, f"{folder}/{step}")
    with open(f"{folder}/told.json", "w", encoding="utf-8") as file:
        json.dump(told, file)


main()
