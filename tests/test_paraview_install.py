"""Which ParaView is found, and what is said where it cannot be used."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from pvdask.errors import SetupError
from pvdask.launch import paraview_install
from pvdask.launch.paraview_install import ParaViewInstall, check_no_foreign_vtk, check_python_version, find_paraview

pytestmark = pytest.mark.mpi

PROGRAMS = ("pvpython", "pvbatch", "pvserver")


def test_the_install_knows_itself(install: ParaViewInstall) -> None:
    assert install.release >= (5, 11)
    assert install.python_version == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert install.vtk_dir is not None
    assert install.vtk_dir.name == "vtkmodules"
    assert all(install.program(name).is_file() for name in PROGRAMS)


def test_a_folder_is_taken_when_named(install: ParaViewInstall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVDASK_PARAVIEW", str(install.bin_dir))
    monkeypatch.setenv("PATH", "")
    assert find_paraview() == install


def test_a_folder_without_paraview_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVDASK_PARAVIEW", str(tmp_path))
    with pytest.raises(SetupError, match=r"there is no program pvpython in it: set it to the bin folder"):
        find_paraview()


def test_no_paraview_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PVDASK_PARAVIEW", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match=r"^ParaView was not found: .* or set PVDASK_PARAVIEW to its bin folder\.$"):
        find_paraview()


def test_a_paraview_that_does_not_start_shows_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pvpython").write_text("#!/bin/sh\necho libGL is missing >&2\nexit 127\n")
    (tmp_path / "pvpython").chmod(0o755)
    monkeypatch.setenv("PVDASK_PARAVIEW", str(tmp_path))
    with pytest.raises(SetupError, match=r"did not tell its version \(exit status 127\): libGL is missing"):
        find_paraview()


def test_another_python_inside_is_one_sentence(install: ParaViewInstall) -> None:
    with pytest.raises(SetupError, match=r"has Python 3\.6 inside and this is Python .* with python3\.6"):
        check_python_version(dataclasses.replace(install, python_version="3.6"))


def test_a_vtk_wheel_is_one_sentence(install: ParaViewInstall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_no_foreign_vtk(install)
    (tmp_path / "vtkmodules").mkdir()
    monkeypatch.setattr(paraview_install, "package_folders", lambda: [tmp_path])
    with pytest.raises(SetupError, match=r"There is a vtk package in .*-m pip uninstall vtk"):
        check_no_foreign_vtk(install)
    # A ParaView installed among this Python's packages brings its own VTK there.
    check_no_foreign_vtk(dataclasses.replace(install, vtk_dir=tmp_path / "vtkmodules"))


def test_a_program_that_is_missing_is_one_sentence(install: ParaViewInstall, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="has no pvserver: install the rest of ParaView"):
        dataclasses.replace(install, bin_dir=tmp_path).program("pvserver")


@pytest.mark.parametrize(
    ("windows", "needed"),
    [
        (("vtkXOpenGLRenderWindow",), True),
        (("vtkXOpenGLRenderWindow", "vtkEGLRenderWindow"), False),
        (("vtkOSOpenGLRenderWindow",), False),
    ],
)
def test_an_x_server_is_needed_without_egl_and_osmesa(windows: tuple[str, ...], needed: bool) -> None:
    assert ParaViewInstall(Path("/usr/bin"), "5.11.0", "3.11", None, windows).needs_x_server == needed
