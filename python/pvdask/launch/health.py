"""The checks of ``pvdask doctor``: each looks at one thing that has to be right, and says what to do where it is not."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvdask.connection import Connection
from pvdask.errors import ClusterError, PvdaskError, SetupError
from pvdask.launch import Stack, expat_probe
from pvdask.launch.dask_cluster import ask_scheduler, scheduler_identity
from pvdask.launch.environment import mpi_command, mpi_environment
from pvdask.launch.layout import compiled_plugins, project_layout
from pvdask.launch.paraview_install import ParaViewInstall, check_no_foreign_vtk, check_python_version, locate_paraview
from pvdask.launch.runs import run_to_end

PACKAGES = ("numpy", "pandas", "pyarrow", "dask", "distributed", "dask-mpi", "mpi4py")
# Versions that a worker and a rank have to share: what travels between them is pickled.
_SHARED_PACKAGES = ("python", "dask", "distributed", "numpy", "pandas", "pyarrow", "cloudpickle", "msgpack")
_FIRST_RELEASE_WITH_NUMPY_2 = (5, 13)
_TIMEOUT_S = 90.0
_CLUSTER_TIMEOUT_S = 10.0
_SAYS = "pvdask-doctor "
_SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
# Rank 0 alone tells, in one write: lines of two ranks come mixed up now and then.
_MPI_PROGRAM = """
import sys
from mpi4py import MPI
n_ranks = MPI.COMM_WORLD.allreduce(1)
if MPI.COMM_WORLD.rank == 0:
    sys.stdout.write(f"ranks {n_ranks} {MPI.Get_library_version().split(',')[0]}\\n")
"""


@dataclass(frozen=True)
class Check:
    """One thing to look at.

    Parameters
    ----------
    title : str
        What is looked at.
    look : callable
        Returns what was found; raises PvdaskError, with the remedy, if it is not as it has to be.
    """

    title: str
    look: Callable[[], str]


def local_checks(stack: Stack) -> Iterator[Check]:
    """The checks of this machine. Those of ParaView's inside are left out where there is no usable ParaView."""
    yield Check("packages", check_packages)
    yield Check("MPI", functools.partial(check_mpi, stack))
    yield Check("ParaView", lambda: _describe(locate_paraview()))
    try:
        install = locate_paraview()
    except SetupError:
        return
    yield Check("Python inside ParaView", functools.partial(check_python, install))
    yield Check("no other VTK", functools.partial(check_vtk, install))
    yield Check("NumPy for ParaView", functools.partial(check_numpy, install))
    yield Check("libexpat", functools.partial(check_expat, install, stack))
    yield Check("plugin", functools.partial(check_plugin, install, stack))
    yield Check("compiled plugin", check_compiled_plugin)
    yield Check("OpenGL", functools.partial(check_opengl, install, stack))


def cluster_checks(connection: Connection) -> Iterator[Check]:
    """The checks of a running cluster."""
    yield Check("scheduler", functools.partial(check_scheduler, connection))
    yield Check("versions on the cluster", functools.partial(check_cluster_versions, connection))


def check_packages() -> str:
    """See that the packages are installed."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise SetupError(f"{name} is not installed for {sys.executable}: install it there.") from None
    return ", ".join(f"{name} {version}" for name, version in found.items())


def check_mpi(stack: Stack) -> str:
    """See that mpiexec starts two ranks of this Python that find each other."""
    command = mpi_command(2, [sys.executable, "-c", _MPI_PROGRAM])
    process = stack.start(command, env=mpi_environment(stack.folder), name="mpiexec")
    done = run_to_end(process, "starting 2 MPI ranks", _TIMEOUT_S)
    if done.returncode != 0:
        raise SetupError(f"mpiexec did not run 2 ranks (exit status {done.returncode}). It said:\n{process.tail()}")
    if not done.stdout.startswith("ranks 2 "):
        raise SetupError(
            f"mpiexec started 2 processes that are not 2 ranks of one world: mpi4py was built for "
            f"another MPI than {command[0]}; install the mpi4py of that MPI, or set PVDASK_MPIEXEC."
        )
    return f"{command[0]} runs 2 ranks of {done.stdout.strip().split(maxsplit=2)[2]}"


def _describe(install: ParaViewInstall) -> str:
    return f"{install.version} in {install.bin_dir}"


def check_python(install: ParaViewInstall) -> str:
    """See that ParaView can load this Python's packages."""
    check_python_version(install)
    return f"{install.python_version}, as here"


def check_vtk(install: ParaViewInstall) -> str:
    """See that no VTK wheel stands in front of ParaView's own."""
    check_no_foreign_vtk(install)
    return "none"


def check_numpy(install: ParaViewInstall) -> str:
    """See that NumPy is not newer than ParaView's own Python modules can take."""
    version = importlib.metadata.version("numpy")
    if install.release < _FIRST_RELEASE_WITH_NUMPY_2 and int(version.split(".")[0]) >= 2:
        raise SetupError(
            f"NumPy {version} is too new for ParaView {install.version}, whose Python modules need NumPy 1: "
            "install numpy<2 (there is a constraints file for each ParaView)."
        )
    return version


