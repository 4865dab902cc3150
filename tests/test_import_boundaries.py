"""Which module imports what: read from the sources, lazy imports too, and seen in a process of its own."""

from __future__ import annotations

import ast
import graphlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"pvdask": ROOT / "python", "pvdask_plugin": ROOT / "plugin"}
PARAVIEW = {"vtk", "vtkmodules", "paraview"}
DASK = {"dask", "distributed", "dask_mpi"}

PURE = {
    "errors",
    "options",
    "assignment",
    "columns",
    "dtypes",
    "plan",
    "positions",
    "ranks",
    "selection",
    "pull",
    "loop",
}
"""Modules of the source's path that never touch Dask, whatever else joins them."""

MAY_IMPORT_DASK_LAZILY = {
    f"pvdask.{name}"
    for name in (
        "cluster",
        "scheduler",
        "receiving",
        "transfer",
        "tasks",
        "files",
        "parquet",
        "embedded",
        "watching",
        "tls",
    )
}
"""The modules of the source's path that talk to Dask; another one has to be thought over, and named here."""

ON_WORKERS = {
    *(
        "pvdask.binning",
        "pvdask.columns",
        "pvdask.csv_blocks",
        "pvdask.partitions",
        "pvdask.series",
        "pvdask.sampling",
        "pvdask.shipping",
    ),
    "pvdask.expressions.evaluation",
}
WORKERS_HAVE = {"numpy", "pandas", "pyarrow", "cloudpickle", "toolz"}


@dataclass(frozen=True)
class Import:
    """One import of a module: what, and whether it is inside a function."""

    name: str
    is_lazy: bool


