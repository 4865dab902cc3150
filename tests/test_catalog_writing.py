"""How the synthetic catalogue is written: whole or not at all, over nothing that is not ours, and told where it cannot be."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from catalog_files import read_csv, run_catalog

import pvdask
from pvdask.catalog import parts, write_catalog
from pvdask.errors import InputError, OptionError, PvdaskError

pytestmark = pytest.mark.unit


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
        run_catalog("--output", str(tmp_path / "stars.csv"), *words)
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
