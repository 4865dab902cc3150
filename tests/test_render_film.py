"""``pvdask render`` with frames: an orbit, time steps, films; and ``--set`` for any property."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from clusters import cut_evenly, publish_pieces, unpublish
from commandline import run_command
from images import difference, n_coloured, read

from pvdask.animation import Animation, check_output
from pvdask.errors import InputError, OptionError, SetupError
from pvdask.launch import ClusterHandle
from pvdask.launch.layout import project_layout

pytestmark = pytest.mark.render

GAIA = project_layout().examples / "gaia" / "gaia.pvsm"
STATE = """
from paraview.simple import *
stars = DaskDataFrameSource(registrationName="stars", Dataset="film-stars", TimeColumn="when")
view = CreateRenderView(ViewSize=[120, 90], OrientationAxesVisibility=0)
view.UseColorPaletteForBackground = 0
view.Background = [0.0, 0.0, 0.0]
shown = Show(stars, view)
shown.SetRepresentationType("Points")
shown.PointSize = 4.0
shown.DiffuseColor = shown.AmbientColor = [1.0, 1.0, 1.0]
view.CameraPosition, view.CameraFocalPoint, view.CameraViewUp = [0, 0, 40], [0, 0, 0], [0, 1, 0]
"""


def frame() -> pd.DataFrame:
    """Three times; at each a cloud of points at another height, all at x < 0, so that the picture turns with the camera.

    No cloud is flat: IceT composites what is inside the data's bounds on the screen, and so nothing of a plane seen edge-on.
    """
    rows = [
        (-(1.0 + i % 5), 4.0 * (step - 1) + 0.3 * (i % 7 - 3), 0.3 * i, 2000.0 + step)
        for step in range(3)
        for i in range(30)
    ]
    return pd.DataFrame(rows, columns=["x", "y", "z", "when"])


@pytest.fixture(scope="module")
def published(cluster: ClusterHandle) -> Iterator[Path]:
    """Scheduler file of a cluster that has the frame."""
    publish_pieces(cluster, "film-stars", cut_evenly(frame(), 3))
    yield cluster.scheduler_file
    unpublish(cluster, "film-stars")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A Python state of the frame with time steps."""
    path = tmp_path / "state.py"
    path.write_text(STATE)
    return path


def render(scheduler_file: Path, state: Path, output: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command on 2 ranks."""
    command = ("render", str(state), "-n", "2", "-o", str(output), "--scheduler-file", str(scheduler_file), *words)
    return run_command(*command, timeout_s=200)


def heights(picture: Path) -> tuple[float, float]:
    """Mean column and row of the lit pixels, from the lower left."""
    rows, columns = np.nonzero(read(picture).max(axis=2) > 0)
    assert len(rows) > 5, "a black picture"
    return float(columns.mean()), float(90 - rows.mean())


def test_a_frame_a_time_step(published: Path, state: Path, tmp_path: Path) -> None:
    done = render(published, state, tmp_path / "step_##.png", "--frames", "all")
    assert done.returncode == 0, done.stderr
    pictures = sorted(tmp_path.glob("step_*.png"))
    assert [picture.name for picture in pictures] == ["step_00.png", "step_01.png", "step_02.png"]
    levels = [heights(picture)[1] for picture in pictures]
    assert levels[0] < levels[1] - 5 < levels[2] - 10, "each step shows its rows alone, higher and higher"
    assert "drawing" in done.stderr
    assert "3 of 3 frames" in done.stderr.replace("/", " of ") or "100" in done.stderr


def test_an_orbit_goes_round_the_points(published: Path, state: Path, tmp_path: Path) -> None:
    done = render(
        published, state, tmp_path / "turn_#.png", "--frames", "4", "--orbit", "360", "--set", "stars.TimeColumn=(none)"
    )
    assert done.returncode == 0, done.stderr
    across = [heights(tmp_path / f"turn_{number}.png")[0] for number in range(4)]
    assert across[0] < 55, "at x < 0, seen from the front: on the left"
    assert across[2] > 65, "and seen from behind: on the right"


def test_a_film_has_all_frames(published: Path, state: Path, tmp_path: Path) -> None:
    film = tmp_path / "out.mp4"
    done = render(published, state, film, "--frames", "6", "--orbit", "90", "--rate", "5")
    assert done.returncode == 0, done.stderr
    assert f"wrote {film}" in done.stdout
    probe = [
        "ffprobe",
        "-v",
        "error",
        "-count_frames",
        "-show_entries",
        "stream=nb_read_frames,width,height",
        "-of",
        "csv=p=0",
    ]
    found = subprocess.run([*probe, str(film)], capture_output=True, text=True, check=True).stdout
    assert found.split() == ["120,90,6"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "state.py"]


def test_set_changes_a_source_a_display_and_the_view(published: Path, state: Path, tmp_path: Path) -> None:
    plain, changed = tmp_path / "plain.png", tmp_path / "changed.png"
    assert render(published, state, plain).returncode == 0
    settings = ("stars.Display.PointSize=1", "RenderView1.Background=[0, 0, 0.5]", "stars.Filter=x < -3")
    done = render(published, state, changed, *(word for setting in settings for word in ("--set", setting)))
    assert done.returncode == 0, done.stderr
    assert difference(read(plain), read(changed)).share > 0.5, "the background is another"
    blue = (0, 0, 128)
    assert 0 < n_coloured(read(changed), blue) < n_coloured(read(plain), (0, 0, 0)) / 4


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("nobody.Timeout=3", "PROXY is one of 'stars', 'stars.Display', 'RenderView1'"),
        ("stars.Timeuot=3", "did you mean Timeout"),
        ("stars.OutputType=Cloud", "takes no such value"),
        ("nonsense", "expected PROXY.PROPERTY=VALUE"),
    ],
)
def test_a_wrong_setting_is_one_sentence(published: Path, state: Path, tmp_path: Path, setting: str, said: str) -> None:
    done = render(published, state, tmp_path / "out.png", "--set", setting)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("name", "said"), [("out.png", "with ####"), ("out.mov", "ends in .mp4, .avi"), ("out", "ends in .mp4")]
)
def test_frames_want_a_place_that_takes_them(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_output(Path(name))


def test_a_film_without_an_encoder_is_refused_before_anything_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVDASK_FFMPEG", "no-such-encoder")
    with pytest.raises(SetupError, match="There is no ffmpeg"):
        check_output(Path("out.mp4"))
    check_output(Path("out_####.png"))


@pytest.mark.parametrize("frames", [0, -1, "many", 10**6])
def test_as_many_frames_as_that_are_refused(frames: int | str) -> None:
    with pytest.raises(OptionError, match="--frames"):
        Animation(frames)
