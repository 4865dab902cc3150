"""Draw sets of points, each in its way, and write the pictures, and what the view did about it as JSON (run by pvbatch).

Every rank makes the same points from one seed and keeps every n-th of them, so that the ranks overlap everywhere in
space: the arrangement that ordered compositing has to undo by moving points, and that a depth test does not mind.

    pvbatch opaque_scene.py '[{"representation": "Opaque Gaussian", "n_side": 30, "radius": 0.02, "report": "x.json"}]'
"""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import json
import re
import sys
import time

from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOImage import vtkPNGWriter
from vtkmodules.vtkRenderingCore import vtkWindowToImageFilter

SOURCE = """
import numpy as np
from vtkmodules.numpy_interface import dataset_adapter as dsa
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray
from vtkmodules.vtkParallelCore import vtkMultiProcessController

controller = vtkMultiProcessController.GetGlobalController()
rank, n_ranks = controller.GetLocalProcessId(), controller.GetNumberOfProcesses()
n_side, n_cloud = {n_side}, {n_cloud}
if n_side:
    axis = (np.arange(n_side) + 0.5) / n_side * 2 - 1
    u, v = np.meshgrid(axis, axis, indexing="ij")
    xyz = np.column_stack([u.ravel(), v.ravel(), 0.3 * np.sin(7 * u.ravel() + 3 * v.ravel())])
else:
    xyz = np.random.default_rng(5).uniform(-1, 1, (n_cloud, 3))
number = np.arange(len(xyz))[rank::n_ranks]
brightness = np.linspace(0, 1, len(xyz))[number].astype(np.float32)
xyz = np.ascontiguousarray(xyz[rank::n_ranks], dtype=np.float32)
points = vtkPoints()
points.SetData(numpy_to_vtk(xyz, deep=True))
output = self.GetPolyDataOutput()
output.SetPoints(points)
ids = np.column_stack([np.ones(len(xyz)), np.arange(len(xyz))]).astype(np.int64).ravel()
cells = vtkCellArray()
cells.SetCells(len(xyz), numpy_to_vtkIdTypeArray(ids, deep=True))
output.SetVerts(cells)
for name, values in dict(number=number, brightness=brightness).items():
    array = numpy_to_vtk(values, deep=True)
    array.SetName(name)
    output.GetPointData().AddArray(array)
"""


def make_view(options):
    """A view of fixed size and camera, so that pictures of different runs can be laid over each other."""
    simple._DisableFirstRenderCameraReset()
    view = simple.CreateView("RenderView")
    view.ViewSize = options.get("size", [500, 500])
    view.OrientationAxesVisibility = 0
    view.UseColorPaletteForBackground = 0
    view.Background = [0.0, 0.0, 0.0]
    view.CameraPosition = options.get("camera", [0.0, 0.0, 6.0])
    view.CameraFocalPoint = [0.0, 0.0, 0.0]
    view.CameraViewUp = [0.0, 1.0, 0.0]
    view.CameraParallelProjection = "camera" not in options
    view.CameraParallelScale = 1.1
    if options.get("stereo"):
        view.StereoType, view.StereoRender = "Left", 1  # from the second picture on
        simple.Render(view)
    return view


def style(display, options):
    """Set the representation, its radius and what the test asked for besides."""
    display.SetRepresentationType(options["representation"])
    prefix = {"Point Gaussian": "", "Opaque Gaussian": "Opaque"}.get(options["representation"])
    if prefix is not None:
        setattr(display, prefix + "GaussianRadius", options["radius"])
        setattr(display, prefix + "ShaderPreset", "Sphere")
    change(display, options.get("properties", {}))
    if options.get("color_by"):
        simple.ColorBy(display, ("POINTS", options["color_by"]))
        simple.GetColorTransferFunction(options["color_by"]).RescaleTransferFunction(0.0, 1.0)


def change(display, properties):
    """Set properties of the representation, or of its colour map where the name begins with ``LookupTable.``"""
    for name, value in properties.items():
        owner, _, name = name.rpartition(".")
        setattr(getattr(display, owner) if owner else display, name, value)


