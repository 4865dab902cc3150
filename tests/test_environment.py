"""Environments and commands: what ParaView's programs and MPI ranks are started with."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pvdask.errors import SetupError
from pvdask.launch import ParaViewInstall
from pvdask.launch.environment import (
    in_several_host_job,
    mpi_command,
    mpi_environment,
    paraview_environment,
    thread_limits,
)
from pvdask.launch.layout import PLUGIN_DIR_VARIABLE, compiled_plugins, help_plugin, project_layout

pytestmark = pytest.mark.mpi


def test_the_environment_names_packages_and_plugins(install: ParaViewInstall, tmp_path: Path) -> None:
    extra = tmp_path / "a & b.xml"
    environment = paraview_environment(install, extra_plugins=[extra], workdir=tmp_path)
    entries = ElementTree.parse(environment["PV_PLUGIN_CONFIG_FILE"]).getroot().findall("Plugin")
    names = [Path(entry.attrib["filename"]) for entry in entries]
    assert set(project_layout().xml_files) | {extra} <= set(names)
    assert all(entry.attrib["auto_load"] == "1" for entry in entries)
    folders = environment["PYTHONPATH"].split(os.pathsep)
    assert any((Path(folder) / "pvdask_plugin").is_dir() for folder in folders)
    assert any((Path(folder) / "dask").is_dir() for folder in folders)


def test_what_the_caller_set_stays(install: ParaViewInstall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMPI_MCA_btl", "self,tcp")
    monkeypatch.setenv("LP_NUM_THREADS", "7")
    monkeypatch.setenv("PYTHONPATH", "/mine")
    environment = paraview_environment(install, workdir=tmp_path)
    assert environment["OMPI_MCA_btl"] == "self,tcp"
    assert environment["PYTHONPATH"].endswith(f"{os.pathsep}/mine")
    assert thread_limits(2)["LP_NUM_THREADS"] == "7"


def test_mpiexec_is_kept_from_the_mpi_of_the_paraview_that_starts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PMIX_RANK", "OMPI_MCA_orte_launch", "OMPI_COMMAND"):
        monkeypatch.setenv(name, "0")
    assert mpi_environment(tmp_path)["PMIX_RANK"] == "0", "what a batch system sets stays"
    monkeypatch.setenv("OMPI_MCA_ess", "singleton")
    left = mpi_environment(tmp_path)
    assert not {"PMIX_RANK", "OMPI_MCA_orte_launch", "OMPI_COMMAND", "OMPI_MCA_ess"} & set(left)
    assert left["PATH"] == os.environ["PATH"]


def test_compiled_plugins_are_looked_for_where_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Opaque").mkdir()
    for name in ("Opaque/Opaque.so", "libOpaqueModule.so", "DaskHelp.so"):
        (tmp_path / name).touch()
    monkeypatch.setenv(PLUGIN_DIR_VARIABLE, str(tmp_path))
    assert compiled_plugins(project_layout()) == [tmp_path / "Opaque/Opaque.so"]
    assert help_plugin(project_layout()) == [tmp_path / "DaskHelp.so"]
    monkeypatch.setenv(PLUGIN_DIR_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(SetupError, match="is no folder"):
        compiled_plugins(project_layout())


def test_no_mpiexec_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="There is no mpiexec on the PATH"):
        mpi_command(2, ["true"])


def test_the_mpiexec_beside_the_program_is_taken(tmp_path: Path) -> None:
    own = tmp_path / "mpiexec"
    own.touch(mode=0o755)
    assert mpi_command(3, [str(tmp_path / "pvserver"), "-x"]) == [str(own), "-n", "3", str(tmp_path / "pvserver"), "-x"]


def test_the_ranks_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LP_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    assert thread_limits(3)["LP_NUM_THREADS"] == "2"
    assert thread_limits(100)["OMP_NUM_THREADS"] == "1"
    assert thread_limits(3, threads=5)["OMP_NUM_THREADS"] == "5"


def test_a_job_of_several_hosts_is_not_kept_to_loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_JOB_NUM_NODES", "PBS_NODEFILE", "OMPI_MCA_btl"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TMPDIR", "/before")
    assert mpi_environment(tmp_path)["OMPI_MCA_btl"] == "self,vader"
    assert mpi_environment(tmp_path)["TMPDIR"] == str(tmp_path)
    monkeypatch.setenv("SLURM_JOB_NUM_NODES", "2")
    assert "OMPI_MCA_btl" not in mpi_environment(tmp_path)
    assert mpi_environment(tmp_path)["TMPDIR"] == "/before"
    monkeypatch.setenv("SLURM_JOB_NUM_NODES", "1")
    assert not in_several_host_job()
    (tmp_path / "nodes").write_text("a\na\n")
    monkeypatch.setenv("PBS_NODEFILE", str(tmp_path / "nodes"))
    assert not in_several_host_job()
    (tmp_path / "nodes").write_text("a\nb\n")
    assert in_several_host_job()
