"""Draw a state file and write the picture. Run by pvbatch on every rank count; its one argument is a job file (JSON).

The job: ``state`` (.pvsm or .py), ``output`` (.png), ``size`` ([width, height] or null), ``camera`` (.pvcc or null),
``color_map`` (.json or null), ``color_by`` (column, "rank", or null), ``frame_data`` and ``fit_radius`` (whether the
camera and the radius are made from the data), ``settings`` (texts ``PROXY.PROPERTY=VALUE``), ``animation`` (null, or ``frames``
and ``orbit``; the output is then a folder for the frames), ``report`` (where to write what was pulled).
"""

import json
import math
import os
import sys
import time
import traceback

from paraview import servermanager, simple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # pvbatch does not
import animation
import settings

GAUSSIAN = "Point Gaussian"
OPAQUE_GAUSSIAN = "Opaque Gaussian"
OPAQUE_NAMES = {
    "GaussianRadius": "OpaqueGaussianRadius",
    "ShaderPreset": "OpaqueShaderPreset",
    "CustomTriangleScale": "OpaqueCustomTriangleScale",
    "CustomShader": "OpaqueCustomShader",
    "Emissive": "OpaqueEmissive",
    "ScaleByArray": "OpaqueScaleByArray",
    "SetScaleArray": "OpaqueScaleArray",
    "ScaleArrayComponent": "OpaqueScaleArrayComponent",
    "UseScaleFunction": "OpaqueUseScaleFunction",
    "OpacityByArray": "OpaqueOpacityByArray",
    "OpacityArray": "OpaqueOpacityArray",
    "OpacityArrayComponent": "OpaqueOpacityArrayComponent",
}
"""Properties of Point Gaussian, and what Opaque Gaussian calls them."""


MAXIMUM_ANNOTATIONS = 256
LABELS_SUFFIX = ":labels"
PALETTE = (
    (0.12, 0.47, 0.71),
    (1.0, 0.5, 0.05),
    (0.17, 0.63, 0.17),
    (0.84, 0.15, 0.16),
    (0.58, 0.4, 0.74),
    (0.55, 0.34, 0.29),
    (0.89, 0.47, 0.76),
    (0.74, 0.74, 0.13),
    (0.09, 0.75, 0.81),
    (0.5, 0.5, 0.5),
)
"""Colours of categories: matplotlib's tab10."""


class RenderError(Exception):
    """What cannot be drawn; one sentence for a person."""


def main(job_file):
    with open(job_file, encoding="utf-8") as file:
        job = json.load(file)
    started = time.monotonic()
    simple._DisableFirstRenderCameraReset()
    try:
        load(job["state"])
        sources = dask_sources()
        view = render_view(job["state"])
        settings.apply(job["settings"], view)
        select_column(sources, job["color_by"])
        reports = update(sources)
        prefer_opaque_gaussian(view)
        if job["frame_data"]:
            frame_data(view)
        if job["fit_radius"]:
            fit_radius(sources, view)
        if job["color_map"]:
            import_color_map(job["color_map"], view, job["color_by"])
        if job["color_by"]:
            color_by(view, job["color_by"], bool(job["color_map"]))
        check_colors(view)
        if job["camera"]:
            read_camera(job["camera"], view)
        save(job, view, sources)
    except (RenderError, settings.SettingError) as error:
        finish(job, {"error": str(error)})
        sys.stdout.flush()
        os._exit(
            1
        ) if servermanager.vtkProcessModule.GetProcessModule().GetNumberOfLocalPartitions() == 1 else sys.exit(1)
    finish(job, {"sources": reports, "seconds": round(time.monotonic() - started, 3)})


def finish(job, outcome):
    """Tell the command that started this what came of it."""
    with open(job["report"], "w", encoding="utf-8") as file:
        json.dump(outcome, file)


