"""The wire: how much of what plain loopback sockets carry a pull's transfer reaches."""

from __future__ import annotations

from pvbench import data, wire_sockets
from pvbench.model import Row, Samples, at_least
from pvbench.session import Session

NAME = "wire"
TITLE = "The wire"
PEER = "plain loopback sockets"
PULLS = 3
"""Times as many as elsewhere: on a virtual machine the first into new memory takes four times as long, and is one of them."""


def run(session: Session) -> list[Row]:
    """In turns: pulls, of which the time from the plan to the arrays counts; and the same bytes over plain sockets."""
    rows = _rows(session, session.settings.ranks, "a block a rank")
    if session.settings.variants:
        rows += _rows(session, 4 * session.settings.ranks, "4 blocks a rank")
    return rows


def _rows(session: Session, n_partitions: int, what: str) -> list[Row]:
    settings = session.settings
    dataset = session.frame(settings.rows, n_partitions)
    cold, warm, plain, copied = [], [], [], 0
    n_bytes = 0
    for _ in range(settings.repeat):
        session.say(f"{NAME}: ours, {what}")
        n_warm = PULLS * settings.warm
        steps = [{"do": "pull", "columns": list(data.VALUES)}, *[{"do": "pull", "refresh": True}] * n_warm]
        for index, pull in enumerate(session.ours(dataset, steps)):
            n_bytes, copied = pull["BytesReceived"], pull["BytesCopied"]
            seconds = max(report["seconds"] for report in pull["ranks"])
            (warm if index else cold).append(n_bytes / seconds / 1e6)
        session.say(f"{NAME}: {PEER}")
        with wire_sockets.SocketPairs(settings.ranks, n_bytes // settings.ranks) as pairs:
            plain += [n_bytes / pairs.measure() / 1e6 for _ in range(n_warm)]
    peer = Samples.of(plain, "MB/s")
    note = f"{n_bytes / 1e6:.0f} MB, {copied / 1e6:.0f} MB copied once more"
    rows = []
    for label, values, target in (("warm", warm, at_least(70, "%")), ("cold", cold, None)):
        ours = Samples.of(values, "MB/s")
        share = 100 * ours.median / peer.median
        rows.append(Row(NAME, f"{settings.rows:,} rows, {what}, {label}", ours, peer, PEER, share, "%", target, note))
    return rows
