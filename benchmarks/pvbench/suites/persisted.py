"""A persisted frame to points on ranks, against the notebook's own way with the real PVGeo."""

from __future__ import annotations

from typing import Any

from pvbench import data, peers
from pvbench.model import Row, Samples, faster
from pvbench.session import Session

NAME = "persisted"
TITLE = "Persisted frame to points on ranks"
PEER = "get_partition(rank).compute() + PVGeo + TableToPoints"
ONE = (*data.POSITIONS, data.VALUES[0])


def run(session: Session) -> list[Row]:
    """Fresh pvbatch after fresh pvbatch, ours and the notebook's in turns; in each a cold pull and warm ones."""
    settings = session.settings
    dataset = session.frame(settings.rows)
    pvgeo = peers.install_pvgeo()
    ours: dict[str, list[list[float]]] = {"one": [], "all": []}
    theirs: dict[str, list[list[float]]] = {"all": [], "one": []}
    packages: Any = None
    for _ in range(settings.repeat):
        for which, columns in (("one", [data.VALUES[0]]), ("all", list(data.VALUES))):
            session.say(f"{NAME}: ours, position + {len(columns)}")
            ours[which].append(_ours(session, dataset, columns))
            if which == "one" and not settings.variants:
                continue
            session.say(f"{NAME}: the notebook's way, {'its 6 columns' if which == 'all' else '4 columns'}")
            seconds, packages = _theirs(session, dataset, None if which == "all" else list(ONE), str(pvgeo))
            theirs[which].append(seconds)
    what = f"{settings.rows:,} rows, {settings.ranks} ranks"
    detail = {"peer_packages": packages}
    rows = _rows(f"{what}, position + 1 of 6 columns", ours["one"], theirs["all"], 12, detail)
    rows += _rows(f"{what}, all 6 columns", ours["all"], theirs["all"], 5, detail)
    if settings.variants:
        what = f"{what}, position + 1, the notebook's frame cut to 4 columns"
        rows += _rows(what, ours["one"], theirs["one"], None, detail)
    return rows


def _rows(
    what: str, ours: list[list[float]], theirs: list[list[float]], target: float | None, detail: Any
) -> list[Row]:
    """Warm, which the target is for, and cold."""
    warm = [Samples.of([second for turn in turns for second in turn[1:]], "s") for turns in (ours, theirs)]
    cold = [Samples.of([turn[0] for turn in turns], "s") for turns in (ours, theirs)]
    return [
        faster(NAME, f"{what}, warm", warm[0], warm[1], PEER, target, detail=detail),
        faster(
            NAME, f"{what}, cold", cold[0], cold[1], PEER, note="first in its process, imports included", detail=detail
        ),
    ]


def _ours(session: Session, dataset: str, columns: list[str]) -> list[float]:
    steps = [{"do": "pull", "columns": columns}, *[{"do": "pull", "refresh": True}] * session.settings.warm]
    pulls = session.ours(dataset, steps)
    assert all(pull["PulledRows"] == session.settings.rows for pull in pulls)
    return [pull["seconds"] for pull in pulls]


def _theirs(session: Session, dataset: str, columns: list[str] | None, pvgeo: str) -> tuple[list[float], Any]:
    notebook = {"scheduler_file": session.connection.scheduler_file, "dataset": dataset, "pvgeo": pvgeo}
    outcome = session.job("notebook.py", {"notebook": notebook, "pulls": [columns] * (1 + session.settings.warm)})
    assert all(pull["rows"] == session.settings.rows for pull in outcome["results"])
    return [pull["seconds"] for pull in outcome["results"]], outcome["packages"]
