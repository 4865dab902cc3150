"""The camera of a scene, as plain numbers."""

import itertools
import math

import numpy as np

from pvdask.errors import SceneError

FIELDS = {"position": "CameraPosition", "focal_point": "CameraFocalPoint", "view_up": "CameraViewUp"}
DIRECTIONS = {
    "+x": ([1, 0, 0], [0, 0, 1]),
    "-x": ([-1, 0, 0], [0, 0, 1]),
    "+y": ([0, 1, 0], [0, 0, 1]),
    "-y": ([0, -1, 0], [0, 0, 1]),
    "+z": ([0, 0, 1], [0, 1, 0]),
    "-z": ([0, 0, -1], [0, 1, 0]),
}
"""Where the camera stands, and which way is up."""

VIEW_ANGLE_DEGREES = 30.0
MARGIN = 1.03


class Camera:
    """Reads and writes a view's camera."""

    def __init__(self, view):
        self.view = view

    def get(self):
        """Position, focal point and what is up."""
        return {name: list(getattr(self.view, property_)) for name, property_ in FIELDS.items()}

    def set(self, **values):
        """Set some of `FIELDS`, each three finite numbers."""
        for name, value in values.items():
            if name not in FIELDS:
                raise SceneError(f"A camera has no {name!r}; it has {', '.join(FIELDS)}.")
            if not (np.shape(value) == (3,) and np.all(np.isfinite(np.asarray(value, float)))):
                raise SceneError(f"The camera's {name} is {value!r}; expected three numbers.")
        for name, value in values.items():
            setattr(self.view, FIELDS[name], [float(number) for number in value])
        self.view.CenterOfRotation = self.view.CameraFocalPoint


def fitted(bounds, direction=None, view_up=None):
    """A camera that sees all of the data.

    Parameters
    ----------
    bounds : sequence of float
        Lowest and highest x, y and z.
    direction, view_up : sequence of float, optional
        From the data to the camera, and what is up; by default a little from above.
    """
    low, high = np.array(bounds[::2], float), np.array(bounds[1::2], float)
    if not np.all(low <= high):  # no point at all
        low, high = -np.ones(3), np.ones(3)
    center, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-6)
    toward = np.array([0.5, -1.0, 0.45] if direction is None else direction, float)
    toward /= np.linalg.norm(toward)
    view_up = [0.0, 0.0, 1.0] if view_up is None else list(view_up)
    right = np.cross(view_up, toward)
    right /= np.linalg.norm(right)
    up = np.cross(toward, right)
    corners = np.array(list(itertools.product(*zip(-half, half, strict=True))))
    aside = np.maximum(np.abs(corners @ right), np.abs(corners @ up))
    distance = np.max(corners @ toward + aside / math.tan(math.radians(VIEW_ANGLE_DEGREES / 2))) * MARGIN
    return {
        "position": (center + toward * distance).tolist(),
        "focal_point": center.tolist(),
        "view_up": view_up,
    }
