"""A ParaView GUI for a test: started, clicked with xdotool, asked what it shows, ended with its stack."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pvdask.launch import ParaViewInstall, Stack

DRIVER = Path(__file__).with_name("driver.py")
# ParaView greets a new user with a dialog that waits for an answer.
SETTINGS = "[General]\nGeneralSettings.ShowWelcomeDialog=0\n"
START_S, STEP_S, CLICK_S, PATIENCE_S = 120.0, 60.0, 3.0, 0.1


class GuiError(AssertionError):
    """The GUI did not do, or does not show, what the test expects of it."""


class Gui:
    """A ParaView GUI on the stack's X server, with a home folder of its own.

    Parameters
    ----------
    stack : Stack
        Owns its process.
    install : ParaViewInstall
        Which ParaView.
    arguments : sequence of str
        For ParaView's command line.
    env : mapping of str to str, optional
        What to add to the environment.
    command : sequence of str, optional
        What to start in place of ParaView itself; the arguments come behind it.
    compiled : bool
        Whether the compiled plugins are loaded.
    """

    def __init__(
        self,
        stack: Stack,
        install: ParaViewInstall,
        arguments: Sequence[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
        compiled: bool = False,
    ) -> None:
        if shutil.which("xdotool") is None:
            raise GuiError("xdotool is not installed; ./run test does it.")
        self.home = Path(tempfile.mkdtemp(prefix="gui-", dir=stack.folder))
        settings = self.home / ".config" / "ParaView"
        settings.mkdir(parents=True)
        (settings / f"ParaView{install.version}.ini").write_text(SETTINGS)
        self.path = str(self.home / "socket")
        own = {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / ".config"), "PVDASK_GUI_SOCKET": self.path}
        self.env = {**stack.environment(install, compiled=compiled), **own, **(env or {})}
        program = [str(install.program("paraview"))] if command is None else list(command)
        self.process = stack.start([*program, *arguments, f"--script={DRIVER}"], env=self.env, name="paraview")
        self._wait_for_socket()
        self.focus()

    def _wait_for_socket(self) -> None:
        deadline = time.monotonic() + START_S
        while not os.path.exists(self.path):
            if self.process.returncode is not None or time.monotonic() > deadline:
                raise GuiError(f"ParaView did not open within {START_S:g} s. It said:\n{self.process.tail()}")
            time.sleep(PATIENCE_S)

    # ---- asking

    def ask(self, code: str, timeout_s: float = STEP_S) -> Any:
        """Run code in the GUI once it is idle, and give what it calls ``result``; an expression is its own result."""
        deadline = time.monotonic() + timeout_s
        code = code if "result" in code or "\n" in code else f"result = {code}"
        while True:
            answer = self._request({"code": code}, deadline)
            if "error" in answer:
                raise GuiError(answer["error"])
            if not answer.get("busy"):
                return answer["result"]
            if time.monotonic() > deadline:
                raise GuiError(f"ParaView was still busy after {timeout_s:g} s.")
            time.sleep(PATIENCE_S)

    def _request(self, request: dict[str, Any], deadline: float) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(max(1.0, deadline - time.monotonic()))
            try:
                connection.connect(self.path)
                with connection.makefile("rw") as stream:
                    stream.write(json.dumps(request) + "\n")
                    stream.flush()
                    answer: dict[str, Any] = json.loads(stream.readline() or '{"error": "ParaView ended"}')
                    return answer
            except (OSError, ValueError) as error:
                raise GuiError(f"ParaView does not answer ({error}). It said:\n{self.process.tail()}") from error

    def wait(self, code: str, timeout_s: float = STEP_S) -> Any:
        """Wait until an expression is true, or finds what it looks for, and give it."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                found = self.ask(code, max(1.0, deadline - time.monotonic()))
            except GuiError as error:
                if "StopIteration" not in str(error) and "NoneType" not in str(error):
                    raise
                found = None
            if found:
                return found
            if time.monotonic() > deadline:
                raise GuiError(f"After {timeout_s:g} s this is still not so: {code}\n{self.ask('messages()')}")
            time.sleep(PATIENCE_S)

    # ---- doing what a user does

    def xdotool(self, *words: object) -> None:
        subprocess.run(["xdotool", *map(str, words)], env=self.env, check=True, timeout=STEP_S)

    def focus(self) -> None:
        """Give the keyboard to the window that is in front: no window manager runs here."""
        window = self.ask("int((application.activeModalWidget() or main).winId())")
        self.xdotool("windowfocus", "--sync", window)

    def click(self, widget: str, *, times: int = 1) -> None:
        """Click in the middle of a widget, once it is there and enabled."""
        self.click_at(*self.wait(f"center({widget})"), times=times)

    def click_at(self, x: int, y: int, *, times: int = 1) -> None:
        self.xdotool("mousemove", x, y, "click", "--repeat", times, 1)

    def menu(self, *names: str) -> None:
        """Click through the menus; again, where a window that was closed just now took the first click."""
        # Whether the menu is open and where to click otherwise is one question: a menu may open late, and between two of them.
        step = f"result = 'open' if open_menus() else menu_entry({names[0]!r})"
        deadline = time.monotonic() + STEP_S
        while (found := self.wait(step)) != "open":
            if time.monotonic() > deadline:
                raise GuiError(f"The menu {names[0]!r} did not open within {STEP_S:g} s of clicks.")
            self.click_at(*found)
            self._wait_for_menu()
        for name in names[1:]:
            self.click_at(*self.wait(f"menu_entry({name!r})"))

    def _wait_for_menu(self) -> None:
        """For as long as a click may take: a second click would close what the first one opened."""
        patience = time.monotonic() + CLICK_S
        while time.monotonic() < patience and not self.ask("bool(open_menus())"):
            time.sleep(PATIENCE_S)

    def type(self, text: str) -> None:
        self.xdotool("type", "--delay", 8, text)

    def key(self, *names: str) -> None:
        self.xdotool("key", *names)

    def write(self, name: str, text: str) -> None:
        """Click into the field of a property, and type in place of what it holds."""
        field = f"panel({name!r}).findChild(QLineEdit)"
        self.reveal(name)
        self.focus()
        self.click(field, times=3)
        self.type(text)
        self.wait(f"{field}.text() == {text!r}")

    def choose(self, name: str, text: str) -> None:
        """Choose in the drop-down of a property: a click opens its list, a click in the list chooses."""
        box = f"panel({name!r}).findChild(QComboBox)"
        self.reveal(name)
        self.wait(f"{box}.findText({text!r}) >= 0")
        self.click(box)
        self.wait(f"{box}.view().isVisible()")
        point = self.ask(
            f"box = {box}; view = box.view(); spot = view.visualRect(box.model().index(box.findText({text!r}), 0)).center()\n"
            "spot = view.viewport().mapToGlobal(spot); result = [spot.x(), spot.y()]"
        )
        self.click_at(*point)
        self.wait(f"{box}.currentText() == {text!r}")

    def tick(self, name: str) -> None:
        """Click the box of a property that is on or off."""
        box = f"panel({name!r}).findChild(QWidget, 'CheckBox')"
        self.reveal(name)
        was = self.ask(f"{box}.isChecked()")
        spot = f"box = {box}; spot = box.mapToGlobal(box.rect().center()); left = box.mapToGlobal(box.rect().topLeft())"
        self.click_at(*self.ask(f"{spot}; result = [left.x() + 8, spot.y()]"))
        self.wait(f"{box}.isChecked() != {was}")

    def reveal(self, name: str) -> None:
        """Scroll a property into sight."""
        self.ask(
            "from PyQt5.QtWidgets import QScrollArea\n"
            f"widget = panel({name!r}); area = widget\n"
            "while not isinstance(area, QScrollArea): area = area.parent()\n"
            "area.ensureWidgetVisible(widget); result = 1"
        )

    def apply(self) -> None:
        """Press Apply, and wait until it is done."""
        self.click("named('Accept')")
        self.ask("1")

    def answer_file_dialog(self, path: Path | str) -> None:
        """Type a path into the file dialog that is open."""
        is_open = "[1 for w in application.topLevelWidgets() if w.inherits('pqFileDialog') and w.isVisible()]"
        self.wait(is_open)
        self.focus()
        self.type(str(path))
        self.key("Return")
        self.wait(f"not {is_open}")

    def screenshot(self, path: Path) -> Path:
        """Save the whole screen: the windows as they are."""
        self.ask(f"result = application.primaryScreen().grabWindow(0, 0, 0, *{SIZE!r}).save({str(path)!r})")
        return path


SIZE = (1600, 1000)


def value(name: str) -> str:
    """An expression for a property of the selected source, as the panel last learnt it."""
    return f"simple.GetActiveSource().GetPropertyValue({name!r})"
