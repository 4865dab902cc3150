"""Opaque Gaussian draws what Point Gaussian draws on one rank, on any number of ranks, and moves no points for it."""

from __future__ import annotations

import pytest
from opaque_pictures import CLOUD, GRID, N_GRID, RANKS, Studio, count_blobs, greatest_difference, opaque_studio, studio

pytestmark = pytest.mark.render

__all__ = ["opaque_studio", "studio"]


@pytest.mark.parametrize("scene", [GRID, CLOUD], ids=["separate", "overlapping"])
def test_same_pixels_as_point_gaussian_on_one_rank(opaque_studio: Studio, scene: dict[str, float]) -> None:
    expected = opaque_studio.draw(1, representation="Point Gaussian", color_by="brightness", **scene)
    assert expected.n_lit > 40_000
    for n_ranks in RANKS:
        drawn = opaque_studio.draw(n_ranks, representation="Opaque Gaussian", color_by="brightness", **scene)
        difference = greatest_difference(drawn.pixels, expected.pixels)
        print(f"{n_ranks} ranks: {drawn.n_lit} pixels lit, greatest difference {difference}")
        assert difference == 0
        if scene is GRID:
            assert count_blobs(drawn.pixels) == N_GRID


@pytest.mark.parametrize("n_ranks", [2, 3])
def test_points_stay_on_their_rank_while_opaque(opaque_studio: Studio, n_ranks: int) -> None:
    drawn = opaque_studio.draw(n_ranks, representation="Opaque Gaussian", delivered=True, **GRID)
    assert drawn.report["ordered"] is False
    assert drawn.report["delivered"] == list(range(0, N_GRID, n_ranks))


def test_points_are_moved_when_translucent(opaque_studio: Studio) -> None:
    options = {"properties": {"Opacity": 0.5}, "delivered": True, **GRID}
    drawn = opaque_studio.draw(2, representation="Opaque Gaussian", **options)
    assert drawn.report["ordered"] is True
    assert drawn.report["delivered"] != list(range(0, N_GRID, 2))
    assert count_blobs(drawn.pixels) == N_GRID


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


def test_colour_map_that_becomes_translucent_without_an_update_is_not_silent(opaque_studio: Studio) -> None:
    opaque = [
        {"LookupTable.EnableOpacityMapping": 1},
        {"LookupTable.EnableOpacityMapping": 0, "Opacity": 0.5},
        {"Opacity": 1.0},
    ]
    unnoticed = [*opaque, {"LookupTable.EnableOpacityMapping": 1}]
    quiet = opaque_studio.draw(2, representation="Opaque Gaussian", color_by="brightness", states=opaque, **GRID)
    loud = opaque_studio.draw(2, representation="Opaque Gaussian", color_by="brightness", states=unnoticed, **GRID)
    assert quiet.report["states"] == [True, True, False]
    assert loud.report["states"] == [True, True, False, False]
    assert "has become translucent" not in quiet.output
    assert "has become translucent" in loud.output


def test_translucent_picture_has_all_points_at_every_rank_count(opaque_studio: Studio) -> None:
    options = {"representation": "Opaque Gaussian", "properties": {"Opacity": 0.5}, **GRID}
    assert [count_blobs(opaque_studio.draw(n_ranks, **options).pixels) for n_ranks in RANKS] == [N_GRID] * len(RANKS)


def test_spheres_scaled_by_an_array_are_whole_at_the_edges(opaque_studio: Studio) -> None:
    def scaled(prefix: str) -> dict[str, object]:
        array = "OpaqueScaleArray" if prefix else "SetScaleArray"
        return {array: ["POINTS", "brightness"], f"{prefix}ScaleByArray": 1, f"{prefix}UseScaleFunction": 0}

    scene = {**CLOUD, "radius": 0.05}
    expected = opaque_studio.draw(1, representation="Point Gaussian", properties=scaled(""), **scene)
    for n_ranks in (1, 2, 3):
        drawn = opaque_studio.draw(n_ranks, representation="Opaque Gaussian", properties=scaled("Opaque"), **scene)
        assert greatest_difference(drawn.pixels, expected.pixels) == 0


def test_is_offered_with_the_stock_representations(opaque_studio: Studio) -> None:
    choices = opaque_studio.draw(1, representation="Surface", **GRID).report["choices"]
    assert {"Opaque Gaussian", "Point Gaussian", "Surface"} <= set(choices)
