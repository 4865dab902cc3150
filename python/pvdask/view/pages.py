"""What pages ask of the engine: each page has a scene of its own, so that none disturbs another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from wslink import register
from wslink.websocket import LinkProtocol

from pvdask.errors import PvdaskError, SceneLostError
from pvdask.scene.engine import Engine

ALLOWED = (
    "look",
    "change",
    "describe",
    "refresh",
    "rescale",
    "preset",
    "camera",
    "look_from",
    "render",
    "save",
    "load",
)
"""What a page may ask for, besides ``open``, ``ping`` and ``close``. None of it names a file or an address on this machine."""

SETTINGS = ("dataset", "x", "y", "z", "color", "filter", "sample", "representation", "size", "legend")
IDLE_S = 300.0
"""A page that was not heard of for so long is gone: its scene is let go of."""


class Pages(LinkProtocol):  # type: ignore[misc]  # wslink comes without types
    """Answers pages, over the WebSocket that trame keeps with each.

    Parameters
    ----------
    engine : Engine
        Draws the scenes.
    start : mapping of str to object
        What a page shows at first: arguments of a scene's ``change``.
    state : bytes, optional
        A state file to show in place of that.
    """

    def __init__(self, engine: Engine, start: Mapping[str, Any], state: bytes = b"") -> None:
        super().__init__()
        self.engine = engine
        self._start = dict(start)
        self._state = state
        self._heard: dict[str, float] = {}
        self._restarting = asyncio.Lock()
        self._generation = 0
        self._opened: dict[str, int] = {}

    @register("pvdask.ask")  # type: ignore[untyped-decorator]
    async def ask(
        self, page: str, name: str, arguments: dict[str, Any] | None = None, payload: bytes | None = None
    ) -> dict[str, Any]:
        """Do what a page asks.

        Parameters
        ----------
        page : str
            The page's own name.
        name : str
            What: one of `ALLOWED`, or ``open``, ``ping``, ``close``.
        arguments : dict, optional
            Its arguments.
        payload : bytes, optional
            Bytes that go with it.

        Returns
        -------
        dict
            ``result`` and ``content``; or ``error``, for a person, and ``lost`` where the scene has to be opened again, with
            ``restarted`` where that can be done at once.
        """
        arguments = arguments or {}
        self._heard[page] = time.monotonic()
        try:
            if name == "open":
                return {"result": await self._open(page, arguments.get("settings") or {}), "content": b""}
            if name == "ping":
                await self._reap()
                return {"result": {}, "content": b""}
            if name == "close":
                await self.close(page)
                return {"result": {}, "content": b""}
            if self._opened.get(page, self._generation) != self._generation:
                return {"error": "The ParaView server was started anew.", "lost": True, "restarted": True}
            if name not in ALLOWED or not {"scheduler_file", "scheduler_address"}.isdisjoint(arguments):
                return {"error": f"A page cannot ask for {name!r} with {sorted(arguments)}.", "lost": False}
            if name == "save":  # the camera is the page's, and a saved state has to have it
                camera = arguments.pop("camera", None)
                if camera:
                    await self._do(page, "camera", **camera)
            result, content = await self._do(page, name, bytes(payload or b""), **arguments)
        except SceneLostError as error:
            return {"error": str(error), "lost": True}
        except PvdaskError as error:
            return {"error": str(error), "lost": False}
        return {"result": result, "content": bytes(content)}

    async def _do(self, page: str, name: str, payload: bytes = b"", **arguments: Any) -> tuple[Any, bytearray]:
        return await asyncio.to_thread(self.engine.ask, page, name, payload, **arguments)

    async def _open(self, page: str, settings: Mapping[str, Any]) -> Any:
        """Show what a page showed before, or what it is to show at first; the engine is started again if it was lost."""
        async with self._restarting:
            if not self.engine.is_running:
                await asyncio.to_thread(self.engine.restart)
                self._generation += 1
        self._opened[page] = self._generation
        wanted = {name: settings[name] for name in SETTINGS if settings.get(name) not in (None, "")}
        if self._state and not wanted:
            await self._do(page, "look", **self._start)
            result, _ = await self._do(page, "load", self._state, kind="state")
            return result
        result, _ = await self._do(page, "change", **{**self._start, **wanted})
        if settings.get("camera"):
            await self._do(page, "camera", **settings["camera"])
            result["camera"] = settings["camera"]
        return result

    async def close(self, page: str) -> None:
        """Let go of a page's scene."""
        self._heard.pop(page, None)
        self._opened.pop(page, None)
        if self.engine.is_running:
            await self._do(page, "close")

    async def _reap(self) -> None:
        for page, heard in list(self._heard.items()):
            if time.monotonic() - heard > IDLE_S:
                await self.close(page)
