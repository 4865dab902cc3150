"""A volume rendering of a density grid is the same on any number of ranks: where two meet, there is no seam."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from clusters import cut_evenly, publish_pieces, unpublish
from images import PicturesDifferError, assert_same, read

from pvdask.launch import ClusterHandle, ParaViewInstall, Stack

pytestmark = pytest.mark.render

SCRIPT = Path(__file__).resolve().parents[1] / "ctest" / "density_picture.py"
DATASET = "grid-cloud"
Draw = Callable[..., np.ndarray]


@pytest.fixture
def draw(cluster: ClusterHandle, install: ParaViewInstall, stack: Stack, tmp_path: Path) -> Iterator[Draw]:
    """Draws a published cloud of points."""
    points = np.random.default_rng(2).normal(0, 1.1, (120_000, 3))
    publish_pieces(cluster, DATASET, cut_evenly(pd.DataFrame(points, columns=["x", "y", "z"]), 3))

    def picture(n_ranks: int, cut_at: int | None = None) -> np.ndarray:
        path = tmp_path / f"{n_ranks}-{cut_at}.png"
        options = {"scheduler_file": str(cluster.scheduler_file), "dataset": DATASET, "picture": str(path)}
        done = stack.run_batch(install, n_ranks, SCRIPT, [json.dumps({**options, "cut_at": cut_at})], timeout_s=120)
        assert done.returncode == 0, done.stdout + done.stderr[-3000:]
        return read(path)

    yield picture
    unpublish(cluster, DATASET)


def test_no_seam_where_ranks_meet(draw: Draw) -> None:
    alone = draw(1)
    assert (alone.max(axis=2) > 60).mean() > 0.05, "there is a cloud"
    for n_ranks in (2, 3):
        assert_same(alone, draw(n_ranks))


def test_must_fail_a_seam_is_seen(draw: Draw) -> None:
    with pytest.raises(PicturesDifferError):
        assert_same(draw(1), draw(1, cut_at=15))
