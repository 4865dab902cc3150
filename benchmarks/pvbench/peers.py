"""The notebook's own PVGeo, in a folder of its own: no `vtk` wheel, and nothing of it in .venv."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "pvgeo"
PINS = ROOT / "constraints" / "pvgeo.txt"


def install_pvgeo() -> Path:
    """The folder to import PVGeo from; installed the first time, and when the pins have changed."""
    stamp = FOLDER / "pvbench-stamp"
    wanted = PINS.read_text(encoding="utf-8")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return FOLDER
    print(f"bench: about to install PVGeo into build/pvgeo, pinned by {PINS.relative_to(ROOT)}", file=sys.stderr)
    part = FOLDER.with_name("pvgeo.part")
    for folder in (part, FOLDER):
        shutil.rmtree(folder, ignore_errors=True)
    part.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-deps"]
    subprocess.run([*command, "--target", str(part), "-r", str(PINS)], check=True)
    (part / stamp.name).write_text(wanted, encoding="utf-8")
    part.rename(FOLDER)
    return FOLDER
