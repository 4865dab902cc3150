"""The whole source against a real dask-mpi cluster: rows, columns and bytes, on one and on several ranks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clusters import connected, cut_evenly, cut_unevenly, publish_pieces, unpublish
from thread_ranks import on_ranks as run_ranks

from pvdask.cache import ColumnCache
from pvdask.errors import CapacityError
from pvdask.launch import ClusterHandle
from pvdask.options import Connection, SourceOptions
from pvdask.pull import Pulled, pull
from pvdask.ranks import AgreedError, SerialRanks

pytestmark = pytest.mark.cluster

N_ROWS = 5000
NAME = "whole"


def make_table() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.normal(0, 30, (N_ROWS, 3)), columns=["x[pc]", "y[pc]", "z[pc]"])
    table["source_id"] = 2**60 + np.arange(N_ROWS)
    table["plx[mas]"] = rng.uniform(10, 60, N_ROWS)
    table["kind"] = pd.Series(rng.choice(["dwarf", "giant", "white dwarf"], N_ROWS), dtype="string")
    table["seen"] = pd.Timestamp("2020-01-01", tz="Europe/Berlin") + pd.to_timedelta(
        rng.integers(0, 10**6, N_ROWS), "s"
    )
    return table


TABLE = make_table()


@pytest.fixture(scope="module")
def published(cluster: ClusterHandle) -> Iterator[ClusterHandle]:
    publish_pieces(cluster, NAME, cut_evenly(TABLE, 4))
    yield cluster
    unpublish(cluster, NAME)


def options(cluster: ClusterHandle, dataset: str = NAME, **values: Any) -> SourceOptions:
    return SourceOptions(Connection(str(cluster.scheduler_file), timeout_s=60), dataset, **values)


def pulled(cluster: ClusterHandle, dataset: str = NAME, cache: ColumnCache | None = None, **values: Any) -> Pulled:
    return pull(options(cluster, dataset, **values), SerialRanks(), cache)


def column(result: Pulled, name: str) -> np.ndarray[Any, Any]:
    return result.columns[[spec.name for spec in result.specs].index(name)]


def on_ranks(cluster: ClusterHandle, n_ranks: int, dataset: str = NAME, **values: Any) -> list[Pulled]:
    outcomes = run_ranks(n_ranks, lambda ranks: pull(options(cluster, dataset, **values), ranks))
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    return [outcome.value for outcome in outcomes]


def ids(results: list[Pulled]) -> np.ndarray[Any, Any]:
    return np.concatenate([column(result, "source_id") for result in results])


def our_tasks(cluster: ClusterHandle) -> int:
    def count(dask_scheduler: Any) -> int:
        return sum(1 for key in dask_scheduler.tasks if "pvdask" in str(key))

    with connected(cluster) as client:
        return int(client.run_on_scheduler(count))


def test_labels_are_the_same_on_all_ranks_and_lead_to_the_texts(published: ClusterHandle) -> None:
    results = on_ranks(published, 3, columns=("kind", "seen"))
    (labels,) = {result.specs[0].labels for result in results}
    assert labels == ("dwarf", "giant", "white dwarf")
    texts = [labels[code] for result in results for code in column(result, "kind")]
    assert texts == TABLE["kind"].tolist()
    seconds = np.concatenate([column(result, "seen") for result in results])
    assert np.array_equal(seconds, TABLE["seen"].astype("int64") / 1e9)


def test_filter_is_applied_before_anything_is_sent(published: ClusterHandle) -> None:
    text = "`plx[mas]` > 50 and kind in ('giant', 'dwarf') and seen < '2020-01-08'"
    wanted = TABLE[(TABLE["plx[mas]"] > 50) & TABLE["kind"].isin(["giant", "dwarf"])]
    wanted = wanted[wanted["seen"] < pd.Timestamp("2020-01-08", tz="Europe/Berlin")]
    results = on_ranks(published, 2, columns=("source_id",), filter=text)
    assert ids(results).tolist() == wanted["source_id"].tolist()
    assert results[0].total("bytes_received") == len(wanted) * (3 * 4 + 8)


def test_filter_that_is_refused_is_an_agreed_error_with_a_pointer(published: ClusterHandle) -> None:
    outcomes = run_ranks(2, lambda ranks: pull(options(published, filter="kind.upper() == 'X'"), ranks))
    messages = {str(outcome.error) for outcome in outcomes}
    assert len(messages) == 1
    assert "^" in messages.pop()


def test_row_ids_lead_back_to_the_row_whatever_was_left_out(published: ClusterHandle) -> None:
    values = {"filter": "`plx[mas]` > 30", "sample_fraction": 0.5, "row_ids": True, "columns": ("source_id",)}
    results = on_ranks(published, 3, **values)
    assert sum(len(result.points) for result in results) > 100
    pieces = cut_evenly(TABLE, 4)
    for result in results:
        partitions, rows = column(result, "PartitionId"), column(result, "RowId")
        found = [pieces[partition]["source_id"].iloc[row] for partition, row in zip(partitions, rows, strict=True)]
        assert found == column(result, "source_id").tolist()


def test_sample_is_the_same_whatever_the_partitions_ranks_and_columns(published: ClusterHandle) -> None:
    values: dict[str, Any] = {"columns": ("source_id",), "sample_fraction": 0.1}
    publish_pieces(published, "other cut", cut_unevenly(TABLE, 9))
    first = ids([pulled(published, **values)])
    assert ids(on_ranks(published, 3, **values)).tolist() == first.tolist()
    assert ids(on_ranks(published, 2, "other cut", **values)).tolist() == first.tolist()
    assert (
        column(pulled(published, columns=("kind", "source_id"), sample_fraction=0.1), "source_id").tolist()
        == first.tolist()
    )
    unpublish(published, "other cut")
    smaller = ids([pulled(published, columns=("source_id",), sample_fraction=0.02)])
    assert set(smaller) < set(first)
    assert set(ids([pulled(published, **values, sample_seed=1)])) != set(first)
    assert abs(len(first) - 0.1 * N_ROWS) < 5 * np.sqrt(0.1 * 0.9 * N_ROWS)  # five standard deviations


def test_maximum_rows_is_kept_to_and_nearly_reached(published: ClusterHandle) -> None:
    for maximum in (1, 10, 700, 4999, 5000, 10**6):
        results = on_ranks(published, 2, columns=("source_id",), maximum_rows=maximum, filter="`plx[mas]` > 20")
        there = int((TABLE["plx[mas]"] > 20).sum())
        kept = len(ids(results))
        assert kept <= maximum
        assert kept >= min(maximum, there) * 0.985 - 1
    assert set(ids(on_ranks(published, 2, columns=("source_id",), maximum_rows=100))) < set(
        ids(on_ranks(published, 3, columns=("source_id",), maximum_rows=1000))
    )


def test_cache_fetches_a_new_column_alone_and_an_old_one_never(published: ClusterHandle) -> None:
    cache = ColumnCache()
    first = pulled(published, cache=cache, columns=("plx[mas]",))
    assert first.total("bytes_received") == N_ROWS * (12 + 8)
    other = pulled(published, cache=cache, columns=("source_id",))
    assert other.total("bytes_received") == N_ROWS * 8
    assert other.points is first.points
    back = pulled(published, cache=cache, columns=("plx[mas]", "source_id"))
    assert back.total("bytes_received") == 0
    assert np.array_equal(column(back, "plx[mas]"), TABLE["plx[mas]"])
    filtered = pulled(published, cache=cache, columns=("plx[mas]",), filter="`plx[mas]` > 20")
    assert filtered.total("bytes_received") == len(filtered.points) * 20
    assert list(cache.columns) == ["plx[mas]"]


def test_cache_is_bounded_and_emptied_by_an_error(published: ClusterHandle) -> None:
    cache = ColumnCache()
    for name in ("plx[mas]", "source_id", "x[pc]"):
        pulled(published, cache=cache, columns=(name,), cache_limit_bytes=2 * N_ROWS * 8)
    assert list(cache.columns) == ["source_id", "x[pc]"]
    with pytest.raises(AgreedError):
        pulled(published, cache=cache, columns=("gone",))
    assert cache.points is None
    assert not cache.columns


def test_cache_notices_another_frame_under_the_name(published: ClusterHandle) -> None:
    publish_pieces(published, "again", cut_evenly(TABLE, 2))
    cache = ColumnCache()
    pulled(published, "again", cache, columns=("source_id",))
    publish_pieces(published, "again", cut_evenly(TABLE.iloc[::-1], 2))
    result = pulled(published, "again", cache, columns=("source_id", "plx[mas]"))
    assert column(result, "source_id").tolist() == TABLE["source_id"].iloc[::-1].tolist()
    assert np.array_equal(result.points[:, 0], TABLE["x[pc]"].iloc[::-1].to_numpy("f4"))
    unpublish(published, "again")


def test_nothing_of_ours_outlives_the_pull(published: ClusterHandle) -> None:
    pulled(published, columns=("kind",), maximum_rows=10)
    with pytest.raises(AgreedError):
        pulled(published, columns=("gone",))
    assert our_tasks(published) == 0


def test_lazy_frames_are_computed_once_for_all_ranks(published: ClusterHandle, tmp_path: Path) -> None:
    import dask

    marks = tmp_path / "marks"
    marks.mkdir()

    def part(index: int, folder: str) -> pd.DataFrame:
        import os
        import tempfile

        os.close(tempfile.mkstemp(prefix=f"{index}-", dir=folder)[0])
        return pd.DataFrame({"x": [1.0, 2.0], "y": 0.0, "z": float(index), "name": ["a", "b"]})

    import dask.dataframe as dd

    with connected(published) as client:
        delayed = [dask.delayed(part)(index, str(marks)) for index in range(4)]
        frame = dd.from_delayed(delayed, meta=part(0, str(tmp_path)), verify_meta=False)
        client.publish_dataset(frame, name="lazy", override=True)
    results = on_ranks(published, 3, "lazy", columns=("name",))
    assert sum(len(result.points) for result in results) == 8
    assert sorted(file.name.split("-")[0] for file in marks.iterdir()) == ["0", "1", "2", "3"]
    unpublish(published, "lazy")


def test_series_and_what_somebody_computed(published: ClusterHandle) -> None:
    with connected(published) as client:
        frame = client.get_dataset(NAME)
        client.publish_dataset(frame["plx[mas]"], name="one series", override=True)
        joined = frame.merge(frame[["source_id"]].assign(twice=2.0), on="source_id").groupby("kind")[
            ["x[pc]", "y[pc]", "z[pc]"]
        ]
        client.publish_dataset(joined.mean(), name="grouped", override=True)
    series = pulled(published, "one series", columns=("plx[mas]",), output_type="Table")
    assert np.array_equal(column(series, "plx[mas]"), TABLE["plx[mas]"])
    grouped = pulled(published, "grouped")
    wanted = TABLE.groupby("kind")[["x[pc]", "y[pc]", "z[pc]"]].mean()
    assert np.allclose(np.sort(grouped.points, axis=0), np.sort(wanted.to_numpy("f4"), axis=0))
    unpublish(published, "one series", "grouped")


def test_spherical_flat_and_double_positions(published: ClusterHandle) -> None:
    table = pd.DataFrame({"ra": [0.0, 90.0, 180.0], "dec": [0.0, 45.0, -90.0], "dist": [1.0, 2.0, 3.0]})
    publish_pieces(published, "sky", cut_evenly(table, 2))
    found = pulled(published, "sky", coordinates="Spherical degrees", point_precision="Double")
    root = np.sqrt(2.0)
    assert np.allclose(found.points, [[1, 0, 0], [0, root, root], [0, 0, -3]], atol=1e-12)
    unit = pulled(published, "sky", positions=("ra", "dec", "(none)"), coordinates="Spherical degrees")
    assert np.allclose(np.linalg.norm(unit.points, axis=1), 1)
    flat = pulled(published, "sky", positions=("ra", "dec", "(none)"))
    assert flat.points.tolist() == [[0, 0, 0], [90, 45, 0], [180, -90, 0]]
    assert found.points.dtype == "f8"
    assert flat.points.dtype == "f4"
    unpublish(published, "sky")


def test_rows_without_a_position_are_dropped_and_none_left_is_a_valid_picture(published: ClusterHandle) -> None:
    table = pd.DataFrame({"x": [1.0, np.nan, 3.0, 4.0], "y": [1.0, 1.0, np.inf, 2.0], "z": 0.0, "id": [1, 2, 3, 4]})
    publish_pieces(published, "holes", cut_evenly(table, 2))
    results = on_ranks(published, 3, "holes", columns=("id",))
    assert np.concatenate([column(result, "id") for result in results]).tolist() == [1, 4]
    assert {result.figures()["dropped_rows"] for result in results} == {2}
    empty = on_ranks(published, 2, "holes", columns=("id",), filter="id > 99")
    assert [result.points.shape for result in empty] == [(0, 3), (0, 3)]
    assert [column(result, "id").dtype for result in empty] == ["i8", "i8"]
    unpublish(published, "holes")


def test_odd_column_names_and_doubled_ones(published: ClusterHandle) -> None:
    names: list[Any] = ["x", "X", "y", "z", 'a "quoted", [odd] name', "größe", "1st", 7, ("a", 1), "a'b`c"]
    table = pd.DataFrame(np.arange(20.0).reshape(2, 10), columns=pd.Index(names, tupleize_cols=False))
    publish_pieces(published, "odd", [table])
    shown = tuple(str(name) for name in names)
    result = pulled(published, "odd", columns=shown, positions=("x", "y", "z"), filter="`a'b``c` < 10 and `7` >= 7")
    assert [array.tolist() for array in result.columns] == [[float(index)] for index in range(10)]
    publish_pieces(published, "doubled", [table.set_axis(["x", "y", "z", "z", *"abcdef"], axis=1)])
    with pytest.raises(AgreedError, match="several columns of the same name: 'z'"):
        pulled(published, "doubled")
    unpublish(published, "odd", "doubled")


def test_no_column_that_is_not_needed_is_read_from_parquet(published: ClusterHandle, tmp_path: Path) -> None:
    import dask.dataframe as dd

    file = tmp_path / "stars.parquet"
    TABLE.rename(columns={"x[pc]": "x", "y[pc]": "y", "z[pc]": "z"}).sort_values("plx[mas]").to_parquet(
        file, row_group_size=500
    )
    with connected(published) as client:
        client.publish_dataset(dd.read_parquet(file, split_row_groups=True), name="files", override=True)
    filtered = pulled(published, "files", columns=("source_id",), filter="`plx[mas]` > 55")
    wanted = TABLE[TABLE["plx[mas]"] > 55]["source_id"]
    assert set(column(filtered, "source_id")) == set(wanted)
    assert filtered.total_rows < N_ROWS / 4  # row groups without such a row were not read
    numbered = pulled(published, "files", columns=("source_id",), filter="`plx[mas]` > 55", row_ids=True)
    assert numbered.total_rows == N_ROWS  # all were: places in the frame count
    # The damaged column is never touched, so nobody notices.
    damaged = tmp_path / "damaged.parquet"
    damage_column(file, damaged, "seen")
    with connected(published) as client:
        client.publish_dataset(dd.read_parquet(damaged), name="damaged", override=True)
    assert len(pulled(published, "damaged", columns=("source_id",)).points) == N_ROWS
    with pytest.raises(AgreedError):
        pulled(published, "damaged", columns=("seen",))
    unpublish(published, "files", "damaged")


def damage_column(source: Path, target: Path, name: str) -> None:
    """Copy a Parquet file, with the pages of one column overwritten."""
    import pyarrow.parquet as pq

    content = bytearray(source.read_bytes())
    metadata = pq.ParquetFile(source).metadata
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            if chunk.path_in_schema == name:
                first = chunk.dictionary_page_offset or chunk.data_page_offset
                content[first : first + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    target.write_bytes(content)


def test_files_are_read_by_the_workers_where_a_scheduler_is_named(published: ClusterHandle, tmp_path: Path) -> None:
    TABLE.to_csv(tmp_path / "stars.csv.gz", index=False)
    connection = Connection(str(published.scheduler_file))
    files = SourceOptions(connection, files=(str(tmp_path / "stars.csv.gz"),), columns=("source_id",))
    outcomes = run_ranks(2, lambda ranks: pull(files, ranks))
    results = [outcome.value for outcome in outcomes]
    assert ids(results).tolist() == TABLE["source_id"].tolist()
    assert results[0].total("bytes_received") == N_ROWS * 20


def test_a_pull_that_does_not_fit_is_refused_with_the_sizes(
    published: ClusterHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pvdask import memory

    monkeypatch.setattr(memory, "available_bytes", lambda: 20_000)
    with pytest.raises(CapacityError, match=r"SampleFraction of 0\.\d+ would fit") as caught:
        pulled(published, columns=("source_id",))
    assert caught.value.needed_bytes >= N_ROWS * 20
    assert our_tasks(published) == 0
