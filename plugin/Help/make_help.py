"""Make the help pages of the XML's sources and filters, as a C++ header that holds a Qt help file. Run by CMake."""

from __future__ import annotations

import argparse
import base64
import re
import subprocess
import tempfile
import textwrap
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

NAMESPACE = "DaskHelp.org"
# ParaView looks for qthelp://NAMESPACE/FOLDER/GROUP.NAME.html, where FOLDER is the namespace up to its first dot (5.11).
FOLDER = NAMESPACE.partition(".")[0]
LINE_LENGTH = 8000
# What the panel does not show is not on the page either.
HIDDEN = "never"


@dataclass(frozen=True)
class Page:
    """A source or filter: the group that it is in, its element, its properties with those of what it is based on."""

    group: str
    element: ElementTree.Element
    properties: dict[str, ElementTree.Element]
    groups: tuple[ElementTree.Element, ...]

    @property
    def title(self) -> str:
        """Its label."""
        return self.element.get("label") or self.element.attrib["name"]

    @property
    def file(self) -> str:
        """The page's name, by which ParaView finds it."""
        return f"{self.group}.{self.element.attrib['name']}.html"

    @property
    def brief(self) -> str:
        """What it is for, in a few words."""
        documentation = self.element.find("Documentation")
        return "" if documentation is None else " ".join(documentation.get("short_help", "").split())

    @property
    def is_shown(self) -> bool:
        """Whether a menu or the dialog for files leads to it."""
        hints = self.element.find("Hints")
        return hints is not None and any(hints.find(tag) is not None for tag in ("ShowInMenu", "ReaderFactory"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the header."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", help="XML files of the plugin")
    parser.add_argument("--generator", required=True, help="qhelpgenerator of Qt 5")
    parser.add_argument("--output", type=Path, required=True, help="header to write")
    given = parser.parse_args(arguments)
    pages = [page for page in read_pages(given.files) if page.is_shown]
    with tempfile.TemporaryDirectory() as folder:
        content = compile_pages(given.generator, pages, Path(folder))
    given.output.write_text(header(base64.b64encode(content).decode()), encoding="utf-8")


def read_pages(files: Iterable[Path]) -> list[Page]:
    """Read all sources and filters; what others are based on comes first in the files."""
    pages: dict[tuple[str, str], Page] = {}
    for group in (each for file in files for each in ElementTree.parse(file).getroot().iter("ProxyGroup")):
        for element in group.findall("SourceProxy"):
            base = pages.get((element.get("base_proxygroup", ""), element.get("base_proxyname", "")))
            own = {child.attrib["name"]: child for child in element if child.tag.endswith("Property")}
            groups = (*(base.groups if base else ()), *element.findall("PropertyGroup"))
            name = group.attrib["name"]
            page = Page(name, element, {**(base.properties if base else {}), **own}, groups)
            pages[name, element.attrib["name"]] = page
    return list(pages.values())


def compile_pages(generator: str, pages: Sequence[Page], folder: Path) -> bytes:
    """Write the pages and their index, and have Qt make one file of them."""
    for page in pages:
        (folder / page.file).write_text(document(page.title, "\n".join(body(page))), encoding="utf-8")
    entries = "\n".join(
        f'<tr><td><a href="{page.file}">{escape(page.title)}</a></td><td>{escape(page.brief)}</td></tr>'
        for page in pages
    )
    index = f"<h2>Dask sources and filters</h2>\n<table cellpadding='4'>\n{entries}\n</table>"
    (folder / "index.html").write_text(document("Dask sources and filters", index), encoding="utf-8")
    project = folder / "help.qhp"
    project.write_text(project_of(pages), encoding="utf-8")
    output = folder / "help.qch"
    subprocess.run([generator, str(project), "-o", str(output)], check=True, stdout=subprocess.DEVNULL)
    return output.read_bytes()


def project_of(pages: Sequence[Page]) -> str:
    """What is in the help file, for Qt's generator."""
    sections = "".join(f"<section title={quoted(page.title)} ref={quoted(page.file)}/>" for page in pages)
    keywords = "".join(f"<keyword name={quoted(page.title)} ref={quoted(page.file)}/>" for page in pages)
    files = "".join(f"<file>{escape(name)}</file>" for name in ("index.html", *(page.file for page in pages)))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<QtHelpProject version="1.0"><namespace>{NAMESPACE}</namespace>'
        f"<virtualFolder>{FOLDER}</virtualFolder><filterSection>"
        f'<toc><section title="Dask" ref="index.html">{sections}</section></toc>'
        f"<keywords>{keywords}</keywords><files>{files}</files></filterSection></QtHelpProject>\n"
    )


def document(title: str, content: str) -> str:
    """An HTML page."""
    return f"<html><head><meta charset='utf-8'><title>{escape(title)}</title></head><body>\n{content}\n</body></html>\n"


def body(page: Page) -> Iterator[str]:
    """What a page says: what the source is for, and its properties in the order and the groups of the panel."""
    yield f"<h2>{escape(page.title)}</h2>"
    yield f"<p><i>{escape(page.brief)}</i></p>"
    yield f"<p>{escape(text_of(page.element))}</p>"
    rest = {name: each for name, each in page.properties.items() if is_shown(each)}
    for group in page.groups:
        named = [child.attrib["name"] for child in group.findall("Property")]
        members = [rest.pop(name) for name in named if name in rest]
        if members:
            yield table(group.get("label", ""), members)
    if rest:
        yield table("", rest.values())


def table(label: str, properties: Iterable[ElementTree.Element]) -> str:
    """The properties of a group."""
    rows = [
        f"<tr><td><b>{escape(label_of(each))}</b></td><td>{escape(text_of(each))}</td><td>{escape(default_of(each))}</td></tr>"
        for each in properties
    ]
    head = f"<h3>{escape(label)}</h3>\n" if label else ""
    columns = "<tr><th align='left'>Property</th><th align='left'>Description</th><th align='left'>Default</th></tr>"
    return (
        f"{head}<table border='1' cellspacing='0' cellpadding='4' width='100%'>\n{columns}\n"
        + "\n".join(rows)
        + "\n</table>"
    )


def is_shown(element: ElementTree.Element) -> bool:
    """Whether the panel shows a property."""
    return element.get("information_only") != "1" and element.get("panel_visibility") != HIDDEN


def label_of(element: ElementTree.Element) -> str:
    """The label that ParaView shows: the XML's, else the name with its words apart."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", element.attrib["name"])
    return element.get("label") or apart


def text_of(element: ElementTree.Element) -> str:
    """Its documentation, on one line."""
    return " ".join((element.findtext("Documentation") or "").split())


def default_of(element: ElementTree.Element) -> str:
    """Its default as the panel shows it."""
    default = element.get("default_values", "")
    names = {entry.get("value"): entry.get("text", "") for entry in element.iter("Entry")}
    if element.find("BooleanDomain") is not None:
        names = {"0": "off", "1": "on"}
    return names.get(default, default)


def quoted(text: str) -> str:
    """A text as an attribute of XML."""
    return f'"{escape(text)}"'


def header(text: str) -> str:
    """C++ that holds a long text; compilers need not take it as one literal."""
    lines = "\n".join(f'  "{line}",' for line in textwrap.wrap(text, LINE_LENGTH))
    return f"// Made by make_help.py.\nstatic const char* const help_pages[] = {{\n{lines}\n}};\n"


if __name__ == "__main__":
    main()
