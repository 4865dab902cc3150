"""What the documentation links to is there, and its pictures are small."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PICTURES = sorted((ROOT / "docs" / "images").iterdir())
LINK = re.compile(r"\]\(([^)\s]+)\)")
MAXIMUM_BYTES = 150_000
"""As CONTRIBUTING.md says."""


def missing(page: Path, text: str) -> list[str]:
    """Links of a page to files, or to headings of files, that are not there."""
    links = [link for link in LINK.findall(text) if "://" not in link]
    return [link for link in links if not is_there(page, *link.partition("#")[::2])]


def is_there(page: Path, path: str, heading: str) -> bool:
    file = page.parent / path if path else page
    return file.exists() and (not heading or heading in headings(file.read_text(encoding="utf-8")))


def headings(text: str) -> set[str]:
    """Anchors as GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert missing(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("link", ["docs/none.md", "docs/images/none.png", "README.md#no-such-heading", "#nor-this"])
def test_a_link_that_leads_nowhere_is_seen(link: str) -> None:
    assert missing(ROOT / "README.md", f"a [link]({link}) and [another](README.md)") == [link]


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_pictures_are_small_and_shown(picture: Path) -> None:
    assert picture.stat().st_size <= MAXIMUM_BYTES
    assert any(picture.name in page.read_text(encoding="utf-8") for page in PAGES)
