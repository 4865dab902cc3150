"""Whether this machine's libexpat makes ParaView lose data, and the library that mends it.

libexpat's re-parse deferral (2.6.0, and Debian 12's 2.5.0-1+deb12u5) breaks VTK's reading of XML with appended binary
data: ``.vtp``, ``.vtu`` and ``.vti`` files come back with 0 points and exit status 0, and so does what ranks send each
other when a picture needs ordered compositing (stock Point Gaussian, anything translucent) or in RedistributeDataSet.
So ParaView is asked, once, to write a few points and read them back. Where it loses them, a small library that switches
the deferral off is preloaded into ParaView's programs, and nothing else of the machine is touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pvdask.errors import SetupError
from pvdask.launch.layout import PLUGIN_DIR_VARIABLE, project_layout
from pvdask.launch.paraview_install import ParaViewInstall

__all__ = ["is_faulty", "mend_library", "status"]

LIBRARY = "libpvdask_expat_mend.so"
_TIMEOUT_S = 60.0
_N_POINTS = 3000  # 100 survive: deferral starts at a size that libexpat picks
_ANSWER = "pvdask-expat-probe"
# What ranks send each other is written so: binary, appended, raw, into a string. Files have it in base64 by default.
_PROBE = f"""
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkIOXML import vtkXMLPolyDataReader, vtkXMLPolyDataWriter
points = vtkPoints()
for index in range({_N_POINTS}):
    points.InsertNextPoint(index, 0, 0)
data = vtkPolyData()
data.SetPoints(points)
def read_back(in_base64):
    writer = vtkXMLPolyDataWriter()
    writer.SetInputData(data)
    writer.SetDataModeToAppended()
    writer.SetEncodeAppendedData(in_base64)
    writer.WriteToOutputStringOn()
    writer.Write()
    reader = vtkXMLPolyDataReader()
    reader.ReadFromInputStringOn()
    reader.SetInputString(writer.GetOutputString())
    reader.Update()
    return reader.GetOutput().GetNumberOfPoints()