def load(state):
    """Load a state file, or run a Python state."""
    if state.endswith(".py"):
        try:
            with open(state, encoding="utf-8") as file:
                code = compile(file.read(), state, "exec")
            exec(code, {"__name__": "__main__", "__file__": state})
        except Exception as error:  # whatever it is, it came out of the user's script
            raise RenderError(f"The Python state {state} failed{place_of(error, state)}: {describe(error)}.") from error
        return
    simple.LoadState(state)


def place_of(error, path):
    """The line of a script where an error came from, as words."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    lines += [error.lineno] if isinstance(error, SyntaxError) else []
    return f" in line {lines[-1]}" if lines else ""


def describe(error):
    """An error's type and the first line of its message."""
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {(message.splitlines() or [''])[0].rstrip('.')}"


def dask_sources():
    """Sources of this plugin in the state, by their registered names."""
    named = {name: proxy for (name, _), proxy in simple.GetSources().items()}
    return {name: proxy for name, proxy in named.items() if proxy.GetProperty("RankReports") is not None}


def render_view(state):
    """The state's render view; the active one where it has several."""
    views = [view for view in simple.GetViews() if view.IsA("vtkSMRenderViewProxy")]
    active = simple.GetActiveView()
    if active is not None and any(view.SMProxy == active.SMProxy for view in views):
        return active
    if not views:
        raise RenderError(f"{state} holds no render view; save a state in which something is shown in 3D.")
    return views[0]


def select_column(sources, column):
    """See that the column to colour by is brought along."""
    if not column:
        return
    for source in sources.values():
        source.UpdatePipelineInformation()
        offered = columns_of(source)
        # What the state ticks was for its own dataset; another need not have it, and it has to be unticked by name.
        ticks = {name: "1" if name in offered else "0" for name in source.ColumnArrays}
        if column in offered and column != "rank":
            ticks[column] = "1"
        selection = source.SMProxy.GetProperty("ColumnArrays")
        selection.SetNumberOfElements(2 * len(ticks))
        for index, (name, tick) in enumerate(ticks.items()):
            selection.SetElement(2 * index, name)
            selection.SetElement(2 * index + 1, tick)
        source.SMProxy.UpdateVTKObjects()


def update(sources, time=None):
    """Pull, and stop at the first error: a picture with missing points must not be written."""
    reports = {}
    for name, source in sources.items():
        source.UpdatePipeline() if time is None else source.UpdatePipeline(time)
        source.UpdatePropertyInformation()
        if source.GetPropertyValue("Failed"):
            raise RenderError(str(source.GetPropertyValue("Status")).removeprefix("Error: "))
        lines = listed(source.GetPropertyValue("RankReports"))
        figures = ("TotalRows", "PulledRows", "DroppedRows", "BytesReceived", "BytesCopied")
        reports[name] = {
            "status": source.GetPropertyValue("Status"),
            "ranks": [json.loads(line) for line in lines],
            **{figure: source.GetPropertyValue(figure) for figure in figures},
        }
    return reports


def shown(view):
    """Representations that are drawn in the view and can be coloured."""
    found = []
    for representation in view.Representations:
        proxy = servermanager._getPyProxy(representation.SMProxy)
        if proxy.GetProperty("ColorArrayName") is not None and proxy.GetProperty("Visibility").GetData():
            found.append(proxy)
    return found


def prefer_opaque_gaussian(view):
    """Draw opaque Point Gaussians without moving points between ranks, where the compiled representation is loaded."""
    for representation in shown(view):
        offered = representation.GetProperty("Representation")
        if offered is None or representation.Representation != GAUSSIAN or representation.Opacity < 1:
            continue
        if OPAQUE_GAUSSIAN in list(offered.GetAvailable()):
            for name, opaque_name in OPAQUE_NAMES.items():
                copy_property(representation, name, representation, opaque_name)
            representation.UpdateVTKObjects()
            representation.SetRepresentationType(OPAQUE_GAUSSIAN)


def copy_property(source, name, target, target_name):
    """Give a property the other's value, where both are there."""
    from_property, to_property = source.SMProxy.GetProperty(name), target.SMProxy.GetProperty(target_name)
    if from_property is not None and to_property is not None:
        to_property.Copy(from_property)


