"""`pvdask gui`, and servers that ParaView's Connect dialog starts: on this machine, and through ssh as a reverse connection."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import SOURCE, run_command
from gui.fixtures import GAS, STARS, display, published
from gui.session import DRIVER, Gui, GuiError
from images import n_coloured, read
from leftovers import SESSION_MARKER, environment_marker, session_folders
from proxy_xml import PROXIES
from proxy_xml import SOURCE as SOURCE_PROXY

from pvdask.launch import ClusterHandle, ParaViewInstall, Stack
from pvdask.launch.layout import compiled_plugins, help_plugin, project_layout

pytestmark = pytest.mark.clientserver

COMMAND = (sys.executable, "-m", "pvdask", "gui")
PATH = {"PYTHONPATH": str(SOURCE)}
N_RANKS = "servermanager.ActiveConnection.GetNumberOfDataPartitions()"
IS_REMOTE = "(servermanager.ActiveConnection is not None and bool(servermanager.ActiveConnection.IsRemote()))"

# What ssh does as far as the server can tell, on one machine: it hands the words behind the host to a shell there. The tunnel,
# `-R 127.0.0.1:P:127.0.0.1:P`, leads from this machine to this machine, so that there is nothing to do for it.
SSH = """#!/bin/sh
printf '%s\\n' "$*" >>"$HOME/ssh.log"
while [ $# -gt 0 ]; do
  case $1 in
    -T) shift ;;
    -o | -R) shift 2 ;;
    *) break ;;
  esac
done
[ "$1" = me@there ] || { echo "no such host: $1"; exit 255; }
shift
exec sh -c "$*"
"""


@pytest.fixture(scope="module")
def on_cluster(cluster: ClusterHandle) -> Iterator[ClusterHandle]:
    with published(cluster):
        yield cluster


def opened(stack: Stack, install: ParaViewInstall, *options: str, folder: Path | None = None) -> Gui:
    """ParaView as `pvdask gui` opens it, with the tests' own script."""
    env = {**PATH, **({"PATH": f"{folder}:{stack.environment(install)['PATH']}"} if folder else {})}
    return Gui(stack, install, command=[*COMMAND, *options, "--"], env=env)


def close(gui: Gui) -> None:
    """By the menu; the command ends with it, and takes its server along."""
    gui.menu("File", "Exit")
    assert gui.process.wait(60) == 0


def choose_and_apply(gui: Gui, dataset: str) -> None:
    gui.menu("Sources", "Dask", "Dask DataFrame Source")
    gui.wait("panel('Dataset') is not None")
    gui.choose("Dataset", dataset)
    gui.apply()


def connect(gui: Gui, name: str) -> None:
    """File > Connect, one of the servers that `pvdask gui` brings along, Connect."""
    gui.menu("File", "Connect...")
    table = "named('servers')"
    point = gui.wait(
        f"table = {table}; rows_ = range(table.rowCount())\n"
        f"row = next(r for r in rows_ if table.item(r, 0).text() == {name!r})\n"
        "spot = table.viewport().mapToGlobal(table.visualItemRect(table.item(row, 0)).center()); result = [spot.x(), spot.y()]"
    )
    gui.click_at(*point)
    gui.click("named('connect')")


def test_a_gui_with_a_server_of_its_own_draws_opaque_stars(
    on_cluster: ClusterHandle, install: ParaViewInstall, stack: Stack, tmp_path: Path
) -> None:
    gui = opened(stack, install, "-n", "2", "--scheduler-file", str(on_cluster.scheduler_file))
    assert gui.ask(N_RANKS) == 2
    choose_and_apply(gui, STARS)
    is_compiled = bool(compiled_plugins(project_layout()))
    expected = "Opaque Gaussian" if is_compiled else "Point Gaussian"
    assert gui.ask(display("Representation")) == expected
    if is_compiled:
        assert gui.ask(display("OpaqueGaussianRadius")) == gui.ask(display("GaussianRadius")) > 0
    gui.ask(f"view_pixels({str(tmp_path / 'view.png')!r})")
    assert n_coloured(read(tmp_path / "view.png")) > 5000
    assert gui.ask("messages()") == []
    gui.screenshot(tmp_path / "gui.png")
    close(gui)


def test_a_gui_connects_to_a_server_that_runs(
    on_cluster: ClusterHandle, install: ParaViewInstall, stack: Stack
) -> None:
    server = stack.start_server(install, 2, env={"PVDASK_SCHEDULER_FILE": str(on_cluster.scheduler_file)})
    gui = opened(stack, install, "--connect", f"127.0.0.1:{server.port}")
    assert gui.ask(N_RANKS) == 2
    choose_and_apply(gui, GAS)
    assert gui.ask(display("Representation")) == "Point Gaussian"
    close(gui)
    assert server.process.wait(60) == 0


