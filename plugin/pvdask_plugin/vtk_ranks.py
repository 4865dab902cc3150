"""The rank group of a ParaView process: VTK's own controller, so it is MPI where ParaView has MPI, and one rank elsewhere."""

from __future__ import annotations

import gc
import sys
import time
from contextlib import suppress
from typing import Any, ClassVar

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkUnsignedCharArray
from vtkmodules.vtkParallelCore import vtkMultiProcessController

with suppress(ImportError):  # a ParaView without MPI has one rank
    import vtkmodules.vtkParallelMPI  # noqa: F401 - or Python does not know that the controller can `Iprobe`

_IDLE_OBJECTS = 10_000

_TURN_TAG = 31_123
"""Tag of the message that tells a rank that the others are there: none of ParaView's own, and below 32,767, as any MPI has it."""

_BRISK_S = 0.0005
"""Seconds that a rank looks for such a message without a break: an answer to what was just said comes by then."""

_NAP_SHARE, _LONGEST_NAP_S = 0.05, 0.005
"""A nap between two looks is this share of the time waited so far, up to so many seconds."""


def hold_collection() -> None:
    """Stop Python's cyclic garbage collector from running by itself on rank 0 of pvbatch, if this is that.

    It can run at any line of Python, between ParaView's message that makes the other ranks execute and the execution here as well.
    What it frees may be a proxy of ParaView's Python module, and the end of a proxy is told to the other ranks by a message, too.
    These stand in our collective calls by then, and all wait for ever: seen at 3 ranks (ParaView 5.11). Elsewhere than in pvbatch
    no rank has both proxies and other ranks. `collect_when_idle` does the collector's work.
    """
    ranks = VtkRanks()
    if ranks.size > 1 and ranks.rank == 0 and "paraview.servermanager" in sys.modules:
        gc.disable()


def collect_when_idle() -> None:
    """Do what the collector would, if it is held and there is enough to do; called where no rank executes anything."""
    if not gc.isenabled() and gc.get_count()[0] > _IDLE_OBJECTS:
        gc.collect()


class VtkRanks:
    """Collective calls over ``vtkMultiProcessController``; a `pvdask.ranks.RankGroup`.

    A rank that waits in a collective call of MPI takes a whole core for it, which on one host is a worker's, or another rank's. So
    the ranks meet first, by short messages that they look for now and then: none enters a broadcast before rank 0 does, or a
    gather before all are there.
    """

    _all_can_look: ClassVar[bool | None] = None

    def __init__(self) -> None:
        self._controller = vtkMultiProcessController.GetGlobalController()

    @property
    def rank(self) -> int:
        """Index of this rank, from 0."""
        return int(self._controller.GetLocalProcessId()) if self._controller else 0

    @property
    def size(self) -> int:
        """How many ranks there are."""
        return int(self._controller.GetNumberOfProcesses()) if self._controller else 1

    def broadcast(self, payload: bytes | None) -> bytes:
        """Give rank 0's bytes to every rank.

        Parameters
        ----------
        payload : bytes or None
            Looked at on rank 0 alone.

        Returns
        -------
        bytes
            The same on every rank.
        """
        if self.size == 1:
            return payload or b""
        if self._can_meet():
            self._follow_root()
        length = _lengths([len(payload or b"")])
        self._controller.Broadcast(length, 0)
        array = _byte_array(payload or b"" if self.rank == 0 else b"", int(length.GetValue(0)))
        self._controller.Broadcast(array, 0)
        return bytes(vtk_to_numpy(array))[: int(length.GetValue(0))]

    def all_gather(self, payload: bytes) -> list[bytes]:
        """Give every rank the bytes of all.

        Parameters
        ----------
        payload : bytes
            This rank's.

        Returns
        -------
        list of bytes
            Shape (size,), in rank order.
        """
        if self.size == 1:
            return [payload]
        if self._can_meet():
            self._come_to_root()
            self._follow_root()
        lengths = _lengths([0] * self.size)
        self._controller.AllGather(_lengths([len(payload)]), lengths)
        sizes = [int(lengths.GetValue(rank)) for rank in range(self.size)]
        longest = max(sizes)
        gathered = _byte_array(b"", longest * self.size)
        self._controller.AllGather(_byte_array(payload, longest), gathered)
        flat = bytes(vtk_to_numpy(gathered))
        stride = len(flat) // self.size
        return [flat[rank * stride : rank * stride + size] for rank, size in enumerate(sizes)]

    def _can_meet(self) -> bool:
        """Whether every rank can look for a message without waiting for it; asked once a process, of all ranks together."""
        if VtkRanks._all_can_look is None:
            # Python's object of the controller cannot, where somebody made it before this module was imported, and keeps it.
            abilities = _lengths([0] * self.size)
            self._controller.AllGather(_lengths([hasattr(self._controller, "Iprobe")]), abilities)
            VtkRanks._all_can_look = bool(vtk_to_numpy(abilities).all())
        return VtkRanks._all_can_look

    def _follow_root(self) -> None:
        """Wait for rank 0, from rank to rank along a tree."""
        if self.rank:
            self._wait_for(_parent(self.rank))
        for child in reversed(_children(self.rank, self.size)):  # the one with the most behind it first
            self._controller.Send(_lengths([0]), child, _TURN_TAG)

    def _come_to_root(self) -> None:
        """On rank 0, wait for all others; along the same tree."""
        for child in _children(self.rank, self.size):
            self._wait_for(child)
        if self.rank:
            self._controller.Send(_lengths([0]), _parent(self.rank), _TURN_TAG)

    def _wait_for(self, other: int) -> None:
        """Wait for a rank's message, asleep most of the time where it takes long."""
        found, who = [0], [0]
        started = time.monotonic()
        while self._controller.Iprobe(other, _TURN_TAG, found, who) and not found[0]:
            waited = time.monotonic() - started
            if waited < _BRISK_S:
                time.sleep(0)
            else:
                time.sleep(min(waited * _NAP_SHARE, _LONGEST_NAP_S))
        self._controller.Receive(_lengths([0]), other, _TURN_TAG)


def _parent(rank: int) -> int:
    """In a binomial tree with rank 0 at its root, which is as high as the number of ranks has bits."""
    return rank & (rank - 1)


def _children(rank: int, size: int) -> list[int]:
    """Ranks whose `_parent` this is, those with the fewest behind them first."""
    bits = [1 << place for place in range(size.bit_length())]
    return [rank + bit for bit in bits if rank + bit < size and _parent(rank + bit) == rank]


def _lengths(values: list[int]) -> Any:
    return numpy_to_vtk(np.array(values, dtype="i8"), deep=1)


def _byte_array(payload: bytes, length: int) -> Any:
    """Bytes in an array of at least one tuple, padded to `length`."""
    array = vtkUnsignedCharArray()
    array.SetNumberOfTuples(max(length, 1))
    view = vtk_to_numpy(array)
    view[:] = 0
    view[: len(payload)] = np.frombuffer(payload, dtype="u1")
    return array
