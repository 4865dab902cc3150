"""What is saved in the GUI, states, cameras and colour maps, drives `pvdask render` to the same picture, on another machine too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commandline import run_command
from gui.fixtures import STARS, gui_on_server, open_dataset, published, stars, start_anew
from gui.session import Gui
from images import assert_same, difference, n_coloured, read

from pvdask.launch import ClusterHandle, ParaViewInstall

pytestmark = pytest.mark.clientserver

SIZE = (700, 500)
# Edges of spheres, and of the legend's letters, where two ranks' pictures meet: of 4,000 drawn pixels some 20.
SHARE = 0.002


@pytest.fixture(scope="module")
def on_cluster(cluster: ClusterHandle) -> Iterator[ClusterHandle]:
    with published(cluster):
        yield cluster


@pytest.fixture(scope="module")
def saved(on_cluster: ClusterHandle, install: ParaViewInstall, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what a session saved by menus and dialogs: two pictures, a state of each, camera and colours of the second."""
    folder = tmp_path_factory.mktemp("saved")
    with gui_on_server(install) as (gui, _, _):
        open_dataset(gui, on_cluster.scheduler_file, STARS)
        gui.ask("simple.GetActiveView().ResetCamera(); simple.GetActiveView().ViewSize; result = 1")
        take_picture(gui, folder / "first.png")
        save_state(gui, folder / "first.pvsm")
        gui.ask(
            "view = simple.GetActiveView(); camera = view.GetActiveCamera()\n"
            "camera.Azimuth(40); camera.Elevation(20); camera.Dolly(1.6)\n"
            "simple.Render(); result = 1"
        )
        save_camera(gui, folder / "camera.pvcc")
        save_colours(gui, folder / "colours.json")
        take_picture(gui, folder / "second.png")
        save_state(gui, folder / "second.pvsm")
        save_state(gui, folder / "second.py")
        gui.screenshot(folder / "gui.png")
        start_anew(gui)
        open_table(gui, table(folder / "mine"))
        gui.ask("simple.GetActiveView().ResetCamera(); simple.Render(); result = 1")
        take_picture(gui, folder / "table.png")
        save_state(gui, folder / "table.pvsm")
    return folder


def table(folder: Path) -> Path:
    """The stars as a CSV file."""
    folder.mkdir()
    stars().to_csv(folder / "stars.csv", index=False)
    return folder / "stars.csv"


def open_table(gui: Gui, path: Path) -> None:
    """File > Open; several readers take such a file, so that ParaView asks which."""
    gui.menu("File", "Open...")
    gui.answer_file_dialog(path)
    readers = "named('listWidget')"
    gui.wait(f"{readers} is not None")
    point = gui.ask(
        f"readers = {readers}; item, = readers.findItems('Dask CSV Reader', Qt.MatchExactly); readers.scrollToItem(item)\n"
        "spot = readers.viewport().mapToGlobal(readers.visualItemRect(item).center()); result = [spot.x(), spot.y()]"
    )
    gui.click_at(*point)
    gui.click("named('okButton')")
    gui.wait("panel('XColumn') is not None")
    gui.apply()


def take_picture(gui: Gui, path: Path) -> None:
    gui.ask(f"simple.SaveScreenshot({str(path)!r}, simple.GetActiveView(), ImageResolution={list(SIZE)!r}); result = 1")


def save_state(gui: Gui, path: Path) -> None:
    gui.menu("File", "Save State...")
    gui.answer_file_dialog(path)
    if path.suffix == ".py":  # asks what to write
        gui.wait("dialog() is not None")
        gui.focus()
        gui.key("Return")
    gui.wait("dialog() is None")
    assert path.stat().st_size > 1000


def save_camera(gui: Gui, path: Path) -> None:
    """By the Adjust Camera dialog of the view."""
    gui.ask(
        "actions = [each for each in main.findChildren(QAction) if each.objectName() == 'actionAdjustCamera']; result = 1"
    )
    gui.ask("[each.trigger() for each in actions if each.isVisible()]; result = 1")
    gui.click("named('saveCameraConfiguration')")
    gui.answer_file_dialog(path)
    gui.ask("named('saveCameraConfiguration').window().close()")


