"""The synthetic solar neighbourhood: where stars are, how bright and how red they are, and how they move.

The relations are rounded to what a picture needs. Node values of the luminosity functions and of the sequences were set
by hand on the counts and the ridges seen in a Gaia sample within 100 pc; the works cited are where such relations are
established and measured, and none of their tables is copied here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RADIUS_PC = 100.0
"""Limit of the sample: parallax of at least 10 mas."""

NEAREST_PC = 1.302
"""Proxima Centauri (768.07 mas in Gaia's catalogue); no star is known to be nearer."""

SCALE_HEIGHT_PC = 300.0
"""Exponential scale height of the thin disk (Jurić, Ivezić, Brooks et al. 2008, ApJ 673, 864)."""

BRIGHT_LIMIT_MAG = 3.0
"""Gaia's bright end in G (Gaia Collaboration, Prusti et al. 2016, A&A 595, A1)."""

BP_LIMIT_MAG = 20.3
"""Faintest G_BP, taken as ``G + 0.6 (BP - RP)``.

A colour needs a usable flux in BP, which red dwarfs lack long before Gaia's limit in G. The passbands and their faint end
are those of Riello, De Angeli, Evans et al. 2021, A&A 649, A3.
"""

KM_S_PER_AU_YR = 4.74047
"""One astronomical unit a Julian year, in km/s: velocity = 4.74047 * proper motion / parallax."""

SOLAR_MOTION_KM_S = np.array([11.1, 12.24, 7.25])
"""(U, V, W) of the Sun in the local standard of rest (Schönrich, Binney & Dehnen 2010, MNRAS 403, 1829)."""

GALACTIC_TO_ICRS = np.array(
    [
        [-0.0548755604, 0.4941094279, -0.8676661490],
        [-0.8734370902, -0.4448296300, -0.1980763734],
        [-0.4838350155, 0.7469822445, 0.4559837762],
    ]
)
"""Rotation of galactic into equatorial vectors (ESA 1997, The Hipparcos and Tycho Catalogues, ESA SP-1200, vol. 1)."""


@dataclass(frozen=True)
class Sequence:
    """One sequence of the colour-magnitude diagram.

    Attributes
    ----------
    share : float
        Its part of all stars, before the limits in magnitude; the shares of all sequences add up to 1.
    magnitudes, densities : tuple of float
        Nodes of the luminosity function: M_G in mag, and stars a magnitude in arbitrary units; linear in between.
    ridge_magnitudes, ridge_colors : tuple of float
        Nodes of the ridge: M_G and BP - RP, in mag.
    scatter_mag : float
        Standard deviation of M_G about the ridge (metallicity, age, photometry).
    binaries : float
        Fraction of unresolved pairs: brighter than the ridge of the primary by up to 0.75 mag, two equal stars.
    """

    share: float
    magnitudes: tuple[float, ...]
    densities: tuple[float, ...]
    ridge_magnitudes: tuple[float, ...]
    ridge_colors: tuple[float, ...]
    scatter_mag: float
    binaries: float = 0.0


MAIN_SEQUENCE = Sequence(
    share=0.934,
    magnitudes=(-1.5, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10.75, 11.5, 12, 13, 14, 15, 16),
    densities=(0, 0.15, 0.35, 0.9, 2.2, 4.3, 5.2, 6.4, 6.6, 7.6, 11.8, 19.8, 23.5, 21.5, 19.0, 10.5, 4.5, 1.0, 0),
    ridge_magnitudes=(
        -1.5,
        0.5,
        1.5,
        2.5,
        3.25,
        4.25,
        5.25,
        6.25,
        7.25,
        8.25,
        9.25,
        10.25,
        11.25,
        12.25,
        13.25,
        14.25,
        16.5,
    ),
    ridge_colors=(-0.2, 0.0, 0.24, 0.48, 0.61, 0.73, 0.92, 1.17, 1.54, 1.92, 2.26, 2.56, 2.82, 3.16, 3.62, 4.3, 5.0),
    scatter_mag=0.28,
    binaries=0.3,
)
"""Dwarfs, from A to late M.

The counts have the shape of Wielen, Jahreiß & Krüger 1983 (IAU Colloquium 76, The Nearby Stars and the Stellar
Luminosity Function, p. 163), the dip near M = 7 and the peak of the M dwarfs, as seen in G by Gaia Collaboration, Smart
et al. 2021, A&A 649, A6; the ridge is the main sequence tabulated by Pecaut & Mamajek 2013, ApJS 208, 9; pairs after
Raghavan, McAlister, Henry et al. 2010, ApJS 190, 1, for dwarfs like the Sun, and fewer for the M dwarfs that outnumber
them.
"""

WHITE_DWARFS = Sequence(
    share=0.062,
    magnitudes=(9.5, 10, 11, 12, 13, 14, 15, 15.5, 16.2),
    densities=(0, 0.1, 0.4, 0.9, 1.4, 2.0, 2.6, 1.5, 0),
    ridge_magnitudes=(9.0, 10.0, 10.63, 11.52, 12.38, 13.12, 13.96, 14.41, 14.78, 15.06, 15.5, 16.5),
    ridge_colors=(-0.55, -0.48, -0.37, -0.12, 0.13, 0.38, 0.63, 0.88, 1.12, 1.37, 1.6, 1.85),
    scatter_mag=0.3,
)
"""The cooling sequence (Gentile Fusillo, Tremblay, Gänsicke et al. 2019, MNRAS 482, 4570)."""

GIANTS = Sequence(
    share=0.004,
    magnitudes=(-1.2, 0.0, 0.3, 0.5, 0.7, 1.0, 2.0, 3.3),
    densities=(0.1, 0.8, 2.5, 6.0, 2.5, 1.0, 1.0, 0.6),
    ridge_magnitudes=(-1.2, 0.0, 0.5, 1.0, 2.0, 3.0, 3.5),
    ridge_colors=(1.60, 1.32, 1.19, 1.14, 1.08, 1.00, 0.92),
    scatter_mag=0.35,
)
"""Red giants, with the clump at M_G = 0.44 (Hawkins, Leistedt, Bovy & Hogg 2017, MNRAS 471, 722)."""

SEQUENCES = (MAIN_SEQUENCE, WHITE_DWARFS, GIANTS)


@dataclass(frozen=True)
class Population:
    """Stars that share one velocity ellipsoid: its axes and its lag behind the local standard of rest, in km/s."""

    share: float
    sigma_km_s: tuple[float, float, float]
    lag_km_s: float


POPULATIONS = (
    Population(share=0.93, sigma_km_s=(35.0, 20.0, 16.0), lag_km_s=8.0),
    Population(share=0.068, sigma_km_s=(67.0, 38.0, 35.0), lag_km_s=46.0),
    Population(share=0.002, sigma_km_s=(160.0, 90.0, 90.0), lag_km_s=220.0),
)
"""Thin disk, thick disk, halo: triaxial Gaussians (Schwarzschild 1907, Nachr. Ges. Wiss. Göttingen, 614).

Axes and lags are those of Bensby, Feltzing & Lundström 2003, A&A 410, 527, except that the thin disk lags less: set, like
the shares, on the tangential velocities of a Gaia sample along the galactic plane.
"""

PARENAGO_COLOR = 0.75
"""BP - RP of Parenago's discontinuity, B - V of about 0.6; bluer dwarfs are young, and move slowly.

Dehnen & Binney 1998, MNRAS 298, 387.
"""


@dataclass(frozen=True)
class Cluster:
    """An open cluster: a Plummer sphere cut at its tidal radius, whose members move together.

    Attributes
    ----------
    share : float
        Its members' part of all stars.
    center_icrs : tuple of float
        Right ascension and declination in degrees, distance in pc.
    core_pc, tidal_pc : float
        Plummer's radius, and where the members end.
    velocity_km_s : tuple of float
        Heliocentric galactic (U, V, W).
    sigma_km_s : float
        Velocity dispersion along one axis.
    """

    share: float
    center_icrs: tuple[float, float, float]
    core_pc: float
    tidal_pc: float
    velocity_km_s: tuple[float, float, float]
    sigma_km_s: float


HYADES = Cluster(0.0022, (66.5, 16.9, 46.75), 3.1, 9.0, (-41.1, -19.2, -1.4), 0.3)
"""The Hyades.

Direction, velocity, radii and 724 systems (to the 331,312 stars of Smart et al. 2021) from Röser, Schilbach, Piskunov,
Kharchenko & Scholz 2011, A&A 531, A92; distance from Gaia Collaboration, van Leeuwen et al. 2017, A&A 601, A19;
dispersion from Perryman, Brown, Lebreton et al. 1998, A&A 331, 81.
"""

COMA_BERENICES = Cluster(0.0005, (186.0, 25.95, 85.9), 2.0, 6.5, (-2.3, -5.5, -0.7), 0.4)
"""The cluster in Coma Berenices, Melotte 111.

Parallax (11.64 mas) and proper motion from Gaia Collaboration, Babusiaux et al. 2018, A&A 616, A10; about 150 members
within a tidal radius of 4.3 degrees from Kraus & Hillenbrand 2007, AJ 134, 2340; core radius and dispersion are guesses.
"""

CLUSTERS = (HYADES, COMA_BERENICES)


@dataclass(frozen=True)
class Stars:
    """Stars as drawn, before they are moved: one entry a star in each array.

    Attributes
    ----------
    position_pc : ndarray, shape (n, 3)
        Equatorial (ICRS) Cartesian position.
    absolute_mag, color_mag : ndarray, shape (n,)
        M_G and BP - RP.
    cluster : ndarray of int64, shape (n,)
        Index into `CLUSTERS`, -1 for the field.
    sequence : ndarray of int64, shape (n,)
        Index into `SEQUENCES`.
    """

    position_pc: Floats
    absolute_mag: Floats
    color_mag: Floats
    cluster: NDArray[np.int64]
    sequence: NDArray[np.int64]

    def take(self, chosen: NDArray[np.bool_] | slice) -> Stars:
        """Return the chosen stars."""
        return Stars(
            self.position_pc[chosen],
            self.absolute_mag[chosen],
            self.color_mag[chosen],
            self.cluster[chosen],
            self.sequence[chosen],
        )

    @staticmethod
    def join(parts: list[Stars]) -> Stars:
        """Return the stars of all parts, in their order."""
        return Stars(
            np.concatenate([part.position_pc for part in parts]),
            np.concatenate([part.absolute_mag for part in parts]),
            np.concatenate([part.color_mag for part in parts]),
            np.concatenate([part.cluster for part in parts]),
            np.concatenate([part.sequence for part in parts]),
        )
