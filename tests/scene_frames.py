"""What the tests of the interactive view show: in a script, and in a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
from clusters import cut_evenly, keep_package_from_workers, publish_pieces, unpublish

from pvdask.launch import ClusterHandle

N_ROWS = 4000
PAGE_STARS, PAGE_OTHER = "page-stars", "page-other"
MARKUP = '<img src=x onerror="window.harmed = 1">'
"""A column's name that somebody else chose."""


def stars() -> pd.DataFrame:
    """A ball of rows with a column of numbers, one of categories, and an id."""
    rng = np.random.default_rng(5)
    points = rng.normal(0, 20, (N_ROWS, 3))
    frame = pd.DataFrame(points, columns=["x", "y", "z"])
    frame["source_id"] = np.arange(N_ROWS)
    frame["heat"] = points[:, 0]
    frame["depth"] = points[:, 1].astype("f4")
    frame["kind"] = pd.Categorical.from_codes((points[:, 2] > 0).astype(int), ["below", "above"])
    return frame


@contextmanager
def published_for_pages(cluster: ClusterHandle) -> Iterator[ClusterHandle]:
    """The stars, and a frame of other columns whose names and labels are hostile."""
    keep_package_from_workers(cluster)
    publish_pieces(cluster, PAGE_STARS, cut_evenly(stars(), 2))
    other = stars()[:500].rename(columns={"heat": "warmth"})
    other[MARKUP] = pd.Categorical(["<script>window.harmed = 2</script>", "\x1b[31m]]>&amp;"] * 250)
    publish_pieces(cluster, PAGE_OTHER, cut_evenly(other, 1))
    yield cluster
    unpublish(cluster, PAGE_STARS, PAGE_OTHER)
