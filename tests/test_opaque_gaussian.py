"""Opaque Gaussian draws what Point Gaussian draws on one rank, on any number of ranks, and moves no points for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from opaque_pictures import (
    CLOUD,
    GRID,
    N_GRID,
    RANKS,
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


def test_same_pixels_as_point_gaussian_on_one_rank_and_no_point_moved(opaque_studio: Studio) -> None:
    expected = opaque_studio.draw(1, representation="Point Gaussian", color_by="brightness", **GRID)
    for n_ranks in RANKS:
        options = {"representation": "Opaque Gaussian", "color_by": "brightness", "delivered": True, **GRID}
        drawn = opaque_studio.draw(n_ranks, **options)
        difference = greatest_difference(drawn.pixels, expected.pixels)
        n_blobs = count_blobs(drawn.pixels)
        print(f"{n_ranks} ranks: {n_blobs} points, {drawn.n_lit} pixels lit, greatest difference {difference}")
        assert (n_blobs, difference) == (N_GRID, 0)
        assert {"Opaque Gaussian", "Point Gaussian", "Surface"} <= set(drawn.report["choices"])
        assert drawn.report["ordered"] is False
        assert drawn.report["delivered"] == list(range(0, N_GRID, n_ranks))  # rank 0's own, as the source made them


def test_overlapping_points_of_all_ranks_hide_each_other_rightly(opaque_studio: Studio) -> None:
    expected = opaque_studio.draw(1, representation="Point Gaussian", color_by="brightness", **CLOUD)
    assert expected.n_lit > 150_000
    for n_ranks in RANKS:
        drawn = opaque_studio.draw(n_ranks, representation="Opaque Gaussian", color_by="brightness", **CLOUD)
        difference = greatest_difference(drawn.pixels, expected.pixels)
        print(f"{n_ranks} ranks: {drawn.n_lit} pixels lit, greatest difference {difference}")
        assert difference == 0


def test_translucent_points_are_moved_and_all_drawn(opaque_studio: Studio) -> None:
    options = {"representation": "Opaque Gaussian", "properties": {"Opacity": 0.5}, "delivered": True, **GRID}
    one = opaque_studio.draw(1, **options)
    for n_ranks in RANKS[1:]:
        drawn = opaque_studio.draw(n_ranks, **options)
        print(f"{n_ranks} ranks: {count_blobs(drawn.pixels)} points, {drawn.n_lit} of {one.n_lit} pixels lit")
        assert count_blobs(drawn.pixels) == N_GRID
        assert drawn.n_lit == one.n_lit
        assert drawn.report["ordered"] is True
        assert drawn.report["delivered"] != list(range(0, N_GRID, n_ranks))


def test_opaque_points_go_along_when_something_else_in_the_view_is_translucent(opaque_studio: Studio) -> None:
    drawn = opaque_studio.draw(3, representation="Opaque Gaussian", beside_translucent=True, delivered=True, **GRID)
    assert drawn.report["ordered"] is True
    assert drawn.report["delivered"] != list(range(0, N_GRID, 3))
    assert count_blobs(drawn.pixels) == N_GRID


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


def test_spheres_scaled_by_an_array_are_whole_at_the_edges(opaque_studio: Studio) -> None:
    def scaled(prefix: str) -> dict[str, object]:
        array = "OpaqueScaleArray" if prefix else "SetScaleArray"
        return {array: ["POINTS", "brightness"], f"{prefix}ScaleByArray": 1, f"{prefix}UseScaleFunction": 0}

    scene = {**CLOUD, "radius": 0.05}
    expected = opaque_studio.draw(1, representation="Point Gaussian", properties=scaled(""), **scene)
    for n_ranks in (2, 3):
        drawn = opaque_studio.draw(n_ranks, representation="Opaque Gaussian", properties=scaled("Opaque"), **scene)
        assert greatest_difference(drawn.pixels, expected.pixels) == 0


@pytest.mark.parametrize(("n_ranks", "properties"), [(1, {}), (3, {}), (3, {"Opacity": 0.5})])
def test_a_share_of_the_points_is_drawn_while_the_camera_moves(
    opaque_studio: Studio, tmp_path: Path, n_ranks: int, properties: dict[str, float]
) -> None:
    scene = {"n_side": 60, "radius": 0.004, "representation": "Opaque Gaussian", "properties": properties}
    n_points, resolution, picture = 60 * 60, 0.0, tmp_path / "moving.png"
    still = opaque_studio.draw(n_ranks, color_by="brightness", **scene)
    moved = opaque_studio.draw(
        n_ranks, color_by="brightness", moving={"resolution": resolution, "picture": str(picture)}, **scene
    )
    of_a_rank = n_points // n_ranks
    step = -(-of_a_rank // 10 ** (3 + 4 * resolution))  # as vtkOpaqueGaussianRepresentation's header says
    assert count_blobs(read(picture)) == n_ranks * int(of_a_rank // step)
    assert lit(read(picture)).sum() / still.n_lit == pytest.approx(step ** (2 / 3) / step, rel=0.25)
    assert count_blobs(moved.pixels) == n_points
    assert greatest_difference(moved.pixels, still.pixels) == 0
