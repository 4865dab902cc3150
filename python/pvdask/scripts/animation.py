"""Frames of a state: time steps and a camera that goes round, spread over the frames. Imported by `render_state.py`."""

import math
import os

from paraview import simple

FRAME_NAME = "frame_{:06d}.png"


def time_steps(sources):
    """The time steps of all sources together, in order."""
    steps = set()
    for source in sources:
        if source.GetProperty("TimestepValues") is not None:
            values = source.TimestepValues
            steps.update([values] if isinstance(values, float) else values or [])
    return sorted(steps)


def save_frames(animation, folder, size, view, update):
    """Draw all frames into a folder, and print a line for each.

    `animation` has ``frames`` (a number or "all") and ``orbit`` (degrees); `update` is called with each frame's time, and has
    to raise where the data are not whole.
    """
    steps = time_steps(list(simple.GetSources().values()))
    n_frames = max(len(steps), 1) if animation["frames"] == "all" else animation["frames"]
    camera = view.GetActiveCamera()
    shown = None
    for number in range(n_frames):
        step = steps[number * len(steps) // n_frames] if steps else None
        if step is not None and step != shown:
            view.ViewTime = step
            update(step)
            shown = step
        path = os.path.join(folder, FRAME_NAME.format(number))
        simple.SaveScreenshot(path, view, ImageResolution=size)
        turn(camera, animation["orbit"] / n_frames)
        put_camera(view, camera)
        print(f"frame {number + 1} of {n_frames}", flush=True)
    return n_frames


def turn(camera, degrees):
    """Take the camera round its focal point, about the view's up direction."""
    if degrees:
        camera.Azimuth(degrees)
        camera.OrthogonalizeViewUp()


def put_camera(view, camera):
    """Have the view's properties follow its camera, so that all ranks draw from there."""
    view.CameraPosition = list(camera.GetPosition())
    view.CameraFocalPoint = list(camera.GetFocalPoint())
    view.CameraViewUp = list(camera.GetViewUp())
    if not math.isclose(view.CameraViewAngle, camera.GetViewAngle()):
        view.CameraViewAngle = camera.GetViewAngle()