print("{_ANSWER}", min(read_back(False), read_back(True)))
"""
_FAULT = "this machine's libexpat makes ParaView lose points in XML data and between ranks (re-parse deferral)"


def is_faulty(install: ParaViewInstall, env: Mapping[str, str]) -> bool:
    """Whether ParaView loses the points of XML data that it has just written.

    Parameters
    ----------
    install : ParaViewInstall
        The ParaView to ask; it is started once for each version of it and of libexpat, and its answer is kept in
        ``${XDG_CACHE_HOME:-~/.cache}/pvdask``.
    env : mapping
        The environment it is going to be started in.

    Raises
    ------
    SetupError
        ParaView did not get so far as to answer.
    """
    return _loses_points(install, env)[0]


def mend_library(install: ParaViewInstall, env: Mapping[str, str]) -> Path | None:
    """Library to preload into ParaView's programs, or None where ParaView reads all that it wrote.

    A warning goes to stderr the first time that a fault is found and mended; `status` says it at any time.

    Raises
    ------
    SetupError
        The fault is there and the library is not, or does not mend it. Nothing should be drawn then: pictures would
        lack points without a word.
    """
    if not is_faulty(install, env):
        return None
    library = _library()
    if not library.is_file():
        raise SetupError(
            f"{_sentence(_FAULT)}, and the library that mends it, {library}, is not built: run `./run setup`."
        )
    library = _preloadable(library, env)
    preload = ":".join(filter(None, (str(library), env.get("LD_PRELOAD", ""))))
    still, fresh = _loses_points(install, {**env, "LD_PRELOAD": preload}, library)
    if still:
        raise SetupError(
            f"{_sentence(_FAULT)}, also with {library.name} preloaded: this ParaView brings a libexpat of its own. "
            "Use another build of ParaView."
        )
    if fresh:
        print(f"pvdask: warning: {_FAULT}; mended by preloading {library.name} into ParaView.", file=sys.stderr)
    return library


def status(install: ParaViewInstall, env: Mapping[str, str]) -> str:
    """One line for a person on what was found and done: for ``pvdask doctor``.

    Raises
    ------
    SetupError
        As `mend_library`.
    """
    library = mend_library(install, env)
    if library is None:
        return "ParaView reads back the XML data it writes: this machine's libexpat is sound."
    return f"{_sentence(_FAULT)}. Mended: {library} is preloaded into ParaView's programs."


def _sentence(clause: str) -> str:
    return clause[0].upper() + clause[1:]


def _library() -> Path:
    named = os.environ.get(PLUGIN_DIR_VARIABLE)
    return (Path(named) if named else project_layout().build_dir) / LIBRARY


def _preloadable(library: Path, env: Mapping[str, str]) -> Path:
    """The library at a path that LD_PRELOAD can hold: it takes blanks and colons for the end of one."""
    if not set(str(library)) & set(" :\t\n"):
        return library
    digest = hashlib.sha256(library.read_bytes()).hexdigest()[:16]
    copy = _cache_folder(env) / f"{digest}-{library.name}"
    if set(str(copy)) & set(" :\t\n"):
        raise SetupError(
            f"{_sentence(_FAULT)}, and {library.name} cannot be preloaded from {library} nor from {copy}, whose paths have blanks "
            "or colons: set XDG_CACHE_HOME to a folder without."
        )
    if not copy.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=copy.parent, prefix=library.stem)
        with os.fdopen(handle, "wb") as file:
            file.write(library.read_bytes())
        os.chmod(partial, 0o755)
        os.replace(partial, copy)
    return copy


def _loses_points(install: ParaViewInstall, env: Mapping[str, str], *libraries: Path) -> tuple[bool, bool]:
    """Whether points are lost, and whether that was found out just now rather than remembered."""
    remembered = _cache_folder(env) / f"expat-{_key(install, env, libraries)}.json"
    try:
        return bool(json.loads(remembered.read_text(encoding="utf-8"))["faulty"]), False
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, not readable or not ours: ask again
    n_read = _count_read_back(install, env)
    faulty = n_read != _N_POINTS
    _remember(remembered, {"faulty": faulty, "written": _N_POINTS, "read": n_read, "paraview": install.version})
    return faulty, True


def _count_read_back(install: ParaViewInstall, env: Mapping[str, str]) -> int:
    """Number of points that ParaView reads back of those it wrote."""
    bare = {name: value for name, value in env.items() if name not in {"PV_PLUGIN_CONFIG_FILE", "PYTHONPATH"}}
    with tempfile.TemporaryDirectory(prefix="pvdask-", ignore_cleanup_errors=True) as folder:
        script = Path(folder) / "probe.py"
        script.write_text(_PROBE, encoding="utf-8")
        try:
            done = subprocess.run(
                [str(install.program("pvpython")), str(script)],
                env={**bare, "TMPDIR": folder}, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                timeout=_TIMEOUT_S,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SetupError(f"ParaView could not be asked whether it reads XML data rightly: {error}.") from error
    for line in done.stdout.splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == _ANSWER and words[1].isdigit():
            return int(words[1])
    said = (done.stderr.strip() or "nothing").splitlines()[-1]
    raise SetupError(
        f"ParaView could not be asked whether it reads XML data rightly: pvpython ended with status {done.returncode} "
        f"and said: {said}"
    )


def _key(install: ParaViewInstall, env: Mapping[str, str], libraries: tuple[Path, ...]) -> str:
    """Digest of all that the answer depends on: another one means that ParaView has to be asked again."""
    files = sorted({path.resolve() for path in (*_expat_files(install, env), install.program("pvpython"), *libraries)})
    facts = [(str(path), (state := path.stat()).st_mtime_ns, state.st_size) for path in files]
    text = json.dumps([_PROBE, install.version, str(install.bin_dir), env.get("LD_PRELOAD", ""), facts])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _expat_files(install: ParaViewInstall, env: Mapping[str, str]) -> Iterator[Path]:
    """The libexpat files, ParaView's own among them, that its programs may load."""
    multiarch = str(sysconfig.get_config_var("MULTIARCH") or "")
    own = install.bin_dir.parent
    named = [Path(folder) for folder in env.get("LD_LIBRARY_PATH", "").split(os.pathsep) if folder]
    system = [root / part for root in (own, Path("/"), Path("/usr"), Path("/usr/local")) for part in ("lib", "lib64")]
    for folder in [*named, *system, *(folder / multiarch for folder in system)]:
        yield from (path for path in folder.glob("lib*expat*.so*") if path.is_file())


def _cache_folder(env: Mapping[str, str]) -> Path:
    named = env.get("XDG_CACHE_HOME", "")
    return (Path(named) if os.path.isabs(named) else Path.home() / ".cache") / "pvdask"


def _remember(path: Path, answer: Mapping[str, object]) -> None:
    """Write the answer whole or not at all; a folder that cannot be written only costs the next start its time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=path.stem)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(answer, stream)
        os.replace(partial, path)
    except OSError:
        return
