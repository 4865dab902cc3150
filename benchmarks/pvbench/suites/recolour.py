"""Recolouring: another column, one that is not here yet and one that is."""

from __future__ import annotations

from pvbench import data
from pvbench.model import Row, Samples, at_most
from pvbench.session import Session

NAME = "recolour"
TITLE = "Recolour"


def run(session: Session) -> list[Row]:
    """In one process: a whole pull with one column; then another column alone; then the first again."""
    settings = session.settings
    dataset = session.frame(settings.rows)
    cold, first, new, cached = [], [], [], []
    for _ in range(settings.repeat):
        session.say(NAME)
        steps: list[dict[str, object]] = [{"do": "pull", "columns": [data.VALUES[0]], "what": "cold"}]
        for _ in range(settings.warm):
            steps += [
                {"do": "pull", "columns": [data.VALUES[0]], "refresh": True, "what": "first"},
                {"do": "pull", "columns": [data.VALUES[1]], "what": "new"},
                {"do": "pull", "columns": [data.VALUES[0]], "what": "cached"},
            ]
        results = session.ours(dataset, steps)
        for name, into in (("cold", cold), ("first", first), ("new", new), ("cached", cached)):
            into += [(result["seconds"], result["BytesReceived"]) for result in results if result["what"] == name]
    n_bytes = Samples.of([count for _, count in cached], "B")
    rows = []
    for which, pulls in (("first pull", cold), ("the same pull again, all of it", first)):
        whole = Samples.of([seconds for seconds, _ in pulls], "s")
        for what, values, limit in (("new column", new, 100 / 3), ("column that is here", cached, 5.0)):
            ours = Samples.of([seconds for seconds, _ in values], "s")
            note = f"{values[-1][1] / 1e6:.1f} MB received, the other {pulls[-1][1] / 1e6:.1f} MB"
            target = at_most(limit, "%") if pulls is cold else None
            share = 100 * ours.median / whole.median
            rows.append(Row(NAME, f"{settings.rows:,} rows, {what}", ours, whole, which, share, "%", target, note))
    reached = max(n_bytes.values)
    rows.append(Row(NAME, "bytes received for a column that is here", n_bytes, None, "", reached, "B", at_most(0, "B")))
    return rows
