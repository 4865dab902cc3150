"""Make the example scene (examples/gaia) against a running cluster. Run by pvbatch on one rank:

    pvbatch make_gaia_scene.py SCHEDULER_FILE DATASET FEW FOLDER

FEW is a dataset of a few hundred stars: a glyph has 16,000 triangles.
Numbers are those of NVIDIA's notebook "Multi-Node Rendering with Dask-MPI and Dask.Dataframe" (ipyparaview, 2019).
"""

import json
import sys
from pathlib import Path

from paraview import servermanager, simple

FOCAL_POINT = [-42.81136055702743, 20.561263821238143, -8.375310213352522]
POSITION = [-19.004408839051408, 78.59672562652541, -351.72329889073706]
COLUMN = "plx[mas]"
RGB_POINTS = [
    *(5.800048770935931, 0.0, 0.0, 0.0),
    *(26.651891986128916, 0.901960784314, 0.0, 0.0),
    *(47.5037352013219, 0.901960784314, 0.901960784314, 0.0),
    *(57.92965680891839, 1.0, 1.0, 1.0),
]
NAN_COLOR = [0.0, 0.498039215686, 1.0]
SPHERE_RADIUS = 0.025
GLYPH_SCALE = 29.995732905481237


def main(scheduler_file, dataset, few, folder):
    simple._DisableFirstRenderCameraReset()
    view = make_view()
    stars = simple.DaskDataFrameSource(registrationName="stars", SchedulerFile=scheduler_file, Dataset=dataset)
    stars.UpdatePipelineInformation()
    stars.XColumn, stars.YColumn, stars.ZColumn = "x[pc]", "y[pc]", "z[pc]"
    stars.ColumnArrays = [COLUMN]
    display = simple.Show(stars, view)
    lut = color(display, view)
    display.SetRepresentationType("Point Gaussian")
    display.GaussianRadius = SPHERE_RADIUS * GLYPH_SCALE
    display.ShaderPreset = "Sphere"
    simple.Render(view)
    write_state(folder / "gaia.pvsm")
    write_camera(folder / "gaia.pvcc", view)
    write_color_map(folder / "plx.json", lut)
    simple.Hide(stars, view)
    stars.Dataset = few
    color(simple.Show(make_glyphs(stars), view), view)
    simple.Render(view)
    write_state(folder / "gaia_glyph.pvsm")


def make_view():
    view = simple.CreateRenderView(ViewSize=[800, 500])
    view.UseColorPaletteForBackground = 0
    view.Background = [0.32, 0.34, 0.43]
    view.CenterOfRotation = FOCAL_POINT
    view.CameraFocalPoint = FOCAL_POINT
    view.CameraPosition = POSITION
    view.CameraViewUp = [0.0, 1.0, 0.0]
    return view


def make_glyphs(stars):
    glyph = simple.Glyph(registrationName="glyphs", Input=stars, GlyphType="Sphere")
    glyph.GlyphType.Radius = SPHERE_RADIUS
    glyph.GlyphType.ThetaResolution = 180
    glyph.GlyphType.PhiResolution = 90
    glyph.GlyphMode = "All Points"
    glyph.OrientationArray = ["POINTS", "No orientation array"]
    glyph.ScaleArray = ["POINTS", "No scale array"]
    glyph.ScaleFactor = GLYPH_SCALE
    return glyph


def color(display, view):
    simple.ColorBy(display, ("POINTS", COLUMN))
    lut = simple.GetColorTransferFunction(COLUMN)
    lut.AutomaticRescaleRangeMode = "Never"
    lut.ColorSpace = "RGB"
    lut.RGBPoints = RGB_POINTS
    lut.NanColor = NAN_COLOR
    lut.ScalarRangeInitialized = 1
    bar = simple.GetScalarBar(lut, view)
    bar.Title = COLUMN
    bar.ComponentTitle = ""
    bar.TitleFontFamily = "Times"  # ParaView's own Arial draws square brackets as round ones
    bar.RangeLabelFormat = "%.1f"
    bar.Visibility = 1
    display.SetScalarBarVisibility(view, True)
    return lut


def write_state(path):
    """Save the state with no scheduler and no dataset in it: these come from options or the environment."""
    for source in simple.GetSources().values():
        if source.GetProperty("SchedulerFile") is not None:
            names = ("SchedulerFile", "Dataset")
            keep = [source.SMProxy.GetProperty(name).GetElement(0) for name in names]
            source.SMProxy.GetProperty("SchedulerFile").SetElement(0, "")
            source.SMProxy.GetProperty("Dataset").SetElement(0, "")
            simple.SaveState(str(path))
            source.SMProxy.GetProperty("SchedulerFile").SetElement(0, keep[0])
            source.SMProxy.GetProperty("Dataset").SetElement(0, keep[1])
            source.SMProxy.UpdateVTKObjects()


def write_camera(path, view):
    writer = servermanager.vtkSMCameraConfigurationWriter()
    writer.SetRenderViewProxy(view.SMProxy)
    writer.WriteConfiguration(str(path))


def write_color_map(path, lut):
    preset = {"ColorSpace": "RGB", "Name": COLUMN, "NanColor": NAN_COLOR, "RGBPoints": list(lut.RGBPoints)}
    path.write_text(json.dumps([preset], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))
