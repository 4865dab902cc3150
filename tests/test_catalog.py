"""The synthetic catalogue: what is written, that it depends on seed and row alone, and that it is physically of a piece."""

from __future__ import annotations

import argparse
import resource
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pvdask
from pvdask import catalog
from pvdask.catalog import BLOCK_ROWS, DECIMALS, draw, generate_chunk, healpix, model, parts, write_catalog
from pvdask.commands import catalog as command
from pvdask.errors import InputError, OptionError, PvdaskError

pytestmark = pytest.mark.unit

HEADER = "source_id,x[pc],y[pc],z[pc],ra[deg],dec[deg],plx[mas],pmra[mas/yr],pmdec[mas/yr],G[mag],bp_rp[mag],M_G[mag]"
POSITION = ["x[pc]", "y[pc]", "z[pc]"]


@pytest.fixture(scope="module")
def stars() -> pd.DataFrame:
    """A whole block."""
    return generate_chunk(11, 0, BLOCK_ROWS)


@pytest.fixture(scope="module")
def two_blocks() -> pd.DataFrame:
    return generate_chunk(5, 0, 2 * BLOCK_ROWS)


def read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, float_precision="round_trip")


def main_sequence(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out what is below the main sequence, and the giants."""
    magnitude, color = frame["M_G[mag]"], frame["bp_rp[mag]"]
    dwarfs = (magnitude > 9 + 3.2 * color) & (color < 1.8)
    giants = (magnitude < 3.4) & (color > 0.85)
    return frame[~dwarfs & ~giants]


def run_command(*words: str) -> int:
    parser = argparse.ArgumentParser(exit_on_error=False)
    command.configure(parser)
    return command.run(parser.parse_args(words))


# -- what is written ------------------------------------------------------------------------------------------------


def test_csv_has_the_columns_types_and_decimals_of_the_gaia_file(tmp_path: Path) -> None:
    write_catalog(tmp_path / "stars.csv", 500, seed=3)
    lines = (tmp_path / "stars.csv").read_text().splitlines()
    assert lines[0] == HEADER
    assert len(lines) == 501
    for line in lines[1:]:
        words = line.split(",")
        assert words[0].isdigit()
        assert [len(word.partition(".")[2]) for word in words[1:]] == list(DECIMALS.values())
    types = pd.read_csv(tmp_path / "stars.csv").dtypes
    assert [str(kind) for kind in types] == ["int64"] + ["float64"] * 11


def test_one_row_is_read_with_the_same_types_as_many(tmp_path: Path) -> None:
    for seed in range(5):
        write_catalog(tmp_path / "one.csv", 1, seed=seed, replace=True)
        types = pd.read_csv(tmp_path / "one.csv").dtypes
        assert [str(kind) for kind in types] == ["int64"] + ["float64"] * 11


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_file_holds_exactly_the_generated_rows(tmp_path: Path, file_format: str) -> None:
    path = tmp_path / f"stars.{file_format}"
    summary = write_catalog(path, BLOCK_ROWS + 10, format=file_format, seed=7)
    read = read_csv(path) if file_format == "csv" else pd.read_parquet(path)
    pd.testing.assert_frame_equal(read, generate_chunk(7, 0, BLOCK_ROWS + 10), check_exact=True)
    assert (summary.path, summary.rows, summary.partitions) == (path, BLOCK_ROWS + 10, 1)
    assert summary.size_bytes == path.stat().st_size
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(("file_format", "partitions"), [("csv", 3), ("csv", 7), ("parquet", 2), ("parquet", 5)])
def test_partitions_hold_the_same_rows_in_equal_shares(tmp_path: Path, file_format: str, partitions: int) -> None:
    rows = BLOCK_ROWS + 1234
    summary = write_catalog(tmp_path / "stars", rows, format=file_format, partitions=partitions, seed=2)
    files = sorted((tmp_path / "stars").iterdir())
    assert [file.name for file in files] == [f"part.{index:04d}.{file_format}" for index in range(partitions)]
    parts = [read_csv(file) if file_format == "csv" else pd.read_parquet(file) for file in files]
    assert {len(part) for part in parts} <= {rows // partitions, rows // partitions + 1}
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), generate_chunk(2, 0, rows), check_exact=True)
    assert summary.size_bytes == sum(file.stat().st_size for file in files)


def test_parquet_is_streamed_as_one_row_group_a_block(tmp_path: Path) -> None:
    write_catalog(tmp_path / "stars.parquet", 2 * BLOCK_ROWS + 5, format="parquet")
    layout = pq.ParquetFile(tmp_path / "stars.parquet").metadata
    assert [layout.row_group(i).num_rows for i in range(layout.num_row_groups)] == [BLOCK_ROWS, BLOCK_ROWS, 5]


def test_names_sort_as_the_parts_do_beyond_ten_thousand() -> None:
    layout = catalog._Layout(rows=20_000, partitions=20_000, format="csv")
    names = [layout.file(Path("stars"), part).name for part in range(20_000)]
    assert names == sorted(names)


# -- seed and row alone ---------------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(start=st.integers(0, 2 * BLOCK_ROWS), rows=st.integers(0, BLOCK_ROWS))
def test_rows_do_not_depend_on_the_chunk_they_are_asked_for_in(two_blocks: pd.DataFrame, start: int, rows: int) -> None:
    rows = min(rows, 2 * BLOCK_ROWS - start)
    expected = two_blocks.iloc[start : start + rows].reset_index(drop=True)
    pd.testing.assert_frame_equal(generate_chunk(5, start, rows), expected, check_exact=True)


def test_another_seed_and_another_block_are_other_stars(two_blocks: pd.DataFrame) -> None:
    other = generate_chunk(6, 0, BLOCK_ROWS)
    first, second = two_blocks.iloc[:BLOCK_ROWS], two_blocks.iloc[BLOCK_ROWS:]
    for pair in (other, second):
        assert not np.isin(pair["ra[deg]"], first["ra[deg]"]).mean() > 0.001


def test_memory_does_not_grow_with_rows(tmp_path: Path) -> None:
    def peak_bytes(rows: int) -> int:
        tracemalloc.start()
        try:
            write_catalog(tmp_path / "stars.csv", rows, replace=True)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak_bytes(1)
    assert peak_bytes(5 * BLOCK_ROWS) < 1.5 * peak_bytes(BLOCK_ROWS)


def test_progress_counts_every_row_and_never_more_than_a_block(tmp_path: Path) -> None:
    steps: list[int] = []
    write_catalog(tmp_path / "stars", 2 * BLOCK_ROWS + 7, partitions=3, on_progress=steps.append)
    assert sum(steps) == 2 * BLOCK_ROWS + 7
    assert max(steps) <= BLOCK_ROWS


# -- physics --------------------------------------------------------------------------------------------------------


def test_columns_agree_with_each_other_to_their_last_digit(stars: pd.DataFrame) -> None:
    ra, dec = np.radians(stars["ra[deg]"]), np.radians(stars["dec[deg]"])
    distance = 1000 / stars["plx[mas]"]
    for name, expected in (
        ("x[pc]", distance * np.cos(dec) * np.cos(ra)),
        ("y[pc]", distance * np.cos(dec) * np.sin(ra)),
        ("z[pc]", distance * np.sin(dec)),
    ):
        np.testing.assert_allclose(stars[name], expected, rtol=0, atol=0.51e-5)
    apparent = stars["M_G[mag]"] + 5 * np.log10(distance / 10)
    np.testing.assert_allclose(stars["G[mag]"], apparent, rtol=0, atol=0.51e-4)


def test_values_have_no_more_decimals_than_their_column(stars: pd.DataFrame) -> None:
    for name, places in DECIMALS.items():
        np.testing.assert_array_equal(stars[name], stars[name].round(places))
        assert not np.signbit(stars[name][stars[name] == 0]).any()


def test_sample_keeps_to_its_limits(stars: pd.DataFrame) -> None:
    assert stars["plx[mas]"].min() >= 10
    assert stars["plx[mas]"].max() <= 768.1
    assert stars["ra[deg]"].between(0, 360, inclusive="left").all()
    assert stars["dec[deg]"].between(-90, 90).all()
    assert stars["G[mag]"].between(3, 20.8).all()
    assert np.isfinite(stars.to_numpy(dtype=float)).all()


def test_density_is_even_along_the_plane_and_falls_off_across_it(two_blocks: pd.DataFrame) -> None:
    galactic = two_blocks[POSITION].to_numpy() @ model.GALACTIC_TO_ICRS
    # Stars that would be listed anywhere in the sphere, so that distance does not pick among them.
    galactic = galactic[two_blocks["M_G[mag]"].between(5, 11)]
    height = np.abs(galactic[:, 2])
    across = np.hypot(galactic[:, 0], galactic[:, 1])
    counts, edges = np.histogram(height[across < 50], np.linspace(0, 85, 18))
    centers = 0.5 * (edges[1:] + edges[:-1])
    slope, _ = np.polyfit(centers, np.log(counts), 1, w=np.sqrt(counts))
    assert -1 / slope == pytest.approx(300, rel=0.35)
    rings, _ = np.histogram(across[height < 40] ** 2, np.linspace(0, 90**2, 10))
    assert rings.max() / rings.min() < 1.1
    quadrants = np.bincount((galactic[:, 0] > 0) * 2 + (galactic[:, 1] > 0))
    assert quadrants.max() / quadrants.min() < 1.05


def test_luminosity_function_peaks_at_the_m_dwarfs(stars: pd.DataFrame) -> None:
    counts, _ = np.histogram(main_sequence(stars)["M_G[mag]"], np.arange(0, 16))
    assert np.argmax(counts) in (10, 11)
    # The Sun is brighter than nine in ten of its neighbours.
    assert 0.85 < (stars["M_G[mag]"] > 4.67).mean() < 0.95


@pytest.mark.parametrize(
    ("magnitude", "color"),
    [(2.5, 0.48), (4.67, 0.82), (7.0, 1.45), (9.27, 2.26), (11.2, 2.82), (13.2, 3.6)],
    ids=["F0", "Sun", "K5", "M2", "M4", "M5.5"],
)
def test_main_sequence_runs_where_dwarfs_are(stars: pd.DataFrame, magnitude: float, color: float) -> None:
    dwarfs = main_sequence(stars)
    near = dwarfs[np.abs(dwarfs["M_G[mag]"] - magnitude) < 0.1]
    assert near["bp_rp[mag]"].median() == pytest.approx(color, abs=0.1)


def test_white_dwarfs_are_a_twentieth_of_the_sample(stars: pd.DataFrame) -> None:
    magnitude, color = stars["M_G[mag]"], stars["bp_rp[mag]"]
    assert 0.04 < ((magnitude > 9 + 3.2 * color) & (color < 1.8)).mean() < 0.07


def test_proper_motions_are_those_of_the_velocities() -> None:
    # A star at 10 pc on the x axis, with 4.74047 km/s to the north celestial pole: 1 au/yr at 100 mas.
    velocity = np.array([[0.0, 0.0, 4.74047]]) @ model.GALACTIC_TO_ICRS
    zero = np.zeros(1)
    east, north = draw.proper_motions(velocity, zero, zero, np.array([100.0]))
    assert east[0] == pytest.approx(0, abs=1e-6)
    assert north[0] == pytest.approx(100, rel=1e-6)


def test_mean_motion_is_the_reflection_of_the_suns(two_blocks: pd.DataFrame) -> None:
    # Seen towards the galactic poles, proper motion is U and V: 11.1 and 12.24 km/s of the Sun's, and the lag.
    galactic = two_blocks[POSITION].to_numpy() @ model.GALACTIC_TO_ICRS
    latitude = np.degrees(np.arcsin(galactic[:, 2] / np.linalg.norm(galactic, axis=1)))
    polar = two_blocks[np.abs(latitude) > 80]
    ra, dec = np.radians(polar["ra[deg]"]), np.radians(polar["dec[deg]"])
    to_km_s = 4.74047 / polar["plx[mas]"]
    east = np.array([-np.sin(ra), np.cos(ra), np.zeros(len(ra))])
    north = np.array([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)])
    velocity = (east * (polar["pmra[mas/yr]"] * to_km_s).to_numpy()) + north * (
        polar["pmdec[mas/yr]"] * to_km_s
    ).to_numpy()
    u, v, _ = model.GALACTIC_TO_ICRS.T @ velocity
    assert np.median(u) == pytest.approx(-11.1, abs=3)
    assert -30 < np.median(v) < -15
    assert u.std() > 1.3 * v.std()


def test_hyades_stand_out_and_move_together(two_blocks: pd.DataFrame) -> None:
    ra, dec, distance = model.HYADES.center_icrs
    toward = np.array(
        [
            np.cos(np.radians(dec)) * np.cos(np.radians(ra)),
            np.cos(np.radians(dec)) * np.sin(np.radians(ra)),
            np.sin(np.radians(dec)),
        ]
    )
    offset = two_blocks[POSITION].to_numpy()
    core = np.linalg.norm(offset - distance * toward, axis=1) < 3.1
    opposite = np.linalg.norm(offset + distance * toward, axis=1) < 3.1
    assert core.sum() > 10 * max(opposite.sum(), 1)
    # Measured for the cluster by Gaia: about 101 and -28 mas/yr.
    members = two_blocks[core]
    assert members["pmra[mas/yr]"].median() == pytest.approx(103, abs=6)
    assert members["pmdec[mas/yr]"].median() == pytest.approx(-29, abs=6)


# -- source ids -----------------------------------------------------------------------------------------------------


def test_ids_are_unique_and_beyond_float64s_integers(two_blocks: pd.DataFrame) -> None:
    ids = two_blocks["source_id"]
    assert ids.dtype == np.int64
    assert ids.is_unique
    assert ids.min() > 2**53


def test_ids_tell_rows_of_one_place_apart_far_into_a_catalogue() -> None:
    place = np.full(1000, 45.0), np.full(1000, 1.0)
    ids = [healpix.source_ids(*place, first_row=first) for first in (0, 2**28 - 500, 2**28 + 500, 2**35 - 1000)]
    assert len(np.unique(np.concatenate(ids))) == 4000
    assert (np.concatenate(ids) > 2**53).all()
    assert not (ids[0] % 128).any()


def test_ids_name_the_pixel_of_the_position(stars: pd.DataFrame) -> None:
    pixel = healpix.pixel_nested(12, stars["ra[deg]"].to_numpy(), stars["dec[deg]"].to_numpy())
    same = stars["source_id"].to_numpy() // 2**35 == pixel
    assert same[pixel >= 2**18].all()


def test_pixels_are_those_of_the_healpix_scheme() -> None:
    # Base faces: four around the north pole, four along the equator from right ascension 0, four around the south pole.
    ra = np.array([45.0, 135, 225, 315, 0, 90, 180, 270, 45, 135, 225, 315])
    dec = np.repeat([41.8, 0.0, -41.8], 4)
    np.testing.assert_array_equal(healpix.pixel_nested(0, ra, dec), np.arange(12))
    # Gaia's ids of Proxima Centauri and of Barnard's Star, at their positions of 2016.
    positions = np.array([217.39232147, 269.44850252]), np.array([-62.67607512, 4.73942005])
    np.testing.assert_array_equal(
        healpix.pixel_nested(8, *positions), np.array([5853498713190525696, 4472832130942575872]) >> 43
    )


def test_pixels_have_equal_areas() -> None:
    rng = np.random.default_rng(4)
    ra, dec = rng.random(400_000) * 360, np.degrees(np.arcsin(rng.random(400_000) * 2 - 1))
    counts = np.bincount(healpix.pixel_nested(2, ra, dec), minlength=192)
    assert len(counts) == 192
    assert np.abs(counts / counts.mean() - 1).max() < 0.1


# -- whole or not at all --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("partitions", [1, 4])
def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, partitions: int) -> None:
    def interrupt(rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_catalog(tmp_path / "stars", 10_000, partitions=partitions, on_progress=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("file_format", "partitions"), [("csv", 1), ("parquet", 1), ("csv", 40)])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, file_format: str, partitions: int) -> None:
    target = tmp_path / "stars"
    source = str(Path(pvdask.__file__).parent.parent)
    script = (
        f"import sys; sys.path.insert(0, {source!r})\n"
        "from pvdask.catalog import write_catalog\n"
        f"write_catalog({str(target)!r}, 10**8, format={file_format!r}, partitions={partitions},\n"
        "              on_progress=lambda rows: print('row', flush=True))\n"
    )
    # A group of its own, and SIGINT as a terminal sends it: a shell in the background would have it ignored.
    with subprocess.Popen(
        [sys.executable, "-c", f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{script}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "row\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in message
    assert list(tmp_path.iterdir()) == []


@contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """As a full disk or a quota: a write beyond that size fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_write_that_fails_is_reported_and_keeps_the_old_file(tmp_path: Path, file_format: str) -> None:
    target = tmp_path / "stars"
    target.write_text("old")
    with files_no_larger_than(50_000), pytest.raises(InputError, match="cannot be written"):
        write_catalog(target, 5000, format=file_format, replace=True)
    assert target.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["stars"]


def test_what_exists_is_replaced_only_when_asked(tmp_path: Path) -> None:
    target = tmp_path / "stars.csv"
    target.write_text("mine")
    with pytest.raises(InputError, match="--replace"):
        write_catalog(target, 10)
    assert target.read_text() == "mine"
    write_catalog(target, 10, replace=True)
    assert len(read_csv(target)) == 10


@pytest.mark.parametrize(("before", "after"), [(5, 2), (5, 1), (1, 3)])
def test_a_catalogue_is_replaced_as_a_whole(tmp_path: Path, before: int, after: int) -> None:
    target = tmp_path / "stars"
    write_catalog(target, 100, partitions=before)
    write_catalog(target, 60, partitions=after, replace=True)
    files = sorted(target.iterdir()) if after > 1 else [target]
    assert len(files) == after
    assert sum(len(read_csv(file)) for file in files) == 60
    assert [entry.name for entry in tmp_path.iterdir()] == ["stars"]


@pytest.mark.parametrize("partitions", [1, 2])
def test_a_folder_with_other_things_is_never_replaced(tmp_path: Path, partitions: int) -> None:
    target = tmp_path / "papers"
    target.mkdir()
    (target / "thesis.tex").write_text("ten years")
    with pytest.raises(InputError, match=r"thesis\.tex"):
        write_catalog(target, 10, partitions=partitions, replace=True)
    assert (target / "thesis.tex").read_text() == "ten years"


def test_a_device_is_not_replaced() -> None:
    with pytest.raises(InputError, match="neither a file nor a folder"):
        write_catalog("/dev/null", 10, replace=True)
    assert Path("/dev/null").is_char_device()


# -- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--rows", "0"), "at least 1"),
        (("--rows", "-3"), "at least 1"),
        (("--rows", "many"), "'many' was given"),
        (("--rows", "2.5"), "whole number"),
        (("--rows", "nan"), "whole number"),
        (("--rows", "1e999999999"), "whole number"),
        (("--rows", "1e12"), "at most"),
        (("--rows", "10", "--partitions", "11"), "partitions: 11 was given"),
        (("--rows", "10", "--partitions", "0"), "partitions: 0 was given"),
        (("--rows", "10", "--seed", "-1"), "seed: -1 was given"),
    ],
)
def test_bad_numbers_are_explained_in_a_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(PvdaskError) as caught:
        run_command("--output", str(tmp_path / "stars.csv"), *words)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nowhere/stars.csv", "does not exist"),
        ("file/stars.csv", "does not exist"),
        ("x" * 255, "cannot be written"),
        ("/proc/stars.csv", "cannot be written"),
        ("/", "no name"),
    ],
)
def test_bad_paths_are_explained_in_a_sentence(tmp_path: Path, path: str, reason: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as caught:
        write_catalog(tmp_path / path, 10)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_disk_too_small_is_found_out_before_anything_is_written(tmp_path: Path) -> None:
    rows = shutil.disk_usage(tmp_path).free // 100
    with pytest.raises(InputError, match=r"rows need at least .* are free in"):
        parts.check_room(tmp_path / "stars.csv", rows, "csv")
    parts.check_room(tmp_path / "stars.csv", rows // 3, "csv")


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="csv or parquet"):
        write_catalog(tmp_path / "stars", 10, format="fits")


# -- the command ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["2000", "2e3", "2_000", "2E+3", "2000.0"])
def test_counts_are_read_as_people_write_them(text: str) -> None:
    assert command.parse_count("--rows", text) == 2000


@pytest.mark.parametrize(
    ("name", "options", "first_bytes"),
    [
        ("stars.csv", (), b"source_id"),
        ("stars.parquet", (), b"PAR1"),
        ("stars", (), b"source_id"),
        ("stars.dat", ("--format", "parquet"), b"PAR1"),
    ],
)
def test_format_follows_the_suffix_unless_named(
    tmp_path: Path, name: str, options: tuple[str, ...], first_bytes: bytes
) -> None:
    assert run_command("--rows", "20", "--output", str(tmp_path / name), *options) == 0
    assert (tmp_path / name).read_bytes().startswith(first_bytes)


def test_command_says_what_it_wrote(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "stars"
    assert run_command("--rows", "2e3", "--partitions", "4", "--seed", "9", "--output", str(target)) == 0
    printed = capfd.readouterr()
    assert printed.out.startswith(f"{target}: 2,000 stars, 0.2 MB, 4 files, csv, in ")
    assert "rows" in printed.err
    frames = [read_csv(file) for file in sorted(target.iterdir())]
    pd.testing.assert_frame_equal(pd.concat(frames, ignore_index=True), generate_chunk(9, 0, 2000), check_exact=True)


def test_the_example_of_the_help_is_one_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = command.EXAMPLE.split()
    assert words[:2] == ["pvdask", "catalog"]
    words[words.index("--rows") + 1] = "80"
    assert run_command(*words[2:]) == 0
    assert len(pd.read_parquet(tmp_path / "stars.parquet")) == 80
