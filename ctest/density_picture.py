"""Volume rendering of a density grid, seen along the plane at which ranks meet (run by pvbatch on any number of ranks).

    pvbatch density_picture.py '{"scheduler_file": "s.json", "dataset": "cloud", "picture": "cloud.png", "cut_at": null}'

With ``cut_at``, two halves that share no layer of points are drawn, as if ranks had no common one.
"""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import json
import sys

N_BINS = 32


def show(data, view):
    """Show the counts as a volume; one scale for all pictures."""
    display = simple.Show(data, view, "UniformGridRepresentation")
    display.SetRepresentationType("Volume")
    simple.ColorBy(display, ("POINTS", "count"))
    display.SetScalarBarVisibility(view, False)
    display.ScalarOpacityUnitDistance = 1.0
    return display


def main():
    """Draw one picture."""
    options = json.loads(sys.argv[1])
    grid = simple.DaskDensityGrid(SchedulerFile=options["scheduler_file"], Dataset=options["dataset"])
    grid.Dimensions = [N_BINS] * 3
    grid.UseBounds, grid.Bounds = 1, [-4, 4, -4, 4, -4, 4]
    simple._DisableFirstRenderCameraReset()
    view = simple.CreateRenderView(ViewSize=[300, 300])
    view.OrientationAxesVisibility = 0
    view.UseColorPaletteForBackground = 0
    view.Background = [0.0, 0.0, 0.0]
    view.CameraPosition, view.CameraFocalPoint, view.CameraViewUp = [18.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]
    if options["cut_at"] is None:
        show(grid, view)
    else:
        last = N_BINS - 1
        for first, stop in ((0, options["cut_at"]), (options["cut_at"] + 1, last)):
            show(simple.ExtractSubset(Input=grid, VOI=[0, last, 0, last, first, stop]), view)
    colours, opacity = simple.GetColorTransferFunction("count"), simple.GetOpacityTransferFunction("count")
    colours.RGBPoints = [0.0, 0.0, 0.0, 0.3, 60.0, 1.0, 0.5, 0.1, 120.0, 1.0, 1.0, 1.0]
    opacity.Points = [0.0, 0.0, 0.5, 0.0, 120.0, 0.6, 0.5, 0.0]
    simple.Render(view)
    simple.SaveScreenshot(options["picture"], view, ImageResolution=[300, 300])
    grid.UpdatePropertyInformation()
    if grid.GetPropertyValue("Failed"):
        raise SystemExit(grid.GetPropertyValue("Status"))


main()
