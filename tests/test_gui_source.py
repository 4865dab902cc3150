"""Sources > Dask in the real GUI, on a pvserver of 2 ranks: by real clicks from the menu to the stars."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clusters import cut_evenly, publish_pieces, unpublish
from gui.fixtures import (
    GAS,
    N_GAS,
    N_STARS,
    SLOW,
    SLOW_PARTITIONS,
    SLOW_S,
    STARS,
    add_source,
    display,
    gui_on_server,
    open_dataset,
    published,
    stars,
    start_anew,
)
from gui.session import Gui, GuiError, value
from images import n_coloured, read

from pvdask.launch import ClusterHandle, ParaViewInstall

pytestmark = pytest.mark.clientserver

OTHER, GONE = "gui-4-other", "gui-5-gone"
POLL_S = 1.0
"""Of the XML's LiveSource; a question too early for the source waits for the next."""
VCR = "main.findChild(QWidget, 'VCRToolbar')"


@pytest.fixture(scope="module")
def on_cluster(cluster: ClusterHandle) -> Iterator[ClusterHandle]:
    with published(cluster):
        yield cluster


@pytest.fixture(scope="module")
def session(on_cluster: ClusterHandle, install: ParaViewInstall) -> Iterator[tuple[Gui, Any]]:
    with gui_on_server(install) as (gui, server, _):
        yield gui, server


@pytest.fixture
def gui(session: tuple[Gui, Any], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Gui]:
    """The GUI with nothing in it; what it shows at the test's end is kept."""
    gui, _ = session
    gui.key("Escape")
    start_anew(gui)
    yield gui
    gui.screenshot(tmp_path / "end.png")


def picture(gui: Gui, folder: Path) -> np.ndarray:
    """What the view shows."""
    path = folder / "view.png"
    gui.ask(f"view_pixels({str(path)!r})")
    return read(path)


def items(name: str) -> str:
    box = f"panel({name!r}).findChild(QComboBox)"
    return f"box = {box}; result = [box.itemText(index) for index in range(box.count())]"


def chosen(name: str) -> str:
    return f"panel({name!r}).findChild(QComboBox).currentText()"


def last_pull(gui: Gui) -> str:
    """What the Information panel says."""
    gui.ask("dock('informationDock').raise_(); result = 1")
    table = "dock('informationDock').findChild(QTreeView, 'dataArraysTable').model()"
    found = gui.wait(f"dict((row[0], row[2]) for row in rows({table})).get('last pull')")
    gui.ask("dock('propertiesDock').raise_(); result = 1")
    return str(found)


def test_from_the_menu_to_the_stars(gui: Gui, on_cluster: ClusterHandle, tmp_path: Path) -> None:
    gui.menu("Sources", "Dask", "Dask DataFrame Source")
    gui.wait("panel('SchedulerFile') is not None")
    assert gui.ask(items("Dataset")) == []
    gui.write("SchedulerFile", str(on_cluster.scheduler_file))
    gui.screenshot(tmp_path / "panel.png")
    gui.apply()
    assert gui.ask(items("Dataset"))[:3] == [GAS, STARS, SLOW]
    # The first of them is what was drawn, and what the panel says.
    assert [gui.ask(chosen(name)) for name in ("Dataset", "XColumn", "YColumn", "ZColumn")] == [GAS, "px", "py", "pz"]
    assert last_pull(gui).startswith(f"{N_GAS} of {N_GAS} rows on 2 rank(s), 0 dropped; ")
    assert n_coloured(picture(gui, tmp_path)) > 1000
    assert gui.ask("messages()") == []


def test_the_first_picture_is_right_without_being_told(gui: Gui, on_cluster: ClusterHandle, tmp_path: Path) -> None:
    gui.menu("File", "Open...")
    gui.answer_file_dialog(on_cluster.scheduler_file)
    gui.choose("Dataset", STARS)
    gui.apply()
    assert gui.ask(display("Representation")) == "Point Gaussian"
    assert gui.ask(f"list({display('ColorArrayName')})") == ["POINTS", "plx"]
    limits = stars()["plx"].agg(["min", "max"]).to_list()
    points = gui.ask(f"list({display('LookupTable')}.RGBPoints)")
    assert [points[0], points[-4]] == pytest.approx(limits)
    extents = stars()[["x", "y", "z"]].agg(lambda column: column.max() - column.min())
    assert gui.ask(display("GaussianRadius")) == pytest.approx(0.1 * (extents.prod() / N_STARS) ** (1 / 3), rel=1e-3)
    assert n_coloured(picture(gui, tmp_path)) > 5000
    assert gui.ask("messages()") == []


