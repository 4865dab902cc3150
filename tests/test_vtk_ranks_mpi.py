"""The rank group over VTK's controller on several MPI ranks: what each rank says is heard by all, whatever its length."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pvdask.launch import CompletedBatch, ParaViewInstall, Stack
from pvdask.launch.environment import mpi_command
from pvdask.launch.runs import run_to_end

pytestmark = pytest.mark.mpi

SCRIPT = """
import paraview.simple
import hashlib, json, sys
from pvdask.errors import InputError
from pvdask.ranks import AgreedError, agree, share
from pvdask_plugin.vtk_ranks import VtkRanks

ranks = VtkRanks()
digest = lambda payload: hashlib.sha256(payload).hexdigest()
said = {"rank": ranks.rank, "size": ranks.size}
lengths = [0, 1, 7, 1_000_003]
said["broadcast"] = [digest(ranks.broadcast(bytes([n % 251]) * n if ranks.rank == 0 else None)) for n in lengths]
said["ignored"] = digest(ranks.broadcast(b"%d" % ranks.rank))
said["gathered"] = [[digest(p) for p in ranks.all_gather(b"%d" % ranks.rank * n)] for n in (0, 1, 1000 * ranks.rank)]
said["reports"] = agree(ranks, None, {"rank": ranks.rank})
said["errors"] = []
for failed in range(ranks.size):
    try:
        agree(ranks, InputError(f"rank {failed} failed \\u00fc") if ranks.rank == failed else None)
    except AgreedError as error:
        said["errors"].append(str(error))
try:
    share(ranks, None, InputError("nothing \\udcff to plan") if ranks.rank == 0 else None)
except AgreedError as error:
    said["shared"] = str(error)
with open(f"{sys.argv[1]}/{ranks.rank}.json", "w") as file:
    json.dump(said, file)
"""


def run_on_all(install: ParaViewInstall, stack: Stack, script: Path, n_ranks: int) -> CompletedBatch:
    """Run a script on every rank, where pvbatch by itself would run it on rank 0 alone."""
    program = [str(install.program("pvbatch")), "--sym", "--force-offscreen-rendering", str(script), str(script.parent)]
    process = stack.start(mpi_command(n_ranks, program), env=stack.environment(install, n_ranks))
    return run_to_end(process, "calling collectives", 60.0)


def heard(install: ParaViewInstall, stack: Stack, folder: Path, n_ranks: int) -> list[dict[str, Any]]:
    script = folder / "collectives.py"
    script.write_text(SCRIPT)
    done = run_on_all(install, stack, script, n_ranks)
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(n_ranks)]


def digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


@pytest.mark.parametrize("n_ranks", [1, 2, 3, 5])
def test_all_ranks_hear_the_same(install: ParaViewInstall, stack: Stack, tmp_path: Path, n_ranks: int) -> None:
    said = heard(install, stack, tmp_path, n_ranks)
    assert [entry["rank"] for entry in said] == list(range(n_ranks))
    assert {entry["size"] for entry in said} == {n_ranks}
    for entry in said:
        assert entry["broadcast"] == [digest(bytes([n % 251]) * n) for n in (0, 1, 7, 1_000_003)]
        assert entry["ignored"] == digest(b"0")
        assert entry["gathered"] == [
            [digest(b"")] * n_ranks,
            [digest(b"%d" % rank) for rank in range(n_ranks)],
            [digest(b"%d" % rank * (1000 * rank)) for rank in range(n_ranks)],
        ]
        assert entry["reports"] == [{"rank": rank} for rank in range(n_ranks)]
        suffix = " (on rank {} of " + f"{n_ranks})" if n_ranks > 1 else ""
        assert entry["errors"] == [f"rank {rank} failed ü{suffix.format(rank)}" for rank in range(n_ranks)]
        assert entry["shared"].startswith("nothing ")
    assert len({json.dumps({**entry, "rank": 0}) for entry in said}) == 1


WAITING = """
import paraview.simple
import json, sys, time
from pvdask_plugin.vtk_ranks import VtkRanks

ranks = VtkRanks()
ranks.all_gather(b"all are here")
said = {}
for name, late in {"broadcast": 0, "all_gather": ranks.size - 1}.items():
    ranks.broadcast(b"now")
    used, began = time.process_time(), time.monotonic()
    if ranks.rank == late:
        time.sleep(2.0)
    said[name] = len(getattr(ranks, name)(b"%d" % ranks.rank))
    said[name + " share"] = (time.process_time() - used) / (time.monotonic() - began)
with open(f"{sys.argv[1]}/{ranks.rank}.json", "w") as file:
    json.dump(said, file)
"""


def test_a_rank_that_waits_leaves_its_core_to_others(install: ParaViewInstall, stack: Stack, tmp_path: Path) -> None:
    """Of the time that it waits for a late one, in MPI's own calls it would use all."""
    script = tmp_path / "waiting.py"
    script.write_text(WAITING)
    done = run_on_all(install, stack, script, 3)
    assert done.returncode == 0, done.stderr
    said = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(3)]
    assert [(entry["broadcast"], entry["all_gather"]) for entry in said] == [(1, 3)] * 3
    shares = [entry[f"{name} share"] for entry in said for name in ("broadcast", "all_gather")]
    assert max(shares) < 0.25, shares


def test_ranks_meet_where_one_of_them_cannot_look(install: ParaViewInstall, stack: Stack, tmp_path: Path) -> None:
    """As where a script holds the controller since before the plugin was there: all have to wait in MPI then."""
    script = tmp_path / "collectives.py"
    held = (
        "from vtkmodules.vtkParallelCore import vtkMultiProcessController\n"
        "held = vtkMultiProcessController.GetGlobalController()\n"
        "if held.GetLocalProcessId() != 1:\n    del held\n"
    )
    look = 'open(f"{sys.argv[1]}/{ranks.rank}.look", "w").write(str(VtkRanks._all_can_look))\n'
    script.write_text(held + SCRIPT + look)
    done = run_on_all(install, stack, script, 3)
    assert done.returncode == 0, done.stderr
    assert {(tmp_path / f"{rank}.look").read_text() for rank in range(3)} == {"False"}
    gathered = [json.loads((tmp_path / f"{rank}.json").read_text())["gathered"] for rank in range(3)]
    assert gathered[0] == gathered[1] == gathered[2]


def test_must_fail_a_rank_that_ends_early_is_seen(install: ParaViewInstall, stack: Stack, tmp_path: Path) -> None:
    script = tmp_path / "early.py"
    script.write_text(
        "from pvdask_plugin.vtk_ranks import VtkRanks\nif VtkRanks().rank == 1:\n    import os; os._exit(3)\n"
    )
    assert run_on_all(install, stack, script, 2).returncode != 0
