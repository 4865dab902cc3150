"""Points survive libexpat: the fault is found where it is, the preloaded library mends it, and it harms nothing elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from opaque_pictures import GRID, N_GRID, RANKS, Drawn, Studio, count_blobs, greatest_difference, studio

from pvdask.errors import SetupError
from pvdask.launch import ParaViewInstall
from pvdask.launch.expat_probe import LIBRARY, is_faulty, mend_library, status
from pvdask.launch.layout import project_layout

pytestmark = pytest.mark.render

__all__ = ["studio"]

SCENES: dict[str, dict[str, Any]] = {
    "point gaussian": {"representation": "Point Gaussian", **GRID},
    "translucent point gaussian": {"representation": "Point Gaussian", "properties": {"Opacity": 0.5}, **GRID},
    "glyph": {"representation": "Surface", "glyph": True, **GRID},
    "translucent glyph": {"representation": "Surface", "glyph": True, "properties": {"Opacity": 0.5}, **GRID},
}
# The stock mapper's bounds end at the points' centres, and ranks composite no further than their bounds: the outermost
# spheres of each rank lose a half (ParaView 5.11 and 5.13, sound libexpat or not). Opaque Gaussian does not do that.
LEAST_LIT = {"point gaussian": 0.85, "translucent point gaussian": 0.85, "glyph": 1.0, "translucent glyph": 1.0}
NOT_MENDED = {"LD_PRELOAD": ""}

# A libexpat that only says what is asked of it: the machine's own may lack the switch, and never tells.
STAND_IN = """
#include <stdio.h>
static int parser;
void *XML_ParserCreate(const char *encoding) { puts("create"); return &parser; }
void *XML_ParserCreateNS(const char *encoding, char separator) { printf("createNS %c\\n", separator); return &parser; }
void *XML_ParserCreate_MM(const char *encoding, const void *memory, const char *separator)
{ printf("create_MM %s\\n", separator); return &parser; }
unsigned char XML_SetReparseDeferralEnabled(void *which, unsigned char on)
{ printf("deferral %d %s\\n", on, which == &parser ? "of it" : "of another"); fflush(stdout); return 1; }
"""
MAKE_PARSERS = """
import ctypes
expat = ctypes.CDLL(None)
for name in ("XML_ParserCreate", "XML_ParserCreateNS", "XML_ParserCreate_MM"):
    getattr(expat, name).restype = ctypes.c_void_p
expat.XML_ParserCreate(None)
expat.XML_ParserCreateNS(None, ctypes.c_char(b"#"))
expat.XML_ParserCreate_MM(None, None, b"%")
"""
PARSE = """
import xml.parsers.expat
for separator in (None, "#"):
    parser = xml.parsers.expat.ParserCreate(namespace_separator=separator)
    names = []
    parser.StartElementHandler = lambda name, attributes: names.append(name)
    parser.Parse("<a><b/></a>", True)
    print(names)
"""


def library() -> Path:
    path = Path(os.environ.get("PVDASK_PLUGIN_DIR") or project_layout().build_dir) / LIBRARY
    assert path.is_file(), f"{path} is not built: `./run setup` builds it"
    return path


@pytest.fixture
def own_cache(tmp_path: Path) -> dict[str, str]:
    """The environment, with a cache folder of the test's own."""
    return {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}


def remembered(env: dict[str, str]) -> list[Path]:
    return sorted((Path(env["XDG_CACHE_HOME"]) / "pvdask").glob("expat-*.json"))


def remember_fault(env: dict[str, str]) -> None:
    """Make the probe's kept answer that this machine has the fault."""
    (path,) = remembered(env)
    path.write_text(json.dumps({**json.loads(path.read_text()), "faulty": True}))


def test_probe_asks_paraview_once_for_each_libexpat(
    install: ParaViewInstall, own_cache: dict[str, str], tmp_path: Path
) -> None:
    first = is_faulty(install, own_cache)
    (path,) = remembered(own_cache)
    answer = json.loads(path.read_text())
    assert answer == {"faulty": first, "written": 3000, "read": answer["read"], "paraview": install.version}
    assert (answer["read"] == 3000) is not first
    path.write_text(json.dumps({"faulty": not first}))
    assert is_faulty(install, own_cache) is not first  # the kept answer was taken: ParaView would have said otherwise
    path.write_text("no JSON")
    assert is_faulty(install, own_cache) is first
    (tmp_path / "libexpat.so.99").touch()  # one more that ParaView might load, for all the probe can tell
    other = {**own_cache, "LD_LIBRARY_PATH": os.pathsep.join((str(tmp_path), os.environ.get("LD_LIBRARY_PATH", "")))}
    assert is_faulty(install, other) is first
    assert len(remembered(own_cache)) == 2


