"""A CSV file to points on ranks, against ParaView's own reader."""

from __future__ import annotations

import os
import time

from pvbench import data
from pvbench.model import Row, Samples, faster
from pvbench.session import Session
from pvdask.publishing import publish

NAME = "csv"
TITLE = "CSV to points on ranks"
PEER = "CSVReader + TableToPoints"


def run(session: Session) -> list[Row]:
    """In turns: publish and pull; read with ParaView."""
    settings = session.settings
    path = session.stack.folder / "bench.csv"
    data.write_csv(path, settings.csv_rows)
    cold, warm, peer, parts = [], [], [], []
    for _ in range(settings.slow_repeat):
        session.say(f"{NAME}: ours")
        published_s = _publish(session, str(path))
        again_s = _publish(session, str(path))
        steps = [{"do": "pull", "columns": list(data.VALUES)}, {"do": "pull", "refresh": True}]
        pulls = session.ours("bench-csv", steps)
        assert all(pull["PulledRows"] == settings.csv_rows for pull in pulls)
        cold.append(published_s + pulls[0]["seconds"])
        warm.append(again_s + pulls[1]["seconds"])
        parts.append({"publish": [published_s, again_s], "pull": [pull["seconds"] for pull in pulls]})
        session.say(f"{NAME}: {PEER}")
        read = session.job("csv_reader.py", {"csv": str(path)})
        assert read["rows"] == settings.csv_rows
        peer.append(read["seconds"])
    what = f"{settings.csv_rows:,} rows x {len(data.COLUMNS)} ({os.path.getsize(path) / 1e6:.0f} MB)"
    reader = Samples.of(peer, "s")
    detail = {"parts": parts}
    return [
        faster(NAME, f"{what}, warm", Samples.of(warm, "s"), reader, PEER, 40, note="publish + pull", detail=detail),
        faster(
            NAME,
            f"{what}, cold",
            Samples.of(cold, "s"),
            reader,
            PEER,
            note="first publish and first pull, imports included",
        ),
    ]


def _publish(session: Session, path: str) -> float:
    started = time.perf_counter()
    publish(session.connection, "bench-csv", [path], n_partitions=session.settings.ranks, replace=True)
    return time.perf_counter() - started