def test_a_scheduler_file_that_is_opened_fills_the_drop_downs_and_pulls_nothing(
    gui: Gui, on_cluster: ClusterHandle, tmp_path: Path
) -> None:
    gui.menu("File", "Open...")
    gui.answer_file_dialog(on_cluster.scheduler_file)
    assert gui.wait(items("Dataset"))[:3] == [GAS, STARS, SLOW]
    assert [gui.ask(chosen(name)) for name in ("Dataset", "XColumn", "YColumn", "ZColumn")] == [GAS, "px", "py", "pz"]
    columns = "panel('ColumnArrays').findChild(QTreeView).model()"
    assert [row[0] for row in gui.ask(f"rows({columns})")] == ["px", "py", "pz", "temperature"]
    ticks = f"[{columns}.index(row, 0).data(Qt.CheckStateRole) for row in range(4)]"
    assert gui.ask(ticks) == [0, 0, 0, 2]
    assert gui.ask(value("Status")) == "Nothing pulled yet"
    gui.screenshot(tmp_path / "before.png")
    gui.choose("Dataset", STARS)
    gui.apply()
    assert last_pull(gui).startswith("3,000 of 3,000 rows on 2 rank(s), 0 dropped; ")
    assert [gui.ask(chosen(name)) for name in ("Dataset", "XColumn", "YColumn", "ZColumn")] == [STARS, "x", "y", "z"]
    # What the panel chose by itself is what was pulled, so that handing it over brings nothing.
    gui.apply()
    assert ", 0 dropped; 0 bytes received, 0 copied; " in last_pull(gui)
    assert gui.ask("messages()") == []


def test_another_dataset_brings_its_own_columns(gui: Gui, on_cluster: ClusterHandle) -> None:
    open_dataset(gui, on_cluster.scheduler_file, STARS)
    assert [gui.ask(chosen(name)) for name in ("XColumn", "YColumn", "ZColumn")] == ["x", "y", "z"]
    assert gui.ask("sorted(simple.GetActiveSource().PointData.keys())") == ["plx", "source_id"]
    gui.choose("Dataset", GAS)
    gui.apply()
    assert [gui.ask(chosen(name)) for name in ("XColumn", "YColumn", "ZColumn")] == ["px", "py", "pz"]
    assert gui.ask("sorted(simple.GetActiveSource().PointData.keys())") == ["temperature"]
    assert gui.ask("messages()") == []


def test_refresh_lists_what_was_published_meanwhile_and_waits_for_apply(gui: Gui, on_cluster: ClusterHandle) -> None:
    open_dataset(gui, on_cluster.scheduler_file, STARS)
    publish_pieces(on_cluster, OTHER, cut_evenly(stars()[:50], 2))
    try:
        before = last_pull(gui)
        gui.reveal("Refresh")
        gui.click("panel('Refresh').findChild(QWidget, 'PushButton')")
        assert OTHER in gui.wait(items("Dataset"))
        assert last_pull(gui) == before
        gui.choose("Dataset", OTHER)
        gui.apply()
        assert last_pull(gui).startswith("50 of 50 rows on 2 rank(s)")
    finally:
        unpublish(on_cluster, OTHER)


def test_the_progress_bar_moves_while_partitions_are_made(gui: Gui, on_cluster: ClusterHandle, tmp_path: Path) -> None:
    gui.menu("File", "Open...")
    gui.answer_file_dialog(on_cluster.scheduler_file)
    gui.choose("Dataset", SLOW)
    x, y, width, height = gui.ask(
        "bar = next(w for w in main.statusBar().findChildren(QWidget) if type(w).__name__ == 'QWidget' "
        "and w.metaObject().className() == 'pqProgressWidget')\n"
        "corner = bar.mapToGlobal(bar.rect().topLeft()); result = [corner.x(), corner.y(), bar.width(), bar.height()]"
    )
    seconds = SLOW_PARTITIONS * SLOW_S + 3
    watcher = f"""
import sys, time
from PyQt5.QtWidgets import QApplication
application = QApplication([])
for number in range({int(seconds / 0.25)}):
    application.primaryScreen().grabWindow(0, {x}, {y}, {width}, {height}).save(r"{tmp_path}/bar%02d.png" % number)
    time.sleep(0.25)
"""
    with subprocess.Popen(["/usr/bin/python3", "-c", watcher], env=gui.env) as watching:
        gui.apply()
    assert watching.returncode == 0
    blue = [int((bar[..., 2] - bar[..., 0] > 80).sum()) for bar in map(read, sorted(tmp_path.glob("bar*.png")))]
    assert len({length for length in blue if length}) >= 3, blue
    assert last_pull(gui).startswith(f"{4 * SLOW_PARTITIONS} of ")


