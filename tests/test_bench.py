"""``./run bench`` at tiny sizes: all of it runs, and so do the peers' own code paths; how fast is not asked here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from leftovers import SESSION_MARKER, environment_marker

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).resolve().parents[1]
N_ROWS = 20_000
SIZES = [
    "--rows",
    str(N_ROWS),
    "--csv-rows",
    "2000",
    "--growth-rows",
    "2000",
    "4000",
    "--picture-rows",
    "2000",
    "--glyph-stars",
    "4",
]
ALL = {
    "csv",
    "persisted",
    "wire",
    "recolour",
    "memory",
    "growth",
    "frames",
    "picture",
    "timeline",
    "startup",
    "table",
    "page",
}


@pytest.fixture(scope="module")
def results(own_temporary_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run of all benchmarks: its results file, what it printed, and the folder it wrote to."""
    output = tmp_path_factory.mktemp("bench")
    command = [sys.executable, str(REPOSITORY / "benchmarks" / "run.py"), "--quick", *SIZES, "--output", str(output)]
    with environment_marker(SESSION_MARKER):
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = output.glob("bench-*.json")
    return {**json.loads(path.read_text(encoding="utf-8")), "printed": done.stdout, "folder": output}


def rows_of(results: dict[str, Any], benchmark: str, **wanted: Any) -> list[dict[str, Any]]:
    """Rows of one benchmark."""
    rows = [row for row in results["rows"] if row["benchmark"] == benchmark]
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


@pytest.mark.timeout(900)  # all of it is run here, on whatever else the machine does
def test_every_benchmark_gives_figures_of_one_form(results: dict[str, Any]) -> None:
    assert {row["benchmark"] for row in results["rows"]} == ALL
    assert results["failed"] == {}
    assert set(results["load"]) == ALL
    for row in results["rows"]:
        ours, target = row["ours"], row["target"]
        assert ours["min"] <= ours["median"] <= ours["max"], row
        assert row["what"][:30] in results["printed"]
        if target is not None:
            at_least = row["reached"] >= target["value"]
            at_most = row["reached"] <= target["value"]
            assert row["met"] is (at_least if target["at_least"] else at_most), row
    assert results["machine"]["cores"] >= 1
    assert results["machine"]["packages"]["distributed"]
    assert str(REPOSITORY) not in json.dumps([results["machine"], results["options"], results["rows"]])
    for name in ("speedup.png", "growth.png", "timeline.png"):
        assert (results["folder"] / name).read_bytes().startswith(b"\x89PNG"), name


@pytest.mark.timeout(900)
def test_the_peers_are_the_real_ones(results: dict[str, Any]) -> None:
    persisted = rows_of(results, "persisted")
    # On every rank it was the real PVGeo, by way of the real pyvista, that made the tables.
    for row in persisted:
        assert [rank["PVGeo"] for rank in row["detail"]["peer_packages"]] == ["3.0.2", "3.0.2"]
        assert [rank["pyvista"] for rank in row["detail"]["peer_packages"]] == ["0.43.10", "0.43.10"]
    assert [row["target"]["value"] for row in persisted if row["target"]] == [12, 5]
    assert [row["target"]["value"] for row in rows_of(results, "csv") if row["target"]] == [40]
    assert {row["what"].rpartition(", ")[2] for row in persisted} == {"cold", "warm"}
    for row in rows_of(results, "wire"):
        # Six columns of float64, of which three are sent as float32 points.
        assert row["note"].startswith(f"{N_ROWS * (3 * 4 + 3 * 8) / 1e6:.0f} MB")
        assert row["peer"]["median"] > 0
    n_triangles = [int(row["note"].split()[-2].replace(",", "")) for row in rows_of(results, "frames")]
    assert n_triangles == [4 * 2 * 180 * (90 - 2)] * 2, "the notebook's spheres, 180 x 90"


@pytest.mark.timeout(900)
def test_counters_hold_at_any_size(results: dict[str, Any]) -> None:
    (cached,) = [row for row in rows_of(results, "recolour") if row["ours"]["unit"] == "B"]
    assert cached["ours"]["max"] == 0
    (beyond,) = [row for row in rows_of(results, "memory") if row["ours"]["unit"] == "MB"]
    assert 0 < beyond["reached"] < 1, "rank 0 was sent no more than its share, and something was counted"
    sent = [row for row in rows_of(results, "growth") if row["ours"]["unit"] == "kB" and "rows" in row["detail"]]
    assert [row["detail"]["rows"] for row in sent] == [2000, 4000]
    assert all(row["ours"]["median"] > 1 for row in sent), "a pull that the scheduler heard nothing of"
    (modules,) = [row for row in rows_of(results, "startup") if row["target"]]
    assert modules["reached"] == 0, "pandas or dask.dataframe was imported behind rank 0"
    ranks = rows_of(results, "startup", what="imports on rank 0")[0]["detail"]["ranks"][0]
    assert ranks[0]["modules"]["dask.dataframe"] is True, "the check sees what was imported"


@pytest.mark.timeout(900)
def test_pictures_are_compared_and_the_timeline_has_no_gap(results: dict[str, Any]) -> None:
    (look,) = [row for row in rows_of(results, "picture") if row["ours"]["unit"] == "px"]
    assert look["reached"] == 0
    phases = results["timeline"]
    assert all(phase["seconds"] > 0 for phase in phases)
    total = rows_of(results, "timeline")[0]["ours"]["median"]
    assert sum(phase["seconds"] for phase in phases) == pytest.approx(total)


def test_a_size_of_none_is_refused() -> None:
    command = [sys.executable, str(REPOSITORY / "benchmarks" / "run.py"), "--rows", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "expected a whole number of 1 or more" in done.stderr
