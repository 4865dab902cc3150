"""A table to points: Fast Table To Points against ParaView's own filter, on the same table."""

from __future__ import annotations

from pvbench import data
from pvbench.model import Row, Samples, faster
from pvbench.session import Session

NAME = "table"
TITLE = "Table to points"
PEER = "ParaView's Table To Points"
COLUMNS = [*data.POSITIONS, *data.VALUES]


def run(session: Session) -> list[Row]:
    """In turns in one process, after one turn each that does not count: on one rank, and on all."""
    return [_row(session, n_ranks) for n_ranks in dict.fromkeys((1, session.settings.ranks))]


def _row(session: Session, n_ranks: int) -> Row:
    settings = session.settings
    what = f"{settings.table_rows:,} rows of {len(COLUMNS)} columns, {n_ranks} rank(s)"
    session.say(f"{NAME}: {what}")
    job = {"dataset": session.frame(settings.table_rows), "columns": COLUMNS, "repeat": 2 * settings.repeat}
    outcome = session.job("table_points.py", job, n_ranks=n_ranks)
    ours, peer = (Samples.of(outcome[name][1:], "s") for name in ("fast", "stock"))
    note = "the same points; ours keeps the columns' types"
    return faster(NAME, what, ours, peer, PEER, 20, note=note)
