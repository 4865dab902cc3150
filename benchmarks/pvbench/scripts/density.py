"""Run by pvbatch: a published frame of any size to a density grid, and a volume rendering of it."""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import json
import sys
import time

SIZE = [1000, 640]


def main():
    """Bin, draw, report."""
    job = json.loads(sys.argv[1])
    grid = simple.DaskDensityGrid(
        SchedulerFile=job["scheduler_file"], Dataset=job["dataset"], Dimensions=job["dimensions"], Timeout=3000
    )
    if job["bounds"]:
        grid.UseBounds, grid.Bounds = 1, job["bounds"]
    began = time.monotonic()
    grid.UpdatePipeline()
    seconds_binned = time.monotonic() - began
    grid.UpdatePropertyInformation()
    if grid.GetPropertyValue("Failed"):
        raise SystemExit(grid.GetPropertyValue("Status"))

    began = time.monotonic()
    density = simple.Calculator(Input=grid, Function="log10(1 + count)", ResultArrayName="density")
    simple._DisableFirstRenderCameraReset()
    view = simple.CreateRenderView(ViewSize=SIZE)
    view.OrientationAxesVisibility = 0
    view.UseColorPaletteForBackground = 0
    view.Background = [0.0, 0.0, 0.0]
    view.CameraPosition, view.CameraFocalPoint = [0.0, -28.0, 27.0], [0.0, -0.4, 0.0]
    view.CameraViewUp = [0.0, 0.0, 1.0]
    display = simple.Show(density, view, "UniformGridRepresentation")
    display.SetRepresentationType("Volume")
    simple.ColorBy(display, ("POINTS", "density"))
    density.UpdatePipeline()
    top = density.PointData["density"].GetRange(0)[1]
    colours = simple.GetColorTransferFunction("density")
    colours.ColorSpace = "RGB"
    steps = [(0.0, 0, 0, 0.05), (0.35, 0.1, 0.15, 0.5), (0.55, 0.6, 0.25, 0.6), (0.75, 1, 0.6, 0.35), (1.0, 1, 1, 0.9)]
    colours.RGBPoints = [value for share, *rgb in steps for value in (share * top, *rgb)]
    opacity = simple.GetOpacityTransferFunction("density")
    shares = [(0.0, 0.0), (0.3, 0.0), (0.5, 0.04), (0.7, 0.15), (1.0, 0.9)]
    opacity.Points = [value for share, alpha in shares for value in (share * top, alpha, 0.5, 0.0)]
    display.ScalarOpacityUnitDistance = 0.6
    simple.Render(view)
    simple.SaveScreenshot(job["picture"], view, ImageResolution=SIZE)
    report = {
        "status": grid.GetPropertyValue("Status"),
        "counted": grid.GetPropertyValue("CountedRows"),
        "seconds_binned": round(seconds_binned, 2),
        "seconds_drawn": round(time.monotonic() - began, 2),
    }
    with open(job["report"], "w", encoding="utf-8") as file:
        json.dump(report, file)


main()
