"""Make the pictures of the GUI in docs/images, by the clicks that the documentation tells of.

After `./run setup`: `.venv/bin/python examples/screenshots/gui.py`. It clicks with what the tests of the GUI click with.
"""

from __future__ import annotations

import argparse
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
SCALE = 0.75
COLOURS = 128
MAXIMUM_BYTES = 300_000


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "images", help="folder (docs/images)")
    output = parser.parse_args().output
    install = find_paraview()
    with Stack() as stack, tempfile.TemporaryDirectory() as folder:
        cluster = stack.start_cluster(2)
        stars = Path(folder) / "stars.csv"
        write_catalog(stars, N_STARS)
        for name in ("stars", "neighbours"):
            publish(Connection(str(cluster.scheduler_file)), name, [str(stars)], n_partitions=2)
        server = stack.start_server(install, 2)
        gui = Gui(stack, install, [f"--server-url=cs://127.0.0.1:{server.port}"])
        gui.menu("File", "Open...")
        gui.answer_file_dialog(cluster.scheduler_file)
        gui.choose("Dataset", "stars")
        gui.ask("panel('SchedulerFile').findChild(QLineEdit).setCursorPosition(0); result = 1")
        take(gui, output / "gui-panel.png", (0, 410, 470, 1000))
        gui.apply()
        gui.ask("camera = simple.GetActiveView().GetActiveCamera(); camera.Dolly(1.7); simple.Render(); result = 1")
        take(gui, output / "gui-stars.png")
        gui.ask("dock('informationDock').raise_(); result = 1")
        table = "dock('informationDock').findChild(QTreeView, 'dataArraysTable')"
        gui.wait(f"'last pull' in [row[0] for row in rows({table}.model())]")
        gui.ask(f"{table}.scrollToBottom(); {table}.resizeColumnToContents(0); result = 1")
        take(gui, output / "gui-information.png", (0, 410, 470, 1000))


def take(gui: Gui, path: Path, box: tuple[int, int, int, int] | None = None) -> None:
    """Save the screen, or a part of it, small enough for the documentation."""
    whole = gui.screenshot(gui.home / path.name)
    with Image.open(whole) as image:
        part = image.convert("RGB").crop(box) if box else image.convert("RGB")
        if not box:
            part = part.resize((int(part.width * SCALE), int(part.height * SCALE)), Image.Resampling.LANCZOS)
        part.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > MAXIMUM_BYTES:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes, more than {MAXIMUM_BYTES}.")
    print(path)


if __name__ == "__main__":
    main()
