"""Which ParaView is used, and whether this Python's packages can be used inside it."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pvdask.errors import SetupError

PARAVIEW_VARIABLE = "PVDASK_PARAVIEW"
_PROBE_TIMEOUT_S = 60.0
_PROBE = """
import json, sys
import vtkmodules.vtkRenderingOpenGL2 as gl
import paraview.servermanager as sm
print("pvdask-probe " + json.dumps({
    "version": str(sm.vtkSMProxyManager.GetParaViewSourceVersion()),
    "python": "%d.%d" % sys.version_info[:2],
    "vtk": gl.__file__,
    "windows": [name for name in dir(gl) if name.endswith("RenderWindow")],
}))
"""


@dataclass(frozen=True)
class ParaViewInstall:
    """A ParaView that was found and asked what it is.

    Parameters
    ----------
    bin_dir : Path
        Folder of its programs.
    version : str
        ``"5.11.0"``.
    python_version : str
        Major and minor version of the Python inside it: ``"3.11"``.
    vtk_dir : Path, optional
        Folder of its own ``vtkmodules`` package.
    render_windows : tuple of str
        Names of the render window classes it was built with: says whether it can draw without an X server.
    """

    bin_dir: Path
    version: str
    python_version: str
    vtk_dir: Path | None = None
    render_windows: tuple[str, ...] = ()

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor version, to compare: ``(5, 11)``."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    @property
    def needs_x_server(self) -> bool:
        """Whether drawing needs an X server: the build has neither EGL nor OSMesa."""
        return not any("EGL" in name or "OSOpenGL" in name for name in self.render_windows)

    def program(self, name: str) -> Path:
        """Path of ``pvbatch``, ``pvserver``, ``pvpython`` or ``paraview``.

        Raises
        ------
        SetupError
            This ParaView comes without it.
        """
        path = self.bin_dir / name
        if not os.access(path, os.X_OK):
            raise SetupError(f"ParaView {self.version} in {self.bin_dir} has no {name}: install the rest of ParaView.")
        return path


def find_paraview() -> ParaViewInstall:
    """Find ParaView where PVDASK_PARAVIEW says or on the PATH, and see that this Python fits into it.

    Returns
    -------
    ParaViewInstall
        The ParaView, usable with the packages of the running Python.

    Raises
    ------
    SetupError
        There is none, its Python is another version than the running one, or a ``vtk`` wheel is in the way.
    """
    install = locate_paraview()
    check_python_version(install)
    check_no_foreign_vtk(install)
    return install


def locate_paraview() -> ParaViewInstall:
    """Find ParaView and ask what it is, without a look at whether this Python fits.

    Raises
    ------
    SetupError
        There is none, or it does not start.
    """
    return _ask(_find_bin_dir())


def _find_bin_dir() -> Path:
    named = os.environ.get(PARAVIEW_VARIABLE)
    if named:
        bin_dir = Path(named).expanduser()
        if not os.access(bin_dir / "pvpython", os.X_OK):
            raise SetupError(
                f"{PARAVIEW_VARIABLE} is {named!r}, and there is no program pvpython in it: "
                "set it to the bin folder of a ParaView."
            )
        return bin_dir.absolute()
    found = shutil.which("pvpython")
    if found is None:
        raise SetupError(
            "ParaView was not found: there is no pvpython on the PATH; install ParaView "
            f"(Debian: paraview and python3-paraview) or set {PARAVIEW_VARIABLE} to its bin folder."
        )
    return Path(found).absolute().parent


@functools.lru_cache(maxsize=4)
def _ask(bin_dir: Path) -> ParaViewInstall:
    """Start pvpython once (about 2 s) and have it tell what it is."""
    program = bin_dir / "pvpython"
    # What a virtual environment puts first could crash the very pvpython that is asked about it.
    hidden = ("PYTHONPATH", "PV_PLUGIN_CONFIG_FILE", "PV_PLUGIN_PATH")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    # With a folder for what Open MPI leaves of a program that is interrupted.
    with tempfile.TemporaryDirectory(prefix="pvdask-", ignore_cleanup_errors=True) as folder:
        try:
            done = subprocess.run(
                [str(program), "-c", _PROBE],
                env={**environment, "TMPDIR": folder},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PROBE_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SetupError(f"{program} cannot be used: {error}.") from error
    for line in done.stdout.splitlines():
        if line.startswith("pvdask-probe "):
            return _from_answer(bin_dir, json.loads(line.removeprefix("pvdask-probe ")))
    last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
    raise SetupError(f"{program} did not tell its version (exit status {done.returncode}): {last}")


def _from_answer(bin_dir: Path, answer: dict[str, object]) -> ParaViewInstall:
    windows = answer["windows"]
    assert isinstance(windows, list)
    words = str(answer["version"]).split()  # "paraview version 5.11.0"
    return ParaViewInstall(
        bin_dir=bin_dir,
        version=words[-1],
        python_version=str(answer["python"]),
        vtk_dir=Path(str(answer["vtk"])).parent,
        render_windows=tuple(windows),
    )


def check_python_version(install: ParaViewInstall) -> None:
    """See that compiled packages of the running Python can be imported inside ParaView.

    Raises
    ------
    SetupError
        The minor versions differ.
    """
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if own != install.python_version:
        raise SetupError(
            f"ParaView {install.version} in {install.bin_dir} has Python {install.python_version} inside and this is "
            f"Python {own}, so its packages cannot be loaded there: make the virtual environment with "
            f"python{install.python_version} (--system-site-packages)."
        )


def check_no_foreign_vtk(install: ParaViewInstall) -> None:
    """See that no VTK of this Python's packages would be loaded in place of ParaView's own, which crashes it.

    Raises
    ------
    SetupError
        There is one.
    """
    for folder in package_folders():
        foreign = folder / "vtkmodules"
        own = install.vtk_dir is not None and foreign.resolve() == install.vtk_dir.resolve()
        if foreign.is_dir() and not own:
            raise SetupError(
                f"There is a vtk package in {folder}, which ParaView would load in place of its own VTK and crash: "
                f"remove it ({sys.executable} -m pip uninstall vtk)."
            )


def package_folders() -> list[Path]:
    """Folders where the running Python's (virtual environment's) packages are installed."""
    paths = sysconfig.get_paths()
    return [Path(folder) for folder in dict.fromkeys((paths["purelib"], paths["platlib"]))]
