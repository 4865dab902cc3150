"""`pvdask.notebook` in a real kernel: the notebook of examples/ is executed, and its pictures are looked at."""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from browsers import browser
from clusters import connected, keep_package_from_workers
from images import BACKGROUND, n_coloured, n_near
from leftovers import SESSION_MARKER, environment_marker
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image

from pvdask.catalog import write_catalog
from pvdask.launch import ClusterHandle

pytestmark = pytest.mark.clientserver

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "gaia.ipynb"
N_STARS = 20_000
PRIVATE = "pvdask-view-"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def environment(cluster: ClusterHandle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A cluster, a catalogue, and a folder: what the notebook finds in its environment."""
    keep_package_from_workers(cluster)
    folder = tmp_path_factory.mktemp("notebook")
    write_catalog(folder / "gaia.csv", N_STARS)
    names = {
        "PVDASK_SCHEDULER_FILE": str(cluster.scheduler_file),
        "GAIA_CSV": str(folder / "gaia.csv"),
        "GAIA_OUT": str(folder),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONPATH": str(EXAMPLE.parents[1] / "python"),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in names.items():
            patch.setenv(name, value)
        yield names


def execute(*sources: str) -> list[Any]:
    """Run cells in a fresh kernel; their outputs, cell by cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    return run(notebook)


def run(notebook: Any) -> list[Any]:
    NotebookClient(notebook, timeout=240, kernel_name="python3").execute(cwd=str(EXAMPLE.parent))
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def pictures(outputs: list[Any]) -> list[np.ndarray]:
    """All PNGs of a cell, as pixels."""
    found = []
    for output in outputs:
        data = output.get("data", {}).get("image/png")
        if data:
            with Image.open(BytesIO(base64.b64decode(data))) as image:
                found.append(np.asarray(image.convert("RGB")).astype(int))
    return found


@pytest.fixture(scope="module")
def executed(environment: dict[str, str]) -> list[Any]:
    """Outputs of the example's cells."""
    with environment_marker(SESSION_MARKER):
        return run(nbformat.read(EXAMPLE, as_version=4))


def test_the_example_is_committed_without_outputs() -> None:
    notebook = nbformat.read(EXAMPLE, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_the_example_runs_and_counts_its_stars(executed: list[Any]) -> None:
    texts = [output["data"].get("text/plain", "") for outputs in executed for output in outputs if "data" in output]
    assert "2" in texts
    assert str(N_STARS) in texts
    assert any("rows on 2 rank(s)" in text for text in texts)
    assert not any(output.output_type == "error" for outputs in executed for output in outputs)


def test_its_pictures_show_stars_in_the_colours_that_were_chosen(executed: list[Any]) -> None:
    shown = [picture for outputs in executed for picture in pictures(outputs)]
    first, placed, recoloured, filtered = shown[:4]
    for picture in (first, placed, recoloured, filtered):
        assert picture.shape == (500, 800, 3)
        assert tuple(picture[2, 2]) == BACKGROUND
    assert n_coloured(first) > 20_000
    assert n_near(placed, (230, 0, 0)) > 500  # black-body colours: near stars are red, far ones black
    assert not np.array_equal(first, placed)
    assert not np.array_equal(placed, recoloured)
    assert 100 < n_coloured(filtered) < n_coloured(recoloured) / 2


def test_the_view_is_a_widget_and_a_picture(executed: list[Any]) -> None:
    shown = [output for outputs in executed for output in outputs if WIDGET in output.get("data", {})]
    assert any("image/png" in output["data"] for output in shown)  # the view
    assert len(shown) >= 2  # and the drop-down


def test_it_saved_a_state_and_left_nothing_on_the_cluster(
    executed: list[Any], environment: dict[str, str], cluster: ClusterHandle
) -> None:
    state = (Path(environment["GAIA_OUT"]) / "gaia-notebook.pvsm").read_text()
    assert "DaskDataFrameSource" in state
    with connected(cluster) as client:
        assert not any(str(name).startswith(PRIVATE) for name in client.list_datasets())


SETUP = """
import os, dask.dataframe as dd, pandas as pd, numpy as np
from distributed import Client
from pvdask.notebook import view
client = Client(scheduler_file=os.environ["PVDASK_SCHEDULER_FILE"])
n = 1000
frame = pd.DataFrame({"x": np.arange(n) % 10, "y": np.arange(n) // 10 % 10, "z": np.arange(n) // 100, "heat": np.arange(n)})
df = dd.from_pandas(frame, npartitions=2).persist()
"""


def test_a_kernel_that_ends_without_close_leaves_nothing(environment: dict[str, str], cluster: ClusterHandle) -> None:
    execute(SETUP + "v = view(df)", "assert any(name.startswith('pvdask-view-') for name in client.list_datasets())")
    with connected(cluster) as client:
        assert not any(str(name).startswith(PRIVATE) for name in client.list_datasets())


def test_interact_recolours_and_shows_nothing_twice(environment: dict[str, str]) -> None:
    cells = (
        SETUP + "v = view(df, color='heat')",
        "from ipywidgets import interact\nw = interact(v.color_by, column=['heat', 'x', 'y'])",
        "before = v.widget.shown\nw.widget.children[0].value = 'y'\nv.scene.describe()['color'], v.widget.shown - before",
        "v.selection((0, 0, 1, 1)).compute().shape",
        "v._hear(None, {'kind': 'pick', 'rectangle': [0, 0, 0.5, 1]}, []); len(v.selection()) < 1000, v.widget.status",
        "v.close()",
    )
    outputs = execute(*cells)
    assert outputs[2][0]["data"]["text/plain"] == "('y', 1)"
    assert outputs[3][0]["data"]["text/plain"] == "(1000, 4)"
    assert "True" in outputs[4][0]["data"]["text/plain"]
    assert "rows picked" in outputs[4][0]["data"]["text/plain"]
    drawn = [output for output in outputs[1] if WIDGET in output.get("data", {})]
    assert len(drawn) == 1


@contextmanager
def jupyter(app: str, folder: Path) -> Iterator[str]:
    """Jupyter Lab or Notebook, Debian's Chromium will come to it; where."""
    options = ("--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0", "--IdentityProvider.token=test")
    folders = (f"--ServerApp.root_dir={folder}", "--LabApp.news_url=''", "--LabApp.check_for_updates_class=''")
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    environment = {**os.environ, **{name: str(folder / ".jupyter" / name) for name in names}}
    command = [sys.executable, "-m", app, *options, *folders]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        assert process.stderr is not None
        try:
            lines = iter(process.stderr.readline, "")
            url = next(
                match[1] for line in lines if (match := re.search(r"(http://127\.0\.0\.1:\d+)/(lab|tree)", line))
            )
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield url
        finally:
            process.send_signal(signal.SIGTERM)  # it ends its kernels with it
            process.wait(30)


@pytest.mark.parametrize(
    ("app", "path", "ready"),
    [
        ("jupyterlab", "lab/tree", "text=/Python 3.*Idle/"),
        ("notebook", "notebooks", ".jp-Notebook-ExecutionIndicator[data-status=idle]"),
    ],
)
def test_the_widget_turns_recolours_and_picks_in_jupyter(
    environment: dict[str, str], tmp_path: Path, app: str, path: str, ready: str
) -> None:
    cells = (
        SETUP + "v = view(df, color='heat')\nv",
        "v.color_by('y')",
        "print('picked', len(v.selection()))",
        "v.close()",
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "widget.ipynb")
    with jupyter(app, tmp_path) as url, browser() as opened:
        document = Document(opened, f"{url}/{path}/widget.ipynb?token=test", ready)
        document.run(0)
        first = document.settled()
        document.drag(120, 30)
        turned = document.settled()
        document.run(1)
        recoloured = document.settled()
        document.page.click("text=Pick rows")
        document.drag(60, 40)
        document.page.wait_for_selector("text=rows picked", timeout=60_000)
        document.run(2)
        document.page.wait_for_selector("text=/picked [1-9][0-9]*/", timeout=60_000)
        document.page.screenshot(path=str(tmp_path / f"{app}.png"))
        document.run(3)
        document.page.wait_for_timeout(2000)
    assert not np.array_equal(first, turned)
    assert not np.array_equal(turned, recoloured)


class Document:
    """A notebook that is open in Jupyter Lab or in Notebook 7."""

    def __init__(self, opened: Any, url: str, ready: str) -> None:
        self.page = opened.new_page(viewport={"width": 1200, "height": 1000})
        self.page.goto(url)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.page.wait_for_selector(ready, timeout=60_000)

    def run(self, cell: int) -> None:
        """Run a cell by the keyboard."""
        self.page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".jp-InputArea-editor").click()
        self.page.keyboard.press("Control+Enter")

    def settled(self) -> np.ndarray:
        """The picture, once two looks at it give the same."""
        self.page.wait_for_selector(".pvdask-bar >> text=frames a second", timeout=120_000)
        before, now = None, self._picture()
        while before is None or not np.array_equal(before, now):
            self.page.wait_for_timeout(2500)
            before, now = now, self._picture()
        return now

    def _picture(self) -> np.ndarray:
        url = self.page.evaluate("document.querySelector('.pvdask-view').toDataURL('image/png')")
        with Image.open(BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
            return np.asarray(image.convert("RGB")).astype(int)

    def drag(self, x: int, y: int) -> None:
        """Drag from a little off the middle."""
        box = self.page.locator(".pvdask-view").bounding_box()
        start = (box["x"] + box["width"] / 2 - x / 2, box["y"] + box["height"] / 2 - y / 2)
        self.page.mouse.move(*start)
        self.page.mouse.down()
        for step in range(1, 6):
            self.page.mouse.move(start[0] + x * step / 5, start[1] + y * step / 5)
            self.page.wait_for_timeout(60)
        self.page.mouse.up()


def test_what_is_wrong_is_said_in_words(environment: dict[str, str]) -> None:
    with pytest.raises(CellExecutionError, match="no column 'heet'"):
        execute(SETUP + "v = view(df)\nv.color_by('heet')")
    with pytest.raises(CellExecutionError, match="There is no Dask client"):
        execute("import dask.dataframe as dd, pandas as pd\nfrom pvdask.notebook import view\n"
                "view(dd.from_pandas(pd.DataFrame({'x': [1.0], 'y': [1.0], 'z': [1.0]}), npartitions=1))")  # fmt: skip


def test_must_fail_a_broken_cell_is_seen(environment: dict[str, str]) -> None:
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute("1 / 0")
