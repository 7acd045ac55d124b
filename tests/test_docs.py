"""The pages of documentation: their links lead somewhere, and README is short."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.support.machine import ROOT

MOST_LINES = 250  # of README
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "data" / "README.md"])
FENCE = re.compile(r"^(```+).*?^\1\n", flags=re.DOTALL | re.MULTILINE)


def text_of(page: Path) -> str:
    """The text of a page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


@cache
def anchors(page: Path) -> set[str]:
    """What links can lead to in a page: its headings, as GitHub names them."""
    found: Counter[str] = Counter()
    names = set()
    for heading in re.findall(r"^#+ (.*)$", text_of(page), flags=re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return names


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text_of(page))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    return lost


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page: Path) -> None:
    """What a page links to is there: the file, and the heading in it."""
    assert broken(page) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    """A file that is not there, and a heading that is not there."""
    page = tmp_path / "page.md"
    page.write_text("# It's `one`\n[a](#its-one) [b](other.md) [c](#two) [d](page.md#its-one)\n")
    assert broken(page) == ["other.md", "#two"]


def test_readme_is_short() -> None:
    """What it is, how to begin, where to go on; all else stands in docs/."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_every_page_is_reached() -> None:
    """From the README links lead to every page of docs/."""
    seen, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in seen and page.suffix == ".md":
            seen.add(page)
            links = re.findall(r"\]\(([^)#\s]+)", text_of(page))
            waiting += [(page.parent / link).resolve() for link in links if ":" not in link]
    assert {page for page in PAGES if "docs" in page.parts} <= seen
