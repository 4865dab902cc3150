"""Memory: what a rank's peak grows by, and what rank 0 is sent."""

from __future__ import annotations

from typing import Any

from pvbench import data
from pvbench.model import Row, Samples, at_most
from pvbench.session import Session

NAME = "memory"
TITLE = "Memory"


def run(session: Session) -> list[Row]:
    """A small pull first, so that imports are over; then the peak is forgotten, and the large pull measured."""
    settings = session.settings
    small, large = session.frame(1000), session.frame(settings.rows)
    ratios: list[float] = []
    to_payload: list[float] = []
    beyond: list[float] = []
    detail: list[Any] = []
    for _ in range(settings.repeat):
        session.say(NAME)
        steps = [
            {"do": "pull", "columns": [data.VALUES[0]]},
            {"do": "count_sockets"},
            {"do": "reset_peak"},
            {"do": "pull", "dataset": large, "columns": [data.VALUES[0]], "memory": True},
            {"do": "peak"},
            {"do": "sockets"},
        ]
        *_, pull, peaks, sockets = session.ours(small, steps)
        for report, peak in zip(pull["ranks"], peaks["answers"], strict=True):
            arrays = pull["memory_bytes"] * report["rows"] / pull["PulledRows"]
            ratios.append(peak["peak_growth"] / arrays)
            to_payload.append(peak["peak_growth"] / report["bytes_received"])
        beyond.append((sockets["answers"][0]["received"] - pull["BytesReceived"] / settings.ranks) / 1e6)
        detail.append({"peaks": peaks["answers"], "sockets": sockets["answers"], "arrays_bytes": pull["memory_bytes"]})
    what = f"{settings.rows:,} rows, position + 1 column"
    worst = max(ratios)
    return [
        Row(
            *(NAME, f"{what}: a rank's peak growth / its arrays", Samples.of(ratios, "x")),
            reached=worst,
            target=at_most(1.25, "x"),
            note="arrays: points, columns and vertex cells of its output",
            detail={"runs": detail},
        ),
        Row(
            *(NAME, f"{what}: a rank's peak growth / bytes received", Samples.of(to_payload, "x")),
            reached=max(to_payload),
            note="4 bytes a row of vertex cells are made on the rank",
        ),
        Row(
            *(NAME, f"{what}: what rank 0 is sent beyond its share", Samples.of(beyond, "MB")),
            reached=max(beyond),
            reached_unit="MB",
            target=at_most(1.0, "MB"),
            note="counted at its sockets",
        ),
    ]