# ---- by itself, and in time


def screen(gui: Gui, folder: Path) -> np.ndarray:
    """The view as it is on the screen; nothing is drawn for it."""
    path = folder / "screen.png"
    gui.ask(
        "view = next(w for w in main.findChildren(QWidget) if w.inherits('pqQVTKWidget') and w.isVisible())\n"
        "corner = view.mapToGlobal(view.rect().topLeft())\n"
        "shot = application.primaryScreen().grabWindow(0, corner.x(), corner.y(), view.width(), view.height())\n"
        f"result = shot.save({str(path)!r})"
    )
    return read(path)


def test_what_is_published_again_is_drawn_without_a_click(gui: Gui, on_cluster: ClusterHandle, tmp_path: Path) -> None:
    publish_pieces(on_cluster, OTHER, cut_evenly(stars(), 2))
    try:
        open_dataset(gui, on_cluster.scheduler_file, OTHER)
        gui.tick("LiveUpdates")
        gui.apply()
        assert "3,000 of 3,000 rows" in last_pull(gui)
        time.sleep(2 * POLL_S)  # what is published now is known from the first question on
        before = n_coloured(screen(gui, tmp_path))
        assert before > 5000
        publish_pieces(on_cluster, OTHER, cut_evenly(stars()[:300], 2))
        published_at = time.monotonic()
        while n_coloured(screen(gui, tmp_path)) > before / 2:
            assert (
                time.monotonic() - published_at < 2 * POLL_S + 2.0
            )  # the next poll, and what the demand allows from there
        assert last_pull(gui).startswith("300 of 300 rows on 2 rank(s)")
        assert gui.ask("messages()") == []
    finally:
        unpublish(on_cluster, OTHER)


def test_the_play_button_goes_through_the_time_steps(gui: Gui, on_cluster: ClusterHandle, tmp_path: Path) -> None:
    steps = stars().assign(t=np.repeat([0.0, 5.0, 20.0], [2000, 900, 100]))
    publish_pieces(on_cluster, OTHER, cut_evenly(steps.sample(frac=1, random_state=1), 3))
    try:
        open_dataset(gui, on_cluster.scheduler_file, OTHER)
        gui.click("dock('propertiesDock').findChild(QWidget, 'AdvancedButton')")
        gui.choose("TimeColumn", "t")
        gui.click("dock('propertiesDock').findChild(QWidget, 'AdvancedButton')")
        gui.apply()
        assert last_pull(gui).startswith("2,000 of ")
        drawn = [n_coloured(screen(gui, tmp_path))]
        gui.ask(
            "times = []; scene = simple.GetAnimationScene()\n"
            "scene.SMProxy.AddObserver('PropertyModifiedEvent', lambda *_: times.append(scene.AnimationTime)); result = 1"
        )
        gui.click(f"{VCR}.widgetForAction(next(a for a in {VCR}.actions() if a.objectName() == 'actionVCRPlay'))")
        gui.wait("scene.AnimationTime == 20.0")
        assert list(dict.fromkeys(gui.ask("times")))[-2:] == [5.0, 20.0]
        assert last_pull(gui).startswith("100 of ")
        drawn.append(n_coloured(screen(gui, tmp_path)))
        gui.click(
            f"{VCR}.widgetForAction(next(a for a in {VCR}.actions() if a.objectName() == 'actionVCRPreviousFrame'))"
        )
        gui.wait("scene.AnimationTime == 5.0")
        assert last_pull(gui).startswith("900 of ")
        drawn.append(n_coloured(screen(gui, tmp_path)))
        first, last, middle = drawn
        assert first > middle + 2000 > last + 4000  # the legend is drawn at each step
        assert gui.ask("messages()") == []
    finally:
        unpublish(on_cluster, OTHER)


# ---- errors


def assert_told_once(gui: Gui, *said: str) -> None:
    messages = gui.wait("messages()")
    assert len(messages) == 1, messages
    (message,) = messages
    assert message.startswith("Dask: ")
    assert all(part in message for part in said), message
    assert "Traceback" not in message


