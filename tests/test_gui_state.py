"""What is saved in the GUI, states, cameras and colour maps, drives `pvdask render` to the same picture, on another machine too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from commandline import run_command
from gui.fixtures import STARS, add_source, gui_on_server, published
from gui.session import Gui
from images import assert_same, difference, read

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
        add_source(gui, on_cluster.scheduler_file, STARS)
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
    return folder


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


def render(state: Path, output: Path, *options: str, **environment: str) -> np.ndarray:
    size = f"{SIZE[0]}x{SIZE[1]}"
    done = run_command("render", str(state), "-n", "2", "--size", size, "-o", str(output), *options, **environment)
    assert done.returncode == 0, done.stderr
    return read(output)


def moved(state: Path, cluster: ClusterHandle, folder: Path) -> Path:
    """The state as another machine gets it: in another folder, and with a scheduler file in it that is not there."""
    there = folder / state.name
    text = state.read_text()
    assert str(cluster.scheduler_file) in text
    there.write_text(text.replace(str(cluster.scheduler_file), "/elsewhere/scheduler.json"))
    return there


def test_the_two_pictures_are_not_the_same(saved: Path) -> None:
    assert difference(read(saved / "first.png"), read(saved / "second.png")).share > 0.02


@pytest.mark.parametrize("name", ["first.pvsm", "second.pvsm", "second.py"])
def test_a_state_draws_the_picture_of_the_gui(saved: Path, name: str, tmp_path: Path) -> None:
    assert_same(render(saved / name, tmp_path / "out.png"), read((saved / name).with_suffix(".png")), SHARE)


def test_camera_and_colours_turn_one_picture_into_the_other(saved: Path, tmp_path: Path) -> None:
    camera, colours = str(saved / "camera.pvcc"), str(saved / "colours.json")
    picture = render(saved / "first.pvsm", tmp_path / "out.png", "--camera", camera, "--color-map", colours)
    assert_same(picture, read(saved / "second.png"), SHARE)
    assert json.loads((saved / "colours.json").read_text())[0]["RGBPoints"]


def test_a_state_moves_to_another_machine_by_options(saved: Path, on_cluster: ClusterHandle, tmp_path: Path) -> None:
    state = moved(saved / "first.pvsm", on_cluster, tmp_path)
    options = ("--scheduler-file", str(on_cluster.scheduler_file), "--dataset", STARS)
    assert_same(render(state, tmp_path / "out.png", *options), read(saved / "first.png"), SHARE)


def test_a_state_moves_to_another_machine_by_the_environment(
    saved: Path, on_cluster: ClusterHandle, tmp_path: Path
) -> None:
    state = moved(saved / "first.pvsm", on_cluster, tmp_path)
    picture = render(state, tmp_path / "out.png", PVDASK_SCHEDULER_FILE=str(on_cluster.scheduler_file))
    assert_same(picture, read(saved / "first.png"), SHARE)
    overrides = json.dumps({"SchedulerFile": str(on_cluster.scheduler_file)})
    assert_same(render(state, tmp_path / "out.png", PVDASK_OVERRIDES=overrides), read(saved / "first.png"), SHARE)


def test_without_either_the_path_that_is_missing_is_told(
    saved: Path, on_cluster: ClusterHandle, tmp_path: Path
) -> None:
    state = moved(saved / "first.pvsm", on_cluster, tmp_path)
    done = run_command("render", str(state), "-o", str(tmp_path / "out.png"))
    assert done.returncode == 1
    assert "/elsewhere/scheduler.json cannot be read" in done.stderr
