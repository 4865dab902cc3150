"""Density grids, and every rank's part of them (run by pvbatch on any number of ranks).

    pvbatch density_grid.py '{"scheduler_file": "s.json", "folder": "out", "steps": [["sum", "source", {"Dataset": "stars"}], …]}'

A step has a name, ``source`` or ``filter``, and properties; a filter stands behind a sample of its Dataset. Of each step, rank r
writes ``NAME-r.pickle``: extent, origin, spacing and arrays. Rank 0 writes ``told.json``: what each step says of itself.
"""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import json
import sys

DUMP = """
import pickle
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkParallelCore import vtkMultiProcessController

rank = vtkMultiProcessController.GetGlobalController().GetLocalProcessId()
data = self.GetInputDataObject(0, 0)
found = {{"extent": data.GetExtent(), "origin": data.GetOrigin(), "spacing": data.GetSpacing(), "arrays": {{}}}}
rows = data.GetPointData()
for index in range(rows.GetNumberOfArrays()):
    found["arrays"][rows.GetArrayName(index)] = vtk_to_numpy(rows.GetArray(index))
with open({stem!r} + "-" + str(rank) + ".pickle", "wb") as file:
    pickle.dump(found, file)
"""

FIGURES = ("Status", "Failed", "CountedRows", "OutsideRows")
told = {}


def dump(source, stem):
    """Have every rank write its share."""
    writer = simple.ProgrammableFilter(Input=source)
    writer.Script = DUMP.format(stem=stem)
    writer.UpdatePipeline()
    simple.Delete(writer)


def tell(step, proxy):
    """Note what a proxy says of itself."""
    proxy.UpdatePropertyInformation()
    told[step] = {name: proxy.GetPropertyValue(name) for name in FIGURES}


def make(kind, scheduler_file, properties):
    """A grid, by source or by filter."""
    if kind == "source":
        return simple.DaskDensityGrid(SchedulerFile=scheduler_file, **properties)
    dataset = properties.pop("Dataset")
    coordinates = properties.pop("Coordinates", "Cartesian")
    sample = simple.DaskDataFrameSource(SchedulerFile=scheduler_file, Dataset=dataset, Coordinates=coordinates)
    sample.MaximumRows = 7
    return simple.DensityGrid(Input=sample, **properties)


def main():
    """Do one step after the other."""
    options = json.loads(sys.argv[1])
    for name, kind, properties in options["steps"]:
        grid = make(kind, options["scheduler_file"], properties)
        grid.UpdatePipeline()
        dump(grid, f"{options['folder']}/{name}")
        tell(name, grid)
    # A filter that asks for a layer of ghosts: nothing is binned again, so the status stays that of a cluster that is gone.
    grid = make(*options["ghosts"][:1], options["scheduler_file"], options["ghosts"][1])
    dump(grid, f"{options['folder']}/before")
    gradient = simple.Gradient(Input=grid, ScalarArray=["POINTS", "count"])
    dump(gradient, f"{options['folder']}/gradient")
    stranger = simple.PointSource(NumberOfPoints=3)
    lost = simple.DensityGrid(Input=stranger)
    dump(lost, f"{options['folder']}/lost")
    tell("lost", lost)
    with open(f"{options['folder']}/told.json", "w", encoding="utf-8") as file:
        json.dump(told, file)


main()
