"""What all benchmarks share: the processes, the cluster, the frames on it, and jobs for pvbatch."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from pvbench import data
from pvbench.scripts import socket_counter
from pvbench.settings import Settings
from pvdask.launch import ClusterHandle, Stack, find_paraview
from pvdask.options import Connection

SCRIPTS = Path(__file__).parent / "scripts"
MARK = "pvbench-mark"
TIMEOUT_S = 3600.0


class JobError(Exception):
    """A script of the benchmark failed; the message holds the end of what it wrote."""


class Session:
    """One run: a cluster of `Settings.workers`, and pvbatch as often as it is asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.install = find_paraview()
        self.timeline: list[dict[str, Any]] = []
        self._exit = ExitStack()
        self._published: set[tuple[str, int, int]] = set()

    def __enter__(self) -> Session:
        self.stack: Stack = self._exit.enter_context(Stack())
        self.cluster: ClusterHandle = self.stack.start_cluster(self.settings.workers)
        self.connection = Connection(str(self.cluster.scheduler_file), timeout_s=60.0)
        self.stack.environment(self.install, self.settings.ranks)  # probes and the X server, before anything is timed
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def client(self) -> Any:
        """A client of the cluster, to be closed by the caller."""
        from distributed import Client

        return Client(scheduler_file=self.connection.scheduler_file, set_as_default=True)

    def frame(self, n_rows: int, n_partitions: int | None = None) -> str:
        """Name of a persisted frame of so many rows; made the first time."""
        n_partitions = n_partitions or self.settings.ranks
        name = f"stars-{n_rows}-{n_partitions}"
        if (name, n_rows, n_partitions) not in self._published:
            self.say(f"making {n_rows:,} rows in {n_partitions} partitions")
            with self.client() as client:
                data.publish_frame(client, name, n_rows, n_partitions)
            self._published.add((name, n_rows, n_partitions))
        return name

    def drop_frames(self) -> None:
        """Forget all frames, so that the next benchmark has the memory."""
        with self.client() as client:
            for name, *_ in self._published:
                client.unpublish_dataset(name)
        self._published.clear()

    def job(
        self,
        script: str,
        content: dict[str, Any],
        *,
        n_ranks: int | None = None,
        on_mark: Callable[[str], None] | None = None,
    ) -> dict[str, Any]:
        """Run a script of `pvbench.scripts` under pvbatch; returns what it reports."""
        n_ranks = n_ranks or self.settings.ranks
        base = self.stack.folder / f"bench-{uuid.uuid4().hex}"
        report, job_file = base.with_suffix(".report"), base.with_suffix(".json")
        common = {"scheduler_file": self.connection.scheduler_file, "positions": list(data.POSITIONS)}
        job_file.write_text(json.dumps({**common, **content, "report": str(report)}), encoding="utf-8")

        def on_line(line: str) -> None:
            words = line.split()
            if words[:1] == [MARK]:
                if on_mark is not None:
                    on_mark(words[1])
                Path(f"{report}.{words[1]}").touch()

        arguments = [str(job_file)]
        batch = self.stack.run_batch(
            self.install, n_ranks, SCRIPTS / script, arguments, timeout_s=TIMEOUT_S, on_line=on_line
        )
        if batch.returncode or not report.exists():
            lines = [line for line in (batch.stdout + batch.stderr).splitlines() if line.strip()]
            raise JobError(f"{script} ended with {batch.returncode}. It said last:\n" + "\n".join(lines[-25:]))
        outcome: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return outcome

    def ours(self, dataset: str, steps: list[dict[str, Any]], **options: Any) -> list[dict[str, Any]]:
        """Results of the steps of this project's source in a fresh pvbatch."""
        results: list[dict[str, Any]] = self.job("ours.py", {"dataset": dataset, "steps": steps}, **options)["results"]
        return results

    def say(self, text: str) -> None:
        """Tell what goes on; the table goes to standard output."""
        print(f"bench: {text}", file=sys.stderr, flush=True)


class SchedulerCounter:
    """Bytes that the scheduler's process sent and was sent, beyond what its idle cluster sends it anyway."""

    IDLE_S = 2.0

    def __init__(self, client: Any) -> None:
        self._client = client
        self._on_scheduler(socket_counter.install)
        first = self._read()
        time.sleep(self.IDLE_S)
        second = self._read()
        self._idle = {
            name: (second[name] - first[name]) / (second["time"] - first["time"]) for name in ("received", "sent")
        }

    def _on_scheduler(self, function: Callable[[], Any]) -> Any:
        """Call a function there; it travels by value, since the scheduler has no benchmarks."""
        import cloudpickle

        cloudpickle.register_pickle_by_value(socket_counter)
        try:
            return self._client.run_on_scheduler(function)
        finally:
            cloudpickle.unregister_pickle_by_value(socket_counter)

    def _read(self) -> dict[str, float]:
        return {**self._on_scheduler(socket_counter.read), "time": time.monotonic()}

    def start(self) -> None:
        """Begin."""
        self._began = self._read()

    def stop(self) -> dict[str, float]:
        """Bytes since `start`; ``idle`` is what heartbeats alone would have been, and is taken off."""
        ended = self._read()
        seconds = ended["time"] - self._began["time"]
        return {name: ended[name] - self._began[name] - self._idle[name] * seconds for name in ("received", "sent")}
