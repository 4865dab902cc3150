"""Draw a state file and write the picture. Run by pvbatch on every rank count; its one argument is a job file (JSON).

The job: ``state`` (.pvsm or .py), ``output`` (.png), ``size`` ([width, height] or null), ``camera`` (.pvcc or null),
``color_map`` (.json or null), ``color_by`` (column, "rank", or null), ``frame_data`` and ``fit_radius`` (whether the
camera and the radius are made from the data), ``settings`` (texts ``PROXY.PROPERTY=VALUE``), ``animation`` (null, or ``frames``
and ``orbit``; the output is then a folder for the frames), ``keep_going`` (whether to draw although a source failed), ``report``
(where to write what was pulled).
"""

import json
import os
import sys
import time
import traceback

# Before anything that can raise: pvbatch hangs on a script that fails earlier.
from paraview import servermanager, simple

from pvdask.scripts import animation, settings
from pvdask.scripts.coloring import (
    RenderError,
    color_by,
    columns_of,
    fitted_radius,
    import_color_map,
    listed,
    prefer_opaque_gaussian,
    set_radius,
    shown,
)


def main(job_file):
    with open(job_file, encoding="utf-8") as file:
        job = json.load(file)
    started = time.monotonic()
    simple._DisableFirstRenderCameraReset()
    try:
        load(job["state"])
        sources = dask_sources()
        forget_strange_paths(sources)
        view = render_view(job["state"])
        settings.apply(job["settings"], view)
        select_column(sources, job["color_by"])
        reports = update(sources, keep_going=job["keep_going"])
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


def forget_strange_paths(sources):
    """Let the environment name the scheduler file where the state's own is not there, as on another machine."""
    if not os.environ.get("PVDASK_SCHEDULER_FILE"):
        return
    for source in sources.values():
        named = source.GetPropertyValue("SchedulerFile")
        if source.GetProperty("FileNames") is None and named and not os.path.exists(named):
            source.SchedulerFile = ""


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


def update(sources, time=None, keep_going=False):
    """Pull, and stop at the first error, unless asked otherwise: a picture with missing points must not be written."""
    reports = {}
    for name, source in sources.items():
        source.UpdatePipeline() if time is None else source.UpdatePipeline(time)
        source.UpdatePropertyInformation()
        if source.GetPropertyValue("Failed"):
            error = str(source.GetPropertyValue("Status")).removeprefix("Error: ")
            if not keep_going:
                raise RenderError(error)
            reports[name] = {"error": error}
            continue
        lines = listed(source.GetPropertyValue("RankReports"))
        figures = ("TotalRows", "PulledRows", "DroppedRows", "BytesReceived", "BytesCopied")
        reports[name] = {
            "status": source.GetPropertyValue("Status"),
            "ranks": [json.loads(line) for line in lines],
            **{figure: source.GetPropertyValue(figure) for figure in figures},
        }
    return reports


def frame_data(view):
    """Look at all of the data, from the direction that the state looks in."""
    simple.ResetCamera(view)
    view.CenterOfRotation = view.CameraFocalPoint


def fit_radius(sources, view):
    """Make the stars as large as their distances allow, in place of what the state says."""
    for source in sources.values():
        radius = fitted_radius(source)
        for representation in shown(view):
            set_radius(representation, radius)


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
        animation.save_frames(
            job["animation"], job["output"], size, view, lambda time: update(sources, time, job["keep_going"])
        )
        return
    part = f"{job['output']}.part.png"
    simple.SaveScreenshot(part, view, ImageResolution=size)
    os.replace(part, job["output"])


if __name__ == "__main__":
    main(sys.argv[1])
