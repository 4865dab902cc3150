"""Pictures of the same points at several rank counts: drawing them, laying them over each other, counting what is there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from leftovers import SESSION_MARKER, environment_marker
from PIL import Image

from pvdask.launch import ParaViewInstall, Stack
from pvdask.launch.layout import compiled_plugins, project_layout

SCENE = Path(__file__).resolve().parents[1] / "ctest" / "opaque_scene.py"
RANKS = (1, 2, 3, 5)
GRID = {"n_side": 30, "radius": 0.02}  # 900 points, further apart than they are wide
CLOUD = {"n_cloud": 12_366, "radius": 0.012}  # overlapping, also across the ranks' boundaries
N_GRID = 900


@dataclass(frozen=True)
class Drawn:
    """A picture, height x width x 3 of int, what the view reported, and what the ranks wrote to stdout and stderr."""

    pixels: np.ndarray
    report: dict[str, Any]
    output: str

    @property
    def n_lit(self) -> int:
        """Pixels that are not background."""
        return int(lit(self.pixels).sum())


class Studio:
    """Draws scenes with one ParaView, into one folder."""

    def __init__(self, stack: Stack, install: ParaViewInstall, folder: Path) -> None:
        self.stack = stack
        self.install = install
        self.folder = folder
        self._n_drawn = 0

    def draw(self, n_ranks: int, env: Mapping[str, str] | None = None, **options: Any) -> Drawn:
        """Draw one scene on `n_ranks` ranks; a run that does not end rightly fails the test."""
        return self.draw_all(n_ranks, {"it": options}, env)["it"]

    def draw_all(
        self, n_ranks: int, scenes: Mapping[str, Mapping[str, Any]], env: Mapping[str, str] | None = None
    ) -> dict[str, Drawn]:
        """Draw scenes one after another in one run, which takes less time than a run each."""
        jobs = []
        for options in scenes.values():
            self._n_drawn += 1
            stem = self.folder / f"scene{self._n_drawn}"
            jobs.append({**options, "picture": f"{stem}.png", "report": f"{stem}.json"})
        run = self.stack.run_batch(
            self.install, n_ranks, SCENE, [json.dumps(jobs)], timeout_s=60 + 60 * len(jobs), env=dict(env or {})
        )
        assert run.returncode == 0, f"{n_ranks} ranks, {jobs}: {run.stdout}{run.stderr}"
        return {name: self._drawn(job, run.stdout + run.stderr) for name, job in zip(scenes, jobs, strict=True)}

    def _drawn(self, job: Mapping[str, Any], output: str) -> Drawn:
        report = json.loads(Path(job["report"]).read_text(encoding="utf-8"))
        return Drawn(read(Path(job["picture"])), report, output)


def read(path: Path) -> np.ndarray:
    """A picture's pixels, height x width x 3 of int."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def studio(install: ParaViewInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Draws scenes with the ParaView in use, the plugin and the mend as a user's run has them."""
    with environment_marker(SESSION_MARKER), Stack() as stack:
        yield Studio(stack, install, tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def opaque_studio(studio: Studio) -> Studio:
    """The same, sure that the compiled representation is there."""
    assert any(path.stem == "OpaqueGaussian" for path in compiled_plugins(project_layout())), (
        "OpaqueGaussian.so is not built: `./run setup` installs ParaView's development files and builds it"
    )
    return studio


def lit(pixels: np.ndarray) -> np.ndarray:
    """Mask, height x width, of the pixels that are not background."""
    return np.asarray(pixels.max(axis=2) > 0)


def greatest_difference(one: np.ndarray, other: np.ndarray) -> int:
    """Greatest difference of any channel of any pixel, 0 to 255."""
    return int(np.abs(one - other).max())


def count_blobs(pixels: np.ndarray) -> int:
    """Number of groups of lit pixels that touch by an edge or a corner."""
    waiting = {(int(y), int(x)) for y, x in np.argwhere(lit(pixels))}
    n_blobs = 0
    while waiting:
        n_blobs += 1
        front = [waiting.pop()]
        while front:
            y, x = front.pop()
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & waiting
            waiting -= near
            front.extend(near)
    return n_blobs
