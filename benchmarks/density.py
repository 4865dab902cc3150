"""A billion rows that are nowhere at once, binned on two workers and drawn on two ranks; with the memory that it took.

    .venv/bin/python benchmarks/density.py --rows 1e9 --dimensions 256 --output results

The frame is lazy: a generator, pickled by value, makes each partition of a galaxy of stars when its turn comes. Writes
``density.json`` (seconds, and the peak of each process' resident memory) and ``density.png``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
import pandas as pd

from pvbench import machine
from pvdask.launch import Stack, find_paraview
from pvdask.launch.markers import marked_processes

SCRIPT = Path(__file__).parent / "pvbench" / "scripts" / "density.py"
DATASET = "galaxy"
BOUNDS = [-18.0, 18.0, -18.0, 18.0, -6.0, 6.0]
POLL_S = 0.2


def stars(index: int, count: int) -> pd.DataFrame:
    """One partition: spiral arms, a bulge, and clusters of stars that are the same in all partitions."""
    rng = np.random.default_rng(index)
    n_bulge, n_clusters = count // 6, count // 8
    n_disc = count - n_bulge - n_clusters
    radius = rng.standard_gamma(2.0, n_disc, dtype="f4") * np.float32(2.6)
    arm = rng.integers(0, 4, n_disc, dtype="u1").astype("f4") * np.float32(np.pi / 2)
    angle = arm + np.float32(2.2) * np.log(radius + np.float32(0.3))
    angle += rng.standard_normal(n_disc, dtype="f4") * np.float32(0.28)
    disc = np.empty((3, n_disc), "f4")
    np.multiply(radius, np.cos(angle), out=disc[0])
    np.multiply(radius, np.sin(angle), out=disc[1])
    np.multiply(rng.standard_normal(n_disc, dtype="f4"), np.float32(0.25), out=disc[2])
    bulge = rng.standard_normal((3, n_bulge), dtype="f4") * np.array([[1.5], [1.5], [1.1]], "f4")
    same = np.random.default_rng(1)
    centres = same.normal(0, 5, (60, 3)) * [1, 1, 0.35]
    which = np.repeat(np.arange(60), n_clusters // 60 + 1)[:n_clusters]
    clusters = rng.standard_normal((3, n_clusters), dtype="f4") * np.float32(0.16) + centres[which].T.astype("f4")
    x, y, z = np.concatenate([disc, bulge, clusters], axis=1)
    return pd.DataFrame({"x": x, "y": y, "z": z}, copy=False)


def publish(address: str, n_rows: int, rows_per_partition: int) -> int:
    """Publish the lazy frame; gives the number of its partitions."""
    import dask.dataframe as dd
    from distributed import Client

    counts = [rows_per_partition] * (n_rows // rows_per_partition)
    counts += [n_rows % rows_per_partition] if n_rows % rows_per_partition else []
    with Client(address) as client:  # `stars` is of __main__, so it travels by value
        frame = dd.from_map(stars, range(len(counts)), counts, meta=stars(0, 100)[:0])
        client.publish_dataset(frame, name=DATASET, override=True)
    return len(counts)


class Peaks(threading.Thread):
    """Looks again and again at the peak of the resident memory of all processes of a stack."""

    def __init__(self, marker: str) -> None:
        super().__init__(daemon=True)
        self.found: dict[int, dict[str, Any]] = {}
        self._marker = marker
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(POLL_S):
            for pid in marked_processes(self._marker):
                try:
                    self._look(pid)
                except (OSError, ValueError):  # ended meanwhile
                    continue

    def _look(self, pid: int) -> None:
        status = Path(f"/proc/{pid}/status").read_text()
        peak = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0) * 1024
        if pid not in self.found:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            environment = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
            rank = next((e[21:] for e in environment.split("\0") if e.startswith("OMPI_COMM_WORLD_RANK=")), "")
            self.found[pid] = {"name": name_of(command, rank), "peak_bytes": 0}
        self.found[pid]["peak_bytes"] = max(peak, self.found[pid]["peak_bytes"])

    def stop(self) -> list[dict[str, Any]]:
        """End; gives what was found, the largest first."""
        self._ended.set()
        self.join()
        return sorted(self.found.values(), key=lambda process: -process["peak_bytes"])


def name_of(command: list[str], rank: str) -> str:
    """What a process is, for a person."""
    program = os.path.basename(command[0])
    words = " ".join(command)
    if "dask-mpi" in words or "dask_mpi" in words:
        return "mpiexec of dask" if program == "mpiexec" else "scheduler" if rank == "0" else f"worker {rank}"
    if "pvbatch" in words:
        return "mpiexec of ParaView" if program == "mpiexec" else f"ParaView rank {rank}"
    return program


def main(words: list[str]) -> int:
    """Do it once, and write down what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=float, default=1e9, help="rows of the frame (1e9)")
    parser.add_argument("--partition-rows", type=float, default=4e6, help="rows of a partition (4e6)")
    parser.add_argument("--dimensions", type=int, default=256, help="bins along each axis (256)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument(
        "--automatic-bounds", action="store_true", help="let the bounds be found, which makes all rows twice"
    )
    parser.add_argument("--output", type=Path, default=Path("."), help="folder for density.json and density.png")
    given = parser.parse_args(words)
    given.output.mkdir(parents=True, exist_ok=True)
    install = find_paraview()
    with Stack() as stack:
        peaks = Peaks(stack.marker)
        peaks.start()
        cluster = stack.start_cluster(given.workers)
        n_partitions = publish(cluster.address, int(given.rows), int(given.partition_rows))
        print(f"{int(given.rows):,} rows in {n_partitions} partitions, made as they are needed", flush=True)
        report = given.output / "density.json"
        job = {
            "scheduler_file": str(cluster.scheduler_file),
            "dataset": DATASET,
            "dimensions": [given.dimensions] * 3,
            "bounds": None if given.automatic_bounds else BOUNDS,
            "picture": str((given.output / "density.png").absolute()),
            "report": str(report.absolute()),
        }
        began = time.monotonic()
        done = stack.run_batch(install, given.ranks, SCRIPT, [json.dumps(job)], timeout_s=3600)
        seconds = time.monotonic() - began
        if done.returncode:
            print((done.stdout + done.stderr)[-3000:], file=sys.stderr)
            return 1
        processes = peaks.stop()
    content = {
        "rows": int(given.rows),
        "partitions": n_partitions,
        "dimensions": job["dimensions"],
        "bounds": job["bounds"],
        "workers": given.workers,
        "ranks": given.ranks,
        **json.loads(report.read_text()),
        "seconds_whole": round(seconds, 2),
        "processes": [process for process in processes if process["peak_bytes"] > 20e6],
        "machine": machine.facts(install),
    }
    report.write_text(json.dumps(content, indent=1) + "\n")
    print(content["status"])
    print(f"binned in {content['seconds_binned']} s, drawn in {content['seconds_drawn']} s, {seconds:.0f} s in all")
    for process in content["processes"]:
        print(f"  {process['name']:<20} {process['peak_bytes'] / 1e6:8,.0f} MB at most")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
