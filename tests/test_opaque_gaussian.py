"""Opaque Gaussian draws what Point Gaussian draws on one rank, on any number of ranks, and moves no points for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from opaque_pictures import (
    CLOUD,
    GRID,
    N_GRID,
    RANKS,
    Drawn,
    Studio,
    count_blobs,
    greatest_difference,
    lit,
    opaque_studio,
    read,
    studio,
)

pytestmark = pytest.mark.render

__all__ = ["opaque_studio", "studio"]

OPAQUE, STOCK = {"representation": "Opaque Gaussian"}, {"representation": "Point Gaussian"}
SHADED = {"color_by": "brightness"}
SCALED_CLOUD = {**CLOUD, "radius": 0.05}
MOVING = {**OPAQUE, **SHADED, "n_side": 60, "radius": 0.004}


def scaled(prefix: str) -> dict[str, Any]:
    """Properties for spheres as large as their brightness."""
    array = "OpaqueScaleArray" if prefix else "SetScaleArray"
    return {"properties": {array: ["POINTS", "brightness"], f"{prefix}ScaleByArray": 1, f"{prefix}UseScaleFunction": 0}}


ALL, VISIBLE = ({"properties": {"OpaqueLeaveOutHiddenPoints": mode}} for mode in (0, 2))
ONE_EYE = {"camera": [0.5, 0.2, 0.6], "stereo": True}
DENSE = {"n_cloud": 12_366, "radius": 0.03}
LOOKS: dict[str, dict[str, Any]] = {
    "parallel": {},
    "from afar": {"camera": [1.0, 0.7, 5.0]},
    "from the edge": {"camera": [0.9, -0.4, 0.8]},
    "from within": {"camera": [0.2, 0.1, -0.3]},
    "large discs from within": {"camera": [0.2, 0.1, -0.3], "radius": 0.1},
}
"""Ways to look at a cloud: some points are then behind the camera, cut off by its nearest plane, or beside the picture."""

SCENES: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "stock grid": ((1,), {**STOCK, **SHADED, **GRID}),
    "stock cloud": ((1,), {**STOCK, **SHADED, **CLOUD}),
    "stock scaled": ((1,), {**STOCK, **scaled(""), **SCALED_CLOUD}),
    "grid": (RANKS, {**OPAQUE, **SHADED, "delivered": True, **GRID}),
    "cloud": (RANKS, {**OPAQUE, **SHADED, **CLOUD}),
    "scaled": ((2, 3), {**OPAQUE, **scaled("Opaque"), **SCALED_CLOUD}),
    "translucent": (RANKS, {**OPAQUE, "properties": {"Opacity": 0.5}, "delivered": True, **GRID}),
    "beside translucent": ((3,), {**OPAQUE, "beside_translucent": True, "delivered": True, **GRID}),
    "still": ((1, 3), MOVING),
    "moving": ((1, 3), {**MOVING, "moving": 0.0}),
    "moving translucent": ((3,), {**MOVING, "properties": {"Opacity": 0.5}, "moving": 0.0}),
    **{f"all {name}": (RANKS[:3], {**OPAQUE, **SHADED, **DENSE, **ALL, **look}) for name, look in LOOKS.items()},
    **{
        f"visible {name}": (RANKS[:3], {**OPAQUE, **SHADED, **DENSE, **VISIBLE, **look}) for name, look in LOOKS.items()
    },
    "all one eye's": ((2,), {**OPAQUE, **SHADED, **DENSE, **ALL, **ONE_EYE}),
    "visible one eye's": ((2,), {**OPAQUE, **SHADED, **DENSE, **VISIBLE, **ONE_EYE}),
    "visible plain": ((2,), {**OPAQUE, **CLOUD, **VISIBLE, "camera": [1.0, 0.7, 5.0]}),
    "all plain": ((2,), {**OPAQUE, **CLOUD, **ALL, "camera": [1.0, 0.7, 5.0]}),
    "visible translucent": ((1,), {**OPAQUE, **CLOUD, "properties": {"OpaqueLeaveOutHiddenPoints": 2, "Opacity": 0.5}}),
}
"""Scenes, and at how many ranks each is drawn."""


@pytest.fixture(scope="module")
def drawn(opaque_studio: Studio) -> dict[tuple[int, str], Drawn]:
    """All of them, in one run a rank count."""
    pictures = {}
    for n_ranks in RANKS:
        wanted = {name: scene for name, (ranks, scene) in SCENES.items() if n_ranks in ranks}
        for name, picture in opaque_studio.draw_all(n_ranks, wanted).items():
            pictures[n_ranks, name] = picture
    return pictures


Pictures = dict[tuple[int, str], Drawn]


@pytest.mark.parametrize("n_ranks", RANKS)
def test_same_pixels_as_point_gaussian_on_one_rank_and_no_point_moved(drawn: Pictures, n_ranks: int) -> None:
    grid = drawn[n_ranks, "grid"]
    difference = greatest_difference(grid.pixels, drawn[1, "stock grid"].pixels)
    n_blobs = count_blobs(grid.pixels)
    print(f"{n_ranks} ranks: {n_blobs} points, {grid.n_lit} pixels lit, greatest difference {difference}")
    assert (n_blobs, difference) == (N_GRID, 0)
    assert {"Opaque Gaussian", "Point Gaussian", "Surface"} <= set(grid.report["choices"])
    assert grid.report["ordered"] is False
    assert grid.report["delivered"] == list(range(0, N_GRID, n_ranks))  # rank 0's own, as the source made them


@pytest.mark.parametrize("n_ranks", RANKS)
def test_overlapping_points_of_all_ranks_hide_each_other_rightly(drawn: Pictures, n_ranks: int) -> None:
    expected = drawn[1, "stock cloud"]
    assert expected.n_lit > 150_000
    difference = greatest_difference(drawn[n_ranks, "cloud"].pixels, expected.pixels)
    print(f"{n_ranks} ranks: {drawn[n_ranks, 'cloud'].n_lit} pixels lit, greatest difference {difference}")
    assert difference == 0


@pytest.mark.parametrize("n_ranks", RANKS[1:])
def test_translucent_points_are_moved_and_all_drawn(drawn: Pictures, n_ranks: int) -> None:
    one, many = drawn[1, "translucent"], drawn[n_ranks, "translucent"]
    print(f"{n_ranks} ranks: {count_blobs(many.pixels)} points, {many.n_lit} of {one.n_lit} pixels lit")
    assert count_blobs(many.pixels) == N_GRID
    assert many.n_lit == one.n_lit
    assert many.report["ordered"] is True
    assert many.report["delivered"] != list(range(0, N_GRID, n_ranks))


def test_opaque_points_go_along_when_something_else_in_the_view_is_translucent(drawn: Pictures) -> None:
    beside = drawn[3, "beside translucent"]
    assert beside.report["ordered"] is True
    assert beside.report["delivered"] != list(range(0, N_GRID, 3))
    assert count_blobs(beside.pixels) == N_GRID


@pytest.mark.parametrize("n_ranks", [2, 3])
def test_spheres_scaled_by_an_array_are_whole_at_the_edges(drawn: Pictures, n_ranks: int) -> None:
    assert greatest_difference(drawn[n_ranks, "scaled"].pixels, drawn[1, "stock scaled"].pixels) == 0


@pytest.mark.parametrize("n_ranks", RANKS[:3])
@pytest.mark.parametrize("name", LOOKS)
def test_the_picture_without_hidden_points_is_the_same(drawn: Pictures, n_ranks: int, name: str) -> None:
    every, visible = drawn[n_ranks, f"all {name}"], drawn[n_ranks, f"visible {name}"]
    difference = greatest_difference(visible.pixels, every.pixels)
    n_drawn = (visible.report["drawn"], every.report["drawn"])
    print(f"{name}, {n_ranks} ranks: {n_drawn[0]} of {n_drawn[1]} points on rank 0, greatest difference {difference}")
    assert every.n_lit > 50_000
    assert difference == 0
    assert every.report["drawn"] == -(-DENSE["n_cloud"] // n_ranks)
    assert visible.report["drawn"] < 0.95 * every.report["drawn"]


def test_points_of_one_colour_are_left_out_as_well(drawn: Pictures) -> None:
    assert greatest_difference(drawn[2, "visible plain"].pixels, drawn[2, "all plain"].pixels) == 0
    assert drawn[2, "visible plain"].report["drawn"] < drawn[2, "all plain"].report["drawn"]


def test_one_eye_s_picture_is_taken_from_beside_what_the_discs_face(drawn: Pictures) -> None:
    """Which of them are hidden is not known then, and all are drawn."""
    visible, every = drawn[2, "visible one eye's"], drawn[2, "all one eye's"]
    assert visible.report["drawn"] == every.report["drawn"]
    assert greatest_difference(visible.pixels, every.pixels) == 0


def test_what_can_be_seen_through_hides_nothing(drawn: Pictures) -> None:
    assert drawn[1, "visible translucent"].report["drawn"] == CLOUD["n_cloud"]


@pytest.mark.parametrize(("n_ranks", "name"), [(1, "moving"), (3, "moving"), (3, "moving translucent")])
def test_a_share_of_the_points_is_drawn_while_the_camera_moves(drawn: Pictures, n_ranks: int, name: str) -> None:
    of_a_rank = 60 * 60 // n_ranks
    step = -(-of_a_rank // 10**3)  # as vtkOpaqueGaussianRepresentation's header says, for a resolution of 0
    moving, still = drawn[n_ranks, name], drawn[n_ranks, "still"]
    in_motion = read(Path(moving.report["moving_picture"]))
    assert count_blobs(in_motion) == n_ranks * (of_a_rank // step)
    assert lit(in_motion).sum() / still.n_lit == pytest.approx(step ** (2 / 3) / step, rel=0.25)
    assert count_blobs(moving.pixels) == 60 * 60
    if name == "moving":
        assert greatest_difference(moving.pixels, still.pixels) == 0


WARNING = "Opaque Gaussian's colour map has become translucent"
TRANSLUCENT_AND_BACK = [
    ({"Opacity": 0.5}, {"Opacity": 1.0}),
    ({"OpaqueEmissive": 1}, {"OpaqueEmissive": 0}),
    ({"OpaqueShaderPreset": "Gaussian Blur"}, {"OpaqueShaderPreset": "Plain circle"}),
    ({"OpaqueShaderPreset": "Custom"}, {"OpaqueShaderPreset": "Black-edged circle"}),
    ({"OpaqueOpacityArray": ["POINTS", "brightness"], "OpaqueOpacityByArray": 1}, {"OpaqueOpacityByArray": 0}),
    ({"MapScalars": 0}, {"MapScalars": 1}),
    # A view does not update for a colour map alone (ParaView 5.11 and 5.13, every representation), so the radius changes too.
    (
        {"LookupTable.EnableOpacityMapping": 1, "OpaqueGaussianRadius": 0.019},
        {"LookupTable.EnableOpacityMapping": 0, "OpaqueGaussianRadius": 0.02},
    ),
    (
        {"LookupTable.NanOpacity": 0.5, "OpaqueGaussianRadius": 0.019},
        {"LookupTable.NanOpacity": 1.0, "OpaqueGaussianRadius": 0.02},
    ),
]


def test_asks_for_ordered_compositing_exactly_while_something_is_translucent(opaque_studio: Studio) -> None:
    states = [state for pair in TRANSLUCENT_AND_BACK for state in pair]
    drawn = opaque_studio.draw(2, representation="Opaque Gaussian", color_by="brightness", states=states, **GRID)
    assert drawn.report["ordered"] is False
    answers = list(zip(states, drawn.report["states"], strict=True))
    assert answers == [(state, index % 2 == 0) for index, state in enumerate(states)]
    assert WARNING not in drawn.output


def test_colour_map_that_becomes_translucent_without_an_update_is_not_silent(opaque_studio: Studio) -> None:
    noticed = [{"LookupTable.EnableOpacityMapping": 1}, {"LookupTable.EnableOpacityMapping": 0, "Opacity": 0.5}]
    states = [*noticed, {"Opacity": 1.0}, {"LookupTable.EnableOpacityMapping": 1}]
    drawn = opaque_studio.draw(2, representation="Opaque Gaussian", color_by="brightness", states=states, **GRID)
    assert drawn.report["states"] == [True, True, False, False]
    assert WARNING in drawn.output