def frame_data(view):
    """Look at all of the data, from the direction that the state looks in."""
    simple.ResetCamera(view)
    view.CenterOfRotation = view.CameraFocalPoint


def fit_radius(sources, view):
    """Make a star's radius a tenth of the mean distance between stars, so that few hide each other."""
    for source in sources.values():
        bounds = source.GetDataInformation().GetBounds()
        extents = [max(high - low, 0.0) for low, high in zip(bounds[::2], bounds[1::2], strict=True)]
        largest = max(extents) or 1.0
        volume = math.prod(max(extent, largest * 1e-3) for extent in extents)
        radius = 0.1 * (volume / max(source.GetPropertyValue("PulledRows"), 1)) ** (1 / 3)
        for representation in shown(view):
            for name in ("GaussianRadius", "OpaqueGaussianRadius"):
                if representation.GetProperty(name) is not None:
                    setattr(representation, name, max(radius, largest * 1e-3))


def color_by(view, column, keep_range):
    """Colour everything that has the column, with a legend."""
    colored = 0
    for representation in shown(view):
        if column == "rank":
            colored += color_by_rank(representation, view)
            continue
        if column in representation.Input.PointData.keys():
            hide_legends(view)
            # Not simple.ColorBy, which rescales the colour map, also one whose range the state or --color-map fixes.
            representation.SetScalarColoring(column, servermanager.GetAssociationFromString("POINTS"))
            lut = simple.GetColorTransferFunction(column)
            labels = labels_of(representation.Input, column)
            if labels:
                color_by_labels(lut, labels)
            elif not keep_range and not is_preset(lut):
                representation.RescaleTransferFunctionToDataRange(False, True)
            show_legend(lut, view, column)
            colored += 1
    if not colored:
        have = sorted({name for representation in shown(view) for name in columns_of(representation.Input)})
        raise RenderError(
            f"--color-by: nothing that is shown has a column {column!r}; there are: {', '.join(map(repr, have))}."
        )


def columns_of(source):
    """Columns that a source could bring along, ticked or not; of another, its point arrays."""
    if source.GetProperty("OfferedColumns") is None:
        return list(source.PointData.keys())
    source.UpdatePropertyInformation()
    return listed(source.GetPropertyValue("OfferedColumns"))


def listed(values):
    """Value of a property of several texts, which ParaView gives as one text where there is one."""
    return [values] if isinstance(values, str) else list(values or [])


def labels_of(source, column):
    """What the codes of a column stand for, up to MAXIMUM_ANNOTATIONS of them; none where they are numbers."""
    array = source.FieldData.GetArray(column + LABELS_SUFFIX)
    if array is None:
        return []
    source.UpdatePropertyInformation()
    tables = source.GetProperty("LabelTables")
    if tables is None:
        return []
    values = source.GetPropertyValue("LabelTables")
    found = json.loads(values if isinstance(values, str) else values[0]) if values else {}
    return found.get(column, [])[:MAXIMUM_ANNOTATIONS]


def color_by_labels(lut, labels):
    """Show codes as categories, each with its label and a colour of its own."""
    lut.InterpretValuesAsCategories = 1
    lut.AnnotationsInitialized = 1
    lut.Annotations = [text for code, label in enumerate(labels) for text in (str(code), label)]
    lut.IndexedColors = [channel for code in range(len(labels)) for channel in PALETTE[code % len(PALETTE)]]
    lut.IndexedOpacities = [1.0] * len(labels)


def is_preset(lut):
    """Whether the state brought a colour map of its own for this column."""
    return lut.GetProperty("ScalarRangeInitialized") is not None and bool(lut.ScalarRangeInitialized)