def test_probe_needs_no_cache(install: ParaViewInstall, own_cache: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert is_faulty(install, own_cache) is is_faulty(install, dict(os.environ))


def test_paraview_that_does_not_answer_is_a_setup_error(
    install: ParaViewInstall, own_cache: dict[str, str], tmp_path: Path
) -> None:
    program = tmp_path / "pvpython"
    program.write_text("#!/bin/sh\necho 'cannot open display' >&2\nexit 3\n")
    program.chmod(0o755)
    broken = ParaViewInstall(tmp_path, install.version, install.python_version)
    with pytest.raises(SetupError, match="status 3 and said: cannot open display"):
        is_faulty(broken, own_cache)
    assert remembered(own_cache) == []


def test_nothing_is_preloaded_where_libexpat_is_sound(install: ParaViewInstall, own_cache: dict[str, str]) -> None:
    if is_faulty(install, own_cache):
        assert mend_library(install, own_cache) == library()
        assert str(library()) in status(install, own_cache)
    else:
        assert mend_library(install, own_cache) is None
        assert "is sound" in status(install, own_cache)


def test_fault_without_the_library_is_refused(
    install: ParaViewInstall, own_cache: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_faulty(install, own_cache)
    remember_fault(own_cache)
    monkeypatch.setenv("PVDASK_PLUGIN_DIR", str(tmp_path))
    with pytest.raises(SetupError, match=r"is not built: run `\./run setup`"):
        mend_library(install, own_cache)


def test_fault_is_mended_and_said_once(
    install: ParaViewInstall, own_cache: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    is_faulty(install, own_cache)
    remember_fault(own_cache)
    assert mend_library(install, own_cache) == library()  # asked again with the library preloaded: all points are there
    assert "mended by preloading" in capsys.readouterr().err
    assert mend_library(install, own_cache) == library()
    assert capsys.readouterr().err == ""


def test_library_that_does_not_mend_is_refused(
    install: ParaViewInstall, own_cache: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_faulty(install, own_cache)
    remember_fault(own_cache)
    shutil.copy(library(), tmp_path / LIBRARY)
    monkeypatch.setenv("PVDASK_PLUGIN_DIR", str(tmp_path))
    assert mend_library(install, own_cache) == tmp_path / LIBRARY
    for path in remembered(own_cache):
        path.write_text(json.dumps({"faulty": True}))
    with pytest.raises(SetupError, match="brings a libexpat of its own"):
        mend_library(install, own_cache)


def test_every_new_parser_has_its_deferral_switched_off(tmp_path: Path) -> None:
    source, stand_in = tmp_path / "expat.c", tmp_path / "libexpat.so.1"
    source.write_text(STAND_IN)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(stand_in), str(source)], check=True)
    env = {**os.environ, "LD_PRELOAD": f"{library()}:{stand_in}"}
    run = subprocess.run([sys.executable, "-c", MAKE_PARSERS], env=env, capture_output=True, text=True, check=True)
    lines = run.stdout.split("\n")[:-1]
    assert lines == [
        line for made in ("create", "createNS #", "create_MM %") for line in (made, "deferral 0 of it")
    ]  # fmt: skip


def test_other_programs_are_left_as_they_are() -> None:
    def parsed(preload: str) -> str:
        env = {**os.environ, "LD_PRELOAD": preload}
        return subprocess.run(
            [sys.executable, "-c", PARSE], env=env, capture_output=True, text=True, check=True
        ).stdout  # fmt: skip

    assert parsed(str(library())) == parsed("") == "['a', 'b']\n['a', 'b']\n"


@pytest.fixture(scope="module")
def pictures(studio: Studio) -> dict[int, dict[str, Drawn]]:
    """Every scene at every rank count."""
    return {n_ranks: studio.draw_all(n_ranks, SCENES) for n_ranks in RANKS}


@pytest.mark.parametrize("name", SCENES)
def test_all_points_are_drawn_at_every_rank_count(pictures: dict[int, dict[str, Drawn]], name: str) -> None:
    one = pictures[1][name]
    assert count_blobs(one.pixels) == N_GRID
    for n_ranks in RANKS[1:]:
        drawn = pictures[n_ranks][name]
        difference = greatest_difference(drawn.pixels, one.pixels)
        print(f"{name}, {n_ranks} ranks: {count_blobs(drawn.pixels)} points, {drawn.n_lit} of {one.n_lit} pixels lit, "
              f"greatest difference {difference}")  # fmt: skip
        assert count_blobs(drawn.pixels) == N_GRID
        assert drawn.n_lit >= LEAST_LIT[name] * one.n_lit
        if "glyph" in name:
            assert difference <= 16


def test_without_the_mend_points_are_missing_where_the_fault_is(studio: Studio) -> None:
    """The proof that the tests above can fail: on a faulty machine they do as soon as the library is left out."""
    faulty = is_faulty(studio.install, {**os.environ, **NOT_MENDED})
    drawn = studio.draw(2, NOT_MENDED, **SCENES["translucent glyph"])
    n_points = count_blobs(drawn.pixels)
    print(f"libexpat is {'faulty' if faulty else 'sound'}: {n_points} of {N_GRID} points without the mend")
    assert (n_points < N_GRID) is faulty
