"""Density grids, and every rank's part of them (run by pvbatch on any number of ranks).

    pvbatch density_grid.py '{"folder": "out", "scheduler_file": "s.json", "steps": [["sum", "source", {…}], …], "gone": {…}}'

A step has a name, ``source``, ``filter`` or ``csv``, and properties; a filter stands behind a sample of its Dataset, or with
``csv`` behind a file that the ranks read themselves (``csv`` of the options). The Dataset of ``gone`` is taken off the cluster
between two updates. Of each step, rank r writes ``NAME-r.pickle``: extent, origin, spacing and arrays. Rank 0 writes
``told.json``: what each step says of itself.
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
    array = rows.GetArray(index)
    if array.GetNumberOfComponents() == 1 and array.GetName() != "vtkGhostType":
        found["arrays"][array.GetName()] = vtk_to_numpy(array)
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
    proxy.UpdatePipeline()
    proxy.UpdatePropertyInformation()
    told[step] = {name: proxy.GetPropertyValue(name) for name in FIGURES}


def sample_of(kind, options, properties):
    """A few points, of a published frame or of a file."""
    if kind == "csv":
        return simple.DaskCSVReader(FileNames=[options["csv"]])
    dataset, coordinates = properties.pop("Dataset"), properties.pop("Coordinates", "Cartesian")
    sample = simple.DaskDataFrameSource(
        SchedulerFile=options["scheduler_file"], Dataset=dataset, Coordinates=coordinates
    )
    sample.MaximumRows = 7
    sample.UpdatePipeline()
    sample.UpdatePropertyInformation()
    told["sample"] = {"PulledRows": sample.GetPropertyValue("PulledRows")}
    return sample


def make(kind, options, properties):
    """A grid, by source or by filter."""
    if kind == "source":
        return simple.DaskDensityGrid(SchedulerFile=options["scheduler_file"], **properties)
    return simple.DensityGrid(Input=sample_of(kind, options, properties), **properties)


def ask_for_ghosts(options):
    """Show a grid, take its dataset off the cluster, then let a filter ask for a layer more."""
    from distributed import Client

    grid = make("source", options, options["gone"])
    dump(grid, f"{options['folder']}/before")
    with Client(scheduler_file=options["scheduler_file"], set_as_default=False) as client:
        client.unpublish_dataset(options["gone"]["Dataset"])
        told["published"] = list(client.list_datasets())
    gradient = simple.Gradient(Input=grid, ScalarArray=["POINTS", "count"])
    dump(gradient, f"{options['folder']}/after")
    tell("gone", grid)


def main():
    """Do one step after the other."""
    options = json.loads(sys.argv[1])
    for name, kind, properties in options["steps"]:
        grid = make(kind, options, properties)
        grid.UpdatePipeline()
        dump(grid, f"{options['folder']}/{name}")
        tell(name, grid)
    ask_for_ghosts(options)
    tell("stranger", simple.DensityGrid(Input=simple.PointSource(NumberOfPoints=3)))
    with open(f"{options['folder']}/told.json", "w", encoding="utf-8") as file:
        json.dump(told, file)


main()
