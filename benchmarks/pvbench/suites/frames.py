"""Frames a second: the notebook's Glyph, 180 x 90 triangles a star, beside Gaussians of the same stars."""

from __future__ import annotations

from typing import Any

from pvbench import data
from pvbench.model import Row, Samples
from pvbench.session import Session
from pvbench.suites.picture import has_opaque_gaussian

NAME = "frames"
TITLE = "Frames a second"


def run(session: Session) -> list[Row]:
    """In turns in one process."""
    settings = session.settings
    names = ["Point Gaussian", *(["Opaque Gaussian"] if has_opaque_gaussian() else [])]
    session.say(f"{NAME}: {settings.glyph_stars} stars")
    job: dict[str, Any] = {
        "do": "frames",
        "dataset": session.frame(settings.glyph_stars),
        "column": data.VALUES[0],
        "representations": names,
        "repeat": settings.repeat,
        "frames": settings.frames,
        "size": [800, 500],
        "distance": 900.0,
    }
    outcome = session.job("pictures.py", job)
    glyph = Samples.of(outcome["fps"]["Glyph"], "1/s")
    rows = []
    for name in names:
        ours = Samples.of(outcome["fps"][name], "1/s")
        what = f"{outcome['rows']:,} stars, {settings.ranks} ranks: {name}"
        note = f"the glyphs have {outcome['cells']:,} triangles"
        rows.append(Row(NAME, what, ours, glyph, "the notebook's Glyph", ours.median / glyph.median, note=note))
    return rows
