"""Run by pvbatch: the first picture, the frames after it, and the notebook's glyphs beside Gaussians."""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import rank_tools

PREFIXES = {"Point Gaussian": "", "Opaque Gaussian": "Opaque"}
NOTEBOOK_RADIUS, NOTEBOOK_SCALE = 0.025, 29.995732905481237


def make_view(job):
    """A view outside the cloud: a camera inside it draws every star over the whole picture."""
    simple._DisableFirstRenderCameraReset()
    view = simple.CreateRenderView(ViewSize=job["size"])
    view.OrientationAxesVisibility = 0
    view.UseColorPaletteForBackground = 0
    view.Background = [0.0, 0.0, 0.0]
    view.CameraPosition, view.CameraFocalPoint = [0.0, 0.0, job["distance"]], [0.0, 0.0, 0.0]
    view.CameraViewUp = [0.0, 1.0, 0.0]
    return view


def show(source, view, representation, radius, column):
    """Show the stars as spheres of one radius, coloured by a column of fixed range."""
    display = simple.Show(source, view)
    display.SetRepresentationType(representation)
    if representation in PREFIXES:
        prefix = PREFIXES[representation]
        setattr(display, prefix + "GaussianRadius", radius)
        setattr(display, prefix + "ShaderPreset", "Sphere")
    simple.ColorBy(display, ("POINTS", column))
    simple.GetColorTransferFunction(column).RescaleTransferFunction(-300.0, 300.0)
    return display


def frames(view, count):
    """Frames a second while the camera goes round."""
    started = time.perf_counter()
    for _ in range(count):
        view.GetActiveCamera().Azimuth(3.0)
        simple.Render(view)
    return count / (time.perf_counter() - started)


def first_picture(job, source, view):
    """From data that is on the ranks to the first picture of it."""
    started = time.perf_counter()
    show(source, view, job["representation"], job["radius"], job["column"])
    simple.Render(view)
    seconds = time.perf_counter() - started
    if job["picture"]:
        simple.SaveScreenshot(job["picture"], view, ImageResolution=job["size"])
    ordered = bool(view.GetClientSideObject().GetUseOrderedCompositing())
    return {
        "seconds": seconds,
        "ordered": ordered,
        "fps": frames(view, job["frames"]),
        "rows": source.GetPropertyValue("PulledRows"),
    }


def side_by_side(job, source, view):
    """Frames a second of the notebook's glyphs and of Gaussians, in turns, of the same stars."""
    glyph = simple.Glyph(Input=source, GlyphType="Sphere", GlyphMode="All Points", ScaleFactor=NOTEBOOK_SCALE)
    glyph.GlyphType.Radius = NOTEBOOK_RADIUS
    glyph.GlyphType.ThetaResolution, glyph.GlyphType.PhiResolution = 180, 90
    glyph.ScaleArray = ["POINTS", "No scale array"]
    glyph.OrientationArray = ["POINTS", "No orientation array"]
    what = {"Glyph": (glyph, "Surface")} | {name: (source, name) for name in job["representations"]}
    rates = {name: [] for name in what}
    for _ in range(job["repeat"]):
        for name, (shown, representation) in what.items():
            show(shown, view, representation, NOTEBOOK_RADIUS * NOTEBOOK_SCALE, job["column"])
            simple.Render(view)
            rates[name].append(frames(view, job["frames"]))
            simple.Hide(shown, view)
    cells = glyph.GetDataInformation().GetNumberOfCells()
    return {"fps": rates, "cells": cells, "rows": source.GetPropertyValue("PulledRows")}


def main():
    """Pull, then draw."""
    job = rank_tools.read_job()
    source = rank_tools.make_source(simple, job)
    rank_tools.update(source, [job["column"]])
    view = make_view(job)
    rank_tools.finish(job, {"first": first_picture, "frames": side_by_side}[job["do"]](job, source, view))


main()
