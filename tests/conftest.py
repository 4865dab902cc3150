"""Fixtures for all tests: the ParaView in use, a stack of processes, a dask-mpi cluster, real stars."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from leftovers import SESSION_MARKER, environment_marker, no_leftovers, own_temporary_folder, session_folders

from pvdask.launch import ClusterHandle, ParaViewInstall, Stack, find_paraview

__all__ = ["no_leftovers", "own_temporary_folder"]

REPOSITORY = Path(__file__).resolve().parents[1]
N_GAIA_STARS = 12_366


@pytest.fixture(scope="session")
def install() -> ParaViewInstall:
    """The ParaView in use."""
    return find_paraview()


@pytest.fixture
def stack(no_leftovers: str) -> Iterator[Stack]:
    """Processes for one test; ended with it."""
    with Stack() as stack:
        yield stack


@pytest.fixture(scope="session")
def cluster(own_temporary_folder: Path) -> Iterator[ClusterHandle]:
    """A dask-mpi cluster of 2 workers on loopback, for the whole session: publish under a name of the test's own."""
    with environment_marker(SESSION_MARKER), Stack() as stack:
        session_folders.add(stack.folder.name)
        yield stack.start_cluster(2)


@pytest.fixture(scope="session")
def gaia_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12,366 real stars within 100 pc where they are at hand (see CONTRIBUTING), else as many made-up ones."""
    real = REPOSITORY.parent / "shared" / "data" / "ds.eq.csv"
    if real.is_file():
        return real
    from pvdask.catalog import write_catalog

    path = tmp_path_factory.mktemp("catalog") / "stars.csv"
    write_catalog(path, N_GAIA_STARS)
    return path
