"""Pulls that cannot succeed: one message, an empty output on every rank, and no rank left waiting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from clusters import ID, cut_evenly, every_width, keep_package_from_workers, publish_pieces, unpublish
from ports import held_port

from pvdask.launch import BatchDeadlineError, ClusterHandle, ParaViewInstall, Stack, mpi_command
from pvdask.options import OVERRIDES_VARIABLE

pytestmark = pytest.mark.cluster

SCRIPT = Path(__file__).resolve().parents[1] / "ctest" / "failing_ranks.py"
GOOD, TEXT = "failing-good", "failing-text"
N_ROWS = 600


@dataclass(frozen=True)
class Ran:
    """What a run of pvbatch left: its exit status, what its ranks wrote, and the script's report a step."""

    status: int
    output: str
    steps: dict[str, dict[str, Any]]

    @property
    def messages(self) -> list[str]:
        """What the source told the user, over all ranks."""
        return [line for line in self.output.splitlines() if line.startswith("Dask: ")]


@pytest.fixture(scope="module")
def published(cluster: ClusterHandle) -> Iterator[ClusterHandle]:
    """A good dataset and one whose z is text, on a cluster without this package."""
    keep_package_from_workers(cluster)
    frame = every_width(N_ROWS)
    publish_pieces(cluster, GOOD, cut_evenly(frame, 3))
    publish_pieces(cluster, TEXT, cut_evenly(frame.assign(z=[f"about {z:.0f}" for z in frame["z"]]), 3))
    yield cluster
    unpublish(cluster, GOOD, TEXT)


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    """A port of loopback that refuses connections and is nobody else's meanwhile."""
    with held_port() as port:
        yield port


def failures(cluster: ClusterHandle, port: int, folder: Path) -> dict[str, tuple[dict[str, Any], tuple[str, ...]]]:
    """What to set on the source, and what its message has to say."""
    there = {"SchedulerFile": str(cluster.scheduler_file)}
    good, xyz = {**there, "Dataset": GOOD}, {"XColumn": "x", "YColumn": "y", "ZColumn": "z"}
    cut_short = folder / "cut.json"
    cut_short.write_text(cluster.scheduler_file.read_text()[:20])
    return {
        "no scheduler named": ({}, ("no scheduler is named", "SchedulerFile")),
        "missing file": ({"SchedulerFile": str(folder / "none.json")}, (str(folder / "none.json"), "cannot be read")),
        "cut short": ({"SchedulerFile": str(cut_short)}, (str(cut_short), "not JSON")),
        "nobody listens": (
            {"SchedulerAddress": f"tcp://127.0.0.1:{port}", "Dataset": GOOD, "Timeout": 1.5, **xyz},
            (f"tcp://127.0.0.1:{port}",),
        ),
        "no such dataset": ({**there, "Dataset": "nowhere", **xyz}, ("'nowhere'", repr(GOOD), repr(TEXT))),
        "no such column": ({**good, **xyz, "YColumn": "yy"}, ("YColumn", "'yy'", "'y'")),
        "text as position": ({**there, "Dataset": TEXT, **xyz}, ("ZColumn", "'z'", "numbers")),
    }


def run_steps(
    stack: Stack,
    install: ParaViewInstall,
    n_ranks: int,
    steps: dict[str, dict[str, Any]],
    folder: Path,
    **further: Any,
) -> Ran:
    """Run the script on `n_ranks` ranks; a run that hangs is stopped and fails the test."""
    report = folder / f"report-{n_ranks}.json"
    listed = [{"name": name, "properties": properties, **further} for name, properties in steps.items()]
    listed[0]["shown"] = True  # once: a view costs seconds on several ranks
    words = [json.dumps({"report": str(report), "steps": listed})]
    try:
        done = stack.run_batch(install, n_ranks, SCRIPT, words, timeout_s=120, env={"PVDASK_SCHEDULER_FILE": ""})
    except BatchDeadlineError as error:
        pytest.fail(f"{n_ranks} ranks hang:\n{error.stdout}{error.stderr[-2000:]}")
    assert report.exists(), done.stdout + done.stderr
    told = {step["name"]: step for step in json.loads(report.read_text(encoding="utf-8"))}
    return Ran(done.returncode, done.stdout + done.stderr, told)


