"""Filters > PVGeo behind a reader, and every rank's share of what they give (run by pvbatch on any number of ranks).

    pvbatch pvgeo_filters.py '{"files": ["a.csv", "b.csv"], "folder": "out", "steps": [["tube", "points", "PointsToTube", {}], …]}'

A step has a name, the name of its input, the filter's name in `paraview.simple`, and properties. Of each step, rank r writes
``NAME-r.pickle``. Rank 0 prints ``step NAME`` before each, so that messages can be told apart.
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

def arrays(attributes):
    found = {{}}
    for index in range(attributes.GetNumberOfArrays() if attributes is not None else 0):
        array = attributes.GetArray(index)
        if array is not None:
            found[array.GetName()] = vtk_to_numpy(array)
    return found

rank = vtkMultiProcessController.GetGlobalController().GetLocalProcessId()
data = self.GetInputDataObject(0, 0)
found = {{"kind": data.GetClassName(), "fields": [data.GetFieldData().GetArrayName(i) or "" for i in
         range(data.GetFieldData().GetNumberOfArrays())]}}
if data.IsA("vtkTable"):
    found["rows"] = arrays(data.GetRowData())
elif data.IsA("vtkDataSet"):
    found |= {{"rows": arrays(data.GetPointData()), "cells": arrays(data.GetCellData()), "types": []}}
    found["fielddata"] = arrays(data.GetFieldData())
    n_points = data.GetNumberOfPoints()
    found["points"] = np.array([data.GetPoint(i) for i in range(n_points)]).reshape(n_points, 3)
    found["nodes"] = []
    for index in range(data.GetNumberOfCells()):
        cell = data.GetCell(index)
        found["types"].append(cell.GetCellType())
        found["nodes"].append([cell.GetPointId(i) for i in range(cell.GetNumberOfPoints())])
with open({stem!r} + "-" + str(rank) + ".pickle", "wb") as file:
    pickle.dump(found, file)
"""

BLOCKED = """
import importlib.abc, sys

class NoPVGeo(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "PVGeo":
            raise ModuleNotFoundError("No module named 'PVGeo'", name="PVGeo")

sys.meta_path.insert(0, NoPVGeo())
"""

UNBLOCKED = """
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "NoPVGeo"]
"""

AFTERWARDS = """
import json, sys
from vtkmodules.vtkCommonCore import vtkOutputWindow
from vtkmodules.vtkParallelCore import vtkMultiProcessController

rank = vtkMultiProcessController.GetGlobalController().GetLocalProcessId()
streams = [type(sys.stdout).__name__, type(sys.stderr).__name__]
with open({stem!r} + "-" + str(rank) + ".json", "w") as file:
    json.dump([vtkOutputWindow.GetInstance().GetClassName(), *streams, "PVGeo" in sys.modules], file)
"""


def dump(source, stem):
    """Have every rank write its share."""
    writer = simple.ProgrammableFilter(Input=source)
    writer.Script = DUMP.format(stem=stem)
    writer.UpdatePipeline()
    simple.Delete(writer)


def everywhere(script):
    """Run Python on every rank."""
    runner = simple.ProgrammableSource(Script=script)
    runner.UpdatePipeline()
    simple.Delete(runner)


def inputs(options):
    """What the filters stand behind: points of files, a rank's share each; the same as a table; no points; blocks."""
    points = simple.DaskCSVReader(FileNames=options["files"])
    points.UpdatePipelineInformation()
    points.ColumnArrays = ["mass", "ident", "name"]
    points.PointPrecision = "Double"
    table = simple.DaskCSVReader(FileNames=options["files"])
    table.UpdatePipelineInformation()
    table.ColumnArrays = ["mass", "ident"]
    table.OutputType = "Table"
    scattered = simple.DaskCSVReader(FileNames=options["scattered"])
    scattered.UpdatePipelineInformation()
    scattered.ColumnArrays = ["mass"]
    one = simple.DaskCSVReader(FileNames=options["files"], Filter="ident == 0")
    nothing = simple.DaskCSVReader(FileNames=options["files"], Filter="ident < -5")
    blocks = simple.GroupDatasets(Input=[points])
    return {
        "points": points,
        "table": table,
        "scattered": scattered,
        "one": one,
        "nothing": nothing,
        "blocks": blocks,
    }


def main():
    """Do one step after the other."""
    options = json.loads(sys.argv[1])
    known = inputs(options)
    for name, source in known.items():
        dump(source, f"{options['folder']}/{name}")
    everywhere(AFTERWARDS.format(stem=f"{options['folder']}/before"))
    for name, source, kind, properties in options["steps"]:
        for stream in (sys.stdout, sys.stderr):
            print(f"step {name}", file=stream, flush=True)
        if name == "missing":
            everywhere(BLOCKED)
        proxy = getattr(simple, kind)(Input=known[source], **properties)
        proxy.UpdatePipeline()
        dump(proxy, f"{options['folder']}/{name}")
        simple.Delete(proxy)
        if name == "missing":
            everywhere(UNBLOCKED)
    everywhere(AFTERWARDS.format(stem=f"{options['folder']}/after"))


main()