def delivered_numbers(view, display):
    """Numbers of the points that rank 0 was given to draw."""
    representation = display.GetClientSideObject().GetActiveRepresentation()
    blocks = view.GetClientSideObject().GetDeliveryManager().GetDeliveredPiece(representation, False)
    block = blocks.GetBlock(0)
    return sorted(vtk_to_numpy(block.GetPointData().GetArray("number")).tolist()) if block else []


def drawn_points(display):
    """How many points rank 0 has drawn, as Opaque Gaussian tells; None of others."""
    representation = display.GetClientSideObject().GetActiveRepresentation()
    found = re.search(r"NumberOfDrawnPoints: (\d+)", str(representation))
    return int(found[1]) if found else None


def uses_ordered_compositing(view):
    """Whether the last picture was composited in the ranks' order in space, for which points are moved between ranks."""
    return bool(view.GetClientSideObject().GetUseOrderedCompositing())


def make_source(options):
    """The points, or a sphere round each."""
    source = simple.ProgrammableSource(OutputDataSetType="vtkPolyData")
    source.Script = SOURCE.format(n_side=options.get("n_side", 0), n_cloud=options.get("n_cloud", 0))
    if not options.get("glyph"):
        return source
    glyph = simple.Glyph(Input=source, GlyphType="Sphere", GlyphMode="All Points")
    glyph.ScaleArray = ["POINTS", "No scale array"]
    glyph.OrientationArray = ["POINTS", "No orientation array"]
    glyph.ScaleFactor = 2 * options["radius"]
    return glyph


def timed_renders(view, n_frames):
    """Seconds a frame, with the camera moved a little for each."""
    start = time.perf_counter()
    for _ in range(n_frames):
        view.GetActiveCamera().Azimuth(1.0)
        simple.Render(view)
    return (time.perf_counter() - start) / n_frames


def moving_picture(view, resolution, path):
    """The picture as it is while the camera moves, with a level of detail for any size of data."""
    view.LODThreshold, view.LODResolution, view.ImageReductionFactor = 0.0, resolution, 1
    view.InteractiveRender()
    window = vtkWindowToImageFilter()
    window.SetInput(view.GetRenderWindow())
    window.ShouldRerenderOff()
    window.ReadFrontBufferOff()
    writer = vtkPNGWriter()
    writer.SetFileName(path)
    writer.SetInputConnection(window.GetOutputPort())
    writer.Write()


def draw(options):
    """Make a scene, draw it, say how it was composited, and leave nothing of it."""
    source = make_source(options)
    source.UpdatePipeline()
    view = make_view(options)
    start = time.perf_counter()
    display = simple.Show(source, view)
    style(display, options)
    if options.get("beside_translucent"):
        beside = simple.Show(
            simple.Sphere(Center=[10.0, 10.0, 0.0]), view
        )  # out of sight: all that counts is that it asks
        beside.Opacity = 0.5
    simple.Render(view)
    report = {}
    if options.get("moving") is not None:
        report["moving_picture"] = options["picture"].replace(".png", "-moving.png")
        moving_picture(view, options["moving"], report["moving_picture"])
        simple.Render(view)
    report |= {
        "first_picture_s": time.perf_counter() - start,
        "ordered": uses_ordered_compositing(view),
        "drawn": drawn_points(display),
        "choices": list(display.GetProperty("Representation").Available),
    }
    if options.get("delivered"):
        report["delivered"] = delivered_numbers(view, display)
    if options.get("frames"):
        report["frame_s"] = timed_renders(view, options["frames"])
    if options.get("picture"):
        simple.SaveScreenshot(options["picture"], view, ImageResolution=view.ViewSize)
    report["states"] = []
    for properties in options.get("states", []):
        change(display, properties)
        simple.Render(view)
        report["states"].append(uses_ordered_compositing(view))
    with open(options["report"], "w", encoding="utf-8") as stream:
        json.dump(report, stream)
    for proxy in (display, view, *reversed(simple.GetSources().values())):
        simple.Delete(proxy)


for scene in json.loads(sys.argv[1]):
    draw(scene)
