"""What a density grid is: how many bins of what, where their edges are, and which box of them each rank takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pvdask.errors import InputError, OptionError

OPERATIONS = ("Count", "Sum", "Mean", "Minimum", "Maximum")
COUNT_ARRAY = "count"
"""Name of the array of rows a bin."""

DEFAULT_DIMENSIONS = (128, 128, 128)
BYTES_PER_VALUE = 8
MARGIN = 1
"""Bins that a rank fetches beyond its own on each side, so that a filter that asks for a ghost layer has nothing binned again."""

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class GridSpec:
    """What is to be made.

    Parameters
    ----------
    dimensions : tuple of int
        Bins along x, y and z, at least 1 each.
    operation : str
        One of `OPERATIONS`.
    column : str
        Display name of the column that it is applied to; looked at for all of them but ``Count``.
    bounds : tuple of float or None
        Least and greatest x, y and z of what is binned, in VTK's order; None for those of the frame.
    """

    dimensions: tuple[int, int, int] = DEFAULT_DIMENSIONS
    operation: str = OPERATIONS[0]
    column: str = ""
    bounds: tuple[float, float, float, float, float, float] | None = None

    def __post_init__(self) -> None:
        if min(self.dimensions) < 1:
            raise OptionError("Dimensions", f"found {_joined(self.dimensions)}; expected three numbers of 1 or more.")
        if self.operation not in OPERATIONS:
            raise OptionError("Operation", f"found {self.operation!r}; expected one of {', '.join(OPERATIONS)}.")
        if self.needs_column and not self.column:
            raise OptionError("Column", f"no column is named; name the one to take the {self.operation.lower()} of.")
        if self.bounds is not None and not (
            all(map(math.isfinite, self.bounds)) and all(low <= high for low, high in _pairs(self.bounds))
        ):
            raise OptionError(
                "Bounds",
                f"found {_joined(self.bounds)}; expected six finite numbers, the least and the greatest x, y and z.",
            )

    @property
    def needs_column(self) -> bool:
        """Whether more is wanted than a count."""
        return self.operation != OPERATIONS[0]

    @property
    def array_names(self) -> tuple[str, ...]:
        """Names of the arrays that come of it: the count, then the values."""
        return (COUNT_ARRAY, f"{self.column}_{self.operation.lower()}") if self.needs_column else (COUNT_ARRAY,)

    @property
    def n_bytes(self) -> int:
        """Size of a whole grid while it is made."""
        return math.prod(self.dimensions) * BYTES_PER_VALUE * len(self.array_names)

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> GridSpec:
        """Parse what the properties hold.

        Parameters
        ----------
        properties : mapping of str to object
            By the names that they have in the XML; what is missing has its default.

        Returns
        -------
        GridSpec
            Checked.

        Raises
        ------
        OptionError
            Where a value cannot be used.
        """
        operation = properties.get("Operation") or 0
        nx, ny, nz = properties.get("Dimensions") or DEFAULT_DIMENSIONS
        bounds = tuple(properties.get("Bounds") or ()) if properties.get("UseBounds") else None
        if bounds is not None and len(bounds) != 6:
            bounds = (0.0, 1.0) * 3
        return cls(
            (nx, ny, nz),
            OPERATIONS[operation] if isinstance(operation, int) and operation in range(5) else str(operation),
            str(properties.get("Column") or ""),
            bounds,
        )


def edges_of(low: Sequence[float], high: Sequence[float], dimensions: Sequence[int]) -> tuple[Triple, Triple]:
    """Decide where the grid begins and ends.

    Parameters
    ----------
    low, high : sequence of float
        Least and greatest x, y and z of what is binned.
    dimensions : sequence of int
        Bins along each.

    Returns
    -------
    tuple
        Lower edges of the first bins, and upper edges of the last. Where all rows have the same coordinate along an axis, bins
        are as wide there as the widest of the other axes, or 1, and those rows are in the middle.

    Raises
    ------
    InputError
        Where the bounds are so far apart that their distance is no number.
    """
    spacings = [(top - bottom) / n for bottom, top, n in zip(low, high, dimensions, strict=True)]
    if not all(map(math.isfinite, spacings)):
        raise InputError(f"Positions go from {_joined(low)} to {_joined(high)}, too far apart for a grid; give Bounds.")
    # Edges have to differ: bins of less than a few roundings are none.
    ulps = [math.ulp(max(abs(bottom), abs(top))) for bottom, top in zip(low, high, strict=True)]
    is_flat = [spacing < 4 * ulp for spacing, ulp in zip(spacings, ulps, strict=True)]
    width = max((spacing for spacing, flat in zip(spacings, is_flat, strict=True) if not flat), default=1.0)
    ends = []
    for bottom, top, n, flat in zip(low, high, dimensions, is_flat, strict=True):
        half = n * max(width, abs(bottom) * 1e-12) / 2 if flat else 0.0
        ends.append((bottom - half, top + half))
    (x0, x1), (y0, y1), (z0, z1) = ends
    return (x0, y0, z0), (x1, y1, z1)


def geometry(low: Sequence[float], high: Sequence[float], dimensions: Sequence[int]) -> tuple[Triple, Triple]:
    """Tell where the points of the image are: the centres of the bins.

    Parameters
    ----------
    low, high : sequence of float
        What `edges_of` gave.
    dimensions : sequence of int
        Bins along each axis.

    Returns
    -------
    tuple
        Origin and spacing.
    """
    (dx, dy, dz) = ((top - bottom) / n for bottom, top, n in zip(low, high, dimensions, strict=True))
    return (low[0] + dx / 2, low[1] + dy / 2, low[2] + dz / 2), (dx, dy, dz)


def grown(extent: Sequence[int], dimensions: Sequence[int]) -> tuple[int, ...]:
    """Add the margin to a rank's extent.

    Parameters
    ----------
    extent : sequence of int
        First and last bin along x, y and z; empty where a first one is above its last.
    dimensions : sequence of int
        Bins along each.

    Returns
    -------
    tuple of int
        The box to fetch, of the same form; () for an empty one.
    """
    if any(first > last for first, last in _pairs(extent)):
        return ()
    box: list[int] = []
    for (first, last), n in zip(_pairs(extent), dimensions, strict=True):
        box += [max(first - MARGIN, 0), min(last + MARGIN, n - 1)]
    return tuple(box)


def shape_of(box: Sequence[int]) -> tuple[int, int, int]:
    """Tell the shape of a box's arrays.

    Parameters
    ----------
    box : sequence of int
        First and last bin along x, y and z, or nothing.

    Returns
    -------
    tuple of int
        (nz, ny, nx).
    """
    if not box:
        return 0, 0, 0
    nx, ny, nz = (last - first + 1 for first, last in _pairs(box))
    return nz, ny, nx


def covers(box: Sequence[int], extent: Sequence[int]) -> bool:
    """Tell whether an extent is within a box.

    Parameters
    ----------
    box : sequence of int
        What `grown` gave, () for none.
    extent : sequence of int
        First and last bin along x, y and z; an empty one is within any.

    Returns
    -------
    bool
        True where nothing more has to be fetched.
    """
    if any(first > last for first, last in _pairs(extent)):
        return True
    return bool(box) and all(
        first >= low and last <= high for (first, last), (low, high) in zip(_pairs(extent), _pairs(box), strict=True)
    )


def _pairs(values: Sequence[Any]) -> list[tuple[Any, Any]]:
    return list(zip(values[::2], values[1::2], strict=True))


def _joined(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
