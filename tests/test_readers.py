"""The file readers in pvbatch: the same rows whoever reads them, and however many."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clusters import cut_evenly

from pvdask.launch import ParaViewInstall, Stack

pytestmark = pytest.mark.mpi

SCRIPT = Path(__file__).parents[1] / "ctest" / "dump_ranks.py"
N_ROWS = 4000
FILTER = "`plx[mas]` > 15"
MAXIMUM = 900


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    table = pd.DataFrame(rng.normal(0, 30, (N_ROWS, 3)), columns=["x", "y", "z"])
    table["source_id"] = 2**60 + np.arange(N_ROWS)
    table["plx[mas]"] = rng.uniform(10, 60, N_ROWS)
    table["kind"] = rng.choice(["dwarf", "giant"], N_ROWS)
    return table


@pytest.fixture(scope="module")
def files(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for index, piece in enumerate(cut_evenly(table, 7)):
        piece.to_csv(folder / f"part{index}.csv", index=False)
    table.to_csv(folder / "all.tsv.gz", sep="\t", index=False)
    for kind in ("dwarf", "giant"):
        (folder / "hive" / f"kind={kind}").mkdir(parents=True)
        rows = table[table["kind"] == kind].drop(columns="kind")
        rows.to_parquet(folder / "hive" / f"kind={kind}" / "part.parquet", row_group_size=300)
    return folder


def jobs(files: Path) -> list[dict[str, Any]]:
    csv = {"reader": "DaskCSVReader", "files": [str(files / f"part{index}.csv") for index in range(7)]}
    chosen = {"Filter": FILTER, "MaximumRows": MAXIMUM}
    columns = {"columns": ["source_id", "kind"]}
    return [
        {"name": "series", **csv, **columns},
        {"name": "chosen", **csv, **columns, "properties": chosen},
        {"name": "gzip", "reader": "DaskCSVReader", "files": [str(files / "all.tsv.gz")], **columns},
        {"name": "hive", "reader": "DaskParquetReader", "files": [str(files / "hive")], **columns},
    ]


def read(stack: Stack, install: ParaViewInstall, n_ranks: int, job: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    batch = stack.run_batch(install, n_ranks, SCRIPT, [json.dumps(job)], timeout_s=300)
    assert batch.returncode == 0, batch.stderr
    folder = Path(job["folder"])
    return {
        each["name"]: [dict(np.load(folder / f"{each['name']}-{rank}.npz")) for rank in range(n_ranks)]
        for each in job["jobs"]
    }


def together(ranks: list[dict[str, Any]], name: str) -> np.ndarray[Any, Any]:
    return np.concatenate([rank[name] for rank in ranks])


def test_the_same_points_on_any_number_of_ranks(
    stack: Stack, install: ParaViewInstall, table: pd.DataFrame, files: Path, tmp_path: Path
) -> None:
    chosen: dict[int, list[int]] = {}
    by_id = table.set_index("source_id")
    for n_ranks in (1, 2, 5):
        folder = tmp_path / str(n_ranks)
        folder.mkdir()
        found = read(stack, install, n_ranks, {"scheduler_file": "", "folder": str(folder), "jobs": jobs(files)})
        for name in ("series", "gzip"):
            assert together(found[name], "source_id").tolist() == table["source_id"].tolist()
        assert sorted(together(found["hive"], "source_id")) == table["source_id"].tolist()
        for ranks in found.values():
            rows = by_id.loc[together(ranks, "source_id")]
            assert np.array_equal(together(ranks, "Points"), rows[["x", "y", "z"]].to_numpy("f4"))
            assert np.array_equal(together(ranks, "kind"), (rows["kind"] == "giant").to_numpy("i4"))
        chosen[n_ranks] = together(found["chosen"], "source_id").tolist()
        assert min(by_id.loc[chosen[n_ranks]]["plx[mas]"]) > 15
    assert chosen[1] == chosen[2] == chosen[5]
    assert MAXIMUM * 0.985 <= len(chosen[1]) <= MAXIMUM


def test_the_workers_read_where_a_scheduler_is_named(
    stack: Stack, install: ParaViewInstall, cluster: Any, table: pd.DataFrame, files: Path, tmp_path: Path
) -> None:
    job = {"scheduler_file": str(cluster.scheduler_file), "folder": str(tmp_path), "jobs": jobs(files)}
    found = read(stack, install, 2, job)
    for name in ("series", "gzip"):
        assert together(found[name], "source_id").tolist() == table["source_id"].tolist()
    told = json.loads((tmp_path / "series.json").read_text())
    assert told["BytesReceived"] == N_ROWS * (12 + 8 + 4)
    assert told["TransferPath"] == "direct from workers"


def test_a_file_that_is_no_table_is_told_once_on_all_ranks(
    stack: Stack, install: ParaViewInstall, tmp_path: Path
) -> None:
    bad = tmp_path / "ragged.csv"
    bad.write_text("x,y,z\n1,2,3\n1,2,3,4,5\n")
    job = {"name": "bad", "reader": "DaskCSVReader", "files": [str(bad)], "columns": []}
    content = {"scheduler_file": "", "folder": str(tmp_path), "jobs": [job]}
    batch = stack.run_batch(install, 3, SCRIPT, [json.dumps(content)], timeout_s=120)
    told = json.loads((tmp_path / "bad.json").read_text())
    assert told["Failed"] == 1
    assert "ragged.csv cannot be read as a table" in told["Status"]
    assert (batch.stdout + batch.stderr).count("Dask: ") == 1
