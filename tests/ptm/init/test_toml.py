"""The writer of TOML, and patterns, against second implementations."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ptm.init.naming import named
from ptm.init.toml import comment, table, written
from ptm.inspecting.folder import Folder, Seen
from ptm.inspecting.guess import Entry, Line
from ptm.inspecting.patterns import matcher, pattern_of
from ptm.listing import list_files
from ptm.names import is_name
from ptm.registry import kind_named

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = st.one_of(
    TEXT,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES: Any = st.recursive(
    PLAIN,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(TEXT, inside, max_size=4),
    max_leaves=8,
)


@given(VALUES)
def test_values(value: Any) -> None:
    """What is written is read back as it was."""
    assert tomllib.loads(f"x = {written(value)}")["x"] == value


@given(st.dictionaries(TEXT, VALUES, max_size=5), st.text(), st.dictionaries(TEXT, st.text()))
def test_tables(values: dict[str, Any], told: str, notes: dict[str, str]) -> None:
    """Options with comments, and comments beside values, whatever is in them."""
    lines = tuple(Line(name, value, told, notes=notes) for name, value in values.items())
    off = Line("other", 1, told, is_off=True)
    assert tomllib.loads(table("it", (*lines, off), told)) == {"it": values}


@given(st.text())
def test_comments(words: str) -> None:
    """A comment is one line."""
    assert tomllib.loads(comment(words)) == {}


@given(st.lists(st.text(max_size=12), max_size=12))
def test_names(texts: list[str]) -> None:
    """Whatever entries are called after, each has a name of its own that the store takes."""
    found = [one.name for one in named([Entry(text, "table", text) for text in texts])]
    assert len(set(found)) == len(texts)
    assert all(map(is_name, found))


NAMES = st.text("ab.c1_", min_size=1, max_size=4).filter(lambda n: n[0] != "." and set(n) != {"."})
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PATTERNS = st.lists(
    st.sampled_from(["*", "**", "*.c", "a*", "?b", "[ab]*", "[!a]*", "*1"]), min_size=1, max_size=3
)


@settings(max_examples=60, deadline=None)
@given(st.sets(PATHS, min_size=1, max_size=8), PATTERNS)
def test_patterns_match_as_the_listing_does(
    tmp_path_factory: Any, paths: set[str], parts: list[str]
) -> None:
    """A pattern matches the files that a run would list."""
    root = tmp_path_factory.mktemp("p")
    there = _planted(root, paths)
    pattern = "/".join(parts)
    expected = {name for name in there if matcher(pattern).fullmatch(name)}
    options = kind_named("images").options
    source = options(name="x", root=root, kind="images", path=".", pattern=pattern)
    try:
        found = set(list_files(source).names)
    except Exception:
        found = set()
    assert found == expected


@given(st.sets(PATHS, min_size=2, max_size=10), st.data())
def test_patterns_take_these_alone(paths: set[str], data: st.DataObject) -> None:
    """A pattern that is found for some files matches no others."""
    chosen = data.draw(st.sets(st.sampled_from(sorted(paths)), min_size=1))
    seen = tuple(Seen(name, 1, "image") for name in sorted(paths))
    pattern = pattern_of(Folder(Path(), seen), "", chosen)
    if pattern is not None:
        assert {name for name in paths if matcher(pattern).fullmatch(name)} == chosen


def _planted(root: Path, paths: set[str]) -> list[str]:
    """Files with these names, but where one would be a folder too."""
    there = []
    for name in sorted(paths):
        path = root / name
        if any(other.startswith(f"{name}/") for other in paths):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        there.append(name)
    return there
