"""What started processes need in their environment: ParaView's plugin and packages, settings of MPI and of threads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pvdask.errors import SetupError
from pvdask.launch.expat_probe import mend_library
from pvdask.launch.layout import compiled_plugins, project_layout, write_plugin_config
from pvdask.launch.paraview_install import ParaViewInstall, package_folders

MPIEXEC_VARIABLE = "PVDASK_MPIEXEC"
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# Ranks of several MPI worlds share this host's cores: none may be bound to a core (each world would take the same
# ones), nor spin while it waits. The second name of a setting is Open MPI 5's.
_SHARED_HOST_MPI = {
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    # hwloc's OpenGL component knocks at every X server of the host, which complain about it on each rank's output.
    "HWLOC_COMPONENTS": "-gl",
}
# On one host the ranks talk through shared memory: without `tcp` they open no port at all (with it, one on every
# interface each). mpiexec's own port (out-of-band) cannot be bound to one interface in Open MPI 4.1, only advertised so.
_ONE_HOST_MPI = {"OMPI_MCA_btl": "self,vader", "OMPI_MCA_oob_tcp_if_include": "lo"}


def paraview_environment(
    install: ParaViewInstall, *, extra_plugins: Sequence[Path] = (), workdir: Path, compiled: bool = True
) -> dict[str, str]:
    """Environment in which ParaView's programs have the plugin and this Python's packages.

    Parameters
    ----------
    install : ParaViewInstall
        The ParaView to start.
    extra_plugins : sequence of Path
        Plugins to load besides this project's.
    workdir : Path
        Folder for the plugin configuration file and for temporary files; it has to outlive the processes.
    compiled : bool, optional
        Whether the compiled plugins are loaded, too. Not so for a server whose client may lack them: ParaView 5.11's client
        aborts as soon as it shows anything.

    Returns
    -------
    dict
        A copy of this process's environment with what is needed added. MPI and thread settings that were there stay.

    Raises
    ------
    SetupError
        A part of the project is missing, or the library that keeps this system's libexpat from losing points is.
    """
    layout = project_layout()
    environment = mpi_environment(workdir)
    folders = [*layout.import_folders, *package_folders()]
    behind = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([*map(str, folders), *behind]))
    built = compiled_plugins(layout) if compiled else []
    beside = sorted((layout.xml_files[0].parent / "compiled").glob("*.xml")) if built else []
    plugins = [*layout.xml_files, *built, *beside, *extra_plugins]  # in the order in which one needs the other
    config = write_plugin_config(plugins, workdir / f"pvdask-plugins{'' if compiled else '-xml'}.xml")
    environment["PV_PLUGIN_CONFIG_FILE"] = str(config)
    mend = mend_library(install, environment)
    if mend is not None:
        environment["LD_PRELOAD"] = ":".join(filter(None, (str(mend), environment.get("LD_PRELOAD", ""))))
    return environment


def mpi_environment(workdir: Path, *, one_host: bool | None = None) -> dict[str, str]:
    """Environment for mpiexec and its ranks; what the caller's environment sets already stays.

    Parameters
    ----------
    workdir : Path
        Folder for temporary files, MPI's too.
    one_host : bool, optional
        Whether all ranks run on this host. Default: unless a batch system gave this job several.
    """
    settings = dict(_SHARED_HOST_MPI)
    if not in_several_host_job() if one_host is None else one_host:
        settings.update(_ONE_HOST_MPI)
        settings["TMPDIR"] = str(workdir)  # in a job of several hosts the folder may be on this one only
    if os.geteuid() == 0:
        settings.update({"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"})
    environment = {**settings, **_outside_singleton(os.environ)}
    if "TMPDIR" in settings:
        environment["TMPDIR"] = settings["TMPDIR"]
    return environment


def _outside_singleton(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what Open MPI leaves there of a program that was started without mpiexec.

    ParaView's client is one (5.11). What its Connect dialog starts has this, and mpiexec's ranks would take themselves for that
    program's: with Open MPI 4.1 they end at once, without a word.
    """
    if environment.get("OMPI_MCA_ess") != "singleton":
        return dict(environment)
    own = ("PMIX_", "OMPI_MCA_ess", "OMPI_MCA_orte_", "OMPI_MCA_pmix", "OMPI_APP_CTX_", "OMPI_COMMAND", "OMPI_ARGV")
    return {name: value for name, value in environment.items() if not name.startswith(own)}


def in_several_host_job() -> bool:
    """Whether Slurm or PBS gave the job this process runs in more than one host."""
    if os.environ.get("SLURM_JOB_NUM_NODES", "1") not in {"", "1"}:
        return True
    node_file = os.environ.get("PBS_NODEFILE", "")
    return bool(node_file) and len(set(Path(node_file).read_text().split())) > 1


def thread_limits(n_ranks: int, threads: int | None = None) -> dict[str, str]:
    """Thread counts that let `n_ranks` ranks share this host's cores; what the environment sets already stays.

    Parameters
    ----------
    n_ranks : int
        How many ranks there are, all on this host.
    threads : int, optional
        Threads of a rank. Default: its share of the cores, at least one. The software renderer (llvmpipe) would
        start one a core in each rank.
    """
    share = max(1, len(os.sched_getaffinity(0)) // n_ranks) if threads is None else threads
    limits = {name: str(share) for name in (*_THREAD_VARIABLES, "LP_NUM_THREADS")}
    return {name: os.environ.get(name, value) for name, value in limits.items()}


def mpi_command(n_ranks: int, program: Sequence[str], *, hostfile: Path | None = None) -> list[str]:
    """The command that runs `program` on `n_ranks` MPI ranks.

    The mpiexec is the one PVDASK_MPIEXEC names, else the one beside the program (a ParaView that brings its own MPI),
    else the one on the PATH.

    Raises
    ------
    SetupError
        There is no mpiexec.
    """
    beside = Path(program[0]).parent / "mpiexec"
    own = str(beside) if beside.is_absolute() and os.access(beside, os.X_OK) else None
    mpiexec = os.environ.get(MPIEXEC_VARIABLE) or own or shutil.which("mpiexec")
    if mpiexec is None:
        raise SetupError(
            "There is no mpiexec on the PATH: install the MPI that ParaView was built with (Debian: openmpi-bin) "
            f"or set {MPIEXEC_VARIABLE}."
        )
    hosts = [] if hostfile is None else ["--hostfile", str(hostfile)]
    return [mpiexec, "-n", str(n_ranks), *hosts, *program]
