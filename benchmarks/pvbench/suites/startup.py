"""Start-up: what the first pull of a process costs, and what the ranks behind rank 0 do not import."""

from __future__ import annotations

from typing import Any

from pvbench import data
from pvbench.model import Row, Samples, at_most
from pvbench.session import Session

NAME = "startup"
TITLE = "Start-up"
N_ROWS = 1000
NOT_NEEDED = ("pandas", "dask.dataframe")


def run(session: Session) -> list[Row]:
    """The first pull of a fresh process, of so few rows that nothing but the start is in it; then one more."""
    dataset = session.frame(N_ROWS)
    first, again, rank_0, others, imported = [], [], [], [], []
    detail: list[Any] = []
    for _ in range(session.settings.repeat):
        session.say(NAME)
        steps = [
            {"do": "watch_imports"},
            {"do": "pull", "columns": [data.VALUES[0]]},
            {"do": "modules"},
            {"do": "pull", "refresh": True},
        ]
        _, cold, modules, warm = session.ours(dataset, steps)
        first.append(cold["seconds"])
        again.append(warm["seconds"])
        rank_0.append(modules["answers"][0]["import_seconds"])
        for answer in modules["answers"][1:]:
            others.append(answer["import_seconds"])
            imported.append(sum(answer["modules"][name] for name in NOT_NEEDED))
        detail.append(modules["answers"])
    what = f"first pull of a process ({N_ROWS:,} rows)"
    rows = [
        Row(
            NAME,
            what,
            Samples.of(first, "s"),
            Samples.of(again, "s"),
            "the second pull",
            first[0] / again[0],
            note="connect and plan are in both",
        ),
        Row(NAME, "imports on rank 0", Samples.of(rank_0, "s"), detail={"ranks": detail}),
    ]
    if others:
        rows.append(Row(NAME, "imports on each rank behind rank 0", Samples.of(others, "s")))
        what = f"of {' and '.join(NOT_NEEDED)}, imported on a rank behind rank 0"
        rows.append(
            Row(NAME, what, Samples.of(imported, ""), reached=max(imported), reached_unit="", target=at_most(0, ""))
        )
    return rows