@pytest.fixture(scope="module")
def alone(install: ParaViewInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gui]:
    """A GUI without a server, whose `ssh` is the one above."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "ssh").write_text(SSH)
    (folder / "ssh").chmod(0o755)
    with environment_marker(SESSION_MARKER), Stack() as stack:
        session_folders.add(stack.folder.name)
        gui = opened(stack, install, folder=folder)
        yield gui
        close(gui)


def disconnect(gui: Gui) -> None:
    """File > Disconnect, which asks; the server that the dialog started ends with it."""
    gui.menu("File", "Disconnect")
    gui.wait("dialog() == 'Disconnect from current server?'")
    gui.focus()
    gui.key("Return")
    gui.wait(f"dialog() is None and not {IS_REMOTE}")


HELP = "next(w for w in application.topLevelWidgets() if w.inherits('pqHelpWindow') and w.isVisible())"


@pytest.fixture
def help_page(alone: Gui) -> Iterator[str]:
    """The help window, opened by the button of the panel: an expression for the text of the page that it shows."""
    assert help_plugin(project_layout()), "DaskHelp.so is not built: `./run setup` installs what it takes and builds it"
    alone.menu("Sources", "Dask", "Dask DataFrame Source")
    alone.click("dock('propertiesDock').findChild(QWidget, 'Help')")
    alone.wait(f"{HELP} is not None")
    yield f"{HELP}.centralWidget().toPlainText()"
    alone.ask(f"{HELP}.close(); simple.Delete(simple.GetActiveSource()); result = 1")


def test_the_help_button_opens_the_page_of_the_source(alone: Gui, help_page: str, tmp_path: Path) -> None:
    text = " ".join(alone.wait(f"result = {help_page}; result = 'Dask DataFrame Source' in result and result").split())
    alone.screenshot(tmp_path / "help.png")
    for name in ("SchedulerFile", "Filter", "LiveUpdates"):
        words = SOURCE_PROXY.properties[name].findtext("Documentation") or ""
        assert " ".join(words.split()) in text


def test_the_contents_of_the_help_lead_to_every_source_and_filter(alone: Gui, help_page: str, tmp_path: Path) -> None:
    titles = alone.wait(
        f"tree = {HELP}.findChild(QTreeView); tree.expandAll(); root = tree.model().index(0, 0)\n"
        "result = [tree.model().index(row, 0, root).data() for row in range(tree.model().rowCount(root))]"
    )
    shown = [p for p in PROXIES.values() if p.element.find("Hints/ShowInMenu") is not None]
    assert {p.element.attrib["label"] for p in shown} <= set(titles)
    point = alone.ask(
        f"index = tree.model().index({titles.index('Density Grid')}, 0, root); tree.scrollTo(index)\n"
        "spot = tree.viewport().mapToGlobal(tree.visualRect(index).center()); result = [spot.x(), spot.y()]"
    )
    alone.click_at(*point, times=2)
    alone.wait(f"'Bins along x, y and z' in {help_page}")
    alone.screenshot(tmp_path / "help.png")


def test_the_connect_dialog_starts_a_server_on_this_machine(
    alone: Gui, on_cluster: ClusterHandle, tmp_path: Path
) -> None:
    connect(alone, "Dask, on this machine")
    alone.wait("named('PVDASK_RANKS') is not None")
    alone.screenshot(tmp_path / "options.png")
    file = f"named('PVDASK_SCHEDULER_FILE').setProperty('singleFilename', {str(on_cluster.scheduler_file)!r})"
    alone.ask(f"{file}; result = 1")
    alone.focus()
    alone.key("Return")
    alone.wait(f"dialog() is None and {IS_REMOTE}", 90)
    assert alone.ask(N_RANKS) == 2
    choose_and_apply(alone, STARS)
    assert alone.ask("messages()") == []
    alone.screenshot(tmp_path / "gui.png")
    disconnect(alone)


def test_the_connect_dialog_starts_a_server_through_ssh_that_connects_back(
    alone: Gui, on_cluster: ClusterHandle, tmp_path: Path
) -> None:
    connect(alone, "Dask, through ssh")
    alone.wait("named('PVDASK_HOST') is not None")
    alone.ask(
        "named('PVDASK_HOST').setText('me@there')\n"
        f"named('PVDASK_REMOTE_SCHEDULER_FILE').setText({str(on_cluster.scheduler_file)!r}); result = 1"
    )
    alone.screenshot(tmp_path / "options.png")
    alone.focus()
    alone.key("Return")
    alone.wait(f"dialog() is None and {IS_REMOTE}", 90)
    assert alone.ask(N_RANKS) == 2
    choose_and_apply(alone, STARS)
    assert alone.ask("messages()") == []
    asked = (alone.home / "ssh.log").read_text()
    assert "-R 127.0.0.1:" in asked
    assert "server --quiet -n 2 --connect-to 127.0.0.1:" in asked
    disconnect(alone)


def test_without_a_display_it_is_one_sentence() -> None:
    done = run_command("gui", DISPLAY="")
    assert done.returncode == 1
    assert done.stderr.startswith("pvdask: error: ParaView opens windows, and no X display answers: ")
    assert done.stderr.count("\n") == 1


def test_the_options_that_do_not_go_together_are_told() -> None:
    done = run_command("gui", "--connect", "127.0.0.1:1", "--scheduler-file", "s.json", DISPLAY="")
    assert done.returncode == 1
    assert "--scheduler-file: it is the server that reads the file" in done.stderr
    assert run_command("gui", "--connect", "nowhere").returncode == 2
    done = run_command("server", "-n", "1", "--connect-to", "127.0.0.1:1", "--port", "5")
    assert "--connect-to: a server that connects to its client listens on no port" in done.stderr


def test_a_gui_that_does_not_open_is_seen(install: ParaViewInstall, stack: Stack) -> None:
    with pytest.raises(GuiError, match="did not open"):
        Gui(stack, install, command=["false"])
    assert DRIVER.is_file()
