"""``pvdask doctor``: all ticks where all is well, and for each thing that can be wrong a cross that says what to do."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import sys
from pathlib import Path

import pytest
from commandline import run_command
from ports import held_port

from pvdask.connection import Connection
from pvdask.errors import ClusterError, InputError, PvdaskError, SetupError
from pvdask.launch import ClusterHandle, ParaViewInstall, Stack, health

pytestmark = pytest.mark.cluster


def test_all_is_well_here(cluster: ClusterHandle) -> None:
    done = run_command("doctor", "--scheduler-file", str(cluster.scheduler_file))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert all(line.startswith("✓ ") for line in lines)
    titles = [line[2:].split(":")[0] for line in lines]
    assert titles[0] == "packages"
    assert {"MPI", "ParaView", "plugin", "OpenGL", "libexpat", "scheduler", "versions on the cluster"} <= set(titles)
    assert any(cluster.address in line for line in lines)


def test_no_paraview_is_a_cross_and_a_remedy(tmp_path: Path) -> None:
    done = run_command("doctor", PVDASK_PARAVIEW=str(tmp_path))
    assert done.returncode == 1
    crosses = [line for line in done.stdout.splitlines() if line.startswith("✗ ")]
    assert crosses == [
        f"✗ ParaView: PVDASK_PARAVIEW is '{tmp_path}', and there is no program pvpython in it: "
        "set it to the bin folder of a ParaView."
    ]


def test_a_lost_cluster_is_a_cross(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.json"
    with held_port() as port:
        address = f"tcp://127.0.0.1:{port}"
        path.write_text(json.dumps({"address": address}))
        with pytest.raises(ClusterError, match=f"{address} does not answer: start the cluster again"):
            health.check_scheduler(Connection(str(path)))
        with pytest.raises(ClusterError, match="did not tell its versions"):
            health.check_cluster_versions(Connection(str(path)))
    with pytest.raises(InputError, match="cannot be read"):
        health.check_scheduler(Connection(str(tmp_path / "none.json")))


def test_other_versions_on_the_cluster_are_named(cluster: ClusterHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = health.ask_cluster_versions(cluster.address)
    assert health.compare_versions(answer).startswith("the same here and on 2 worker(s)")
    worker = next(iter(answer["workers"]))
    answer["workers"][worker]["packages"]["pandas"] = "0.1"
    with pytest.raises(ClusterError, match=rf"pandas 0\.1 on {worker}, \S+ here"):
        health.compare_versions(answer)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PACKAGES", ("numpy", "no-such-package"))
    with pytest.raises(SetupError, match=f"^no-such-package is not installed for {sys.executable}"):
        health.check_packages()


def test_an_mpiexec_of_another_mpi_is_noticed(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "mpiexec"  # starts the processes, and tells them nothing of each other
    other.write_text('#!/bin/sh\nshift 2\n"$@"\n"$@"\n')
    other.chmod(0o755)
    monkeypatch.setenv("PVDASK_MPIEXEC", str(other))
    with pytest.raises(SetupError, match="started 2 processes that are not 2 ranks of one world"):
        health.check_mpi(stack)


def test_an_mpiexec_that_fails_shows_what_it_said(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "mpiexec"
    broken.write_text("#!/bin/sh\necho no slots >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PVDASK_MPIEXEC", str(broken))
    with pytest.raises(SetupError, match=r"(?s)exit status 1.*no slots"):
        health.check_mpi(stack)


def test_numpy_2_is_too_new_for_an_old_paraview(install: ParaViewInstall, monkeypatch: pytest.MonkeyPatch) -> None:
    old = dataclasses.replace(install, version="5.11.0")
    new = dataclasses.replace(install, version="5.13.2")
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2.2.4")
    with pytest.raises(SetupError, match=r"NumPy 2\.2\.4 is too new for ParaView 5\.11\.0"):
        health.check_numpy(old)
    assert health.check_numpy(new) == "2.2.4"


def test_another_package_inside_paraview_is_noticed(
    install: ParaViewInstall, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.metadata.version("pandas")
    own = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "9.9" if name == "pandas" else own(name))
    with pytest.raises(SetupError, match=f"other packages are found than here: pandas {real}, here 9.9;"):
        health.check_plugin(install, stack)


def test_a_plugin_that_does_not_load_is_noticed(
    install: ParaViewInstall, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "none.xml"
    config.write_text("<Plugins></Plugins>")
    environment = {**stack.environment(install), "PV_PLUGIN_CONFIG_FILE": str(config)}
    monkeypatch.setattr(Stack, "environment", lambda self, install, n_ranks=1: environment)
    with pytest.raises(SetupError, match="started without the Dask DataFrame Source"):
        health.check_plugin(install, stack)


def test_a_pvpython_that_fails_shows_what_it_said(
    install: ParaViewInstall, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {**stack.environment(install), "PYTHONPATH": str(tmp_path)}
    (tmp_path / "json.py").write_text("raise ImportError('broken on purpose')\n")
    monkeypatch.setattr(Stack, "environment", lambda self, install, n_ranks=1: environment)
    with pytest.raises(PvdaskError, match=r"(?s)pvpython failed \(exit status \d+\).*broken on purpose"):
        health.check_opengl(install, stack)


def test_opengl_names_the_renderer(install: ParaViewInstall, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = health.check_opengl(install, stack)
    assert "OpenGL" in finding
    assert ("X server started for it" in finding) == (install.needs_x_server and not os.environ.get("DISPLAY"))