def check_plugin(install: ParaViewInstall, stack: Stack) -> str:
    """See that ParaView loads the plugin, and that what it needs can be imported inside ParaView."""
    answer = _ask_inside(install, stack, "plugin")
    if not answer["source"]:
        raise SetupError("ParaView started without the Dask DataFrame Source: its log says why (pvpython -v 1).")
    strangers = {name: version for name, version in answer["packages"].items() if version != _own_version(name)}
    if strangers:
        raise SetupError(
            "Inside ParaView other packages are found than here: "
            f"{', '.join(f'{name} {version}, here {_own_version(name)}' for name, version in strangers.items())}; "
            "make the virtual environment afresh with the Python that ParaView has."
        )
    names = ", ".join(path.name for path in project_layout().xml_files)
    return f"{names}; Sources > Dask > Dask DataFrame Source, and its packages are those of this environment"


def check_compiled_plugin() -> str:
    """Say whether the compiled representation is there; it may well not be."""
    built = compiled_plugins(project_layout())
    if not built:
        return "not built; Point Gaussian draws the same, slower to start on several ranks"
    return ", ".join(path.name for path in built)


def check_opengl(install: ParaViewInstall, stack: Stack) -> str:
    """See that ParaView can draw, and with what."""
    answer = _ask_inside(install, stack, "opengl")
    display = stack.display(install)
    where = f" on an X server started for it ({display['DISPLAY']})" if display else ""
    return f"{answer['renderer']}, OpenGL {answer['version']}{where}"


def check_expat(install: ParaViewInstall, stack: Stack) -> str:
    """See that VTK's XML reading loses no data on this system's libexpat, or that what mends it is in place."""
    return expat_probe.status(install, mpi_environment(stack.folder))


def check_scheduler(connection: Connection) -> str:
    """See that the scheduler answers and has workers."""
    address = connection.address()
    identity = scheduler_identity(address)
    if identity is None:
        raise ClusterError(f"The scheduler at {address} does not answer: start the cluster again (pvdask cluster).")
    if not identity["workers"]:
        raise ClusterError(f"The scheduler at {address} has no workers: see why they ended, in its log.")
    return f"{address} with {len(identity['workers'])} worker(s)"


def check_cluster_versions(connection: Connection) -> str:
    """See that scheduler and workers have the packages that are here."""
    return compare_versions(ask_cluster_versions(connection.address()))


def ask_cluster_versions(address: str) -> dict[str, Any]:
    """Have scheduler and workers tell their packages, and add this process's own, as ``client``.

    Raises
    ------
    ClusterError
        They did not.
    """
    from distributed.versions import get_versions

    async def ask(scheduler: Any) -> dict[str, Any]:
        workers = await scheduler.broadcast(msg={"op": "versions", "packages": []})
        return {"scheduler": await scheduler.versions(packages=[]), "workers": workers}

    versions = ask_scheduler(address, ask, _CLUSTER_TIMEOUT_S)
    if versions is None:
        raise ClusterError(f"The scheduler at {address} did not tell its versions: see that it runs.")
    return {"client": get_versions(), **versions}


def compare_versions(versions: dict[str, Any]) -> str:
    """See that what `ask_cluster_versions` told is the same everywhere.

    Raises
    ------
    ClusterError
        It is not.
    """
    own = _flat(versions["client"])
    others = {"scheduler": versions["scheduler"], **versions["workers"]}
    differing = [
        f"{name} {_flat(other).get(name)} on {where}, {own.get(name)} here"
        for where, other in others.items()
        for name in _SHARED_PACKAGES
        if _flat(other).get(name) != own.get(name)
    ]
    if differing:
        raise ClusterError(f"Versions differ ({'; '.join(differing)}): start the cluster from this environment.")
    return f"the same here and on {len(versions['workers'])} worker(s)"


def _flat(versions: dict[str, Any]) -> dict[str, str]:
    """Versions by package, Python's among them, out of what distributed tells of one process."""
    host = dict(versions["host"])
    return {"python": str(host["python"]), **versions["packages"]}


def _own_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _ask_inside(install: ParaViewInstall, stack: Stack, question: str) -> dict[str, Any]:
    """Run the doctor's script in pvpython and have its answer."""
    done = stack.run_client(install, _SCRIPTS / "doctor.py", [question], timeout_s=_TIMEOUT_S)
    for line in done.stdout.splitlines():
        if line.startswith(_SAYS):
            answer: dict[str, Any] = json.loads(line.removeprefix(_SAYS))
            return answer
    tail = "\n".join((done.stderr + done.stdout).splitlines()[-15:])
    raise PvdaskError(f"pvpython failed (exit status {done.returncode}). It said:\n{tail}")
