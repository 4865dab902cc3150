"""Make the pictures of the GUI in docs/images, by the clicks that the documentation tells of.

After `./run test` or `./run demo`, which build the help pages: `.venv/bin/python examples/screenshots/gui.py`. It clicks with what
the tests of the GUI click with.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from gui.session import Gui  # noqa: E402

from pvdask.catalog import write_catalog  # noqa: E402
from pvdask.connection import Connection  # noqa: E402
from pvdask.launch import Stack, find_paraview  # noqa: E402
from pvdask.publishing import publish  # noqa: E402

N_STARS = 50_000
SCALE = 0.7
COLOURS = 256
MAXIMUM_BYTES = 150_000

COMMAND = (sys.executable, "-m", "pvdask", "gui", "--")
Box = tuple[int, int, int, int]
PANEL, WIDE = (0, 430, 470, 960), (0, 430, 900, 960)
CONNECTED = (
    "servermanager.ActiveConnection is not None and servermanager.ActiveConnection.IsRemote() and dialog() is None"
)
HELP = "next(w for w in application.topLevelWidgets() if w.inherits('pqHelpWindow') and w.isVisible())"


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "images", help="folder (docs/images)")
    output = parser.parse_args().output
    with Stack() as stack, tempfile.TemporaryDirectory(prefix="demo-") as folder:
        cluster = stack.start_cluster(2)
        shutil.copy(cluster.scheduler_file, folder)  # a short path, which the panel can show
        stars = Path(folder) / "stars.csv"
        write_catalog(stars, N_STARS)
        for name in ("stars", "neighbours"):
            publish(Connection(str(cluster.scheduler_file)), name, [str(stars)], n_partitions=2)
        gui = Gui(stack, find_paraview(), command=COMMAND, env={"PYTHONPATH": str(ROOT / "python")})
        connect(gui, output)
        show_stars(gui, Path(folder) / cluster.scheduler_file.name, output)
        show_help(gui, output)


def connect(gui: Gui, output: Path) -> None:
    """File > Connect, a server on this machine, and what it asks for."""
    gui.menu("File", "Connect...")
    gui.wait("named('servers').rowCount()")
    take(gui, output / "gui-connect.png", place(gui, "named('servers').window()"))
    spot = "table = named('servers'); spot = table.visualItemRect(table.item(0, 0)).center()"
    gui.click_at(*gui.ask(f"{spot}; spot = table.viewport().mapToGlobal(spot); result = [spot.x(), spot.y()]"))
    gui.click("named('connect')")
    gui.wait("named('PVDASK_RANKS') is not None")
    take(gui, output / "gui-server.png", place(gui, "named('PVDASK_RANKS').window()"))
    gui.focus()
    gui.key("Return")
    gui.wait(CONNECTED)


def show_stars(gui: Gui, scheduler_file: Path, output: Path) -> None:
    """File > Open, Apply, and what is in the panels before and after."""
    gui.menu("File", "Open...")
    gui.answer_file_dialog(scheduler_file)
    gui.choose("Dataset", "stars")
    gui.ask("panel('SchedulerFile').findChild(QLineEdit).setCursorPosition(0); result = 1")
    take(gui, output / "gui-panel.png", PANEL)
    gui.apply()
    gui.ask("camera = simple.GetActiveView().GetActiveCamera(); camera.Dolly(1.7); simple.Render(); result = 1")
    take(gui, output / "gui-stars.png")
    gui.ask("dock('informationDock').raise_(); result = 1")
    table = "dock('informationDock').findChild(QTreeView, 'dataArraysTable')"
    gui.wait(f"'last pull' in [row[0] for row in rows({table}.model())]")
    gui.ask(f"main.resizeDocks([dock('informationDock')], [{WIDE[2]}], Qt.Horizontal); result = 1")
    gui.ask(
        f"table = {table}; [table.resizeColumnToContents(column) for column in range(2)]\n"
        "table.verticalScrollBar().setValue(table.verticalScrollBar().maximum()); area = table\n"
        "while not area.inherits('QScrollArea'): area = area.parent()\n"
        "area.verticalScrollBar().setValue(area.verticalScrollBar().maximum()); result = 1"
    )
    take(gui, output / "gui-information.png", WIDE)
    gui.ask("dock('propertiesDock').raise_(); result = 1")


def show_help(gui: Gui, output: Path) -> None:
    """The button with the question mark."""
    gui.click("dock('propertiesDock').findChild(QWidget, 'Help')")
    gui.wait(f"'Dask DataFrame Source' in {HELP}.centralWidget().toPlainText()")
    take(gui, output / "gui-help.png", place(gui, HELP))


def place(gui: Gui, window: str) -> Box:
    """Where on the screen a window is."""
    left, top, right, bottom = gui.ask(
        f"window = {window}; corner = window.mapToGlobal(window.rect().topLeft())\n"
        "result = [corner.x(), corner.y(), corner.x() + window.width(), corner.y() + window.height()]"
    )
    return left, top, right, bottom


def take(gui: Gui, path: Path, box: Box | None = None) -> None:
    """Save the screen, or a part of it, small enough for the documentation."""
    whole = gui.screenshot(gui.home / path.name)
    with Image.open(whole) as image:
        part = image.convert("RGB").crop(box) if box else image.convert("RGB")
        if not box:
            part = part.resize((int(part.width * SCALE), int(part.height * SCALE)), Image.Resampling.LANCZOS)
        part.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > MAXIMUM_BYTES:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes, more than {MAXIMUM_BYTES}.")
    print(path)


if __name__ == "__main__":
    main()
