"""First picture: opaque stars drawn where they are, against stock Point Gaussian, which moves them between ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pvbench import data
from pvbench.model import Row, Samples, at_least, at_most, faster
from pvbench.session import Session
from pvdask.launch.layout import compiled_plugins, project_layout

NAME = "picture"
TITLE = "First picture"
PEER = "stock Point Gaussian"
OURS = "Opaque Gaussian"
SIZE = [800, 500]


def has_opaque_gaussian() -> bool:
    """Whether the compiled representation is there."""
    return any(path.stem == "OpaqueGaussian" for path in compiled_plugins(project_layout()))


def run(session: Session) -> list[Row]:
    """In turns, each in a fresh pvbatch; and stock Point Gaussian on one rank, for the same look."""
    if not has_opaque_gaussian():
        raise RuntimeError("the compiled Opaque Gaussian is not there: run './run setup' first, which builds it.")
    settings = session.settings
    outcomes: dict[str, list[dict[str, Any]]] = {OURS: [], "Point Gaussian": []}
    pictures: dict[str, Path] = {}
    for _ in range(settings.slow_repeat):
        for name, into in outcomes.items():
            session.say(f"{NAME}: {name} on {settings.ranks} ranks")
            pictures[name] = session.stack.folder / f"{name.replace(' ', '-')}.png"
            into.append(_draw(session, name, pictures[name], settings.ranks))
    assert not outcomes[OURS][0]["ordered"]
    session.say(f"{NAME}: {PEER} on 1 rank")
    alone = session.stack.folder / "alone.png"
    _draw(session, "Point Gaussian", alone, 1)
    return _rows(
        session,
        outcomes,
        _different_pixels(pictures[OURS], alone),
        _different_pixels(pictures["Point Gaussian"], alone),
    )


def _draw(session: Session, representation: str, picture: Path, n_ranks: int) -> dict[str, Any]:
    settings = session.settings
    job = {
        "do": "first",
        "dataset": session.frame(settings.picture_rows),
        "column": data.VALUES[0],
        "representation": representation,
        "radius": 0.1 * 600 / settings.picture_rows ** (1 / 3),
        "frames": settings.frames,
        "size": SIZE,
        "distance": 900.0,
        "picture": str(picture),
    }
    return session.job("pictures.py", job, n_ranks=n_ranks)


def _rows(
    session: Session, outcomes: dict[str, list[dict[str, Any]]], different: int, peer_different: int
) -> list[Row]:
    what = f"{session.settings.picture_rows:,} stars, {session.settings.ranks} ranks"
    ours, theirs = outcomes[OURS], outcomes["Point Gaussian"]
    seconds = [Samples.of([outcome["seconds"] for outcome in each], "s") for each in (ours, theirs)]
    fps = [Samples.of([outcome["fps"] for outcome in each], "1/s") for each in (ours, theirs)]
    note = f"stock on {session.settings.ranks} ranks differs from itself on 1 in {peer_different:,} pixels"
    look = Row(
        *(NAME, f"{what}: pixels unlike {PEER} on 1 rank", Samples.of([different], "px")),
        reached=float(different),
        reached_unit="px",
        target=at_most(peer_different, "px"),  # it cannot be more alike than stock is to itself
        note=f"of {SIZE[0] * SIZE[1]:,}; {note}",
    )
    rate = fps[0].median / fps[1].median
    return [
        faster(
            NAME, f"{what}: first picture", seconds[0], seconds[1], PEER, 8, note="from data on the ranks to pixels"
        ),
        Row(NAME, f"{what}: frames a second after it", fps[0], fps[1], PEER, rate, "x", at_least(1.0)),
        look,
    ]


def _different_pixels(one: Path, other: Path) -> int:
    import numpy as np
    from PIL import Image

    first, second = (np.asarray(Image.open(path).convert("RGB")) for path in (one, other))
    if not first.any():
        raise RuntimeError("the picture is black: no star was drawn")
    return int(np.any(first != second, axis=2).sum())
