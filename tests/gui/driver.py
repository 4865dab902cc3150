"""Runs inside ParaView's GUI (``paraview --script``): executes what comes over a socket, in the GUI's own thread.

PyQt5 and ParaView share the distribution's Qt, so that the widgets found here are ParaView's own. Each request is a line of JSON:
``code``, whose variable ``result`` is the answer. While ParaView waits for its server, a request is answered with ``busy``: what it
would ask the server would come in between.
"""

import json
import os
import socket
import traceback

from paraview import servermanager, simple
from PyQt5.QtCore import QSocketNotifier, Qt
from PyQt5.QtWidgets import (
    QAction,
    QApplication,
    QComboBox,
    QDialog,
    QDockWidget,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QTreeView,
    QWidget,
)

SIZE = (1600, 1000)
PANEL_WIDTH = 460


class Names(dict):
    """What the requests' code sees, with a few functions to find widgets."""

    def __init__(self):
        application = QApplication.instance()
        main = next(w for w in application.topLevelWidgets() if w.objectName() == "pqClientMainWindow")
        widgets = (QAction, QComboBox, QDialog, QLineEdit, QTreeView, QWidget)
        helpers = (
            self.docks, self.dock, self.named, self.panel, self.center, self.open_menus, self.menu_entry, self.messages,
            self.dialog, self.rows, self.view_pixels,
        )  # fmt: skip
        super().__init__({each.__name__: each for each in (*widgets, *helpers)})
        self.update(application=application, main=main, simple=simple, servermanager=servermanager, Qt=Qt)
        main.setGeometry(0, 0, *SIZE)
        main.resizeDocks([self.dock("propertiesDock")], [PANEL_WIDTH], Qt.Horizontal)

    def docks(self):
        """Names of the dock windows."""
        return [dock.objectName() for dock in self["main"].findChildren(QDockWidget)]

    def dock(self, name):
        """One dock window."""
        return self["main"].findChild(QDockWidget, name)

    def named(self, name):
        """The visible widget of that name."""
        tops = [self["main"], *(w for w in self["application"].topLevelWidgets() if w.isVisible())]
        return next(w for top in tops for w in top.findChildren(QWidget, name) if w.isVisible())

    def panel(self, name):
        """The widget of a property of the source that is selected."""
        frame = self.named("PropertiesFrame")
        return next(p.findChild(QWidget, name) for p in frame.findChildren(QWidget, "ProxyPanel") if p.isVisible())

    def dialog(self):
        """Title of the modal dialog, if there is one."""
        found = self["application"].activeModalWidget()
        return found and found.windowTitle()

    def center(self, widget):
        """Where on the screen to click a widget; None where that would not do anything."""
        if not (widget.isVisible() and widget.isEnabled()):
            return None
        point = widget.mapToGlobal(widget.visibleRegion().boundingRect().center())
        return [point.x(), point.y()]

    def open_menus(self):
        """The menus that are open."""
        return [w for w in self["application"].topLevelWidgets() if isinstance(w, QMenu) and w.isVisible()]

    def menu_entry(self, name):
        """Where on the screen to click an entry of the menus that are open; of the menu bar, where none is."""
        for menu in reversed(self.open_menus() or [self["main"].menuBar()]):
            for action in menu.actions():
                if action.text().replace("&", "").split("\t")[0] == name and action.isEnabled():
                    point = menu.mapToGlobal(menu.actionGeometry(action).center())
                    return [point.x(), point.y()]
        return None

    def messages(self):
        """What the message window holds: the tree of summaries, or the full text."""
        window = self.dock("outputWidgetDock")
        texts = [edit.toPlainText() for edit in window.findChildren(QPlainTextEdit)]
        return [line for text in texts for line in text.splitlines() if line.strip()] or [
            row[0] for tree in window.findChildren(QTreeView) for row in self.rows(tree.model())
        ]

    def rows(self, model):
        """Texts of a table or a list."""
        columns = range(model.columnCount())
        return [[str(model.index(r, c).data()) for c in columns] for r in range(model.rowCount())]

    def view_pixels(self, path):
        """Save what the active view shows, and give its size."""
        simple.SaveScreenshot(path, simple.GetActiveView(), ImageResolution=list(simple.GetActiveView().ViewSize))
        return list(simple.GetActiveView().ViewSize)


def plain(value):
    """A property of a proxy as JSON can hold it."""
    found = value.GetData()
    return found if isinstance(found, (str, int, float)) else list(found)


class Driver:
    """The socket's other end."""

    def __init__(self, path):
        self.names = Names()
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen()
        self.notifier = QSocketNotifier(self.server.fileno(), QSocketNotifier.Read)
        self.notifier.activated.connect(self.answer)

    def answer(self, *_):
        """Answer one request."""
        connection, _ = self.server.accept()
        with connection, connection.makefile("rw") as stream:
            request = json.loads(stream.readline())
            try:
                stream.write(json.dumps(self.execute(request)) + "\n")
                stream.flush()
            except BrokenPipeError:
                pass

    def execute(self, request):
        """Execute a request's code."""
        connected = servermanager.ActiveConnection
        if connected is not None and connected.Session.GetPendingProgress():
            return {"busy": True}
        self.names.pop("result", None)
        try:
            exec(request["code"], self.names)
            return json.loads(json.dumps({"result": self.names.get("result")}, default=plain))
        except BaseException:
            return {"error": traceback.format_exc()}


driver = Driver(os.environ["PVDASK_GUI_SOCKET"])