def imports_of(source: str, module: str) -> set[Import]:
    """All imports in a source text, those that only type checkers see left out."""
    found: set[Import] = set()

    def visit(node: ast.AST, is_lazy: bool) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            return
        if isinstance(node, ast.Import):
            found.update(Import(alias.name, is_lazy) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = ".".join(module.split(".")[: -node.level]) if node.level else ""
            origin = ".".join(part for part in (base, node.module or "") if part)
            found.update(Import(f"{origin}.{alias.name}", is_lazy) for alias in node.names)
        inside = is_lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(ast.parse(source), False)
    return found


def sources() -> dict[str, Path]:
    """Every module, by name, but for those that ParaView's Python runs."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted((folder / package).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            if "scripts" not in parts:
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


SOURCES = sources()
IMPORTS = {name: imports_of(path.read_text(encoding="utf-8"), name) for name, path in SOURCES.items()}


def outside(name: str, *, lazy: bool = True) -> set[str]:
    """Top-level packages that a module imports, by itself."""
    return {found.name.split(".")[0] for found in IMPORTS[name] if lazy or not found.is_lazy} - set(FOLDERS)


def inside(name: str, *, lazy: bool = True) -> set[str]:
    """Modules of the project that a module imports, by itself."""
    return within(IMPORTS[name], SOURCES, lazy=lazy) - {name}


def within(imports: Iterable[Import], known: Iterable[str], *, lazy: bool = True) -> set[str]:
    modules = set(known)
    names = {found.name for found in imports if lazy or not found.is_lazy}
    return {name if name in modules else name.rpartition(".")[0] for name in names} & modules


def closure(start: Iterable[str], *, lazy: bool = True) -> set[str]:
    """`start` and all that it leads to."""
    reached, waiting = set(), list(start)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += inside(name, lazy=lazy)
    return reached


def first_cycle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


SOURCE_PATH = closure(["pvdask_plugin.source"])


def test_the_sources_are_found() -> None:
    assert {f"pvdask.{name}" for name in PURE} <= SOURCE_PATH
    assert {"pvdask.cluster", "pvdask.transfer", "pvdask_plugin.vtk_ranks"} <= SOURCE_PATH
    assert {"pvdask.cli", "pvdask.commands.publish", "pvdask.publishing"} <= set(SOURCES) - SOURCE_PATH


@pytest.mark.parametrize("name", [name for name in SOURCES if name.split(".")[0] == "pvdask"])
def test_nothing_in_pvdask_imports_paraview_or_the_plugin(name: str) -> None:
    assert not outside(name) & PARAVIEW
    assert not any(module.startswith("pvdask_plugin") for module in inside(name))


@pytest.mark.parametrize("name", [name for name in SOURCES if name.split(".")[0] == "pvdask_plugin"])
def test_nothing_in_the_plugin_imports_paraview_or_dask(name: str) -> None:
    assert not outside(name) & ((PARAVIEW - {"vtkmodules"}) | DASK | {"pandas", "pyarrow"})


@pytest.mark.parametrize("name", sorted(SOURCE_PATH))
def test_on_the_source_s_way_few_modules_import_dask(name: str) -> None:
    assert not outside(name, lazy=False) & DASK, (
        "a ParaView without Dask has to load the plugin, and say so in the panel"
    )
    if name not in MAY_IMPORT_DASK_LAZILY:
        assert not outside(name) & DASK


def test_those_that_may_import_dask_do() -> None:
    """Else the list above would be longer than it has to be."""
    assert {name for name in MAY_IMPORT_DASK_LAZILY if outside(name) & DASK} == MAY_IMPORT_DASK_LAZILY


@pytest.mark.parametrize("name", sorted(set(SOURCES) - SOURCE_PATH))
def test_commands_import_dask_in_functions_alone(name: str) -> None:
    assert not outside(name, lazy=False) & DASK, "`pvdask --help` is there at once"


def test_what_runs_on_workers_needs_what_workers_have() -> None:
    reached = closure(ON_WORKERS)
    for name in reached:
        foreign = outside(name) - WORKERS_HAVE - set(sys.stdlib_module_names)
        assert not foreign, f"{name} imports {foreign}"


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert first_cycle({name: inside(name, lazy=False) for name in SOURCES}) == []


def test_no_module_of_the_source_s_way_does_so_lazily() -> None:
    assert first_cycle({name: inside(name) for name in SOURCE_PATH}) == []


RANKS = [
    {"errors", "version"},
    {"options", "plan", "assignment", "positions", "loop", "ranks", "dtypes"},
    {"columns", "selection", "cluster", "transfer"},
    {"pull"},
]


def test_imports_run_one_way() -> None:
    """A module imports none of a later row, so that what is decided is never below what carries it out."""
    for index, row in enumerate(RANKS):
        later = {f"pvdask.{name}" for names in RANKS[index + 1 :] for name in names}
        for name in row & {module.removeprefix("pvdask.") for module in SOURCES}:
            assert not inside(f"pvdask.{name}") & later, f"{name} imports {inside(f'pvdask.{name}') & later}"


# ---- seen in a process of its own

PROBE = """
import importlib, json, sys
first = {}
for name in sys.argv[1:]:
    importlib.import_module(name)
    for module in list(sys.modules):
        first.setdefault(module.split(".")[0], name)
print(json.dumps(first))
"""


def first_importers(modules: Iterable[str], folders: Iterable[Path] = FOLDERS.values()) -> dict[str, str]:
    """Import modules one after another in a fresh process: each top-level package then there, with who brought it."""
    paths = "".join(f"import sys; sys.path.insert(0, {str(folder)!r})\n" for folder in folders)
    command = [sys.executable, "-c", paths + PROBE, *modules]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_importing_all_of_pvdask_brings_no_paraview() -> None:
    names = [name for name in SOURCES if name.split(".")[0] == "pvdask"]
    brought = first_importers(names)
    assert "pvdask" in brought
    assert {module: by for module, by in brought.items() if module in PARAVIEW | {"pvdask_plugin"}} == {}
    assert {module: by for module, by in brought.items() if module in DASK | {"mpi4py"}} == {}


@pytest.mark.parametrize("name", ["pvdask_plugin.source", "pvdask.pull", "pvdask.cli"])
def test_importing_brings_neither_dask_nor_pandas(name: str) -> None:
    """Pandas costs half a second on every rank, and only rank 0 looks at a frame."""
    brought = first_importers([name])
    assert brought["pvdask"] == name
    assert not set(brought) & (DASK | {"pandas", "pyarrow", "paraview"})


@pytest.mark.parametrize("name", sorted(name for name in SOURCES if name.startswith("pvdask_plugin")))
def test_importing_a_plugin_module_brings_no_paraview(name: str) -> None:
    assert "paraview" not in first_importers([name])


# ---- the harness itself

PLANTED = {
    "import dask": {Import("dask", False)},
    "import dask.dataframe as dd": {Import("dask.dataframe", False)},
    "from distributed import Client": {Import("distributed.Client", False)},
    "def f():\n    import dask": {Import("dask", True)},
    "async def f():\n    if 1:\n        from dask.core import get": {Import("dask.core.get", True)},
    "class A:\n    import dask": {Import("dask", False)},
    "class A:\n    def f(self):\n        import dask": {Import("dask", True)},
    "try:\n    import dask\nexcept ImportError:\n    dask = None": {Import("dask", False)},
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import dask": {Import("typing.TYPE_CHECKING", False)},
    "from . import cluster": {Import("pvdask.cluster", False)},
    "SCRIPT = 'import dask'": set(),
}


@pytest.mark.parametrize("source", PLANTED, ids=repr)
def test_must_fail_a_planted_import_is_seen(source: str) -> None:
    assert imports_of(source, "pvdask.module") == PLANTED[source]


def test_must_fail_a_planted_cycle_is_seen() -> None:
    assert set(first_cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}
    assert first_cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_must_fail_a_module_that_brings_vtk_is_seen(tmp_path: Path) -> None:
    (tmp_path / "harmless.py").write_text("")
    (tmp_path / "guilty.py").write_text("import vtkmodules.vtkCommonCore\n")
    assert first_importers(["harmless", "guilty"], [tmp_path])["vtkmodules"] == "guilty"
