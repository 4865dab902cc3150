"""A cluster that speaks TLS alone: the whole way through pvbatch, and every wrong set of files refused in plain words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from commandline import run_command
from leftovers import SESSION_MARKER, environment_marker, session_folders
from thread_ranks import on_ranks

from pvdask.certificates import write_certificates
from pvdask.connection import Connection
from pvdask.errors import InputError, PvdaskError
from pvdask.launch import ClusterHandle, ParaViewInstall, Stack
from pvdask.options import SourceOptions
from pvdask.pull import pull
from pvdask.ranks import AgreedError, SerialRanks
from pvdask.tls import FOLDER_VARIABLE, TLSFiles

pytestmark = pytest.mark.cluster

N_ROWS = 500
SCRIPT = Path(__file__).resolve().parents[1] / "ctest" / "dump_ranks.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of certificates: the cluster's, another authority's, and expired ones."""
    place = tmp_path_factory.mktemp("tls")
    done = run_command("certificates", str(place / "good"))
    assert done.returncode == 0, done.stderr
    write_certificates(place / "foreign", 2)
    write_certificates(place / "expired", 2, not_before_days=-10)
    return place


@pytest.fixture(scope="module")
def tls_cluster(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterHandle]:
    """A cluster of 2 workers that speaks TLS alone, with a published frame."""
    csv = tmp_path_factory.mktemp("csv") / "stars.csv"
    pd.DataFrame({name: range(N_ROWS) for name in ("x", "y", "z", "a")}, dtype="f8").to_csv(csv, index=False)
    with pytest.MonkeyPatch.context() as patch, environment_marker(SESSION_MARKER), Stack() as stack:
        session_folders.add(stack.folder.name)
        patch.setenv(FOLDER_VARIABLE, str(folder / "good"))
        cluster = stack.start_cluster(2)
        patch.delenv(FOLDER_VARIABLE)
        tls = ("--tls", str(folder / "good"))
        done = run_command("publish", "stars", str(csv), "--scheduler-file", str(cluster.scheduler_file), *tls)
        assert done.returncode == 0, done.stderr
        yield cluster


def options(cluster: ClusterHandle, tls: TLSFiles, address: str = "") -> SourceOptions:
    """What to pull, with these files."""
    return SourceOptions(Connection(str(cluster.scheduler_file), address, 20.0, tls), "stars", columns=("a",))


def test_every_rank_pulls_over_tls(tls_cluster: ClusterHandle, folder: Path) -> None:
    assert tls_cluster.address.startswith("tls://")
    tls = TLSFiles.of_folder(folder / "good")
    outcomes = on_ranks(3, lambda ranks: pull(options(tls_cluster, tls), ranks))
    assert [outcome.error for outcome in outcomes] == [None] * 3
    assert sum(len(outcome.value.points) for outcome in outcomes) == N_ROWS
    assert {report["path"] for outcome in outcomes for report in outcome.value.reports} == {"direct from workers"}
    joined = pull(options(tls_cluster, tls), SerialRanks())  # both partitions, received in their places
    assert sorted(joined.columns[0]) == list(range(N_ROWS))
    assert joined.total("bytes_copied") == 0


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("foreign", "its certificate is not trusted"),
        ("none", "needs TLSCAFile, TLSCertificate and TLSKey"),
        ("no key", "TLSKey: no file is named"),
        ("lost", "TLSCAFile: the file"),
        ("own authority, foreign certificate", "refused our certificate|did not agree on encryption"),
    ],
)
def test_wrong_files_are_refused_in_plain_words(
    tls_cluster: ClusterHandle, folder: Path, which: str, said: str
) -> None:
    good, foreign = TLSFiles.of_folder(folder / "good"), TLSFiles.of_folder(folder / "foreign")
    files = {
        "foreign": foreign,
        "none": TLSFiles(),
        "no key": TLSFiles(good.ca_file, good.certificate),
        "lost": TLSFiles.of_folder(folder / "nowhere"),
        "own authority, foreign certificate": TLSFiles(good.ca_file, foreign.certificate, foreign.key),
    }[which]
    with pytest.raises(AgreedError, match=said):
        pull(options(tls_cluster, files), SerialRanks())


def test_an_expired_certificate_is_refused(folder: Path, no_leftovers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder / "expired"))
    expired = TLSFiles.of_environment()
    with Stack() as stack, pytest.raises(PvdaskError):  # its own workers do not trust it either
        stack.start_cluster(1, timeout_s=12)
    expired.check()  # the files as such are in order


def test_plain_and_encrypted_do_not_mix(cluster: ClusterHandle, tls_cluster: ClusterHandle, folder: Path) -> None:
    with pytest.raises(AgreedError, match="is not encrypted; nothing is sent to it"):
        pull(options(cluster, TLSFiles.of_folder(folder / "good")), SerialRanks())
    plain = str(tls_cluster.address).replace("tls://", "tcp://")
    with pytest.raises(AgreedError):
        pull(SourceOptions(Connection("", plain, 4.0), "stars"), SerialRanks())


def test_the_whole_way_through_pvbatch(
    tls_cluster: ClusterHandle, folder: Path, install: ParaViewInstall, stack: Stack, tmp_path: Path
) -> None:
    jobs = {
        "scheduler_file": str(tls_cluster.scheduler_file),
        "folder": str(tmp_path),
        "jobs": [{"name": "t", "dataset": "stars"}],
    }
    env = {FOLDER_VARIABLE: str(folder / "good")}
    done = stack.run_batch(install, 2, SCRIPT, [json.dumps(jobs)], timeout_s=90, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((tmp_path / "t.json").read_text())
    assert (told["PulledRows"], told["Failed"]) == (N_ROWS, 0)


def test_keys_are_the_owner_s_alone_and_never_written_over(folder: Path) -> None:
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder / "good").iterdir())
    assert (folder / "good").stat().st_mode & 0o077 == 0
    with pytest.raises(InputError, match="is not empty"):
        write_certificates(folder / "good", 3)
