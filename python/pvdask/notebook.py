"""A Dask DataFrame in a Jupyter notebook: ``from pvdask.notebook import view``, then ``view(df)``."""

from __future__ import annotations

import base64
import functools
import importlib.util
from pathlib import Path
from typing import Any

from pvdask.errors import PvdaskError, SceneError, SetupError
from pvdask.scene import Scene

__all__ = ["Picture", "View", "view"]

_STATIC = Path(__file__).parent / "view" / "static"


class Picture(bytes):
    """A PNG; a notebook shows it."""

    def _repr_png_(self) -> bytes:
        return bytes(self)


def view(
    frame: Any,
    *,
    x: str | None = None,
    y: str | None = None,
    z: str | None = None,
    color: str | None = None,
    filter: str | None = None,
    n_ranks: int = 1,
    connect: str | None = None,
    height: int = 450,
) -> View:
    """Show a Dask DataFrame, to turn and to pick from.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        What to show; it is published on its cluster under a private name meanwhile. Persist it first, or each new column is
        computed from its beginning.
    x, y, z, color, filter
        See `pvdask.Scene`.
    n_ranks : int, optional
        MPI ranks of ParaView to draw on; all views of as many share them.
    connect : str, optional
        ``HOST:PORT`` of a pvserver that runs already, in place of that.
    height : int, optional
        Of the picture, in pixels; it is as wide as the notebook.

    Returns
    -------
    View
        Shown by the notebook where it ends a cell.

    Raises
    ------
    SceneError
        It cannot be shown.
    SetupError
        A package is missing, or ParaView cannot be started.
    """
    return View(frame, height=height, x=x, y=y, z=z, color=color, filter=filter, n_ranks=n_ranks, connect=connect)


class View:
    """A scene in a notebook. It ends with `close`, or when nothing refers to it any more.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        What to show.
    height : int
        Of the picture, in pixels.
    **options
        Further arguments of `pvdask.Scene`.
    """

    def __init__(self, frame: Any, *, height: int = 450, **options: Any) -> None:
        make_widget = _widget_class()
        self.scene = Scene(frame, **options)
        self._picked: list[Any] | None = None
        self.widget = make_widget(height=height)
        self.widget.on_msg(self._hear)
        self._show()

    # Nothing is returned by what changes a view: `ipywidgets.interact` would show it a second time.

    def color_by(self, column: str | None) -> None:
        """Colour by a column of numbers or of categories; None for one colour. Only that column is fetched."""
        self.scene.color_by(column)
        self._show()

    def filter(self, expression: str | None) -> None:
        """Show the rows for which an expression is true; None for all."""
        self.scene.filter(expression)
        self._show()

    def style(self, representation: str | None = None, size: float | None = None, legend: bool | None = None) -> None:
        """Draw as ``Spheres`` or ``Points``, larger or smaller than 1, with or without a legend."""
        self.scene.style(representation, size, legend)
        self._show()

    def rescale(self, low: float | None = None, high: float | None = None) -> None:
        """Fit the colours to the data, or to a range."""
        self.scene.rescale(low, high)
        self._show()

    def preset(self, name: str) -> None:
        """Use a colour map of ParaView."""
        self.scene.preset(name)
        self._show()

    def look_from(self, direction: str | None = None) -> None:
        """Look at all of the data, from ``+x``, ``-x``, ``+y``, ``-y``, ``+z`` or ``-z``."""
        self.scene.look_from(direction)
        self._show()

    @property
    def camera(self) -> dict[str, list[float]]:
        """``position``, ``focal_point`` and ``view_up``, three numbers each; some of these can be assigned."""
        return self.scene.camera

    @camera.setter
    def camera(self, values: dict[str, Any]) -> None:
        self.scene.camera = values
        self._show()

    def screenshot(self, path: str | Path | None = None, width: int = 800, height: int = 500) -> Picture:
        """Draw to a PNG, which the notebook shows; written to a file where a path is given."""
        return Picture(self.scene.screenshot(path, width, height))

    def save_state(self, path: str | Path) -> None:
        """Write a state file (.pvsm), which ParaView's GUI and ``pvdask render`` open."""
        self.scene.save_state(path)

    def selection(self, rectangle: tuple[float, float, float, float] | None = None) -> Any:
        """Rows that were picked.

        Parameters
        ----------
        rectangle : tuple of float, optional
            Left, top, right, bottom, as shares of the picture, 0 to 1 from its upper left corner. Default: what was drawn in
            the view last, after *Pick rows* was pressed.

        Returns
        -------
        dask.dataframe.DataFrame
            All columns of these rows; lazy.

        Raises
        ------
        SceneError
            Nothing has been picked.
        """
        if rectangle is not None:
            return self.scene.selection(rectangle)
        if self._picked is None:
            raise SceneError("Nothing is picked: press Pick rows and draw a rectangle in the view, or give one here.")
        return self.scene.rows(self._picked)

    def close(self) -> None:
        """End it, and take the frame's private name off the cluster."""
        self.widget.close()
        self.scene.close()

    def __enter__(self) -> View:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget, and a picture for where there are no widgets: in a saved notebook, for instance."""
        bundle = self.widget._repr_mimebundle_(**options) or {}
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})  # by anywidget, and by ipywidgets itself
        return {**data, "image/png": base64.b64encode(self.screenshot()).decode()}, dict(metadata)

    def _show(self) -> None:
        """Have every place where the widget is shown draw it anew."""
        told = self.scene.describe()
        figures = told["figures"]
        self.widget.camera = told["camera"]
        self.widget.status = f"{figures['PulledRows']:,} of {figures['TotalRows']:,} rows"
        self.widget.shown += 1

    def _hear(self, _: Any, message: dict[str, Any], __: Any) -> None:
        """Do what the widget in the browser asks."""
        try:
            if message["kind"] == "draw":
                told, frame = self.scene.frame(
                    message["width"], message["height"], message["is_drag"], message["camera"]
                )
                self.widget.send({"id": message["id"], **told}, buffers=[frame])
            elif message["kind"] == "reset":
                self.look_from()
            elif message["kind"] == "pick":
                self._picked = self.scene.pick(message["rectangle"])
                n_rows = sum(len(rows) for _, rows in self._picked)
                self.widget.status = f"{n_rows:,} rows picked: .selection() gives them"
        except PvdaskError as error:  # an exception here would go to a log that nobody reads
            self.widget.status = str(error)
            self.widget.send({"id": message.get("id")})


@functools.cache
def _widget_class() -> Any:
    """The widget's class, made when the first is wanted: its packages are an extra."""
    missing = [name for name in ("anywidget", "ipywidgets") if not importlib.util.find_spec(name)]
    if missing:
        raise SetupError(
            f"The notebook's view needs packages that are not installed ({', '.join(missing)}): install pvdask with its extra, "
            "pip install 'pvdask[view]'."
        )
    import anywidget
    import traitlets

    class Widget(anywidget.AnyWidget):  # type: ignore[misc]  # comes without types
        """The picture in the browser."""

        _esm = (_STATIC / "view.js").read_text(encoding="utf-8") + (_STATIC / "widget.js").read_text(encoding="utf-8")
        _css = (_STATIC / "widget.css").read_text(encoding="utf-8")
        height = traitlets.Int(450).tag(sync=True)
        camera = traitlets.Dict().tag(sync=True)
        status = traitlets.Unicode("").tag(sync=True)
        shown = traitlets.Int(0).tag(sync=True)

    return Widget
