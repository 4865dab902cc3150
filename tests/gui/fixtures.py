"""What the tests of the GUI have in common: datasets on the cluster, a pvserver of 2 ranks, and a GUI that is connected to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from clusters import connected, cut_evenly, keep_package_from_workers, publish_pieces, unpublish
from leftovers import SESSION_MARKER, environment_marker, session_folders

from gui.session import Gui
from pvdask.launch import ClusterHandle, ParaViewInstall, ServerHandle, Stack

GAS, STARS, SLOW = "gui-1-gas", "gui-2-stars", "gui-3-slow"
N_GAS, N_STARS = 200, 3000
SLOW_PARTITIONS, SLOW_S = 14, 0.8
ID_START = 2**60 + 1
"""Odd ids above this are beyond what a float64 can hold."""


def gas() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.uniform(0, 10, (N_GAS, 3)), columns=["px", "py", "pz"])
    return frame.assign(temperature=rng.uniform(10, 20, N_GAS))


def stars() -> pd.DataFrame:
    """Positions, ids, a quantity, and a text of three values; no two rows alike."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(0, 40, (N_STARS, 3)), columns=["x", "y", "z"])
    frame["source_id"] = ID_START + 2 * np.arange(N_STARS, dtype="i8")
    frame["plx"] = rng.uniform(1, 5, N_STARS)
    frame["kind"] = np.array(["giant", "dwarf", "nova"])[np.arange(N_STARS) % 3]
    return frame


def publish_slow(cluster: ClusterHandle) -> None:
    """A lazy frame, each partition of which takes a while to make."""
    import dask.dataframe as dd

    def make(index: int, seconds: float = SLOW_S) -> Any:
        import time

        import pandas

        time.sleep(seconds)
        return pandas.DataFrame(
            {"x": [float(index)] * 4, "y": [0.0, 1.0, 0.0, 1.0], "z": [0.0, 0.0, 1.0, 1.0], "w": 1.5}
        )

    with connected(cluster) as client:
        frame = dd.from_map(make, range(SLOW_PARTITIONS), meta=make(0, 0).iloc[:0])
        client.publish_dataset(frame, name=SLOW, override=True)


@contextmanager
def published(cluster: ClusterHandle) -> Iterator[ClusterHandle]:
    """The datasets, for the time of the block."""
    keep_package_from_workers(cluster)
    publish_pieces(cluster, GAS, cut_evenly(gas(), 2))
    publish_pieces(cluster, STARS, cut_evenly(stars(), 3))
    publish_slow(cluster)
    try:
        yield cluster
    finally:
        unpublish(cluster, GAS, STARS, SLOW)


@contextmanager
def gui_on_server(
    install: ParaViewInstall, *, compiled: bool = False, server_env: dict[str, str] | None = None
) -> Iterator[tuple[Gui, ServerHandle, Stack]]:
    """A GUI that is connected to a pvserver of 2 ranks."""
    with environment_marker(SESSION_MARKER), Stack() as stack:
        session_folders.add(stack.folder.name)
        server = stack.start_server(install, 2, compiled=compiled, env=server_env)
        gui = Gui(stack, install, [f"--server-url=cs://127.0.0.1:{server.port}"], compiled=compiled)
        yield gui, server, stack


def start_anew(gui: Gui) -> None:
    """Delete what is shown, but for one empty view, and empty the message window."""
    gui.ask(
        "for source in simple.GetSources().values(): simple.Delete(source)\n"
        "for view in simple.GetViews():\n"
        "    if view.GetXMLName() != 'RenderView': simple.Delete(view)\n"
        "simple.SetActiveView(simple.GetViews()[0]); simple.HideUnusedScalarBars()\n"
        "simple.GetActiveView().OrientationAxesVisibility = 0\n"
        "for name in ('findDataDock', 'colorMapEditorDock'): dock(name).close()\n"
        "dock('outputWidgetDock').findChild(QWidget, 'clearButton').click()\n"
        "result = 1"
    )


def add_source(gui: Gui, scheduler_file: Path | None = None, dataset: str = "") -> None:
    """By the menu, the panel and Apply, as a user does."""
    gui.menu("Sources", "Dask", "Dask DataFrame Source")
    gui.wait("panel('SchedulerFile') is not None")
    if scheduler_file is not None:
        gui.write("SchedulerFile", str(scheduler_file))
    gui.apply()
    if dataset:
        gui.choose("Dataset", dataset)
        gui.apply()


def open_dataset(gui: Gui, scheduler_file: Path, dataset: str) -> None:
    """By File > Open, so that no other dataset is shown before."""
    gui.menu("File", "Open...")
    gui.answer_file_dialog(scheduler_file)
    gui.choose("Dataset", dataset)
    gui.apply()


def display(name: str) -> str:
    """An expression for a property of how the selected source is shown."""
    return f"simple.GetDisplayProperties(simple.GetActiveSource(), simple.GetActiveView()).{name}"
