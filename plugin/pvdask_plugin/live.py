"""Live updates: ParaView's GUI asks a source again and again whether it needs an update; the answer is one of all ranks.

pqLiveSourceBehavior asks at DATA_SERVER_ROOT, but vtkPVSessionServer has all ranks execute what a client sends it (ParaView
5.11), so collective calls are in order there. Without a server there is one rank.
"""

from __future__ import annotations

import time

from pvdask.options import SourceOptions
from pvdask.ranks import RankGroup

MINIMUM_INTERVAL_S = 1.0
"""Seconds between two questions to the scheduler, however often ParaView asks."""


class Watch:
    """Notices that the dataset was published again; rank 0 asks."""

    def __init__(self) -> None:
        self._seen: tuple[str, str] | None = None
        self._asked = 0.0

    def forget(self) -> None:
        """Take what is published now as known at the next question."""
        self._seen = None

    def has_news(self, options: SourceOptions, ranks: RankGroup) -> bool:
        """Ask the scheduler, unless it was asked just now; all ranks call this together.

        Parameters
        ----------
        options : SourceOptions
            What is pulled.
        ranks : RankGroup
            The ranks.

        Returns
        -------
        bool
            The same on every rank: whether another DataFrame is published under the name than at the question before. False
            where none is, or where the scheduler does not answer: what is shown stays.
        """
        if not options.live or options.files:
            return False
        return ranks.broadcast(b"1" if ranks.rank == 0 and self._ask(options) else b"0") == b"1"

    def _ask(self, options: SourceOptions) -> bool:
        if time.monotonic() - self._asked < MINIMUM_INTERVAL_S:
            return False
        self._asked = time.monotonic()
        try:
            from pvdask.watching import publication

            mark = publication(options.connection, options.dataset)
        except (
            Exception
        ):  # whatever it is: the next pull tells it, where this would be told every second; and ranks wait
            return False
        seen, self._seen = self._seen, (options.dataset, mark)
        return bool(mark) and seen is not None and seen != self._seen
