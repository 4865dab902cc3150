"""Properties of a state's proxies, set by name. Imported by `render_state.py`."""

import difflib
import json

from paraview import servermanager, simple

DISPLAY = ".Display"


class SettingError(Exception):
    """A setting that cannot be made; one sentence for a person."""


def apply(settings, view):
    """Make settings, each a text ``PROXY.PROPERTY=VALUE``; what follows uses them.

    PROXY is the name of a source or filter as the pipeline browser shows it, such a name with ``.Display`` for how it is shown,
    or the view's name. VALUE is JSON where it can be read as such, and else a text.
    """
    for setting in settings:
        left, _, text = setting.partition("=")
        path, _, name = left.rpartition(".")
        proxy = find(path, setting, view)
        if proxy.GetProperty(name) is None:
            near = difflib.get_close_matches(name, proxy.ListProperties(), 3) or sorted(proxy.ListProperties())
            raise SettingError(
                f"--set {setting}: {path!r} has no property {name!r}; did you mean {', '.join(near[:20])}?"
            )
        try:
            setattr(proxy, name, value_of(text))
        except Exception as error:  # ParaView raises whatever its checks do
            raise SettingError(f"--set {setting}: the property takes no such value ({error}).") from error


def value_of(text):
    """A value as JSON, or the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def find(path, setting, view):
    """The proxy of that name."""
    named = {name: proxy for (name, _), proxy in simple.GetSources().items()}
    views = view_names(view)
    if path in named or path in views:
        return named.get(path) or views[path]
    if path.endswith(DISPLAY) and path.removesuffix(DISPLAY) in named:
        display = simple.GetRepresentation(named[path.removesuffix(DISPLAY)], view)
        if display is not None:
            return display
    known = ", ".join(map(repr, [*named, *(f"{name}{DISPLAY}" for name in named), *views]))
    raise SettingError(f"--set {setting}: expected PROXY.PROPERTY=VALUE, where PROXY is one of {known}.")


def view_names(view):
    """The view by its registered name."""
    manager = servermanager.ProxyManager()
    name = manager.GetProxyName("views", view.SMProxy)
    return {name: view} if name else {}
