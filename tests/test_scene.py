"""`pvdask.Scene` on real ranks: what is shown, changed, saved and picked, and what stays when a change fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from clusters import connected, cut_evenly, keep_package_from_workers, publish_pieces, unpublish
from images import n_coloured
from leftovers import SESSION_MARKER, environment_marker, session_folders
from scene_frames import N_ROWS, stars

import pvdask
from pvdask.errors import SceneError, SceneLostError
from pvdask.launch import ClusterHandle
from pvdask.scene import host_and_port

pytestmark = pytest.mark.clientserver

STARS, OTHER = "scene-stars", "scene-other"
RANKS = 2


@pytest.fixture(scope="module")
def frame(cluster: ClusterHandle) -> Iterator[pd.DataFrame]:
    keep_package_from_workers(cluster)
    frame = stars()
    publish_pieces(cluster, STARS, cut_evenly(frame, 2))
    publish_pieces(cluster, OTHER, cut_evenly(frame[:100], 1))
    yield frame
    unpublish(cluster, STARS, OTHER)


@pytest.fixture(scope="module")
def scene(frame: pd.DataFrame, cluster: ClusterHandle) -> Iterator[pvdask.Scene]:
    with environment_marker(SESSION_MARKER):
        scene = pvdask.Scene(STARS, scheduler_file=cluster.scheduler_file, n_ranks=RANKS)
        session_folders.add(scene._engine._stack.folder.name)
        with scene:
            yield scene


@pytest.fixture
def shown(scene: pvdask.Scene) -> pvdask.Scene:
    """The scene as it is at first."""
    scene.filter(None).color_by("heat").style("Spheres", 1.0, True).look_from()
    return scene


def test_it_shows_all_rows_by_a_column_that_is_neither_a_position_nor_an_id(scene: pvdask.Scene) -> None:
    told = scene.describe()
    assert (told["x"], told["y"], told["z"], told["color"]) == ("x", "y", "z", "heat")
    assert told["figures"]["PulledRows"] == told["figures"]["TotalRows"] == N_ROWS
    assert told["ranks"] == RANKS
    picture = scene.render(320, 240)
    assert picture.shape == (240, 320, 3)
    assert picture.dtype == np.uint8
    assert n_coloured(picture.astype(int)) > 2000


def test_a_recolour_moves_the_new_column_alone(shown: pvdask.Scene) -> None:
    before = shown.render(320, 240)
    depth = shown.color_by("depth").describe()
    assert depth["figures"]["BytesReceived"] in (0, 4 * N_ROWS)  # nothing, where a test before fetched it
    assert not np.array_equal(before, shown.render(320, 240))
    assert shown.color_by("heat").describe()["figures"]["BytesReceived"] == 0
    assert np.array_equal(before, shown.render(320, 240))


def test_categories_have_colours_of_their_own(shown: pvdask.Scene) -> None:
    told = shown.color_by("kind").describe()
    assert told["is_category"]
    assert told["range"] is None
    with pytest.raises(SceneError, match="categories"):
        shown.preset("Turbo")


def test_a_filter_is_applied_and_taken_off(shown: pvdask.Scene, frame: pd.DataFrame) -> None:
    camera = shown.camera
    told = shown.filter("heat > 5").describe()
    assert told["figures"]["PulledRows"] == int((frame["heat"] > 5).sum())
    assert shown.camera == camera
    assert shown.filter(None).describe()["figures"]["PulledRows"] == N_ROWS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda scene: scene.filter("heat.max() > 1"), "attributes and methods are not allowed"),
        (lambda scene: scene.filter("heet > 1"), "did you mean heat"),
        (lambda scene: scene.color_by("heet"), "no column 'heet'"),
        (lambda scene: scene.sample(2.0), "SampleFraction"),
        (lambda scene: scene.position("x", "y", "kind"), "kind"),
        (lambda scene: scene._change(dataset="nope"), "published there"),
        (lambda scene: scene.style("Cubes"), "Spheres"),
        (lambda scene: scene.preset("Purple Rain"), "There is no preset"),
        (lambda scene: scene.rescale(3, 3), "lower end"),
        (lambda scene: scene.look_from("up"), "direction"),
        (lambda scene: setattr(scene, "camera", {"position": [1, 2]}), "three numbers"),
    ],
)
def test_what_fails_says_why_and_leaves_the_picture(shown: pvdask.Scene, change, words: str) -> None:
    before = shown.render(320, 240)
    with pytest.raises(SceneError, match=words):
        change(shown)
    assert np.array_equal(before, shown.render(320, 240))


def test_range_and_preset_change_the_colours(shown: pvdask.Scene) -> None:
    first = shown.render(320, 240)
    assert shown.rescale(-5, 5).describe()["range"] == [-5, 5]
    ranged = shown.render(320, 240)
    shown.preset("Viridis (matplotlib)")
    preset = shown.render(320, 240)
    assert not np.array_equal(first, ranged)
    assert not np.array_equal(ranged, preset)
    shown.preset("Cool to Warm").rescale()


def test_points_and_size(shown: pvdask.Scene) -> None:
    small = n_coloured(shown.style("Spheres", 0.5).render(320, 240).astype(int))
    large = n_coloured(shown.style("Spheres", 2.0).render(320, 240).astype(int))
    points = shown.style("Points", 1.0)
    assert small < large
    assert points.describe()["drawn_as"] == "Points"


def test_the_axes_are_looked_along(shown: pvdask.Scene) -> None:
    pictures = [shown.look_from(direction).render(200, 150) for direction in ("+x", "-x", "+y", "-y", "+z", "-z")]
    for index, picture in enumerate(pictures):
        assert not any(np.array_equal(picture, other) for other in pictures[index + 1 :])
    camera = shown.look_from("+z").camera
    assert camera["position"][2] > camera["focal_point"][2]
    assert camera["position"][0] == pytest.approx(camera["focal_point"][0])


def test_two_scenes_do_not_touch_one_another(
    shown: pvdask.Scene, cluster: ClusterHandle, frame: pd.DataFrame, tmp_path: Path
) -> None:
    before = shown.render(320, 240)
    with pvdask.Scene(STARS, scheduler_file=cluster.scheduler_file, n_ranks=RANKS, filter="heat > 0") as second:
        assert second._engine is shown._engine
        second.preset("Turbo").rescale(0, 3).style("Points", 3.0).look_from("-y")
        second.render(320, 240)
        assert np.array_equal(before, shown.render(320, 240))
        second.save_state(tmp_path / "second.pvsm")
    assert np.array_equal(before, shown.render(320, 240))
    text = (tmp_path / "second.pvsm").read_text()
    assert text.count('type="DaskDataFrameSource"') == text.count('type="RenderView"') == 1
    assert 'value="heat &gt; 0"' in text


def test_a_state_comes_back(shown: pvdask.Scene, tmp_path: Path) -> None:
    shown.color_by("depth").style("Spheres", 1.5).look_from("+y")
    before = shown.render(320, 240)
    shown.save_state(tmp_path / "saved.pvsm")
    shown.color_by("heat").filter("heat > 10").look_from("+x")
    told = shown.load_state(tmp_path / "saved.pvsm").describe()
    assert (told["color"], told["filter"], told["figures"]["PulledRows"]) == ("depth", "", N_ROWS)
    assert np.array_equal(before, shown.render(320, 240))
    assert shown.filter("heat > 10").describe()["color"] == "depth"


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"<a/>", b"<ParaView><ServerManagerState/></ParaView>", bytes(range(256))]
)
def test_a_file_of_something_else_is_refused(shown: pvdask.Scene, tmp_path: Path, content: bytes) -> None:
    before = shown.render(320, 240)
    (tmp_path / "other.pvsm").write_bytes(content)
    with pytest.raises(SceneError, match=r"expected a state|holds no Dask|cannot be done with nothing"):
        shown.load_state(tmp_path / "other.pvsm")
    assert np.array_equal(before, shown.render(320, 240))


def test_a_frame_is_published_privately_and_withdrawn(cluster: ClusterHandle, frame: pd.DataFrame) -> None:
    import dask.dataframe as dd

    with connected(cluster) as client:
        dask_frame = dd.from_pandas(frame, npartitions=3).persist()
        with pvdask.Scene(dask_frame, n_ranks=RANKS, color="heat") as scene:
            assert any(str(name).startswith("pvdask-view-") for name in client.list_datasets())
            scene.look_from("+z")
            scene.render(320, 240)
            everything = scene.selection()
            right = scene.selection((0.5, 0.0, 1.0, 1.0)).compute()
        assert not any(str(name).startswith("pvdask-view-") for name in client.list_datasets())
        assert sorted(everything.compute()["source_id"]) == list(range(N_ROWS))
    assert set(right.columns) == set(frame.columns)
    assert set(right["source_id"]) == set(frame.loc[frame["x"] > frame["x"].agg(["min", "max"]).mean(), "source_id"])


def test_what_is_no_frame_is_refused_in_words() -> None:
    with pytest.raises(SceneError, match="Dask DataFrame"):
        pvdask.Scene(stars())
    with pytest.raises(SceneError, match="HOST:PORT"):
        host_and_port("11111")


def test_a_lost_server_is_told_and_a_new_scene_works(cluster: ClusterHandle, frame: pd.DataFrame) -> None:
    scene = pvdask.Scene(OTHER, scheduler_file=cluster.scheduler_file, n_ranks=1)
    server = scene._engine._server
    assert server is not None
    server.process.stop()
    with pytest.raises(SceneLostError, match="ParaView server ended"):
        scene.render(100, 100)
    scene.close()
    with pvdask.Scene(OTHER, scheduler_file=cluster.scheduler_file, n_ranks=1) as again:
        assert again.describe()["figures"]["PulledRows"] == 100


def test_must_fail_another_picture_is_seen_to_be_another(shown: pvdask.Scene) -> None:
    assert not np.array_equal(shown.render(320, 240), shown.filter("heat > 0").render(320, 240))