def color_by_rank(representation, view):
    """Colour each point by the rank that draws it."""
    # Called Process Id Scalars up to ParaView 5.11, Process Ids from 5.12 on, and their arrays differ as well.
    make_ids = getattr(simple, "ProcessIds", None) or simple.ProcessIdScalars
    ids = make_ids(Input=representation.Input)
    ids.UpdatePipeline()
    (array,) = set(ids.PointData.keys()) - set(representation.Input.PointData.keys())
    new = simple.Show(ids, view)
    for name in ("Representation", "Opacity", *OPAQUE_NAMES, *OPAQUE_NAMES.values()):
        copy_property(representation, name, new, name)
    new.UpdateVTKObjects()
    simple.Hide(representation.Input, view)
    hide_legends(view)
    simple.ColorBy(new, ("POINTS", array))
    lut = simple.GetColorTransferFunction(array)
    n_ranks = servermanager.vtkProcessModule.GetProcessModule().GetNumberOfLocalPartitions()
    color_by_labels(lut, [f"rank {rank}" for rank in range(n_ranks)])
    show_legend(lut, view, "rank")
    return 1


def hide_legends(view):
    """Legends of other columns would be wrong now."""
    for representation in list(view.Representations):
        if representation.GetXMLName() == "ScalarBarWidgetRepresentation":
            representation.Visibility = 0


def show_legend(lut, view, title):
    """The legend of one colour map."""
    bar = simple.GetScalarBar(lut, view)
    bar.Title = title
    bar.ComponentTitle = ""
    bar.TitleFontFamily = "Times"  # ParaView's own Arial draws square brackets as round ones
    if bar.RangeLabelFormat == "%-#6.1e":  # ParaView's own, which writes 20 as 2.0e+01
        bar.RangeLabelFormat = "%.4g"
    bar.Visibility = 1


def import_color_map(path, view, column):
    """Apply a colour map in ParaView's own preset format."""
    with open(path, encoding="utf-8") as file:
        presets = json.load(file)
    name = presets[0]["Name"]
    if not simple.ImportPresets(path):
        raise RenderError(
            f"--color-map: ParaView cannot read {path} as colour presets; save it from the Choose Preset dialog."
        )
    columns = (
        [column]
        if column and column != "rank"
        else [representation.ColorArrayName[1] for representation in shown(view) if representation.ColorArrayName[1]]
    )
    for each in columns:
        lut = simple.GetColorTransferFunction(each)
        lut.ApplyPreset(name, False)
        lut.ScalarRangeInitialized = 1


def check_colors(view):
    """Refuse to draw stars in one flat colour where the state meant to colour them."""
    for representation in shown(view):
        kind = representation.GetProperty("Representation")
        if kind is not None and representation.Representation not in list(kind.GetAvailable()):
            raise RenderError(
                f"The state draws as {representation.Representation!r}, which this ParaView does not have; build the compiled "
                "plugin with `./run setup`, or save the state with another representation."
            )
        association, name = representation.ColorArrayName[0], representation.ColorArrayName[1]
        if not name or association != "POINTS":
            continue
        have = list(representation.Input.PointData.keys())
        if representation.Input.PointData.GetNumberOfArrays() and name not in have:
            raise RenderError(
                f"The state colours by {name!r}, which the data do not have; they have {', '.join(map(repr, sorted(have)))}. "
                "Choose one with --color-by."
            )


def read_camera(path, view):
    """Take the camera from a file that ParaView's Adjust Camera dialog saved."""
    reader = servermanager.vtkSMCameraConfigurationReader()
    reader.SetRenderViewProxy(view.SMProxy)
    if not reader.ReadConfiguration(path):
        raise RenderError(f"--camera: ParaView cannot read {path} as a camera; save it from the Adjust Camera dialog.")


def save(job, view, sources):
    """Write the picture, whole or not at all; or the frames of a film."""
    size = job["size"] or list(view.ViewSize)
    if job["animation"]:
        animation.save_frames(job["animation"], job["output"], size, view, lambda time: update(sources, time))
        return
    part = f"{job['output']}.part.png"
    simple.SaveScreenshot(part, view, ImageResolution=size)
    os.replace(part, job["output"])


if __name__ == "__main__":
    main(sys.argv[1])
