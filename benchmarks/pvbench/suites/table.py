"""A table to points: Fast Table To Points against ParaView's own filter, on the same table."""

from __future__ import annotations

from pvbench import data
from pvbench.model import Row, Samples, faster
from pvbench.session import Session

NAME = "table"
TITLE = "Table to points"
PEER = "ParaView's Table To Points"


def run(session: Session) -> list[Row]:
    """In turns in one process, after one turn each that does not count."""
    settings = session.settings
    session.say(f"{NAME}: {settings.table_rows:,} rows")
    job = {
        "dataset": session.frame(settings.table_rows),
        "columns": [*data.POSITIONS, *data.VALUES],
        "repeat": settings.repeat,
    }
    outcome = session.job("table_points.py", job)
    ours, peer = (Samples.of(outcome[name][1:], "s") for name in ("fast", "stock"))
    what = f"{settings.table_rows:,} rows of {len(job['columns'])} columns, {settings.ranks} ranks"
    note = "the same points; ours keeps the columns' types"
    return [faster(NAME, what, ours, peer, PEER, 20, note=note)]
