"""Draw one set of points in one way and write the picture, and what the view did about it as JSON (run by pvbatch).

Every rank makes the same points from one seed and keeps every n-th of them, so that the ranks overlap everywhere in
space: the arrangement that ordered compositing has to undo by moving points, and that a depth test does not mind.

    pvbatch opaque_scene.py '{"plugin": ..., "representation": "Opaque Gaussian", "picture": ..., "report": ...}'
"""

import json
import sys

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple

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
brightness = np.linspace(0, 1, len(xyz))[rank::n_ranks].astype(np.float32)
xyz = np.ascontiguousarray(xyz[rank::n_ranks], dtype=np.float32)
points = vtkPoints()
points.SetData(numpy_to_vtk(xyz, deep=True))
output = self.GetPolyDataOutput()
output.SetPoints(points)
ids = np.column_stack([np.ones(len(xyz)), np.arange(len(xyz))]).astype(np.int64).ravel()
cells = vtkCellArray()
cells.SetCells(len(xyz), numpy_to_vtkIdTypeArray(ids, deep=True))
output.SetVerts(cells)
array = numpy_to_vtk(brightness, deep=True)
array.SetName("brightness")
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
    view.CameraPosition = [0.0, 0.0, 6.0]
    view.CameraFocalPoint = [0.0, 0.0, 0.0]
    view.CameraViewUp = [0.0, 1.0, 0.0]
    view.CameraParallelProjection = 1
    view.CameraParallelScale = 1.1
    return view


def style(display, options):
    """Set the representation, its radius and what the test asked for besides."""
    display.SetRepresentationType(options["representation"])
    prefix = {"Point Gaussian": "", "Opaque Gaussian": "Opaque"}.get(options["representation"])
    if prefix is not None:
        setattr(display, prefix + "GaussianRadius", options["radius"])
        setattr(display, prefix + "ShaderPreset", options.get("preset", "Sphere"))
    for name, value in options.get("properties", {}).items():
        setattr(display, name, value)
    display.Opacity = options.get("opacity", 1.0)
    if options.get("color_by"):
        simple.ColorBy(display, ("POINTS", options["color_by"]))
        colors = simple.GetColorTransferFunction(options["color_by"])
        colors.RescaleTransferFunction(0.0, 1.0)
        if options.get("opacity_mapping"):
            colors.EnableOpacityMapping = 1


def main():
    """Make the scene, draw it, and say how it was composited."""
    options = json.loads(sys.argv[1])
    if options.get("plugin"):
        simple.LoadPlugin(options["plugin"], remote=False, ns=globals())
    source = simple.ProgrammableSource(OutputDataSetType="vtkPolyData")
    source.Script = SOURCE.format(n_side=options.get("n_side", 0), n_cloud=options.get("n_cloud", 0))
    if options.get("glyph"):
        source = simple.Glyph(Input=source, GlyphType="Sphere", GlyphMode="All Points")
        source.ScaleArray = ["POINTS", "No scale array"]
        source.ScaleFactor = 2 * options["radius"]
        source.OrientationArray = ["POINTS", "No orientation array"]
    view = make_view(options)
    display = simple.Show(source, view)
    style(display, options)
    simple.Render(view)
    first = bool(view.GetClientSideObject().GetUseOrderedCompositing())
    for name, value in options.get("afterwards", {}).items():
        setattr(display, name, value)
    simple.SaveScreenshot(options["picture"], view, ImageResolution=view.ViewSize, OverrideColorPalette="")
    report = {
        "points": source.GetDataInformation().GetNumberOfPoints(),
        "ordered_at_first": first,
        "ordered": bool(view.GetClientSideObject().GetUseOrderedCompositing()),
        "representations": list(display.GetProperty("Representation").Available),
    }
    with open(options["report"], "w", encoding="utf-8") as stream:
        json.dump(report, stream)


main()
