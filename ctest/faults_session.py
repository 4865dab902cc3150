"""A ParaView that does what it is told, line by line, for as long as there are orders (run by pvbatch or pvpython).

    pvbatch faults_session.py SOCKET FOLDER [HOST PORT]

SOCKET is a Unix socket that sends lines of JSON: ``properties`` to set on the one source of this session, ``columns`` to tick,
the ``consumer`` that then asks for data, which is ``Render``, a filter behind the source, or ``Source``, and how often to
``repeat`` that. Answered with one line: what the source says, how long that took, what came out of the consumer. What each rank
has, rows, arrays and a checksum, it writes to FOLDER. With HOST and PORT this is a client of the pvserver there.
"""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import json
import os
import socket
import sys
import time
from pathlib import Path

FIGURES = ("Status", "Failed", "TotalRows", "PulledRows", "TransferPath")

CHECKSUM = (Path(__file__).resolve().parents[1] / "tests" / "checksums.py").read_text(encoding="utf-8")
TELL = """
import gc
import json
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkParallelCore import vtkMultiProcessController

controller = vtkMultiProcessController.GetGlobalController()
rank = controller.GetLocalProcessId() if controller else 0
data = self.GetPolyDataInput()
arrays = [data.GetPointData().GetArray(index) for index in range(data.GetPointData().GetNumberOfArrays())]
told = {{"n_points": data.GetNumberOfPoints(), "arrays": {{a.GetName(): a.GetDataTypeAsString() for a in arrays}}, "checksum": 0}}
if data.GetNumberOfPoints() and "source_id" in told["arrays"]:
    ids = vtk_to_numpy(data.GetPointData().GetArray("source_id"))
    told["checksum"] = checksum(vtk_to_numpy(data.GetPoints().GetData()), ids)
# What this rank itself says: ParaView asks rank 0 alone for a source's Status.
sources = [each for each in gc.get_objects() if type(each).__module__ == "pvdask_plugin.source" and hasattr(each, "GetStatus")]
told["errors"] = [each._status for each in sources if each.GetFailed()] # GetStatus collects garbage, too
path = {folder!r} + "/rank-" + str(rank) + ".json"
with open(path, "w") as file:
    json.dump(told, file)
"""


class Session:
    """One source, and all that can be behind it, made once it has data."""

    def __init__(self, folder):
        self.folder = folder
        self.source = simple.DaskDataFrameSource()
        self.consumers = {}
        self.teller = None
        self.view = None

    def make_consumers(self):
        self.consumers = {
            "Glyph": simple.Glyph(Input=self.source, GlyphType="Box", GlyphMode="All Points"),
            "Histogram": simple.Histogram(Input=self.source, SelectInputArray=["POINTS", "f4"]),
            "RedistributeDataSet": simple.RedistributeDataSet(Input=self.source),
        }
        self.view = simple.CreateRenderView(ViewSize=[60, 40])
        simple.Show(self.source, self.view).SetRepresentationType("Points")
        simple.ResetCamera(self.view)
        self.teller = simple.ProgrammableFilter(Input=self.source)
        self.teller.Script = CHECKSUM + TELL.format(folder=self.folder)

    def do(self, order):
        """Apply properties, and have a consumer ask for the data."""
        for name, value in order["properties"].items():
            setattr(self.source, name, value)
        if "columns" in order:
            self.source.ColumnArrays = order["columns"]
        self.source.Refresh()
        started = time.monotonic()
        if order["consumer"] == "Render":
            simple.Render(self.view)
        elif order["consumer"] == "Source":
            self.source.UpdatePipeline()
        else:
            self.consumers[order["consumer"]].UpdatePipeline()
        seconds = time.monotonic() - started
        for _ in range(order.get("repeat", 0)):
            self.source.Refresh()
            self.source.UpdatePipeline()
            self.source.UpdatePropertyInformation()
            if self.source.GetPropertyValue("Failed"):
                break
        told = {"seconds": round(seconds, 3), "behind": self.behind(order["consumer"]), **self.figures()}
        if self.teller is not None:
            self.teller.UpdatePipeline()
        return told

    def behind(self, consumer):
        """How much came out of a filter."""
        if consumer not in self.consumers:
            return 0
        information = self.consumers[consumer].GetDataInformation()
        return information.GetNumberOfPoints() + information.GetNumberOfRows()

    def figures(self):
        self.source.UpdatePropertyInformation()
        return {name: self.source.GetPropertyValue(name) for name in FIGURES}


def main():
    """Answer orders until there are no more."""
    path, folder, *server = sys.argv[1:]
    if server:
        simple.Connect(server[0], int(server[1]))
    orders = socket.socket(socket.AF_UNIX)
    orders.connect(path)
    stream = orders.makefile("rw", encoding="utf-8")
    session = Session(folder)
    for line in stream:
        order = json.loads(line)
        told = session.do(order)
        if session.view is None:
            session.make_consumers()
        stream.write(json.dumps({**told, "pid": os.getpid()}) + "\n")
        stream.flush()
    if server:
        simple.Disconnect()


main()
