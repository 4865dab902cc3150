"""``./run``: what it sets up, what it says, what it refuses; each in a copy of the tree, with the real Python, pip and ParaView.

Machines that lack something are made with mount namespaces: there, and only there, other files lie over the system's.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

pytestmark = pytest.mark.vtk

ROOT = Path(__file__).resolve().parents[1]
BASE_PYTHON = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
GREET = """
import json, os, sys
import pvdask_plugin
print(json.dumps({"argv": sys.argv[1:], "prefix": sys.prefix, "cwd": os.getcwd(), "plugin": pvdask_plugin.__file__}))
"""


def make_tree(folder: Path, dependency: str = "pip") -> Path:
    """A project that is set up by the real ``run``, with one dependency and one command that tells what it sees."""
    tree = folder / "a tree"
    (tree / "python/pvdask/commands").mkdir(parents=True)
    (tree / "plugin/pvdask_plugin").mkdir(parents=True)
    for name in ("run", "CMakeLists.txt"):
        shutil.copy(ROOT / name, tree / name)
    for name in ("constraints", "ctest", ".ci"):  # PVGeo has tests of its own
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "pvgeo.txt"))
    project = (ROOT / "pyproject.toml").read_text()
    project = re.sub(r"(?m)^dependencies = \[.*?\]$", f'dependencies = ["{dependency}"]', project, flags=re.S)
    project = re.sub(r"(?m)^(test|view) = \[.*?\]$", r"\1 = []", project, flags=re.S)
    (tree / "pyproject.toml").write_text(project)
    (tree / "plugin/CMakeLists.txt").touch()
    (tree / "plugin/pvdask_plugin/__init__.py").touch()
    (tree / "python/pvdask/__init__.py").touch()
    shutil.copy(ROOT / "python/pvdask/version.py", tree / "python/pvdask/version.py")
    (tree / "python/pvdask/__main__.py").write_text(GREET)
    (tree / "python/pvdask/commands/greet.py").write_text('HELP = "Say hello."\n')
    return tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path)


@pytest.fixture(scope="module")
def made_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree whose set-up is done."""
    tree = make_tree(tmp_path_factory.mktemp("made"))
    assert run(tree, "greet").returncode == 0
    return tree


def run(
    tree: Path, *words: str, environment: Mapping[str, str] | None = None, prefix: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*prefix, str(tree / "run"), *words],
        env={**os.environ, **(environment or {})},
        cwd=tree.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def on_machine(over: Mapping[str, Path | str], *, root: bool = True) -> tuple[str, ...]:
    """Command prefix: a machine on which these files have the contents of those, and, if wanted, without root."""
    # apt-get too, so that a fault of this test or of ./run cannot install anything here.
    mounts = {shutil.which("apt-get") or "": shutil.which("false") or "", **over}
    lines = [f'mount --bind "{source}" "{target}"' for target, source in mounts.items() if target]
    start = 'exec "$@"' if root else 'exec unshare --user -- "$@"'
    return ("unshare", "--map-root-user", "--mount", "--", "sh", "-c", " && ".join([*lines, start]), "sh")


