"""Which columns hold the position: a guess from their names, best first."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pvdask.options import NO_COLUMN

_CARTESIAN = ("x", "y", "z")
_SPHERICAL = (
    ("ra", "dec", "dist"),
    ("ra", "dec", "distance"),
    ("lon", "lat", "alt"),
    ("lon", "lat", "height"),
    ("longitude", "latitude", "altitude"),
    ("l", "b", "distance"),
)
_AFFIXES = ("{}", "pos_{}", "{}_pos", "position_{}", "coord_{}", "{}_coord", "p{}", "{}0")


def _stem(name: str) -> str:
    """Name without its unit and case: ``"X [pc]"`` and ``"x(pc)"`` become ``"x"``."""
    return re.sub(r"\s*[\[({].*$", "", name).strip().casefold()


def _find(names: Sequence[str], wanted: str) -> str | None:
    """Best column for `wanted`: the very name, then another case, then with a unit."""
    exact = [name for name in names if name == wanted]
    same_case = [name for name in names if name == wanted.upper()]
    stems = [name for name in names if _stem(name) == wanted]
    found = exact or same_case or stems
    return found[0] if found else None


def guess_positions(names: Sequence[str], *, is_spherical: bool = False) -> tuple[str, str, str] | None:
    """Guess the three position columns.

    Parameters
    ----------
    names : sequence of str
        Numeric columns of the frame, by display name, in the frame's order.
    is_spherical : bool, optional
        Whether longitude, latitude and distance are looked for first.

    Returns
    -------
    tuple of str or None
        Columns of x, y and z: a Cartesian triple (``x``, ``X``, ``x[pc]``, ``pos_x``, …); only where there is none,
        longitude, latitude and distance (``ra``/``dec``, ``lon``/``lat``); then pairs of these, with `NO_COLUMN` as the
        third. None where not even a pair is found.
    """
    cartesian = [tuple(affix.format(axis) for axis in _CARTESIAN) for affix in _AFFIXES]
    triples = [*_SPHERICAL, *cartesian] if is_spherical else [*cartesian, *_SPHERICAL]
    for length in (3, 2):
        for triple in triples:
            found = [_find(names, wanted) for wanted in triple[:length]]
            if all(found):
                x, y, z = [*found, NO_COLUMN][:3]
                return str(x), str(y), str(z)
    return None


def best_first(names: Sequence[str], guess: str | None) -> list[str]:
    """Put the guess in front, for a drop-down whose first entry is its default.

    Parameters
    ----------
    names : sequence of str
        What the drop-down offers.
    guess : str or None
        The entry to put first.

    Returns
    -------
    list of str
        The same names, the guess first.
    """
    if guess is None or guess not in names:
        return list(names)
    return [guess, *(name for name in names if name != guess)]
