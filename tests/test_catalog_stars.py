"""The synthetic catalogue's stars: physically of a piece, and each with an id of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pvdask.catalog import BLOCK_ROWS, DECIMALS, draw, generate_chunk, healpix, model

pytestmark = pytest.mark.unit

POSITION = ["x[pc]", "y[pc]", "z[pc]"]


@pytest.fixture(scope="module")
def stars() -> pd.DataFrame:
    """A whole block."""
    return generate_chunk(11, 0, BLOCK_ROWS)


@pytest.fixture(scope="module")
def two_blocks() -> pd.DataFrame:
    return generate_chunk(5, 0, 2 * BLOCK_ROWS)


def main_sequence(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out what is below the main sequence, and the giants."""
    magnitude, color = frame["M_G[mag]"], frame["bp_rp[mag]"]
    dwarfs = (magnitude > 9 + 3.2 * color) & (color < 1.8)
    giants = (magnitude < 3.4) & (color > 0.85)
    return frame[~dwarfs & ~giants]


# -- physics --------------------------------------------------------------------------------------------------------


def test_columns_agree_with_each_other_to_their_last_digit(stars: pd.DataFrame) -> None:
    ra, dec = np.radians(stars["ra[deg]"]), np.radians(stars["dec[deg]"])
    distance = 1000 / stars["plx[mas]"]
    for name, expected in (
        ("x[pc]", distance * np.cos(dec) * np.cos(ra)),
        ("y[pc]", distance * np.cos(dec) * np.sin(ra)),
        ("z[pc]", distance * np.sin(dec)),
    ):
        np.testing.assert_allclose(stars[name], expected, rtol=0, atol=0.51e-5)
    apparent = stars["M_G[mag]"] + 5 * np.log10(distance / 10)
    np.testing.assert_allclose(stars["G[mag]"], apparent, rtol=0, atol=0.51e-4)


def test_values_have_no_more_decimals_than_their_column(stars: pd.DataFrame) -> None:
    for name, places in DECIMALS.items():
        np.testing.assert_array_equal(stars[name], stars[name].round(places))
        assert not np.signbit(stars[name][stars[name] == 0]).any()


def test_sample_keeps_to_its_limits(stars: pd.DataFrame) -> None:
    assert stars["plx[mas]"].min() >= 10
    assert stars["plx[mas]"].max() <= 768.1
    assert stars["ra[deg]"].between(0, 360, inclusive="left").all()
    assert stars["dec[deg]"].between(-90, 90).all()
    assert stars["G[mag]"].between(3, 20.8).all()
    assert np.isfinite(stars.to_numpy(dtype=float)).all()


def test_density_is_even_along_the_plane_and_falls_off_across_it(two_blocks: pd.DataFrame) -> None:
    galactic = two_blocks[POSITION].to_numpy() @ model.GALACTIC_TO_ICRS
    # Stars that would be listed anywhere in the sphere, so that distance does not pick among them.
    galactic = galactic[two_blocks["M_G[mag]"].between(5, 11)]
    height = np.abs(galactic[:, 2])
    across = np.hypot(galactic[:, 0], galactic[:, 1])
    counts, edges = np.histogram(height[across < 50], np.linspace(0, 85, 18))
    centers = 0.5 * (edges[1:] + edges[:-1])
    slope, _ = np.polyfit(centers, np.log(counts), 1, w=np.sqrt(counts))
    assert -1 / slope == pytest.approx(300, rel=0.35)
    rings, _ = np.histogram(across[height < 40] ** 2, np.linspace(0, 90**2, 10))
    assert rings.max() / rings.min() < 1.1
    quadrants = np.bincount((galactic[:, 0] > 0) * 2 + (galactic[:, 1] > 0))
    assert quadrants.max() / quadrants.min() < 1.05


def test_luminosity_function_peaks_at_the_m_dwarfs(stars: pd.DataFrame) -> None:
    counts, _ = np.histogram(main_sequence(stars)["M_G[mag]"], np.arange(0, 16))
    assert np.argmax(counts) in (10, 11)
    # The Sun is brighter than nine in ten of its neighbours.
    assert 0.85 < (stars["M_G[mag]"] > 4.67).mean() < 0.95


@pytest.mark.parametrize(
    ("magnitude", "color"),
    [(2.5, 0.48), (4.67, 0.82), (7.0, 1.45), (9.27, 2.26), (11.2, 2.82), (13.2, 3.6)],
    ids=["F0", "Sun", "K5", "M2", "M4", "M5.5"],
)
def test_main_sequence_runs_where_dwarfs_are(stars: pd.DataFrame, magnitude: float, color: float) -> None:
    dwarfs = main_sequence(stars)
    near = dwarfs[np.abs(dwarfs["M_G[mag]"] - magnitude) < 0.1]
    assert near["bp_rp[mag]"].median() == pytest.approx(color, abs=0.1)


def test_white_dwarfs_are_a_twentieth_of_the_sample(stars: pd.DataFrame) -> None:
    magnitude, color = stars["M_G[mag]"], stars["bp_rp[mag]"]
    assert 0.04 < ((magnitude > 9 + 3.2 * color) & (color < 1.8)).mean() < 0.07


