"""Pictures of stars, compared and counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

BASELINES = Path(__file__).resolve().parents[1] / "ctest" / "baselines"
BACKGROUND = (82, 87, 110)  # the example scene's (0.32, 0.34, 0.43)
CHANNEL_TOLERANCE = 16
"""A pixel differs where a channel, 0 to 255, does by more than this: shading and the smoothing of text may differ less
between one OpenGL and another."""
PIXEL_TOLERANCE = 0.0005
"""Share of all pixels that may differ. With 1 % of the stars missing it is 0.0019 (5,000 stars at 480 x 300)."""


class PicturesDifferError(AssertionError):
    """Two pictures are not of the same thing."""


@dataclass(frozen=True)
class Difference:
    """How far two pictures are apart: the share of pixels that differ, and the greatest difference of a channel."""

    share: float
    greatest: int


def read(path: Path) -> np.ndarray:
    """Pixels of a picture: height x width x 3 of int, 0 to 255."""
    with Image.open(path) as image:
        image.load()
        return np.asarray(image.convert("RGB")).astype(int)


def difference(one: np.ndarray, other: np.ndarray) -> Difference:
    """Lay two pictures of the same size over each other."""
    if one.shape != other.shape:
        raise PicturesDifferError(f"one picture is {one.shape[1::-1]}, the other {other.shape[1::-1]}")
    apart = np.abs(one - other).max(axis=2)
    return Difference(float((apart > CHANNEL_TOLERANCE).mean()), int(apart.max()))


def assert_same(one: np.ndarray, other: np.ndarray, share: float = PIXEL_TOLERANCE) -> None:
    """Fail where more than this share of the pixels differ."""
    found = difference(one, other)
    if found.share > share:
        raise PicturesDifferError(
            f"{found.share:.3%} of the pixels differ by more than {CHANNEL_TOLERANCE} (at most {share:.3%} may), by up to "
            f"{found.greatest}"
        )


def assert_like_baseline(picture: Path, name: str) -> None:
    """Fail where a picture is not the committed one; a new one is made by copying the picture there, once looked at."""
    assert_same(read(picture), read(BASELINES / name))


def n_coloured(pixels: np.ndarray, background: tuple[int, int, int] = BACKGROUND) -> int:
    """Pixels that are not background."""
    return int((np.abs(pixels - np.array(background)).max(axis=2) > 2).sum())


def n_near(pixels: np.ndarray, colour: tuple[float, float, float], angle_degrees: float = 8.0) -> int:
    """Pixels of this hue, however bright the shading of a sphere left them; black and dark pixels count for none."""
    wanted = np.array(colour) / np.linalg.norm(colour)
    length = np.linalg.norm(pixels, axis=2)
    cosine = (pixels @ wanted) / np.maximum(length, 1)
    return int(((cosine > np.cos(np.radians(angle_degrees))) & (length > 60)).sum())
