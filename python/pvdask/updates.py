"""One update of ParaView's pipeline: the look around and the pull behind it keep one deadline together."""

from __future__ import annotations

import time
from typing import Any

from pvdask.loop import Deadline
from pvdask.ranks import RankGroup, agree, share

SAME_UPDATE_S = 2.0
"""A pull that comes later than so many seconds after a look is another update, with a deadline of its own."""


class Update:
    """Carries the deadline from the look to the pull; on every rank the same calls."""

    def __init__(self) -> None:
        self._deadline: Deadline | None = None
        self._error = ""
        self._looked = 0.0
        self._asked: Any = None
        self._told: Any = None

    def begin(self, timeout_s: float) -> Deadline:
        """Start the time of a look, and of the pull after it.

        Parameters
        ----------
        timeout_s : float
            Seconds that both may take together.

        Returns
        -------
        Deadline
            For the look.
        """
        self._deadline, self._error = Deadline(timeout_s), ""
        return self._deadline

    def looked(self, error: str = "") -> None:
        """Note that the look has ended.

        Parameters
        ----------
        error : str, optional
            What went wrong; the same on every rank.
        """
        self._error, self._looked = error, time.monotonic()

    def go_on(self, timeout_s: float, ranks: RankGroup) -> Deadline:
        """Get the deadline of the pull.

        Parameters
        ----------
        timeout_s : float
            Seconds that it may take, where there was no look just before.
        ranks : RankGroup
            All ranks call this together.

        Returns
        -------
        Deadline
            The look's, where there was one.

        Raises
        ------
        AgreedError
            On every rank, with what the look met, where that took all of the time: the pull would meet it again.
        """
        deadline, error = self._deadline, self._error
        self._deadline, self._error = None, ""
        if deadline is None or time.monotonic() - self._looked > SAME_UPDATE_S:
            deadline = Deadline(timeout_s)
        if error:  # the same on all ranks, while the time that is left need not be
            share(ranks, b"", error if deadline.remaining_s() <= 0 else None)
        return deadline

    def is_told(self, asked: Any, ranks: RankGroup) -> bool:
        """Tell whether what is asked for has failed before, with nothing changed since.

        Parameters
        ----------
        asked : object
            What tells one request from another; an own one on each rank.
        ranks : RankGroup
            All ranks call this together.

        Returns
        -------
        bool
            The same on every rank: whether it has on all of them.
        """
        self._asked = asked
        is_told = self._told is not None and asked == self._told
        self._told = None
        reports = agree(ranks, None, {"is_told": is_told})
        if all(report["is_told"] for report in reports):
            self._told = asked
            return True
        return False

    def failed(self) -> None:
        """Note that what was asked for last has failed, and that the error was told."""
        self._told = self._asked