def test_proper_motions_are_those_of_the_velocities() -> None:
    # A star at 10 pc on the x axis, with 4.74047 km/s to the north celestial pole: 1 au/yr at 100 mas.
    velocity = np.array([[0.0, 0.0, 4.74047]]) @ model.GALACTIC_TO_ICRS
    zero = np.zeros(1)
    east, north = draw.proper_motions(velocity, zero, zero, np.array([100.0]))
    assert east[0] == pytest.approx(0, abs=1e-6)
    assert north[0] == pytest.approx(100, rel=1e-6)


def test_mean_motion_is_the_reflection_of_the_suns(two_blocks: pd.DataFrame) -> None:
    # Seen towards the galactic poles, proper motion is U and V: 11.1 and 12.24 km/s of the Sun's, and the lag.
    galactic = two_blocks[POSITION].to_numpy() @ model.GALACTIC_TO_ICRS
    latitude = np.degrees(np.arcsin(galactic[:, 2] / np.linalg.norm(galactic, axis=1)))
    polar = two_blocks[np.abs(latitude) > 80]
    ra, dec = np.radians(polar["ra[deg]"]), np.radians(polar["dec[deg]"])
    to_km_s = 4.74047 / polar["plx[mas]"]
    east = np.array([-np.sin(ra), np.cos(ra), np.zeros(len(ra))])
    north = np.array([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)])
    velocity = (east * (polar["pmra[mas/yr]"] * to_km_s).to_numpy()) + north * (
        polar["pmdec[mas/yr]"] * to_km_s
    ).to_numpy()
    u, v, _ = model.GALACTIC_TO_ICRS.T @ velocity
    assert np.median(u) == pytest.approx(-11.1, abs=3)
    assert -30 < np.median(v) < -15
    assert u.std() > 1.3 * v.std()


def test_hyades_stand_out_and_move_together(two_blocks: pd.DataFrame) -> None:
    ra, dec, distance = model.HYADES.center_icrs
    toward = np.array(
        [
            np.cos(np.radians(dec)) * np.cos(np.radians(ra)),
            np.cos(np.radians(dec)) * np.sin(np.radians(ra)),
            np.sin(np.radians(dec)),
        ]
    )
    offset = two_blocks[POSITION].to_numpy()
    core = np.linalg.norm(offset - distance * toward, axis=1) < 3.1
    opposite = np.linalg.norm(offset + distance * toward, axis=1) < 3.1
    assert core.sum() > 10 * max(opposite.sum(), 1)
    # Measured for the cluster by Gaia: about 101 and -28 mas/yr.
    members = two_blocks[core]
    assert members["pmra[mas/yr]"].median() == pytest.approx(103, abs=6)
    assert members["pmdec[mas/yr]"].median() == pytest.approx(-29, abs=6)


# -- source ids -----------------------------------------------------------------------------------------------------


def test_ids_are_unique_and_beyond_float64s_integers(two_blocks: pd.DataFrame) -> None:
    ids = two_blocks["source_id"]
    assert ids.dtype == np.int64
    assert ids.is_unique
    assert ids.min() > 2**53


def test_ids_tell_rows_of_one_place_apart_far_into_a_catalogue() -> None:
    place = np.full(1000, 45.0), np.full(1000, 1.0)
    ids = [healpix.source_ids(*place, first_row=first) for first in (0, 2**28 - 500, 2**28 + 500, 2**35 - 1000)]
    assert len(np.unique(np.concatenate(ids))) == 4000
    assert (np.concatenate(ids) > 2**53).all()
    assert not (ids[0] % 128).any()


def test_ids_name_the_pixel_of_the_position(stars: pd.DataFrame) -> None:
    pixel = healpix.pixel_nested(12, stars["ra[deg]"].to_numpy(), stars["dec[deg]"].to_numpy())
    same = stars["source_id"].to_numpy() // 2**35 == pixel
    assert same[pixel >= 2**18].all()


def test_pixels_are_those_of_the_healpix_scheme() -> None:
    # Base faces: four around the north pole, four along the equator from right ascension 0, four around the south pole.
    ra = np.array([45.0, 135, 225, 315, 0, 90, 180, 270, 45, 135, 225, 315])
    dec = np.repeat([41.8, 0.0, -41.8], 4)
    np.testing.assert_array_equal(healpix.pixel_nested(0, ra, dec), np.arange(12))
    # Gaia's ids of Proxima Centauri and of Barnard's Star, at their positions of 2016.
    positions = np.array([217.39232147, 269.44850252]), np.array([-62.67607512, 4.73942005])
    np.testing.assert_array_equal(
        healpix.pixel_nested(8, *positions), np.array([5853498713190525696, 4472832130942575872]) >> 43
    )


def test_pixels_have_equal_areas() -> None:
    rng = np.random.default_rng(4)
    ra, dec = rng.random(400_000) * 360, np.degrees(np.arcsin(rng.random(400_000) * 2 - 1))
    counts = np.bincount(healpix.pixel_nested(2, ra, dec), minlength=192)
    assert len(counts) == 192
    assert np.abs(counts / counts.mean() - 1).max() < 0.1
