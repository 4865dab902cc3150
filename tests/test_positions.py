"""Which columns are taken for x, y and z, and how a drop-down is made of them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdask.options import NO_COLUMN
from pvdask.positions import best_first, guess_positions

pytestmark = pytest.mark.unit

GUESSES = [
    (["x", "y", "z"], ("x", "y", "z")),
    (["z", "mass", "y", "x"], ("x", "y", "z")),
    (["X", "Y", "Z"], ("X", "Y", "Z")),
    (["x[pc]", "y[pc]", "z[pc]"], ("x[pc]", "y[pc]", "z[pc]")),
    (["x (kpc)", "y (kpc)", "z (kpc)"], ("x (kpc)", "y (kpc)", "z (kpc)")),
    (["X [pc]", "Y [pc]", "Z [pc]"], ("X [pc]", "Y [pc]", "Z [pc]")),
    (["x{m}", "y{m}", "z{m}"], ("x{m}", "y{m}", "z{m}")),
    (["source_id", "ra", "dec", "plx[mas]", "x[pc]", "y[pc]", "z[pc]"], ("x[pc]", "y[pc]", "z[pc]")),
    (["pos_x", "pos_y", "pos_z"], ("pos_x", "pos_y", "pos_z")),
    (["position_x", "position_y", "position_z"], ("position_x", "position_y", "position_z")),
    (["x_pos", "y_pos", "z_pos"], ("x_pos", "y_pos", "z_pos")),
    # the very name goes before another case, and that before a name with a unit
    (["X", "Y", "Z", "x", "y", "z"], ("x", "y", "z")),
    (["x[pc]", "y[pc]", "z[pc]", "X", "Y", "Z"], ("X", "Y", "Z")),
    (["x[pc]", "y[pc]", "z[pc]", "x", "y", "z"], ("x", "y", "z")),
    (["x", "Y", "z[pc]"], ("x", "Y", "z[pc]")),
    # angles only where there is no Cartesian triple
    (["ra", "dec", "dist"], ("ra", "dec", "dist")),
    (["lon", "lat", "alt"], ("lon", "lat", "alt")),
    (["longitude", "latitude", "altitude"], ("longitude", "latitude", "altitude")),
    (["ra", "dec", "dist", "x", "y", "z"], ("x", "y", "z")),
    (["ra", "dec", "distance[pc]", "x", "y"], ("ra", "dec", "distance[pc]")),
    # a plane only where there is nothing in space
    (["x", "y"], ("x", "y", NO_COLUMN)),
    (["x", "y", "lon", "lat", "alt"], ("lon", "lat", "alt")),
    (["LAT", "LON"], ("LON", "LAT", NO_COLUMN)),
    # nothing whole
    (["x", "z"], None),
    (["mass", "radius"], None),
    (["xyz"], None),
    ([], None),
    (["", " "], None),
]


@pytest.mark.parametrize(("names", "expected"), GUESSES)
def test_guess(names: list[str], expected: tuple[str, str, str] | None) -> None:
    assert guess_positions(names) == expected


@pytest.mark.parametrize("order", list(itertools.permutations(["x[pc]", "y[pc]", "z[pc]", "ra"])))
def test_the_order_of_the_columns_does_not_matter(order: tuple[str, ...]) -> None:
    assert guess_positions(order) == ("x[pc]", "y[pc]", "z[pc]")


@settings(deadline=None)
@given(
    st.lists(st.text(max_size=8) | st.sampled_from(["x", "Y", "z[pc]", "ra", "dec", "dist", "lon", "lat"]), max_size=8)
)
def test_a_guess_is_three_different_columns_of_the_frame(names: list[str]) -> None:
    guess = guess_positions(names)
    if guess is not None:
        assert set(guess[:2]) <= set(names)
        assert guess[2] in (*names, NO_COLUMN)
        assert len(set(guess)) == 3


@settings(deadline=None)
@given(st.lists(st.text(max_size=5), max_size=8, unique=True), st.none() | st.text(max_size=5))
def test_best_first_keeps_every_name_once(names: list[str], guess: str | None) -> None:
    ordered = best_first(names, guess)
    assert sorted(ordered) == sorted(names)
    if guess in names:
        assert ordered[0] == guess
        assert ordered[1:] == [name for name in names if name != guess]
    else:
        assert ordered == names


def test_best_first_leaves_what_it_was_given_alone() -> None:
    names = ["a", "b"]
    assert best_first(names, "b") == ["b", "a"]
    assert best_first(names, None) is not names
    assert names == ["a", "b"]


def test_must_fail_a_wrong_guess_is_seen() -> None:
    with pytest.raises(AssertionError):
        test_guess(["x", "y", "z"], ("y", "x", "z"))
