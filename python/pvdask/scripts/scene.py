"""An interactive scene of one Dask DataFrame: a source, a view and what is between them. Used in pvpython."""

import time

import numpy as np
from paraview import servermanager, simple
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkRenderingCore import vtkWindowToImageFilter

from pvdask.errors import SceneError
from pvdask.scripts import coloring
from pvdask.scripts.scene_camera import Camera, fitted
from pvdask.scripts.scene_source import FIGURES, ROWS, SourceOfRows

BACKGROUND = [0.32, 0.34, 0.43]
POINTS, SPHERES = "Points", "Spheres"
DRAWN_REDUCTION, DRAG_REDUCTION = 3, 2
"""In a drag a frame is drawn in a third of the width and height, and sent in half."""

DRAWING = {
    "RemoteRenderThreshold": 0.0,
    "LODThreshold": 8.0,  # MB of points and arrays; above it Opaque Gaussian draws a share of the points in a drag
    "ImageReductionFactor": DRAWN_REDUCTION,
    "UseFXAA": 0,  # half of the time of a frame where the processor draws
}

PRESETS = (
    *("Black-Body Radiation", "Viridis (matplotlib)", "Inferno (matplotlib)", "Plasma (matplotlib)", "Magma (matplotlib)"),
    *("Turbo", "Cool to Warm", "Fast", "Jet", "X Ray", "Grayscale", "Blue - Green - Orange"),
)  # fmt: skip
"""Colour maps that are offered, where this ParaView has them."""


