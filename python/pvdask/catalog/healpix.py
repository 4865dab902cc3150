"""Where on the sky a position falls, in HEALPix pixels, and the Gaia-like source ids made from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GAIA_LEVEL = 12
"""HEALPix level of a Gaia source id: 12 * 4**12 pixels of 0.86 arcminutes."""

SEQUENCE_BITS = 35
"""Bits of a Gaia source id below the pixel; also the logarithm of how many rows can be told apart."""

_FIRST_PIXEL = 1 << (53 - SEQUENCE_BITS)
_LOW_BITS = 28
# An odd number, hence a one-to-one map modulo any power of two: neighbouring rows get unlike ids, and no two the same.
_SCRAMBLE = 0x9E3779B1


def pixel_nested(level: int, ra_deg: NDArray[np.float64], dec_deg: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the HEALPix pixel of each position, in the nested numbering.

    Parameters
    ----------
    level : int
        Resolution: ``12 * 4**level`` pixels on the sphere; at most 29.
    ra_deg, dec_deg : ndarray of float64, shape (n,)
        Position in degrees; declination within [-90, 90].

    Returns
    -------
    ndarray of int64, shape (n,)
        Pixel numbers.

    References
    ----------
    Górski, Hivon, Banday et al. 2005, ApJ 622, 759.
    """
    n_side = 1 << level
    z = np.sin(np.radians(dec_deg))
    quarter_turns = np.mod(ra_deg / 90.0, 4.0)
    equatorial = np.abs(z) <= 2.0 / 3.0
    face = np.empty(z.shape, np.int64)
    column, row = np.empty_like(face), np.empty_like(face)
    belt = _belt_pixel(level, n_side, z[equatorial], quarter_turns[equatorial])
    face[equatorial], column[equatorial], row[equatorial] = belt
    polar = ~equatorial
    face[polar], column[polar], row[polar] = _cap_pixel(n_side, z[polar], quarter_turns[polar])
    return (face << (2 * level)) | _spread_bits(column) | (_spread_bits(row) << 1)


def source_ids(ra_deg: NDArray[np.float64], dec_deg: NDArray[np.float64], first_row: int) -> NDArray[np.int64]:
    """Return unique ids built the way Gaia's are.

    A Gaia source id is, from the top: the level-12 nested HEALPix pixel of the position (``id // 2**35``), three bits
    of data-processing centre, a running number of 25 bits, and a component number of 7 bits that is 0 for nearly all
    stars. Here the running number and the centre's bits together hold the scrambled low 28 bits of the row's index and
    the component the bits above: unique for the first ``2**35`` rows whatever the positions are, and divisible by 128,
    as the real ones are, for the first ``2**28``.

    Real ids in the first of the 768 level-3 pixels are below 2**53. The ones made here get the number of a pixel in the
    second: so every id is beyond the integers that float64 holds without gaps, and 0.13 % of them name a wrong pixel.

    Parameters
    ----------
    ra_deg, dec_deg : ndarray of float64, shape (n,)
        Position in degrees.
    first_row : int
        Index in the catalogue of the first of these rows, which are consecutive.

    Returns
    -------
    ndarray of int64, shape (n,)
        The ids, all at least 2**53.

    References
    ----------
    Gaia Collaboration, Brown et al. 2021, A&A 649, A1, and the description of ``source_id`` in the data model of
    ``gaia_source`` (ESA/Gaia/DPAC).
    """
    index = np.arange(first_row, first_row + len(ra_deg), dtype=np.int64)
    low = index & ((1 << _LOW_BITS) - 1)
    scrambled = (low * _SCRAMBLE) & ((1 << _LOW_BITS) - 1)
    component = index >> _LOW_BITS
    pixel = pixel_nested(GAIA_LEVEL, ra_deg, dec_deg)
    pixel[pixel < _FIRST_PIXEL] += _FIRST_PIXEL
    return (pixel << SEQUENCE_BITS) | (scrambled << 7) | component


_Pixel = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def _belt_pixel(level: int, n_side: int, z: NDArray[np.float64], quarter_turns: NDArray[np.float64]) -> _Pixel:
    """Return base face, column and row between the two polar caps (Górski et al. 2005, section 4)."""
    along = n_side * (0.5 + quarter_turns)
    across = n_side * 0.75 * z
    descending = (along - across).astype(np.int64)
    ascending = (along + across).astype(np.int64)
    face_d, face_a = descending >> level, ascending >> level
    face = np.where(face_d == face_a, face_d | 4, np.where(face_d < face_a, face_d, face_a + 8))
    return face, ascending & (n_side - 1), n_side - 1 - (descending & (n_side - 1))


def _cap_pixel(n_side: int, z: NDArray[np.float64], quarter_turns: NDArray[np.float64]) -> _Pixel:
    """Return base face, column and row within the polar caps (Górski et al. 2005, section 4)."""
    quarter = np.minimum(quarter_turns.astype(np.int64), 3)
    fraction = quarter_turns - quarter
    from_pole = n_side * np.sqrt(3.0 * (1.0 - np.abs(z)))
    first = np.minimum((fraction * from_pole).astype(np.int64), n_side - 1)
    second = np.minimum(((1.0 - fraction) * from_pole).astype(np.int64), n_side - 1)
    north = z >= 0
    face = np.where(north, quarter, quarter + 8)
    return face, np.where(north, n_side - 1 - second, first), np.where(north, n_side - 1 - first, second)


def _spread_bits(value: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `value` (below 2**30) with a zero put in front of each of its bits."""
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ):
        value = (value | (value << shift)) & mask
    return value
