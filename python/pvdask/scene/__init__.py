"""`Scene`: a Dask DataFrame in ParaView, from a script: show, colour, look, and get the picture as an array."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pvdask.errors import InputError, SceneError
from pvdask.scene.engine import Engine, Place

__all__ = ["Engine", "Place", "Scene"]

Picture = np.ndarray[Any, np.dtype[np.uint8]]
"""Shape (height, width, 3), the first row at the top."""

_engines: dict[Place, Engine] = {}
_users: dict[Place, int] = {}
_lock = threading.Lock()


class Scene:
    """A Dask DataFrame drawn by ParaView; in a ``with`` block, or until `close`.

    Parameters
    ----------
    data : dask.dataframe.DataFrame or str, optional
        What to show: a frame, which is published under a private name on the cluster of its client meanwhile; or the name
        under which one is published. Default: the first that is published.
    x, y, z : str, optional
        Columns of the position; guessed from their names otherwise.
    color : str, optional
        Column to colour by; otherwise the first of numbers.
    filter : str, optional
        Which rows, such as ``"`plx[mas]` > 20"``.
    sample : float, optional
        Share of the rows, above 0, up to 1.
    scheduler_file : str or pathlib.Path, optional
        Cluster of a published name; by default ``PVDASK_SCHEDULER_FILE``.
    scheduler_address : str, optional
        In place of a file: the scheduler's address, such as ``tcp://host:8786``.
    n_ranks : int, optional
        MPI ranks of the pvserver that is started. Scenes of as many ranks share it.
    connect : str, optional
        ``HOST:PORT`` of a pvserver that runs already, in place of that.

    Raises
    ------
    SceneError
        It cannot be shown.
    SetupError
        ParaView cannot be started.

    Examples
    --------
    >>> import pvdask
    >>> scene = pvdask.Scene("stars", color="plx[mas]", scheduler_file="scheduler.json")  # doctest: +SKIP
    >>> picture = scene.render(800, 500)  # doctest: +SKIP
    """

    def __init__(
        self,
        data: Any = None,
        *,
        x: str | None = None,
        y: str | None = None,
        z: str | None = None,
        color: str | None = None,
        filter: str | None = None,
        sample: float | None = None,
        scheduler_file: str | Path | None = None,
        scheduler_address: str | None = None,
        n_ranks: int = 1,
        connect: str | None = None,
    ) -> None:
        from pvdask.scene.frames import PrivateFrame

        place = Place(n_ranks, host_and_port(connect) if connect else None)
        where: dict[str, Any] = {"dataset": data}
        private: PrivateFrame | None = None
        if data is not None and not isinstance(data, str):
            private = PrivateFrame(data)
            where = {"dataset": private.name, "scheduler_address": private.address}
        elif scheduler_file is not None or scheduler_address is not None:
            where["scheduler_file"] = str(Path(scheduler_file).absolute()) if scheduler_file else ""
            where["scheduler_address"] = scheduler_address or ""
        self._private = private
        try:
            self._engine = take_engine(place)
            self._name = self._engine.new_name()
            self._end = weakref.finalize(self, _end, self._engine, self._name, private)
        except BaseException:
            if private is not None:
                private.withdraw()
            raise
        try:
            self._told: dict[str, Any] = {}
            self._change(**where, x=x, y=y, z=z, color=color, filter=filter, sample=sample)
        except BaseException:
            self.close()
            raise

    def _ask(self, name: str, payload: bytes = b"", /, **arguments: Any) -> tuple[Any, bytearray]:
        return self._engine.ask(self._name, name, payload, **arguments)

    def _change(self, **changes: Any) -> Scene:
        wanted = {name: value for name, value in changes.items() if value is not None}
        self._told = self._ask("change", **wanted)[0]
        return self

    def color_by(self, column: str | None) -> Scene:
        """Colour by a column of numbers or of categories; None for one colour. Only that column is fetched."""
        return self._change(color=column or "")

    def filter(self, expression: str | None) -> Scene:
        """Show the rows for which an expression is true, and None for all."""
        return self._change(filter=expression or "")

    def sample(self, fraction: float) -> Scene:
        """Show a random share of the rows, above 0, up to 1."""
        return self._change(sample=fraction)

    def position(self, x: str, y: str, z: str) -> Scene:
        """Make the positions of other columns."""
        return self._change(x=x, y=y, z=z)

    def style(self, representation: str | None = None, size: float | None = None, legend: bool | None = None) -> Scene:
        """Draw as ``Spheres`` or ``Points``, larger or smaller than 1, with or without a legend."""
        return self._change(representation=representation, size=size, legend=legend)

    def rescale(self, low: float | None = None, high: float | None = None) -> Scene:
        """Fit the colours to the data, or to a range."""
        self._told = self._ask("rescale", low=low, high=high)[0]
        return self

    def preset(self, name: str) -> Scene:
        """Use a colour map; ``describe()["presets"]`` names them."""
        self._told = self._ask("preset", preset=name)[0]
        return self

    def refresh(self) -> Scene:
        """Look at the cluster again, and pull again."""
        self._told = self._ask("refresh")[0]
        return self

    @property
    def camera(self) -> dict[str, list[float]]:
        """``position``, ``focal_point`` and ``view_up``, three numbers each; some of these can be assigned."""
        camera: dict[str, list[float]] = self._ask("camera")[0]
        return camera

    @camera.setter
    def camera(self, values: dict[str, Any]) -> None:
        self._ask("camera", **{name: [float(number) for number in value] for name, value in values.items()})

    def look_from(self, direction: str | None = None) -> Scene:
        """Look at all of the data, from ``+x``, ``-x``, ``+y``, ``-y``, ``+z`` or ``-z``."""
        self._ask("look_from", **({} if direction is None else {"direction": direction}))
        return self

    def render(self, width: int = 800, height: int = 500) -> Picture:
        """Draw.

        Parameters
        ----------
        width, height : int, optional
            In pixels.

        Returns
        -------
        numpy.ndarray
            Shape (height, width, 3), uint8, red, green and blue; the first row at the top. It is the caller's.
        """
        told, pixels = self._ask("render", width=width, height=height, form="raw")
        return np.frombuffer(pixels, np.uint8).reshape(told["height"], told["width"], 3)

    def screenshot(self, path: str | Path | None = None, width: int = 800, height: int = 500) -> bytes:
        """Draw to a PNG; gives its bytes, and writes them where a path is given."""
        content = bytes(self._ask("render", width=width, height=height, form="png")[1])
        if path is not None:
            Path(path).write_bytes(content)
        return content

    def save_state(self, path: str | Path) -> None:
        """Write a state file (.pvsm), which ParaView's GUI and ``pvdask render`` open."""
        Path(path).write_bytes(self._ask("save", kind="state")[1])

    def load_state(self, path: str | Path) -> Scene:
        """Show what a state file (.pvsm) shows."""
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise InputError(f"The state file {path} cannot be read ({error.strerror}).") from None
        self._told = self._ask("load", content, kind="state")[0]
        return self

    def frame(
        self, width: int, height: int, is_drag: bool = False, camera: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """Draw a frame for a widget: what there is to tell, and a JPEG; a smaller and coarser one in a drag."""
        told, content = self._ask("render", width=width, height=height, is_drag=is_drag, camera=camera)
        return told, bytes(content)

    def pick(self, rectangle: Sequence[float]) -> list[Any]:
        """Partitions, and places of rows in each, whose points a rectangle of the view holds; see `selection`."""
        rows: list[Any] = self._ask("pick", rectangle=list(rectangle))[0]["rows"]
        return rows

    def rows(self, picked: list[Any]) -> Any:
        """The rows that `pick` named, as a Dask DataFrame."""
        from pvdask.scene.frames import rows_of

        if self._private is None:
            raise SceneError(
                "This scene was made of a name; make one of the DataFrame itself, pvdask.Scene(df), to pick rows."
            )
        return rows_of(self._private.frame, picked)

    def selection(self, rectangle: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)) -> Any:
        """Rows whose points a rectangle of the view holds, also those behind others.

        Parameters
        ----------
        rectangle : tuple of float
            Left, top, right, bottom, as shares of the picture, 0 to 1 from its upper left corner.

        Returns
        -------
        dask.dataframe.DataFrame
            All columns of these rows; lazy.

        Raises
        ------
        SceneError
            The scene shows a published name, not a frame: pick from the frame in that case.
        """
        return self.rows(self.pick(rectangle))

    def describe(self) -> dict[str, Any]:
        """All there is to know: columns, figures of the last pull, colours, camera."""
        self._told = dict(self._ask("describe")[0])
        return dict(self._told)

    def close(self) -> None:
        """End it, and the processes with the last scene in them."""
        self._end()

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def host_and_port(text: str) -> tuple[str, int]:
    """Parse ``HOST:PORT``.

    Raises
    ------
    SceneError
        It is none.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise SceneError(f"{text!r} is no pvserver's address; expected HOST:PORT, such as 127.0.0.1:11111.")
    return host.strip("[]"), int(port)


def take_engine(place: Place) -> Engine:
    """The engine for a place, which scenes share; started for the first of them."""
    with _lock:
        if place not in _engines:
            _engines[place] = Engine(place)
        _users[place] = _users.get(place, 0) + 1
        return _engines[place]


def give_back_engine(engine: Engine) -> None:
    """End an engine with its last user."""
    with _lock:
        _users[engine.place] -= 1
        if _users[engine.place] == 0:
            _engines.pop(engine.place).close()


def _end(engine: Engine, name: str, private: Any) -> None:
    try:
        engine.ask(name, "close")
    except SceneError:
        pass  # it is gone already
    finally:
        if private is not None:
            private.withdraw()
        give_back_engine(engine)


def _end_all() -> None:
    for engine in list(_engines.values()):
        engine.close()


atexit.register(_end_all)
