"""Who may see the page: on loopback whoever comes to it by a name of this machine; from elsewhere who brings the token."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

COOKIE = "pvdask-token"
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_FORM = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>pvdask</title></head><body style="font:16px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:34em;padding:0 1em">
<h1>pvdask</h1><p>{message}</p><form method="get" action="."><label>Token <input name="token" type="password"
autocomplete="off" autofocus></label> <button>Go on</button></form></body></html>"""


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine alone."""
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Doorkeeper:
    """Decides on requests.

    Parameters
    ----------
    host : str
        The address that is listened on.
    token : str
        What a visitor has to bring; empty for none.
    """

    host: str
    token: str = ""

    def refusal(self, headers: Mapping[str, str], cookies: Mapping[str, str], query: Mapping[str, str]) -> str:
        """Say why a request is refused; empty where it is not.

        Parameters
        ----------
        headers, cookies, query : mapping of str to str
            The request's.

        Returns
        -------
        str
            For a person.
        """
        name = urlsplit(f"//{headers.get('Host', '')}").hostname or ""
        if is_loopback(self.host) and not is_loopback(name):
            # A page from elsewhere, whose name was made to point to this machine, would talk to this server otherwise.
            return f"This server is for visitors of this machine, and was called {name!r}: use 127.0.0.1 or localhost."
        origin = headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("Host"):
            return f"This server does not answer pages of {origin}."
        if self.token and not any(
            self._is_token(each.get(key, "")) for each, key in ((cookies, COOKIE), (query, "token"))
        ):
            return "This page needs the token that `pvdask view` printed where it was started."
        return ""

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self.token.encode())

    def middleware(self) -> Any:
        """What aiohttp asks about each request, WebSockets too."""
        from aiohttp import web

        async def keep(request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
            reason = self.refusal(request.headers, request.cookies, request.query)
            if reason:
                return web.Response(text=_FORM.format(message=reason), content_type="text/html", status=403)
            if self.token and "token" in request.query:  # out of the address, into a cookie that scripts cannot read
                response = web.HTTPFound("index.html")
                response.set_cookie(COOKIE, self.token, httponly=True, samesite="Strict")
                raise response
            return await handler(request)

        return web.middleware(keep)
