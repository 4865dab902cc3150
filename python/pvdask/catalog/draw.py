"""Draws stars from the model of `pvdask.catalog.model`: positions, magnitudes, colours, and then motions."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pvdask.catalog import model
from pvdask.catalog.model import Cluster, Floats, Sequence, Stars

_TABLE_NODES = 1025


def draw_stars(rng: np.random.Generator, count: int) -> Stars:
    """Draw stars that pass the limits in distance and magnitude.

    Stars are drawn from the whole model and those that Gaia would not list are dropped, until there are enough: so the
    sample is short of faint stars far away and of bright ones near by, as a sample limited in magnitude is.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness; advanced.
    count : int
        Stars wanted.

    Returns
    -------
    Stars
        Exactly `count` of them, in the order they were drawn.
    """
    parts: list[Stars] = []
    missing = count
    while missing > 0:
        # About 6 % of the stars are dropped, so that one round is nearly always enough.
        candidates = _draw_all(rng, int(1.08 * missing) + 32)
        kept = candidates.take(within_limits(candidates)).take(slice(0, missing))
        parts.append(kept)
        missing -= len(kept.color_mag)
    return Stars.join(parts)


def within_limits(stars: Stars) -> NDArray[np.bool_]:
    """Return which stars are within 100 pc, no nearer than Proxima, and neither too bright nor too faint for Gaia."""
    distance = np.sqrt((stars.position_pc**2).sum(axis=1))
    apparent = stars.absolute_mag + 5.0 * np.log10(distance / 10.0)
    near_enough = (distance >= model.NEAREST_PC) & (distance <= model.RADIUS_PC)
    bp_mag = apparent + 0.6 * stars.color_mag
    passed: NDArray[np.bool_] = near_enough & (apparent > model.BRIGHT_LIMIT_MAG) & (bp_mag < model.BP_LIMIT_MAG)
    return passed


def draw_velocities(rng: np.random.Generator, stars: Stars) -> Floats:
    """Draw the velocity of each star relative to the Sun.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness; advanced by the same amount whatever the stars are.
    stars : Stars
        The stars, n of them.

    Returns
    -------
    ndarray, shape (n, 3)
        Galactic (U, V, W) in km/s: towards the galactic centre, with its rotation, to its north pole.

    References
    ----------
    Schwarzschild 1907, Nachr. Ges. Wiss. Göttingen, 614 (the ellipsoid); Dehnen & Binney 1998, MNRAS 298, 387 (colder
    blue dwarfs, and a lag that grows with the square of the dispersion); Schönrich, Binney & Dehnen 2010, MNRAS 403,
    1829 (motion of the Sun).
    """
    count = len(stars.color_mag)
    population = _choose(rng, count, [population.share for population in model.POPULATIONS])
    sigma = np.array([population.sigma_km_s for population in model.POPULATIONS])[population]
    lag = np.array([population.lag_km_s for population in model.POPULATIONS])[population]
    warmth = np.interp(stars.color_mag, [0.0, model.PARENAGO_COLOR], [0.4, 1.0])
    # Only on the main sequence is blue the same as young.
    warmth[(stars.sequence != model.SEQUENCES.index(model.MAIN_SEQUENCE)) | (population != 0)] = 1.0
    standard = rng.standard_normal((count, 3))
    velocity: Floats = standard * sigma * warmth[:, np.newaxis]
    velocity[:, 1] -= lag * warmth**2
    velocity -= model.SOLAR_MOTION_KM_S
    for index, cluster in enumerate(model.CLUSTERS):
        members = stars.cluster == index
        velocity[members] = np.array(cluster.velocity_km_s) + cluster.sigma_km_s * standard[members]
    return velocity


def proper_motions(
    velocity_km_s: Floats, ra_deg: Floats, dec_deg: Floats, parallax_mas: Floats
) -> tuple[Floats, Floats]:
    """Return what of each velocity is seen as motion on the sky.

    Parameters
    ----------
    velocity_km_s : ndarray, shape (n, 3)
        Galactic (U, V, W) relative to the Sun.
    ra_deg, dec_deg : ndarray, shape (n,)
        Position in degrees.
    parallax_mas : ndarray, shape (n,)
        Parallax in milliarcseconds.

    Returns
    -------
    tuple of ndarray, shape (n,)
        Motion in right ascension, times cos(dec), and in declination, in mas/yr.
    """
    vx, vy, vz = (velocity_km_s @ model.GALACTIC_TO_ICRS.T).T
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    sin_ra, cos_ra = np.sin(ra), np.cos(ra)
    east = cos_ra * vy - sin_ra * vx
    north = np.cos(dec) * vz - np.sin(dec) * (cos_ra * vx + sin_ra * vy)
    scale = parallax_mas / model.KM_S_PER_AU_YR
    return east * scale, north * scale


def _draw_all(rng: np.random.Generator, count: int) -> Stars:
    """Draw stars of the whole model, with no limit in magnitude."""
    position = _draw_field(rng, count) @ model.GALACTIC_TO_ICRS.T
    cluster_shares = [cluster.share for cluster in model.CLUSTERS]
    cluster = _choose(rng, count, [*cluster_shares, 1.0 - sum(cluster_shares)])
    cluster[cluster == len(cluster_shares)] = -1
    for index, center in enumerate(model.CLUSTERS):
        members = cluster == index
        position[members] = _draw_cluster(rng, center, int(members.sum()))
    sequence = _choose(rng, count, [sequence.share for sequence in model.SEQUENCES])
    absolute, color = np.empty(count), np.empty(count)
    for index, drawn in enumerate(model.SEQUENCES):
        of_it = sequence == index
        absolute[of_it], color[of_it] = _draw_photometry(rng, drawn, int(of_it.sum()))
    return Stars(position, absolute, color, cluster, sequence)


def _choose(rng: np.random.Generator, count: int, shares: list[float]) -> NDArray[np.int64]:
    """Draw indices 0 to ``len(shares) - 1``, each as often as its share says."""
    bounds = np.cumsum(shares)[:-1]
    return np.searchsorted(bounds, rng.random(count), side="right").astype(np.int64)


def _draw_field(rng: np.random.Generator, count: int) -> Floats:
    """Draw galactic positions within the sphere: uniform along the plane, exponential away from it."""
    height_cdf, heights = _height_table()
    height = np.interp(rng.random(count), height_cdf, heights)
    across = np.sqrt((model.RADIUS_PC**2 - height**2) * rng.random(count))
    longitude = rng.random(count) * (2.0 * np.pi)
    return np.column_stack([across * np.cos(longitude), across * np.sin(longitude), height])


@cache
def _height_table() -> tuple[Floats, Floats]:
    """Tabulate how heights are distributed: the fall-off times the area of the sphere's slice at that height."""
    heights = np.linspace(-model.RADIUS_PC, model.RADIUS_PC, _TABLE_NODES)
    density = np.exp(-np.abs(heights) / model.SCALE_HEIGHT_PC) * (model.RADIUS_PC**2 - heights**2)
    return _cumulative(heights, density), heights