def save_colours(gui: Gui, path: Path) -> None:
    """Another preset, saved as one of one's own in the Color Map Editor, and exported by the Choose Preset dialog."""
    gui.ask(
        "simple.GetDisplayProperties().LookupTable.ApplyPreset('Viridis (matplotlib)', True); simple.Render(); result = 1"
    )
    gui.ask("dock('colorMapEditorDock').show(); result = 1")
    gui.click("named('SaveAsPreset')")
    gui.wait("dialog() is not None")
    gui.focus()
    gui.key("Return")
    gui.click("named('exportPresets')")
    gui.answer_file_dialog(path)
    gui.ask("named('exportPresets').window().close()")
    gui.ask("dock('colorMapEditorDock').close()")


def render(state: Path, output: Path, *options: str, n_ranks: int = 1, **environment: str) -> np.ndarray:
    words = ("-n", str(n_ranks), "--size", f"{SIZE[0]}x{SIZE[1]}", "-o", str(output))
    done = run_command("render", str(state), *words, *options, **environment)
    assert done.returncode == 0, done.stderr
    return read(output)


def moved(state: Path, path: Path, folder: Path) -> Path:
    """The state as another machine gets it: in another folder, and with a path in it that is not there."""
    there = folder / state.name
    text = state.read_text()
    assert str(path) in text
    there.write_text(text.replace(str(path), f"/elsewhere/{path.name}"))
    return there


def test_the_pictures_are_of_something_and_not_the_same(saved: Path) -> None:
    assert difference(read(saved / "first.png"), read(saved / "second.png")).share > 0.02
    assert n_coloured(read(saved / "table.png")) > 5000


@pytest.mark.parametrize("name", ["second.pvsm", "second.py"])
def test_a_state_draws_the_picture_of_the_gui(saved: Path, name: str, tmp_path: Path) -> None:
    picture = render(saved / name, tmp_path / "out.png", n_ranks=2)
    assert_same(picture, read((saved / name).with_suffix(".png")), SHARE)


def test_camera_and_colours_turn_one_picture_into_the_other(saved: Path, tmp_path: Path) -> None:
    camera, colours = str(saved / "camera.pvcc"), str(saved / "colours.json")
    picture = render(saved / "first.pvsm", tmp_path / "out.png", "--camera", camera, "--color-map", colours)
    assert_same(picture, read(saved / "second.png"), SHARE)
    assert json.loads((saved / "colours.json").read_text())[0]["RGBPoints"]


def test_a_state_moves_to_another_machine(saved: Path, on_cluster: ClusterHandle, tmp_path: Path) -> None:
    """Its scheduler file is named by an option, or by the environment."""
    named = str(on_cluster.scheduler_file)
    state = moved(saved / "first.pvsm", on_cluster.scheduler_file, tmp_path)
    by_option = render(state, tmp_path / "out.png", "--scheduler-file", named, "--dataset", STARS)
    assert_same(by_option, read(saved / "first.png"), SHARE)
    by_environment = render(state, tmp_path / "out.png", PVDASK_SCHEDULER_FILE=named)
    assert_same(by_environment, read(saved / "first.png"), SHARE)


def test_a_reader_s_state_moves_to_another_machine(saved: Path, tmp_path: Path) -> None:
    """Its files are named by an option, or by the environment."""
    state, there = moved(saved / "table.pvsm", saved / "mine" / "stars.csv", tmp_path), table(tmp_path / "theirs")
    by_option = render(state, tmp_path / "out.png", "--input", str(there), n_ranks=2)
    assert_same(by_option, read(saved / "table.png"), SHARE)
    overrides = json.dumps({"FileNames": str(there)})
    by_environment = render(state, tmp_path / "out.png", PVDASK_OVERRIDES=overrides)
    assert_same(by_environment, read(saved / "table.png"), SHARE)
