"""The plugin's XML as its tests read it: each proxy with its properties, their defaults, and other values for them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
XML_FILES = sorted((ROOT / "xml").glob("*.xml"))
XML = ROOT / "xml" / "DaskDataFrame.xml"
NUMBERS = {"IntVectorProperty": int, "IdTypeVectorProperty": int, "DoubleVectorProperty": float}


@dataclass(frozen=True)
class Proxy:
    """A proxy of the XML, with what it has from the one that it is based on."""

    element: ElementTree.Element
    properties: dict[str, ElementTree.Element]

    @property
    def name(self) -> str:
        return self.element.attrib["name"]

    @property
    def group(self) -> str:
        """The proxy group that it is in."""
        if "Input" not in self.properties:
            return "sources"
        return "filters" if self.element.find("Hints/ShowInMenu") is not None else "internal_dask"

    def made(self) -> Any:
        """A new object of its class."""
        module, _, name = self.element.attrib["class"].rpartition(".")
        return getattr(import_module(module), name)()

    def settable(self) -> dict[str, ElementTree.Element]:
        """Properties with one value that a user sets: neither buttons, nor lists, nor information."""
        return {name: p for name, p in self.properties.items() if "default_values" in p.attrib}

    def information(self) -> dict[str, ElementTree.Element]:
        """Properties that ParaView reads off the object by a method of its; time steps it finds in the pipeline by itself."""
        return {
            name: p for name, p in self.properties.items() if p.get("information_only") == "1" and "command" in p.attrib
        }


def read_proxies(*texts: str) -> dict[str, Proxy]:
    proxies: dict[str, Proxy] = {}
    for element in (each for text in texts for each in ElementTree.fromstring(text).iter("SourceProxy")):
        base = proxies.get(element.get("base_proxyname", ""))
        own = {child.attrib["name"]: child for child in element if child.tag.endswith("Property")}
        proxies[element.attrib["name"]] = Proxy(element, {**(base.properties if base else {}), **own})
    return proxies


PROXIES = read_proxies(*(path.read_text(encoding="utf-8") for path in XML_FILES))
SOURCE = PROXIES["DaskDataFrameSource"]
GRIDS = [proxy for proxy in PROXIES.values() if "Dimensions" in proxy.properties]
SOURCES = [proxy for proxy in PROXIES.values() if "Input" not in proxy.properties and proxy not in GRIDS]
FILTERS = [proxy for proxy in PROXIES.values() if "Input" in proxy.properties or proxy in GRIDS]
"""Those whose class has defaults of its own; what a source holds is parsed by `SourceOptions`."""

every_proxy = pytest.mark.parametrize("proxy", PROXIES.values(), ids=lambda proxy: proxy.name)
every_source = pytest.mark.parametrize("proxy", SOURCES, ids=lambda proxy: proxy.name)
every_filter = pytest.mark.parametrize("proxy", FILTERS, ids=lambda proxy: proxy.name)
every_setting = pytest.mark.parametrize("name", SOURCE.settable())


def default_of(element: ElementTree.Element) -> Any:
    """Its default in the type with which ParaView calls the setter; a tuple where it has several elements."""
    text = element.attrib["default_values"]
    if element.tag not in NUMBERS:
        return text
    values = tuple(map(NUMBERS[element.tag], text.split()))
    return values[0] if len(values) == 1 else values


def call_setter(made: Any, element: ElementTree.Element, value: Any) -> None:
    """Set a property as ParaView does."""
    getattr(made, element.attrib["command"])(*(value if isinstance(value, tuple) else (value,)))


def another(element: ElementTree.Element) -> Any:
    """A value that is not the default, from its domain where it has one."""
    default = default_of(element)
    if isinstance(default, tuple):
        return tuple(value + 1 for value in default)
    if isinstance(default, str):
        return f"other{default}"
    top = next((float(domain.attrib["max"]) for domain in element if "max" in domain.attrib), None)
    return default / 2 if top == default and isinstance(default, float) else default + 1
