"""What a user does in a client of pvserver, step by step (run by pvpython): client_server.py OPTIONS.json.

OPTIONS: ``host``, ``port``, ``scheduler_file``, ``dataset``, ``folder``. Each step's outcome goes to ``folder/NAME.json``.
"""

# Before anything that can raise, as in the scripts for pvbatch.
from paraview import simple  # isort: skip

import json
import sys
from pathlib import Path

import numpy as np
from paraview import servermanager
from vtkmodules.util.numpy_support import vtk_to_numpy

FIGURES = ("Status", "TotalRows", "PulledRows", "BytesReceived", "BytesCopied", "TransferPath", "Failed", "RankReports")
COLUMNS = ("XColumn", "YColumn", "ZColumn")
TICKED = ["source_id", "f4"]


def value(source, name):
    """A property's value as JSON can hold it: of several elements, a list."""
    found = source.GetPropertyValue(name)
    if isinstance(found, (str, int, float)):
        return found
    found = list(found or [])
    return found[0] if len(found) == 1 and not name.endswith("Info") else found


def tell(source, **further):
    """What the client knows of the source."""
    source.UpdatePipeline()
    source.UpdatePropertyInformation()
    information = source.GetDataInformation()
    return {
        **{name: value(source, name) for name in FIGURES},
        "n_points": information.GetNumberOfPoints(),
        "arrays": sorted(source.PointData.keys()),
        "ticked": sorted(source.ColumnArrays),
        "datasets": value(source, "DatasetInfo"),
        "in_drop_down": list(source.GetProperty("Dataset").GetAvailable()),
        "guessed": {name: value(source, name + "Info") for name in COLUMNS},
        "set": {name: value(source, name) for name in ("Dataset", *COLUMNS)},
        **further,
    }


def fetched(source):
    """The points and ids of all ranks, brought to the client: sorted by id, hex bytes of both."""
    data = servermanager.Fetch(source)
    ids = vtk_to_numpy(data.GetPointData().GetArray("source_id"))
    points = vtk_to_numpy(data.GetPoints().GetData())
    order = np.argsort(ids)
    return {"ids": ids[order].tobytes().hex(), "points": np.ascontiguousarray(points[order]).tobytes().hex()}


def n_coloured(source):
    """Pixels that are not background, as the server draws them."""
    view = simple.CreateRenderView(ViewSize=[120, 90], OrientationAxesVisibility=0)
    view.UseColorPaletteForBackground = 0
    view.Background = [0.0, 0.0, 0.0]
    display = simple.Show(source, view)
    display.SetRepresentationType("Points")
    display.PointSize = 4.0
    simple.ResetCamera(view)
    simple.Render(view)
    window = view.GetRenderWindow()
    from vtkmodules.vtkRenderingCore import vtkWindowToImageFilter

    grabber = vtkWindowToImageFilter()
    grabber.SetInput(window)
    grabber.Update()
    pixels = vtk_to_numpy(grabber.GetOutput().GetPointData().GetScalars())
    simple.Delete(view)
    return int((pixels.max(axis=1) > 0).sum())


def main():
    """Connect, pull, break it, mend it, save the state, load it."""
    options = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    folder = Path(options["folder"])

    def write(name, outcome):
        (folder / f"{name}.json").write_text(json.dumps(outcome), encoding="utf-8")

    simple.Connect(options["host"], options["port"])
    source = simple.DaskDataFrameSource(registrationName="stars", SchedulerFile=options["scheduler_file"])
    source.UpdatePipelineInformation()
    source.UpdatePropertyInformation()
    write("offered", {"datasets": value(source, "DatasetInfo")})
    source.Dataset = options["dataset"]
    source.UpdatePipelineInformation()
    write("good", tell(source, **fetched(source), coloured=n_coloured(source)))
    source.Dataset = "nowhere"
    write("bad dataset", tell(source))
    source.Dataset = options["dataset"]
    write("corrected", tell(source, **fetched(source)))
    source.YColumn = "no such column"
    write("bad column", tell(source))
    source.XColumn, source.YColumn, source.ZColumn = "z", "y", "x"
    source.ColumnArrays = TICKED
    write("ticked", tell(source))
    state = str(folder / "state.pvsm")
    simple.SaveState(state)
    simple.Delete(source)
    del source
    simple.LoadState(state)
    loaded = simple.FindSource("stars")
    write("loaded", tell(loaded))
    loaded.Refresh()
    write("refreshed", tell(loaded))
    simple.Disconnect()


main()
