"""The server of the page: trame's, with our page in it and a doorkeeper before it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pvdask.errors import SetupError
from pvdask.scene.engine import Engine
from pvdask.view.doorkeeper import Doorkeeper

_STATIC = Path(__file__).with_name("static")
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' "
    "fill='%2352576e'/%3E%3Ccircle cx='6' cy='6' r='2' fill='%23ffd54a'/%3E%3C/svg%3E"
)


@dataclass(frozen=True)
class Settings:
    """Where the page is served, and what it shows at first.

    Parameters
    ----------
    host : str
        Address to listen on.
    port : int
        Port; 0 for a free one.
    token : str
        What visitors have to bring; empty for none.
    start : mapping of str to object
        What a page shows at first: arguments of a scene's ``change``.
    state : bytes
        A state file to show in place of that; empty for none.
    """

    host: str = "127.0.0.1"
    port: int = 0
    token: str = ""
    start: Mapping[str, Any] = field(default_factory=dict)
    state: bytes = b""


def check_packages() -> None:
    """See that the packages of the page are there.

    Raises
    ------
    SetupError
        They are not; says how to install them.
    """
    missing = [name for name in ("trame", "trame_client", "wslink", "aiohttp") if not importlib.util.find_spec(name)]
    if missing:
        raise SetupError(
            f"The page needs packages that are not installed ({', '.join(missing)}): install pvdask with its extra, "
            "pip install 'pvdask[view]'; in a checkout, ./run installs them."
        )


def check_port(host: str, port: int) -> None:
    """See that the page can be served there, before anything is started.

    Raises
    ------
    SetupError
        It cannot.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)
            raise SetupError(
                f"The page cannot be served at {host}:{port} ({reason}): name another --port (0 for a free one) or --host."
            ) from None


def serve(engine: Engine, settings: Settings, on_ready: Callable[[int], None]) -> None:
    """Serve the page until SIGINT or SIGTERM.

    Parameters
    ----------
    engine : Engine
        Draws it.
    settings : Settings
        Where, and what.
    on_ready : callable
        Called with the port when the page can be opened.
    """
    asyncio.run(_serve(engine, settings, on_ready))


async def _serve(engine: Engine, settings: Settings, on_ready: Callable[[int], None]) -> None:
    server = _make_server(engine, settings)
    server.controller.on_server_ready.add(lambda **_: on_ready(server.port))
    task = asyncio.ensure_future(
        server.start(
            port=settings.port,
            host=settings.host,
            exec_mode="coroutine",
            backend="aiohttp",
            open_browser=False,
            show_connection_info=False,
            thread=True,  # signals are ours
            timeout=0,
        )
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    waiting = asyncio.ensure_future(stop.wait())
    await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        task.result()
        return
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(server.stop(), 5)
    task.cancel()


def _make_server(engine: Engine, settings: Settings) -> Any:
    # trame reads the command line otherwise; wslink closes a page that waits for a long pull, and talks on standard output.
    os.environ.update({"TRAME_ARGS": "--server", "WSLINK_READY_MSG": "", "WSLINK_HEART_BEAT": "0"})
    from trame.app import get_server
    from trame.ui.html import DivLayout
    from trame.widgets import html

    from pvdask.view.pages import Pages

    server = get_server(name="pvdask", client_type="vue3")
    server.options["ws_heart_beat"] = 0
    server.enable_module(
        {"serve": {"__pvdask": str(_STATIC)}, "styles": ["__pvdask/page.css"], "module_scripts": ["__pvdask/page.js"]}
    )
    server.state.trame__title = "pvdask"
    server.state.trame__favicon = _ICON
    # trame-client 3.13 sets this one when the connection closes, and throws where it does not know of it.
    server.state.trame_error_report_msg = ""
    with DivLayout(server):
        html.Div()  # page.js puts the page beside it
    pages = Pages(engine, settings.start, settings.state)
    server.add_protocol_to_configure(lambda protocol: protocol.registerLinkProtocol(pages))
    keeper = Doorkeeper(settings.host, settings.token)
    server.controller.on_server_bind.add(lambda web: _finish(web.app, keeper))
    return server


def _finish(app: Any, keeper: Doorkeeper) -> None:
    """Put the doorkeeper before everything, and answer trame's client, which asks a launcher first where to connect to."""
    from aiohttp import web

    async def tell_where(request: Any) -> Any:
        is_secure = "https" in (request.scheme, request.headers.get("X-Forwarded-Proto"))
        return web.json_response({"sessionURL": f"{'wss' if is_secure else 'ws'}://{request.host}/ws"})

    app.middlewares.append(keeper.middleware())
    app.router.add_post("/paraview/", tell_where)
