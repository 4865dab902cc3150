"""Where this project's own parts are, in a checkout or installed, and which ParaView plugins they are."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from pvdask.errors import SetupError

PLUGIN_DIR_VARIABLE = "PVDASK_PLUGIN_DIR"
HELP_PLUGIN = "DaskHelp"


@dataclass(frozen=True)
class ProjectLayout:
    """Where this project's parts are: in a checkout, or installed.

    Parameters
    ----------
    import_folders : tuple of Path
        Folders to import ``pvdask`` and ``pvdask_plugin`` from.
    xml_files : tuple of Path
        The server-manager XML files, each a ParaView plugin.
    build_dir : Path
        Where the compiled parts are, if they were built.
    examples : Path
        The folder of example scenes.
    """

    import_folders: tuple[Path, ...]
    xml_files: tuple[Path, ...]
    build_dir: Path
    examples: Path


def project_layout() -> ProjectLayout:
    """Find this project's parts, from the place of the running ``pvdask`` package.

    Raises
    ------
    SetupError
        The plugin's package or its XML file is missing.
    """
    package_dir = Path(__file__).resolve().parents[1]
    root = package_dir.parents[1]
    if (root / "plugin" / "pvdask_plugin").is_dir():
        xml_dir, plugin_folder, build_dir = root / "xml", root / "plugin", root / "build" / "lib"
    else:
        specification = importlib.util.find_spec("pvdask_plugin")
        places = specification.submodule_search_locations if specification else None
        if not places:
            raise SetupError(f"The package pvdask_plugin is not installed beside pvdask ({package_dir}): install both.")
        plugin_folder = Path(next(iter(places))).resolve().parent
        prefix = next((folder for folder in package_dir.parents if (folder / "share/pvdask/xml").is_dir()), None)
        xml_dir = (prefix or root) / "share/pvdask/xml"
        build_dir = (prefix or root) / "lib" / "pvdask"
    xml_files = tuple(sorted(xml_dir.glob("*.xml")))
    if not xml_files:
        raise SetupError(f"There is no plugin file (*.xml) in {xml_dir}: install the project again.")
    folders = tuple(dict.fromkeys((package_dir.parent, plugin_folder)))
    return ProjectLayout(folders, xml_files, build_dir, xml_dir.parent / "examples")


def compiled_plugins(layout: ProjectLayout) -> list[Path]:
    """Compiled ParaView plugins that draw, if any: both a client and its server have to have them, or neither.

    They are in the folder PVDASK_PLUGIN_DIR, else where a build or installation puts them.

    Raises
    ------
    SetupError
        PVDASK_PLUGIN_DIR names no folder.
    """
    return [path for path in _built_plugins(layout) if path.stem != HELP_PLUGIN]


def help_plugin(layout: ProjectLayout) -> list[Path]:
    """The compiled plugin that holds the help pages, if it was built; the GUI alone has a use for it.

    Raises
    ------
    SetupError
        PVDASK_PLUGIN_DIR names no folder.
    """
    return [path for path in _built_plugins(layout) if path.stem == HELP_PLUGIN]


def _built_plugins(layout: ProjectLayout) -> list[Path]:
    named = os.environ.get(PLUGIN_DIR_VARIABLE)
    if named and not Path(named).is_dir():
        raise SetupError(
            f"{PLUGIN_DIR_VARIABLE} is {named!r}, which is no folder: set it to where the plugin was built."
        )
    folder = Path(named) if named else layout.build_dir
    # A plugin's file has no `lib` before its name; what has one is a library that plugins link to.
    return sorted(path.resolve() for path in folder.rglob("*.so") if not path.name.startswith("lib"))


def write_plugin_config(files: Iterable[Path], path: Path) -> Path:
    """Write the file that PV_PLUGIN_CONFIG_FILE names: ParaView's programs load each plugin in it at their start."""
    entries = "".join(
        f'  <Plugin name={quoteattr(file.stem)} filename={quoteattr(str(file))} auto_load="1"/>\n' for file in files
    )
    path.write_text(f'<?xml version="1.0"?>\n<Plugins>\n{entries}</Plugins>\n', encoding="utf-8")
    return path
