"""The ranks that draw together: what they say to each other, and how they agree on one outcome."""

from __future__ import annotations

import json
from typing import Any, Protocol

from pvdask.errors import PvdaskError


class RankGroup(Protocol):
    """Collective calls; every rank of the group must make the same ones in the same order.

    Rank 0 may take seconds or minutes before its call: the others should sleep meanwhile.
    """

    @property
    def rank(self) -> int:
        """Index of this rank, from 0."""

    @property
    def size(self) -> int:
        """How many ranks there are, at least 1."""

    def broadcast(self, payload: bytes | None) -> bytes:
        """Give rank 0's bytes to every rank; the others' argument is not looked at."""

    def all_gather(self, payload: bytes) -> list[bytes]:
        """Give every rank the bytes of all, in rank order, shape (size,)."""


class SerialRanks:
    """One rank alone."""

    rank = 0
    size = 1

    def broadcast(self, payload: bytes | None) -> bytes:
        """Give back what was given.

        Parameters
        ----------
        payload : bytes
            Anything.

        Returns
        -------
        bytes
            The same.
        """
        return payload or b""

    def all_gather(self, payload: bytes) -> list[bytes]:
        """Give back what was given.

        Parameters
        ----------
        payload : bytes
            Anything.

        Returns
        -------
        list of bytes
            One entry.
        """
        return [payload]


class AgreedError(PvdaskError):
    """What went wrong on one or more ranks; the same message on all of them."""


def agree(
    ranks: RankGroup, error: BaseException | str | None, report: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Gather every rank's outcome; one rank's failure is every rank's failure.

    Parameters
    ----------
    ranks : RankGroup
        The ranks; all of them call this.
    error : BaseException, str or None
        What went wrong on this rank, or already in words: an exception that a frame keeps keeps that frame, too.
    report : dict, optional
        What to tell the others, as JSON can hold it.

    Returns
    -------
    list of dict
        All ranks' reports, in rank order.

    Raises
    ------
    AgreedError
        On every rank, with the same message, where at least one has an error.
    """
    outcome = {"error": None if error is None else describe(error), "report": report or {}}
    outcomes = [json.loads(payload) for payload in ranks.all_gather(json.dumps(outcome).encode())]
    failed = {rank: entry["error"] for rank, entry in enumerate(outcomes) if entry["error"] is not None}
    if failed:
        raise AgreedError(_one_message(failed, ranks.size))
    return [entry["report"] for entry in outcomes]


def share(ranks: RankGroup, payload: bytes | None, error: BaseException | str | None) -> bytes:
    """Give all ranks what rank 0 found, or its error.

    Parameters
    ----------
    ranks : RankGroup
        The ranks; all of them call this.
    payload : bytes or None
        On rank 0, what to share, where there is no error.
    error : BaseException, str or None
        On rank 0, what went wrong.

    Returns
    -------
    bytes
        Rank 0's payload, on every rank.

    Raises
    ------
    AgreedError
        On every rank, where rank 0 has an error.
    """
    message = b"" if ranks.rank else (b"!" + describe(error).encode() if error is not None else b"=" + (payload or b""))
    received = ranks.broadcast(message)
    if received[:1] == b"!":
        raise AgreedError(received[1:].decode())
    return received[1:]


def describe(error: BaseException | str) -> str:
    """Say in words what went wrong.

    Parameters
    ----------
    error : BaseException or str
        An error; ours are messages already, another's is told with its type.

    Returns
    -------
    str
        One message for a person.
    """
    message = str(error) if isinstance(error, PvdaskError | str) else f"{type(error).__name__}: {error}"
    # A file's name can hold bytes that are no text; the message has to get through to the other ranks, and to VTK.
    return message.encode(errors="backslashreplace").decode()


def _one_message(failed: dict[int, str], size: int) -> str:
    """Tell an error that all ranks have once, others with their ranks."""
    by_message: dict[str, list[int]] = {}
    for rank, message in failed.items():
        by_message.setdefault(message, []).append(rank)
    if len(by_message) == 1 and (size == 1 or len(failed) == size):
        return next(iter(by_message))
    parts = []
    for message, members in by_message.items():
        who = "rank" if len(members) == 1 else "ranks"
        parts.append(f"{message} (on {who} {', '.join(map(str, members))} of {size})")
    return "\n".join(parts)