@pytest.mark.parametrize("n_ranks", [1, 3])
def test_each_failure_is_told_once_and_leaves_every_rank_an_empty_output(
    stack: Stack, install: ParaViewInstall, published: ClusterHandle, closed_port: int, tmp_path: Path, n_ranks: int
) -> None:
    wrong = failures(published, closed_port, tmp_path)
    good = {"SchedulerFile": str(published.scheduler_file), "Dataset": GOOD}
    steps = {name: properties for name, (properties, _) in wrong.items()} | {"good": good}
    ran = run_steps(stack, install, n_ranks, steps, tmp_path)
    assert ran.status == 0  # the script went on to its end, as it should
    assert "Traceback" not in ran.output
    for name, (_, said) in wrong.items():
        step = ran.steps[name]
        assert step["failed"] == 1, step
        assert step["source"] == [0, 0, 0], step
        assert step["Glyph"][0] == step["RedistributeDataSet"][0] == 0, step
        assert step["status"].startswith("Error: ")
        assert all(part in step["status"] for part in said), step["status"]
        assert ran.output.count("Dask: " + step["status"].removeprefix("Error: ")) == 1, (name, ran.output)
    assert len(ran.messages) == len(wrong), ran.messages
    # After all that, the same ranks pull what is there, and the filters behind the source have work.
    assert ran.steps["good"]["failed"] == 0
    assert ran.steps["good"]["source"][0] == ran.steps["good"]["RedistributeDataSet"][0] == N_ROWS
    assert ran.steps["good"]["Glyph"][0] > N_ROWS
    assert ran.steps["good"]["Histogram"][1] > 0


@pytest.mark.parametrize("failing_rank", [0, 1, 2])
def test_one_rank_alone_that_fails_is_every_ranks_failure(
    stack: Stack, install: ParaViewInstall, published: ClusterHandle, tmp_path: Path, failing_rank: int
) -> None:
    report = tmp_path / "report.json"
    properties = {"SchedulerFile": str(published.scheduler_file), "Dataset": GOOD, "Timeout": 20}
    words = json.dumps({"report": str(report), "steps": [{"name": "alone", "properties": properties}]})
    program = [str(install.program("pvbatch")), "--force-offscreen-rendering", str(SCRIPT), words]
    command = one_program_a_rank(program, 3, failing_rank)
    process = stack.start(command, env=stack.environment(install, 3))
    assert process.wait(240) == 0, process.tail()
    output = process.stdout + process.stderr
    (step,) = json.loads(report.read_text(encoding="utf-8"))
    assert step["failed"] == 1, output
    assert step["source"] == [0, 0, 0]
    assert OVERRIDES_VARIABLE in step["status"]
    assert f"rank {failing_rank} of 3" in step["status"]
    assert output.count("Dask: ") == 1, output


def one_program_a_rank(program: list[str], n_ranks: int, failing_rank: int) -> list[str]:
    """An mpiexec command in which one rank has properties in its environment that cannot be used."""
    mpiexec, *_ = mpi_command(1, program)
    words = [mpiexec]
    for rank in range(n_ranks):
        value = "neither JSON nor empty" if rank == failing_rank else ""
        words += [":"] * (rank > 0) + ["-n", "1", "env", f"{OVERRIDES_VARIABLE}={value}", *program]
    return words


def test_must_fail_a_good_pull_is_not_taken_for_a_failed_one(
    stack: Stack, install: ParaViewInstall, published: ClusterHandle, tmp_path: Path
) -> None:
    properties = {"SchedulerFile": str(published.scheduler_file), "Dataset": GOOD}
    ran = run_steps(stack, install, 2, {"good": properties}, tmp_path, columns=[ID])
    assert ran.messages == []
    assert ran.steps["good"]["source"] == [N_ROWS, 0, 1]