def assert_refused(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """One sentence, on the last line of stderr, with a status that says it."""
    assert done.returncode == 1, done
    errors = [line for line in done.stderr.splitlines() if line.startswith("pvdask: error: ")]
    assert errors == done.stderr.splitlines()[-1:], done.stderr
    for part in parts:
        assert part in errors[0]


def make_venv(tree: Path, *options: str) -> Path:
    subprocess.run([str(BASE_PYTHON), "-m", "venv", "--without-pip", *options, str(tree / ".venv")], check=True)
    return tree / ".venv"


def fake_paraview(folder: Path, version: str) -> dict[str, str]:
    """A ParaView of another version, as far as its pvpython tells."""
    folder.mkdir()
    program = folder / "pvpython"
    program.write_text(f"#!/bin/sh\necho\necho pvdask {version}\n")
    program.chmod(0o755)
    return {"PVDASK_PARAVIEW": str(folder)}


def test_help_sets_nothing_up(tree: Path) -> None:
    done = run(tree, "help")
    assert done.returncode == 0
    assert re.search(r"(?m)^  greet +Say hello\.$", done.stdout)
    assert run(tree).stdout == done.stdout
    assert not (tree / ".venv").exists()


def test_first_start_says_what_it_installs_and_delegates(tree: Path) -> None:
    done = run(tree, "greet", "two words", "--flag")
    assert done.returncode == 0, done.stderr
    assert "about to make .venv" in done.stderr
    assert re.search(r"about to install into \.venv, .*: pip *$", done.stderr, re.M)
    seen = json.loads(done.stdout)
    assert seen["argv"] == ["greet", "two words", "--flag"]
    assert seen["prefix"] == str(tree / ".venv")
    assert seen["cwd"] == str(tree.parent)
    assert seen["plugin"] == str(tree / "plugin/pvdask_plugin/__init__.py")


def test_second_start_installs_nothing_and_takes_no_time(made_tree: Path) -> None:
    """Of the processors' time: how long it takes is up to what else the machine does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run(made_tree, "greet")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (done.returncode, done.stderr) == (0, "")
    assert (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime) < 1


def test_tree_that_moved_is_set_up_for_its_new_place(tree: Path) -> None:
    assert run(tree, "greet").returncode == 0
    moved = tree.rename(tree.parent / "another tree")
    done = run(moved, "greet")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["plugin"] == str(moved / "plugin/pvdask_plugin/__init__.py")


def test_killed_set_up_is_done_again(tree: Path) -> None:
    process = subprocess.Popen(
        [str(tree / "run"), "greet"], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    marker = tree / ".venv/pvdask-incomplete"
    deadline = time.monotonic() + 60
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert marker.exists()
    (tree / ".venv/left-over").touch()
    done = run(tree, "greet")
    assert done.returncode == 0, done.stderr
    assert "half made" in done.stderr
    assert not marker.exists()
    assert not (tree / ".venv/left-over").exists()


def test_two_at_once_set_up_once(tree: Path) -> None:
    both = [
        subprocess.Popen([str(tree / "run"), "greet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    assert sorted(errors.count("about to make .venv") for _, errors in answers) == [0, 1]
    assert all(json.loads(output)["argv"] == ["greet"] for output, _ in answers)


def test_paraview_without_constraints_takes_the_ranges_and_says_so(tree: Path, tmp_path: Path) -> None:
    version = f"5.99.0 {sys.version_info[0]} {sys.version_info[1]}"
    done = run(tree, "greet", environment=fake_paraview(tmp_path / "bin", version))
    assert done.returncode == 0, done.stderr
    assert "no constraints file for ParaView 5.99" in done.stderr


# --- what it refuses --------------------------------------------------------------------------------------------------


def test_unknown_command_is_refused_before_any_set_up(tree: Path) -> None:
    assert_refused(run(tree, "gret"), "no command 'gret'")
    assert not (tree / ".venv").exists()


def test_paraview_that_is_not_there(tree: Path, tmp_path: Path) -> None:
    assert_refused(run(tree, "greet", environment={"PVDASK_PARAVIEW": str(tmp_path)}), "PVDASK_PARAVIEW", str(tmp_path))


def test_paraview_with_an_old_python(tree: Path, tmp_path: Path) -> None:
    environment = fake_paraview(tmp_path / "bin", "5.9.1 3 8")
    assert_refused(run(tree, "greet", environment=environment), "Python 3.8", "3.10 or later")


def test_unknown_distribution(tree: Path, tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text("ID=fedora\nVERSION_ID=41\n")
    programs = {shutil.which(name) or "": "/dev/null" for name in ("pvpython", "mpiexec")}
    done = run(tree, "greet", prefix=on_machine({"/etc/os-release": release, **programs}))
    assert_refused(done, "fedora 41", "ParaView", "mpiexec", "PVDASK_PARAVIEW")


@pytest.mark.parametrize(("command", "package"), [("greet", "paraview"), ("test", "cmake")])
def test_neither_root_nor_sudo(tree: Path, command: str, package: str) -> None:
    without = {"/var/lib/dpkg/status": "/dev/null", shutil.which("sudo") or "": "/dev/null"}
    done = run(tree, command, prefix=on_machine(without, root=False))
    assert_refused(done, "neither root", "apt-get install", f" {package} ")


def test_failing_apt_is_said(tree: Path) -> None:
    done = run(tree, "greet", prefix=on_machine({"/var/lib/dpkg/status": "/dev/null"}))
    assert_refused(done, "apt-get could not install")
    assert "about to install" in done.stderr


def test_environment_of_another_python(tree: Path) -> None:
    configuration = make_venv(tree, "--system-site-packages") / "pyvenv.cfg"
    configuration.write_text(re.sub(r"(?m)^version = .*", "version = 3.9.18", configuration.read_text()))
    assert_refused(run(tree, "greet"), "made by Python 3.9", "rm -r .venv")


def test_environment_that_cannot_see_paraview(tree: Path) -> None:
    make_venv(tree)
    assert_refused(run(tree, "greet"), "--system-site-packages", "rm -r .venv")


def test_folder_that_is_no_environment(tree: Path) -> None:
    (tree / ".venv").mkdir()
    (tree / ".venv/precious").touch()
    assert_refused(run(tree, "greet"), "no Python environment")
    assert (tree / ".venv/precious").exists()


@pytest.fixture
def vtk_wheel(made_tree: Path) -> Iterator[None]:
    folder = next(made_tree.glob(".venv/lib/python3.*/site-packages")) / "vtk-9.3.0.dist-info"
    folder.mkdir()
    yield
    folder.rmdir()


@pytest.mark.usefixtures("vtk_wheel")
def test_vtk_wheel(made_tree: Path) -> None:
    assert_refused(run(made_tree, "greet"), "vtk-9.3.0", "pip uninstall vtk")


def test_package_that_pip_cannot_get(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, dependency="pvdask-no-such-package")
    done = run(tree, "greet", environment={"PIP_NO_INDEX": "1"})
    assert_refused(done, "pip could not install")
    assert (tree / ".venv/pvdask-incomplete").exists()


def make_wheel(folder: Path, name: str, requires: str) -> Path:
    """A wheel of one empty module."""
    folder.mkdir()
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: {requires}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
    return path


def test_pvgeo_comes_without_the_vtk_that_it_asks_for(tree: Path, tmp_path: Path) -> None:
    (tree / "constraints/pvgeo.txt").write_text(f"{make_wheel(tmp_path / 'wheels', 'pvgeo', requires='vtk')}\n")
    done = run(tree, "greet")
    assert done.returncode == 0, done.stderr
    assert "about to install PVGeo into .venv" in done.stderr
    (packages,) = tree.glob(".venv/lib/python3.*/site-packages")
    assert (packages / "pvgeo.py").exists()
    assert not list(packages.glob("vtk*"))


def test_without_pvgeo_all_else_is_set_up(tree: Path, tmp_path: Path) -> None:
    """It is for a menu of its own alone; `setup` tries again."""
    pins = tree / "constraints/pvgeo.txt"
    pins.write_text(f"{tmp_path / 'wheels' / 'pvgeo-1.0-py3-none-any.whl'}\n")
    done = run(tree, "greet")
    assert done.returncode == 0, done.stderr
    assert "going on without PVGeo" in done.stderr
    assert run(tree, "greet").stderr == ""
    make_wheel(tmp_path / "wheels", "pvgeo", requires="vtk")
    assert "about to install PVGeo" in run(tree, "setup").stderr
    assert list(tree.glob(".venv/lib/python3.*/site-packages/pvgeo.py"))


def configure(tree: Path, build: Path) -> subprocess.CompletedProcess[str]:
    command = ["cmake", "-S", str(tree), "-B", str(build), f"-DPVDASK_PYTHON={sys.executable}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def write_test(tree: Path, mark: str, body: str) -> None:
    (tree / "tests").mkdir()
    (tree / "tests/test_one.py").write_text(f"import pytest\n\n{mark}\n\n\ndef test_one():\n    {body}\n")


@pytest.mark.parametrize("mark", ["", "pytestmark = pytest.mark.slow", "# pytestmark = pytest.mark.unit"])
def test_test_file_without_a_known_label_ends_the_configuration(tree: Path, tmp_path: Path, mark: str) -> None:
    write_test(tree, mark, "pass")
    done = configure(tree, tmp_path / "build")
    assert done.returncode != 0
    assert "tests/test_one.py must have one line" in " ".join(done.stderr.split())


@pytest.mark.parametrize(("body", "passes"), [("assert 1 == 1", True), ("assert 1 == 2", False)])
def test_ctest_passes_or_fails_as_pytest_does(tree: Path, tmp_path: Path, body: str, passes: bool) -> None:
    write_test(tree, "pytestmark = pytest.mark.unit", body)
    assert configure(tree, tmp_path / "build").returncode == 0
    command = ["ctest", "--test-dir", str(tmp_path / "build"), "-R", "pytest|harness", "-L", "unit"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode == 0) is passes, done.stdout
    assert f"{0 if passes else 1} tests failed out of 3" in done.stdout


def test_ci_run_ends_with_the_status_of_run(made_tree: Path) -> None:
    # This tree's environment has no dask, which the configuration refuses.
    command = [*on_machine({}), str(made_tree / ".ci/run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 1
    assert "cannot import dask" in " ".join(done.stdout.split())
    assert done.stdout.endswith("./run test ended with status 1\n")
