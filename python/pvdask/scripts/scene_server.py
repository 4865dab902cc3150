"""Holds scenes and does what is asked of them (run by pvpython): scene_server.py DESCRIPTOR [HOST PORT].

DESCRIPTOR is the inherited end of a pair of sockets, see `pvdask.scene.wire`. With HOST and PORT it is a client of the
pvserver there; without, it draws by itself. It ends when the other end does.
"""

import io
import os
import socket
import sys
import traceback

from paraview import servermanager, simple
from PIL import Image

from pvdask.errors import PvdaskError, SceneError
from pvdask.scene import wire
from pvdask.scripts import scene_files
from pvdask.scripts.coloring import RenderError
from pvdask.scripts.scene import Scene
from pvdask.scripts.scene_camera import DIRECTIONS, fitted
from pvdask.scripts.scene_pick import picked

CONNECTION_LOST = 6789  # vtkPVSessionBase::ConnectionLost
LOST_STATUS = 70
CONNECT_TIMEOUT_S = 10
JPEG_DRAG_QUALITY, JPEG_QUALITY = 60, 90


class Server:
    """The scenes by name, and what can be asked of one: the methods without an underscore."""

    def __init__(self):
        self.scenes = {}

    def answer(self, message, payload):
        """Do what a message asks; the answer and its bytes."""
        name = message["do"]
        if name.startswith("_") or name == "answer" or not hasattr(self, name):
            raise SceneError(f"A scene cannot {name!r}.")
        result = getattr(self, name)(message["scene"], *([payload] if len(payload) else []), **message.get("with", {}))
        return result if isinstance(result, tuple) else (result, b"")

    def _scene(self, name):
        if name not in self.scenes:
            self.scenes[name] = Scene()
        return self.scenes[name]

    def look(self, name, **where):
        """Tell what is published, without pulling any of it."""
        scene = self._scene(name)
        scene.rows.wanted.update({key: value for key, value in where.items() if value is not None})
        scene.rows.wanted, scene.rows.known = scene.rows.look()
        return scene.describe()

    def change(self, name, **changes):
        """Change what is shown, see `Scene.change`."""
        return self._scene(name).change(**changes)

    def describe(self, name):
        """Tell what is shown."""
        return self._scene(name).describe()

    def refresh(self, name):
        """Look at the cluster again and pull again."""
        return self._scene(name).refresh()

    def rescale(self, name, low=None, high=None):
        """Fit the colours to the data or to a range."""
        return self._scene(name).rescale(low, high)

    def preset(self, name, preset):
        """Choose a colour map by name."""
        return self._scene(name).preset(preset)

    def camera(self, name, **values):
        """Set some of the camera; tell all of it."""
        self._scene(name).camera.set(**values)
        return self._scene(name).camera.get()

    def look_from(self, name, direction=None):
        """Look at all of the data from an axis, or from where it is looked from at first."""
        scene = self._scene(name)
        if direction is not None and direction not in DIRECTIONS:
            raise SceneError(f"There is no direction {direction!r}; choose one of {', '.join(DIRECTIONS)}.")
        scene.camera.set(**fitted(scene.rows.bounds(), *DIRECTIONS.get(direction, ())))
        return scene.camera.get()

    def render(self, name, width, height, form="jpeg", is_drag=False, camera=None):
        """Draw a frame: JPEG, PNG, or raw pixels."""
        pixels, told = self._scene(name).render(width, height, is_drag, camera)
        told |= {"width": pixels.shape[1], "height": pixels.shape[0]}
        if form == "raw":
            return told, memoryview(pixels).cast("B")
        buffer = io.BytesIO()
        quality = JPEG_DRAG_QUALITY if is_drag else JPEG_QUALITY
        options = {"quality": quality} if form == "jpeg" else {"compress_level": 3}
        Image.fromarray(pixels).save(buffer, form, **options)
        return told, buffer.getvalue()

    def pick(self, name, rectangle):
        """Rows inside a rectangle of the view."""
        return picked(self._scene(name), rectangle)

    def save(self, name, kind):
        """Bytes of a state, camera or colour map."""
        scene = self._scene(name)
        others = [each for each in self.scenes.values() if each is not scene]
        save = {
            "state": lambda: scene_files.state_of(scene, others),
            "camera": lambda: scene_files.camera_of(scene),
            "color_map": lambda: scene_files.color_map_of(scene),
        }
        return {}, save[kind]()

    def load(self, name, payload=b"", kind="state"):
        """Take over a state, camera or colour map."""
        loaders = {
            "state": scene_files.load_state,
            "camera": scene_files.load_camera,
            "color_map": scene_files.load_color_map,
        }
        return loaders[kind](self._scene(name), bytes(payload))

    def close(self, name):
        """Let go of a scene."""
        scene = self.scenes.pop(name, None)
        if scene is not None:
            scene.close()
        return {}


def main(descriptor, host="", port="0"):
    """Answer until the other end is closed."""
    with socket.socket(fileno=descriptor) as link:
        try:
            connect(host, int(port))
        except SceneError as error:
            wire.send(link, {"error": str(error)})
            return
        wire.send(link, {"result": {"ranks": servermanager.ActiveConnection.GetNumberOfDataPartitions()}})
        server = Server()
        while True:
            try:
                message, payload = wire.receive(link)
            except (EOFError, OSError):
                return
            reply(link, server, message, payload)


def reply(link, server, message, payload):
    """Answer one message; whatever goes wrong is told, and this lives on."""
    whose = {"id": message.get("id")}
    try:
        result, content = server.answer(message, payload)
    except (PvdaskError, RenderError) as error:
        wire.send(link, {**whose, "error": str(error)})
    except Exception as error:
        traceback.print_exc()
        wire.send(
            link, {**whose, "error": f"ParaView failed at {message.get('do')!r}: {type(error).__name__}: {error}"}
        )
    else:
        wire.send(link, {**whose, "result": result}, content)


def connect(host, port):
    """Connect to pvserver; end at once should it be lost, as ParaView goes on by itself then, drawing nothing."""
    simple._DisableFirstRenderCameraReset()
    if not port:
        return
    try:
        connection = simple.Connect(host, port, timeout=CONNECT_TIMEOUT_S)
    except Exception:
        connection = None
    if connection is None:
        raise SceneError(
            f"No pvserver of this ParaView accepts a client at {host}:{port}: start one (`pvdask server -n RANKS --port {port}`), "
            "or see that no other client uses it."
        )
    if not hasattr(simple, "DaskDataFrameSource"):
        raise SceneError(f"The pvserver at {host}:{port} has no Dask plugin: start it by `pvdask server`.")
    connection.Session.AddObserver(CONNECTION_LOST, lambda *_: os._exit(LOST_STATUS))


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
    sys.stdout.flush()
    os._exit(0)  # ParaView's own end waits for a server that may be gone
