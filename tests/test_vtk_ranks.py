"""The rank group over VTK's controller, in one process: without a controller, and with one of a single rank."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from vtkmodules.vtkParallelCore import vtkDummyController, vtkMultiProcessController

from pvdask.errors import InputError
from pvdask.ranks import AgreedError, RankGroup, agree, share
from pvdask_plugin import vtk_ranks
from pvdask_plugin.vtk_ranks import VtkRanks

pytestmark = pytest.mark.vtk

PAYLOADS = [b"", b"\0", b"plan", bytes(range(256)), b"x" * 1_000_000]


@pytest.fixture(params=["no controller", "one rank"])
def ranks(request: pytest.FixtureRequest) -> Iterator[RankGroup]:
    before = vtkMultiProcessController.GetGlobalController()
    controller = vtkDummyController() if request.param == "one rank" else None
    vtkMultiProcessController.SetGlobalController(controller)
    yield VtkRanks()
    vtkMultiProcessController.SetGlobalController(before)


def test_is_one_rank(ranks: RankGroup) -> None:
    assert (ranks.rank, ranks.size) == (0, 1)
    assert type(ranks.rank) is type(ranks.size) is int


@pytest.mark.parametrize("payload", PAYLOADS, ids=len)
def test_collectives_give_back_what_was_given(ranks: RankGroup, payload: bytes) -> None:
    assert ranks.broadcast(payload) == payload
    assert ranks.all_gather(payload) == [payload]
    assert share(ranks, payload, None) == payload


def test_nothing_is_broadcast_as_no_bytes(ranks: RankGroup) -> None:
    assert ranks.broadcast(None) == b""


def test_errors_are_agreed_on(ranks: RankGroup) -> None:
    assert agree(ranks, None, {"rows": 3}) == [{"rows": 3}]
    with pytest.raises(AgreedError, match=r"^the file is empty$"):
        agree(ranks, InputError("the file is empty"))
    with pytest.raises(AgreedError, match=r"^the file is empty$"):
        share(ranks, None, InputError("the file is empty"))


def test_the_controller_is_the_process_s_own() -> None:
    """Made when asked for: ParaView sets its controller before it loads a plugin, tests after."""
    before = vtkMultiProcessController.GetGlobalController()
    controller = vtkDummyController()
    vtkMultiProcessController.SetGlobalController(controller)
    assert VtkRanks().size == controller.GetNumberOfProcesses()
    vtkMultiProcessController.SetGlobalController(before)


@pytest.mark.parametrize("size", [*range(1, 20), 1000])
def test_every_rank_is_told_once_along_few_others(size: int) -> None:
    told = [child for rank in range(size) for child in vtk_ranks._children(rank, size)]
    assert sorted(told) == list(range(1, size))
    steps = [0] * size
    for rank in range(1, size):
        assert rank in vtk_ranks._children(vtk_ranks._parent(rank), size)
        steps[rank] = steps[vtk_ranks._parent(rank)] + 1
    assert max(steps) <= size.bit_length()


def test_must_fail_another_payload_is_seen(ranks: RankGroup) -> None:
    assert ranks.broadcast(b"a") != b"b"
    assert ranks.all_gather(b"a") != [b"a", b"a"]
