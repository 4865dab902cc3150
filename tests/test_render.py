"""``pvdask render``: pictures of a small synthetic catalogue, looked at pixel by pixel."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from clusters import cut_evenly, publish_pieces, unpublish
from commandline import run_command
from images import (
    BASELINES,
    PIXEL_TOLERANCE,
    PicturesDifferError,
    assert_like_baseline,
    assert_same,
    difference,
    n_coloured,
    n_near,
    read,
)

from pvdask.catalog import write_catalog
from pvdask.launch import ClusterHandle, ParaViewInstall, Stack
from pvdask.launch.layout import project_layout

pytestmark = pytest.mark.render

GAIA = project_layout().examples / "gaia"
SAVE_PYTHON = Path(__file__).resolve().parents[1] / "ctest" / "save_python_state.py"
N_STARS, N_FEW = 5_000, 200
STARS, FEWER, FEW = "render-stars", "render-99-percent", "render-few"
SIZE = "480x300"
STARS_ONLY, LEGEND_ONLY = np.s_[:, :330], np.s_[170:, 360:]  # of a picture of SIZE by the state's camera
RANK_COLOURS = ((0.12, 0.47, 0.71), (1.0, 0.5, 0.05), (0.17, 0.63, 0.17))
TRACEBACK = "Traceback"


@dataclass(frozen=True)
class Studio:
    """Draws one dataset of the cluster by the command, as a user does."""

    scheduler_file: Path
    folder: Path

    def draw(self, name: str, *words: str, state: Path = GAIA / "gaia.pvsm", dataset: str = STARS) -> Path:
        """Draw a picture, or give the one that was drawn under this name."""
        picture = self.folder / f"{name}.png"
        if not picture.exists():
            words = (str(state), "-o", str(picture), "--dataset", dataset, *words)
            if "--size" not in words:
                words = (*words, "--size", SIZE)
            run = run_command("render", *words, "--scheduler-file", str(self.scheduler_file), timeout_s=240)
            assert run.returncode == 0, run.stderr
            assert TRACEBACK not in run.stderr
            (self.folder / f"{name}.txt").write_text(run.stdout)
        return picture

    def said(self, name: str) -> str:
        """What the command printed."""
        return (self.folder / f"{name}.txt").read_text()


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """A small synthetic solar neighbourhood, the same every time; baselines are pictures of it."""
    path = tmp_path_factory.mktemp("catalogue") / "stars.csv"
    write_catalog(path, N_STARS, seed=5)
    return pd.read_csv(path)


@pytest.fixture(scope="module")
def studio(
    cluster: ClusterHandle, catalogue: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Studio]:
    """The catalogue on the cluster, whole, without each hundredth star, and a few of it."""
    publish_pieces(cluster, STARS, cut_evenly(catalogue, 3))
    publish_pieces(cluster, FEWER, cut_evenly(catalogue[catalogue.index % 100 != 7], 3))
    publish_pieces(cluster, FEW, cut_evenly(catalogue[:N_FEW], 3))
    yield Studio(cluster.scheduler_file, tmp_path_factory.mktemp("pictures"))
    unpublish(cluster, STARS, FEWER, FEW)


def test_picture_is_the_same_on_one_rank_and_on_three_and_is_the_baseline(studio: Studio) -> None:
    one, three = studio.draw("one", "-n", "1"), studio.draw("three", "-n", "3")
    found = difference(read(one), read(three))
    assert found.share == 0, (
        found
    )  # depth compositing of opaque spheres is exact; only the last bit of a channel may differ
    assert found.greatest <= 2, found
    assert_like_baseline(one, "gaia.png")
    assert_like_baseline(three, "gaia.png")


def test_picture_shows_the_stars_and_a_legend(studio: Studio) -> None:
    pixels = read(studio.draw("one", "-n", "1"))
    assert pixels.shape == (300, 480, 3)
    # About 5.5 pixels a star, of which few hide each other: a smudge or a handful of stars has far more or fewer.
    assert 20_000 < n_coloured(pixels[STARS_ONLY]) < 40_000
    assert 1_500 < n_coloured(pixels[LEGEND_ONLY]) < 6_000
    assert n_coloured(pixels[:160, 360:]) == 0
    # Near stars are white and yellow, distant ones red and black: the map runs with the parallax.
    assert n_near(pixels[STARS_ONLY], (1, 1, 0), 12) > 100
    assert n_near(pixels[STARS_ONLY], (1, 0, 0)) > 1_000
    bright = pixels[:230, :330].min(axis=2) > 115  # above the white letters of the axes in the corner
    assert 10 < bright.sum() < 1_000
    assert np.argwhere(bright).std(axis=0).max() < 60  # stars that are near the Sun are near each other


def test_command_says_what_each_rank_pulled(studio: Studio) -> None:
    studio.draw("three", "-n", "3")
    ranks = re.findall(r"rank (\d): partition\(s\) (\d); ([\d,]+) rows; ([\d,]+) bytes", studio.said("three"))
    assert [(int(rank), int(partition)) for rank, partition, *_ in ranks] == [(0, 0), (1, 1), (2, 2)]
    assert sum(int(rows.replace(",", "")) for *_, rows, _ in ranks) == N_STARS
    assert sum(int(n_bytes.replace(",", "")) for *_, n_bytes in ranks) == N_STARS * (3 * 4 + 8)


def test_must_fail_one_percent_of_the_stars_missing_is_seen(studio: Studio) -> None:
    whole, fewer = read(studio.draw("one", "-n", "1")), read(studio.draw("fewer", "-n", "2", dataset=FEWER))
    assert difference(whole, fewer).share > 2 * PIXEL_TOLERANCE
    with pytest.raises(PicturesDifferError):
        assert_same(whole, fewer)
    with pytest.raises(PicturesDifferError):
        assert_like_baseline(studio.draw("fewer", "-n", "2", dataset=FEWER), "gaia.png")
    with pytest.raises(PicturesDifferError, match=r"size|picture is"):
        assert_same(whole, whole[:, 1:])


def test_colours_tell_the_ranks(studio: Studio) -> None:
    pixels = read(studio.draw("ranks", "-n", "3", "--color-by", "rank"))
    shares = [n_near(pixels[STARS_ONLY], colour) for colour in RANK_COLOURS]
    assert min(shares) > 0.2 * sum(shares), shares  # a third of the stars each, mixed in space
    swatches = [n_near(pixels[LEGEND_ONLY], colour) for colour in RANK_COLOURS]
    assert min(swatches) > 200, swatches
    # As many stars as without; a pixel at a star's edge is background more or less, by the star's colour.
    assert n_coloured(pixels[STARS_ONLY]) == pytest.approx(
        n_coloured(read(studio.draw("one", "-n", "1"))[STARS_ONLY]), rel=0.15
    )


def test_colour_map_column_camera_and_size_go_before_the_states(studio: Studio, tmp_path: Path) -> None:
    camera = tmp_path / "twice as far.pvcc"
    far = (GAIA / "gaia.pvcc").read_text()
    for near_value, far_value in (
        ("-19.00440883905", "4.8025"),
        ("78.5967256265", "136.632"),
        ("-351.7232988907", "-695.071"),
    ):
        far, n_changed = re.subn(rf'value="{re.escape(near_value)}\d*"', f'value="{far_value}"', far)
        assert n_changed == 1
    camera.write_text(far)
    words = ("-n", "2", "--color-by", "bp_rp[mag]", "--color-map", str(GAIA / "plx.json"), "--camera", str(camera))
    pixels = read(studio.draw("options", *words, "--size", "320x200"))
    assert pixels.shape == (200, 320, 3)
    stars = pixels[:160, :195]  # neither the axes in the corner nor the legend
    whole = read(studio.draw("one", "-n", "1"))[:, :330]
    extent = [np.ptp(np.argwhere(np.abs(part - part[0, 0]).max(axis=2) > 2)[:, 1]) for part in (stars, whole)]
    assert 0.4 < (extent[0] / 320) / (extent[1] / 480) < 0.6, extent
    # All values of the column, 0 to 5, are below the map's first, 5.8, so every star is black.
    assert n_near(stars, (1, 0, 0)) == n_near(stars, (1, 1, 0)) == 0
    assert n_coloured(stars) > 1_000
    legend = pixels[:, 195:]
    assert n_near(legend, (1, 0, 0)) > 50
    assert n_near(legend, (1, 1, 0)) > 20


def test_colouring_by_the_states_own_column_keeps_its_map(studio: Studio) -> None:
    named = read(studio.draw("named", "-n", "1", "--color-by", "plx[mas]"))
    assert_same(named[STARS_ONLY], read(studio.draw("one", "-n", "1"))[STARS_ONLY])


def test_python_state_draws_what_the_state_draws(
    studio: Studio, stack: Stack, install: ParaViewInstall, cluster: ClusterHandle, tmp_path: Path
) -> None:
    state = tmp_path / "gaia.py"
    env = {"PVDASK_SCHEDULER_FILE": str(cluster.scheduler_file)}
    words = [str(GAIA / "gaia.pvsm"), str(state)]
    run = stack.run_batch(install, 1, SAVE_PYTHON, words, timeout_s=120, env=env)
    assert state.exists(), run.stdout + run.stderr
    assert "DaskDataFrameSource" in state.read_text()
    drawn = read(studio.draw("python", "-n", "2", state=state))
    assert_same(drawn, read(studio.draw("one", "-n", "1")))


def test_glyph_scene_draws_a_few_hundred_stars(studio: Studio) -> None:
    picture = studio.draw("glyph", "-n", "2", state=GAIA / "gaia_glyph.pvsm", dataset=FEW)
    assert 400 < n_coloured(read(picture)[STARS_ONLY]) < 5_000
    assert_like_baseline(picture, "gaia_glyph.png")


def test_baselines_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in BASELINES.glob("*.png")}
    assert set(sizes) == {"gaia.png", "gaia_glyph.png"}
    assert max(sizes.values()) < 150_000


def test_picture_is_replaced_whole(studio: Studio, tmp_path: Path) -> None:
    target = tmp_path / "again.png"
    target.write_bytes(b"an older picture")
    shutil.copy(target, tmp_path / "older")
    run = run_command(
        "render", str(GAIA / "gaia.pvsm"), "-n", "1", "-o", str(target), "--dataset", STARS, "--size", "60x40",
        "--scheduler-file", str(studio.scheduler_file), timeout_s=240,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert read(target).shape == (40, 60, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.png", "older"]