@cache
def _magnitude_table(sequence: Sequence) -> tuple[Floats, Floats]:
    """Tabulate the distribution of M_G along a sequence."""
    magnitudes = np.linspace(sequence.magnitudes[0], sequence.magnitudes[-1], _TABLE_NODES)
    density = np.interp(magnitudes, sequence.magnitudes, sequence.densities)
    return _cumulative(magnitudes, density), magnitudes


def _cumulative(nodes: Floats, density: Floats) -> Floats:
    """Return the integral of a density from the first node to each, 0 to 1 (trapezoids)."""
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(nodes)
    total = np.concatenate([[0.0], np.cumsum(steps)])
    result: Floats = total / total[-1]
    return result


def _draw_photometry(rng: np.random.Generator, sequence: Sequence, count: int) -> tuple[Floats, Floats]:
    """Draw M_G and BP - RP of stars of one sequence.

    The luminosity function is that of what is seen, pairs taken for one star included; so the colour is the one the
    ridge has at the magnitude that is left when scatter and the companion's light are taken off.
    """
    cdf, magnitudes = _magnitude_table(sequence)
    absolute = np.interp(rng.random(count), cdf, magnitudes)
    paired = rng.random(count) < sequence.binaries
    # Nearly equal stars are the ones that show, hence not every pair brightens by the full 2.5 log10(2) mag.
    companion = np.where(paired, 2.5 * np.log10(2.0) * rng.random(count), 0.0)
    on_ridge = absolute + companion + sequence.scatter_mag * rng.standard_normal(count)
    return absolute, np.interp(on_ridge, sequence.ridge_magnitudes, sequence.ridge_colors)


def _draw_cluster(rng: np.random.Generator, cluster: Cluster, count: int) -> Floats:
    """Draw equatorial positions of members: a sphere up to the tidal radius (Plummer 1911, MNRAS 71, 460)."""
    ra, dec = np.radians(cluster.center_icrs[:2])
    toward = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    inside = (1.0 + (cluster.core_pc / cluster.tidal_pc) ** 2) ** -1.5
    mass = inside * (1.0 - rng.random(count))
    radius = cluster.core_pc / np.sqrt(mass ** (-2.0 / 3.0) - 1.0)
    direction = rng.standard_normal((count, 3))
    direction /= np.sqrt((direction**2).sum(axis=1, keepdims=True))
    result: Floats = cluster.center_icrs[2] * toward + radius[:, np.newaxis] * direction
    return result
