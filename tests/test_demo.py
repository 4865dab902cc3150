"""``pvdask demo``: the whole way to two pictures, and what is left when it is interrupted on the way."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from commandline import run_command, start_command
from images import n_coloured, n_near, read

pytestmark = pytest.mark.render

RANK_COLOURS = ((0.12, 0.47, 0.71), (1.0, 0.5, 0.05))
INTERRUPTED = 130


def check_pictures(folder: Path) -> None:
    """Both pictures are there, nothing else is, and both show stars and a legend."""
    assert sorted(path.name for path in folder.iterdir()) == ["ranks.png", "stars.png"]
    stars, ranks = read(folder / "stars.png"), read(folder / "ranks.png")
    assert stars.shape == ranks.shape == (500, 800, 3)
    for pixels in (stars, ranks):
        assert 5_000 < n_coloured(pixels) < 0.7 * 500 * 800
        assert n_coloured(pixels[300:, 650:]) > 1_000
    shares = [n_near(ranks, colour) for colour in RANK_COLOURS]
    assert min(shares) > 0.2 * sum(shares) > 100, shares


def check_report(output: str, n_rows: int) -> None:
    """A line a rank for each picture: its partition, its rows, the bytes."""
    lines = re.findall(
        r"rank (\d): partition\(s\) ([\d, ]+); ([\d,]+) rows; ([\d,]+) bytes received, ([\d,]+) copied; (.+); [\d.]+ s",
        output,
    )
    assert [(line[0], line[1]) for line in lines] == [("0", "0"), ("1", "1")] * 2, output
    for picture in (lines[:2], lines[2:]):
        assert sum(int(line[2].replace(",", "")) for line in picture) == n_rows
    assert {line[5] for line in lines} == {"direct from workers"}
    assert all(int(line[3].replace(",", "")) > 0 for line in lines)
    assert "nothing is left running" in output


def test_demo_makes_both_pictures_and_says_what_each_rank_did(tmp_path: Path) -> None:
    run = run_command("demo", "--rows", "6000", "-o", str(tmp_path / "out"), timeout_s=280)
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr
    check_report(run.stdout, 6_000)
    check_pictures(tmp_path / "out")


def test_demo_takes_a_table_of_ones_own(tmp_path: Path, gaia_csv: Path) -> None:
    run = run_command("demo", "--input", str(gaia_csv), "-o", str(tmp_path / "out"), timeout_s=280)
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr
    with gaia_csv.open() as file:
        n_rows = sum(1 for _ in file) - 1
    check_report(run.stdout, n_rows)
    assert "x[pc], y[pc], z[pc]" in run.stdout
    check_pictures(tmp_path / "out")


@pytest.mark.parametrize("moment", ["making a catalogue", "starting a dask-mpi cluster", "drawing stars.png", "rank 1"])
def test_interrupted_demo_leaves_nothing(tmp_path: Path, moment: str) -> None:
    # That no process and no temporary file is left, the fixture of every test sees to.
    folder = tmp_path / "out"
    rows = "2000000" if moment == "making a catalogue" else "2000"
    with start_command("demo", "--rows", rows, "-o", str(folder), PYTHONUNBUFFERED="1") as process:
        said = interrupt_at(process, moment)
    assert process.returncode == INTERRUPTED, said
    assert moment in said
    assert "interrupted" in said
    assert "Traceback" not in said, said
    left = [path.name for path in folder.iterdir()]
    assert left == (["stars.png"] if moment == "rank 1" else []), left
    for name in left:
        assert n_coloured(read(folder / name)) > 1_000


def interrupt_at(process: subprocess.Popen[str], moment: str, timeout_s: float = 200.0) -> str:
    """Press Ctrl-C shortly after the command has said this, and give all that it said."""
    lines: list[str] = []
    came = threading.Event()

    def follow(stream: object) -> None:
        for line in stream:  # type: ignore[attr-defined]
            lines.append(line)
            if moment in line:
                came.set()

    readers = [threading.Thread(target=follow, args=(stream,)) for stream in (process.stdout, process.stderr)]
    for reader in readers:
        reader.start()
    try:
        assert came.wait(timeout_s), "".join(lines)
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGINT)
        process.wait(30)
    finally:
        process.kill()
        for reader in readers:
            reader.join(10)
    return "".join(lines)