class Scene:
    """A DataFrame in a view of its own; several of these live in one process without touching one another.

    What it draws is changed by `change`; a change that fails raises `SceneError` and leaves everything as it was.
    """

    def __init__(self):
        self.view = make_view()
        self.camera = Camera(self.view)
        self.rows = SourceOfRows()
        self.display = None
        self.color = ""
        self.size = 1.0
        self.wants_spheres = True
        self.legend = True
        self.further = []  # proxies that a loaded state brought besides source and view

    # ---- what is shown

    def change(self, color=None, representation=None, size=None, legend=None, **rows):
        """Change some of what is shown; None keeps."""
        rows = {name: value for name, value in rows.items() if value is not None}
        if rows or self.display is None:
            self._change_rows(rows, color)
        elif color is not None:
            self.color_by(color)
        if representation is not None:
            if representation not in (POINTS, SPHERES):
                raise SceneError(f"There is no representation {representation!r}; choose {POINTS!r} or {SPHERES!r}.")
            self.wants_spheres = representation == SPHERES
        if size is not None:
            self.size = min(max(float(size), 0.05), 20.0)
        if legend is not None:
            self.legend = bool(legend)
            self._show_legend()
        if representation is not None or size is not None:
            self._style()
        return self.describe()

    def _change_rows(self, rows, color):
        changed = self.rows.changed(rows, self.color if color is None else color)
        other_place = self.display is None or changed.is_elsewhere
        if self.display is None:
            self.display = self._first_display(changed.source)
        self.rows.adopt(changed)
        self._color(changed.color)
        if other_place:
            self.camera.set(**fitted(self.rows.bounds()))
        self._style()

    def _first_display(self, source):
        # A default camera may be inside the cloud, where a first frame of some million points takes minutes.
        self.camera.set(**fitted(list(source.GetDataInformation().GetBounds())))
        display = simple.Show(source, self.view)
        display.SetRepresentationType(POINTS)
        display.SuppressLOD = 1  # decimated as surfaces are, points look like other data
        return display

    def refresh(self):
        """Look at the cluster again, and pull again."""
        if self.display is None:
            return self.change()
        self._change_rows({}, None)
        return self.describe()

    def color_by(self, column):
        """Colour by a column; empty for one colour. Only that column is fetched, and only where it is not here yet."""
        if column != self.color:
            self.rows.bring(column)
        self._color(column)

    def _color(self, column):
        self.color = column
        coloring.hide_legends(self.view)
        self.display.UseSeparateColorMap = 1  # the map of a column is the session's otherwise, and every scene's
        if column:
            coloring.color_representation(self.display, self.view, column, False)
        else:
            self.display.ColorArrayName = ["POINTS", ""]
            self.display.AmbientColor = self.display.DiffuseColor = [1.0, 1.0, 0.9]
        self._show_legend()

    def _show_legend(self):
        if self.color:
            simple.GetScalarBar(self._lut(), self.view).Visibility = int(self.legend)

    def _lut(self):
        lut = self.display.LookupTable if self.color else None
        if not lut:
            raise SceneError("Nothing is coloured; choose a column to colour by first.")
        return lut

    def rescale(self, low=None, high=None):
        """Fit the colours to the data, or to a range that is named."""
        lut = self._lut()
        if low is None or high is None:
            self.display.RescaleTransferFunctionToDataRange(False, True)
        elif not float(low) < float(high):
            raise SceneError(f"The range goes from {low} to {high}; expected a lower end below the upper one.")
        else:
            lut.RescaleTransferFunction(float(low), float(high))
        return self.describe()

    def preset(self, name):
        """Choose the colours of numbers."""
        lut = self._lut()
        if lut.InterpretValuesAsCategories:
            raise SceneError(
                f"{self.color!r} holds categories, each with a colour of its own; a preset is for numbers."
            )
        if name not in offered_presets():
            raise SceneError(f"There is no preset {name!r}; choose one of {', '.join(offered_presets())}.")
        lut.ApplyPreset(name, True)
        return self.describe()

    def _style(self):
        display = self.display
        if kind_of(display) not in (POINTS, coloring.GAUSSIAN, coloring.OPAQUE_GAUSSIAN):
            return  # what a loaded state draws otherwise, glyphs for instance, is its own affair
        kinds = list(display.GetProperty("Representation").GetAvailable())
        one_rank = servermanager.ActiveConnection.GetNumberOfDataPartitions() == 1
        spheres = coloring.OPAQUE_GAUSSIAN if coloring.OPAQUE_GAUSSIAN in kinds else coloring.GAUSSIAN
        # Stock Point Gaussian moves every point between ranks at each change of data (ParaView 5.11).
        if self.wants_spheres and (one_rank or spheres == coloring.OPAQUE_GAUSSIAN):
            for name in ("ShaderPreset", "OpaqueShaderPreset"):
                if display.GetProperty(name) is not None:
                    setattr(display, name, "Sphere")
            coloring.set_radius(display, coloring.fitted_radius(self.rows.source) * self.size * 2.0)
            display.SetRepresentationType(spheres)
        else:
            display.PointSize = max(1.0, 2.0 * self.size)
            display.SetRepresentationType(POINTS)

    # ---- what is told

    def describe(self):
        """All that a page or a widget shows beside the picture."""
        known = self.rows.describe()
        if self.display is None:
            return {**known, "ready": False}
        kind = kind_of(self.display)
        lut = self.display.LookupTable if self.color else None
        points = list(lut.RGBPoints) if lut else []
        is_category = bool(lut and lut.InterpretValuesAsCategories)
        return {
            **known,
            "ready": True,
            "color": self.color,
            "is_category": is_category,
            "range": [points[0], points[-4]] if points and not is_category else None,
            "presets": [] if is_category else offered_presets(),
            "legend": self.legend,
            "representation": POINTS if kind == POINTS else SPHERES,
            "drawn_as": kind,
            "size": self.size,
            "ranks": servermanager.ActiveConnection.GetNumberOfDataPartitions(),
            "camera": self.camera.get(),
        }

    # ---- pictures

    def render(self, width, height, is_drag=False, camera=None):
        """Draw a frame.

        Returns
        -------
        numpy.ndarray
            Shape (height, width, 3), uint8, the first row at the top; in a drag reduced by `DRAG_REDUCTION`.
        dict
            ``seconds`` that it took.
        """
        started = time.monotonic()
        if camera:
            self.camera.set(**camera)
        size = [int(width), int(height)]
        if list(self.view.ViewSize) != size:
            self.view.ViewSize = size
        if is_drag:
            self.view.InteractiveRender()
        else:
            self.view.StillRender()
        pixels = grab(self.view)
        if is_drag:
            pixels = pixels[::DRAG_REDUCTION, ::DRAG_REDUCTION]
        return np.ascontiguousarray(pixels[::-1]), {"seconds": round(time.monotonic() - started, 4)}

    def take(self, view, display, changed, further):
        """Show what a loaded state brought, in place of what was there."""
        for proxy in (self.display, self.view, *self.further):
            if proxy is not None:
                simple.Delete(proxy)
        self.rows.adopt(changed)
        self.view, self.display, self.further = view, display, further
        draw_on_server(view)
        self.camera = Camera(view)
        self.color = display.ColorArrayName[1] or ""
        self.wants_spheres = kind_of(display) != POINTS

    def close(self):
        """Let go of everything."""
        for proxy in (self.display, *self.further, self.view):
            if proxy is not None:
                simple.Delete(proxy)
        self.rows.close()
        self.display = self.view = None


def kind_of(display):
    """How a representation draws."""
    return display.GetProperty("Representation").GetData()


def make_view():
    """A view that is always drawn on the server."""
    view = simple.CreateView("RenderView")
    view.UseColorPaletteForBackground = 0
    view.Background = BACKGROUND
    view.ViewSize = [800, 500]
    draw_on_server(view)
    return view


def draw_on_server(view):
    """Have the server draw it, however little there is to draw."""
    # The session's settings are linked to its views, and come over a view's own again when another view goes.
    for proxy in (simple.GetSettingsProxy("RenderViewSettings"), view):
        for name, value in DRAWING.items():
            if proxy.GetProperty(name) is not None:
                setattr(proxy, name, value)


def grab(view):
    """The pixels of a view's last frame: height x width x 3, the first row at the bottom."""
    grabber = vtkWindowToImageFilter()
    grabber.SetInput(view.GetRenderWindow())
    grabber.ReadFrontBufferOff()
    grabber.ShouldRerenderOff()
    grabber.Update()
    image = grabber.GetOutput()
    width, height, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)[..., :3]


def offered_presets():
    """Names of colour maps."""
    known = servermanager.vtkSMTransferFunctionPresets.GetInstance()
    return [name for name in PRESETS if known.HasPreset(name)]


__all__ = ["FIGURES", "ROWS", "Scene"]
