"""``pvdask publish``: files to a DataFrame that is spread over the workers, under a name that is not taken by accident."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from clusters import connected, every_width, keep_package_from_workers, package_on_workers, unpublish
from commandline import run_command

from pvdask.launch import ClusterHandle

pytestmark = pytest.mark.cluster

NAME = "publish-test"


@pytest.fixture(autouse=True)
def _without_package(cluster: ClusterHandle) -> None:
    """What reads the files is sent to the workers: they need not have this package."""
    keep_package_from_workers(cluster)


@pytest.fixture
def free_name(cluster: ClusterHandle) -> Iterator[str]:
    """A name on the cluster that is free before and after the test."""
    unpublish(cluster, NAME)
    yield NAME
    unpublish(cluster, NAME)


def publish(cluster: ClusterHandle, *words: str) -> str:
    """Publish, and give what the command printed."""
    run = run_command("publish", *words, "--scheduler-file", str(cluster.scheduler_file))
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr
    assert "Warning" not in run.stderr
    return run.stdout


def published(cluster: ClusterHandle, name: str) -> tuple[list[int], list[int], pd.DataFrame]:
    """Rows of each partition, partitions of each worker, and the whole frame."""
    from distributed import futures_of

    with connected(cluster) as client:
        frame = client.get_dataset(name)
        futures = futures_of(frame)
        assert len(futures) == frame.npartitions  # persisted: held by the workers, not to be read again
        where = client.who_has(futures)
        workers = list(client.scheduler_info(n_workers=-1)["workers"])
        held = [sum(worker in addresses for addresses in where.values()) for worker in workers]
        pieces = client.gather(futures)
    return [len(piece) for piece in pieces], held, pd.concat(pieces)


def assert_same_table(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Same columns and bits, in the same order."""
    assert list(found.columns) == list(expected.columns)
    for name in expected.columns:
        assert found[name].dtype == expected[name].dtype, name
        assert found[name].to_numpy().tobytes() == expected[name].to_numpy().tobytes(), name


def test_a_csv_is_one_partition_a_worker_and_what_pandas_reads(
    cluster: ClusterHandle, free_name: str, gaia_csv: Path
) -> None:
    said = publish(cluster, free_name, str(gaia_csv))
    expected = pd.read_csv(gaia_csv, float_precision="round_trip")
    rows, held, frame = published(cluster, free_name)
    assert len(rows) == cluster.n_workers
    assert held == [1] * cluster.n_workers
    assert_same_table(frame, expected)
    assert f"published {free_name!r}: {len(expected):,} rows in {cluster.n_workers} partition(s)" in said
    shares = re.findall(r"worker (\S+): (\d+) partition\(s\), ([\d,]+) rows, ([\d.]+) MB", said)
    assert sorted(int(share[2].replace(",", "")) for share in shares) == sorted(rows)
    assert sum(float(share[3]) for share in shares) > 0.5 * frame.memory_usage(index=False).sum() / 1e6


@pytest.mark.parametrize("n_partitions", [1, 5])
def test_partitions_are_as_many_as_asked_for_and_spread(
    cluster: ClusterHandle, free_name: str, tmp_path: Path, n_partitions: int
) -> None:
    frame = every_width(700).drop(columns=["f2"])  # Parquet readers differ about half precision
    folder = tmp_path / "table"
    folder.mkdir()
    for index in range(3):
        frame[index * 250 : (index + 1) * 250].to_parquet(folder / f"part.{index}.parquet")
    said = publish(cluster, free_name, str(folder), "--partitions", str(n_partitions))
    rows, held, found = published(cluster, free_name)
    assert len(rows) == n_partitions
    assert max(held) - min(held) <= 1
    assert_same_table(found, frame)
    assert f"700 rows in {n_partitions} partition(s)" in said


def test_several_files_and_globs_come_in_the_order_of_their_names(
    cluster: ClusterHandle, free_name: str, tmp_path: Path
) -> None:
    for index in (2, 0, 1):
        pd.DataFrame({"x": [index * 10, index * 10 + 1], "y": 0.5, "z": 0.0}).to_csv(
            tmp_path / f"p{index}.csv", index=False
        )
    publish(cluster, free_name, str(tmp_path / "p*.csv"))
    assert published(cluster, free_name)[2]["x"].tolist() == [0, 1, 10, 11, 20, 21]
    assert np.dtype("i8") == published(cluster, free_name)[2]["x"].dtype


def test_a_name_that_is_taken_needs_replace(cluster: ClusterHandle, free_name: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text("x,y,z\n1,2,3\n")
    second.write_text("x,y,z\n4,5,6\n7,8,9\n")
    publish(cluster, free_name, str(first))
    run = run_command("publish", free_name, str(second), "--scheduler-file", str(cluster.scheduler_file))
    assert run.returncode == 1
    assert "--replace" in run.stderr
    assert repr(free_name) in run.stderr
    assert published(cluster, free_name)[2]["x"].tolist() == [1]
    publish(cluster, free_name, str(second), "--replace")
    assert published(cluster, free_name)[2]["x"].tolist() == [4, 7]


def test_a_file_that_only_looks_the_same_is_read_again(cluster: ClusterHandle, free_name: str, tmp_path: Path) -> None:
    """Dask names what it reads by a file's name, size and time, and takes what it has for the same name."""
    path = tmp_path / "stars.csv"
    path.write_text("x,y,z\n1,2,3\n")
    before = path.stat()
    publish(cluster, free_name, str(path))
    path.write_text("x,y,z\n4,5,6\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    publish(cluster, free_name, str(path), "--replace")
    assert published(cluster, free_name)[2]["x"].tolist() == [4]


def test_numbers_are_published_digit_for_digit(cluster: ClusterHandle, free_name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.normal(0, 100, (60_000, 3)), columns=["x", "y", "z"])
    for index in range(2):
        table[index * 30_000 : (index + 1) * 30_000].to_csv(tmp_path / f"{index}.csv", index=False)
    publish(cluster, free_name, str(tmp_path / "*.csv"))
    _, held, found = published(cluster, free_name)
    assert held == [1] * cluster.n_workers
    assert_same_table(found, table)
    assert set(package_on_workers(cluster).values()) == {(False, False)}