def untick(gui: Gui, column: str) -> None:
    """Click the box of a column in the list."""
    gui.reveal("ColumnArrays")
    point = gui.ask(
        "tree = panel('ColumnArrays').findChild(QTreeView); model = tree.model()\n"
        f"index = model.index([row[0] for row in rows(model)].index({column!r}), 0)\n"
        "tree.scrollTo(index); cell = tree.visualRect(index); cell.setWidth(18)\n"
        "spot = tree.viewport().mapToGlobal(cell.center()); result = [spot.x(), spot.y()]"
    )
    gui.click_at(*point)
    gui.wait("index.data(Qt.CheckStateRole) == 0")


def test_a_missing_scheduler_is_told_once_and_the_session_goes_on(
    gui: Gui, on_cluster: ClusterHandle, tmp_path: Path
) -> None:
    add_source(gui, tmp_path / "nothere.json")
    assert_told_once(gui, "nothere.json cannot be read (No such file or directory)")
    gui.screenshot(tmp_path / "message.png")
    gui.write("SchedulerFile", str(on_cluster.scheduler_file))
    gui.apply()
    assert last_pull(gui).startswith(f"{N_GAS} of {N_GAS} rows")


def test_a_dataset_that_went_away_is_told_once_and_another_works(gui: Gui, on_cluster: ClusterHandle) -> None:
    publish_pieces(on_cluster, GONE, cut_evenly(stars()[:50], 2))
    add_source(gui, on_cluster.scheduler_file)
    unpublish(on_cluster, GONE)
    gui.choose("Dataset", GONE)
    gui.apply()
    assert_told_once(gui, f"No dataset '{GONE}' is published", repr(STARS))
    gui.choose("Dataset", STARS)
    gui.apply()
    assert last_pull(gui).startswith("3,000 of 3,000 rows")


def test_a_column_that_went_away_is_told_once_and_another_works(gui: Gui, on_cluster: ClusterHandle) -> None:
    publish_pieces(on_cluster, GONE, cut_evenly(stars()[:50], 2))
    try:
        add_source(gui, on_cluster.scheduler_file, GONE)
        gui.choose("XColumn", "plx")
        gui.apply()
        publish_pieces(on_cluster, GONE, cut_evenly(stars()[:50].drop(columns="plx"), 2))
        gui.write("MaximumRows", "40")
        gui.apply()
        assert_told_once(gui, "XColumn: the dataset has no column 'plx'")
        gui.reveal("Refresh")
        gui.click("panel('Refresh').findChild(QWidget, 'PushButton')")
        gui.wait(f"{chosen('XColumn')} == 'x'")
        untick(gui, "plx")  # it was ticked, and what was chosen is not dropped without a word
        gui.apply()
        assert " of 50 rows on 2 rank(s)" in last_pull(gui)
        assert len(gui.ask("messages()")) == 1
    finally:
        unpublish(on_cluster, GONE)


# ---- the panel


def test_every_property_of_the_panel_teaches(gui: Gui, tmp_path: Path) -> None:
    gui.menu("Sources", "Dask", "Dask DataFrame Source")
    gui.wait("panel('SchedulerFile') is not None")
    gui.ask("dock('propertiesDock').findChild(QWidget, 'AdvancedButton').click(); result = 1")
    shown = gui.ask(
        "frame = named('PropertiesFrame').findChild(QWidget, 'ProxyPanel')\n"
        "result = dict((w.objectName(), w.toolTip()) for w in frame.children() if w.inherits('pqPropertyWidget') and w.isVisible())"
    )
    assert {"SchedulerFile", "Dataset", "XColumn", "ColumnArrays", "Filter", "MaximumRows", "CacheLimit"} <= set(shown)
    assert [name for name, tip in shown.items() if len(tip) < 60] == []
    labels = gui.ask(
        "from PyQt5.QtWidgets import QLabel\n"
        "result = [w.text() for w in frame.findChildren(QLabel) if w.text().startswith('<html><b>') and w.isVisible()]"
    )
    titles = [label.removeprefix("<html><b>").removesuffix("</b></html>") for label in labels]
    assert titles == ["Connection", "Columns", "Rows", "Advanced"]
    gui.ask("dock('propertiesDock').findChild(QWidget, 'AdvancedButton').click(); result = 1")


def test_the_harness_sees_what_is_not_there(gui: Gui) -> None:
    with pytest.raises(GuiError, match="still not so"):
        gui.wait("menu_entry('No such menu')", 1)
    with pytest.raises(GuiError, match="no_such_name"):
        gui.ask("no_such_name")
