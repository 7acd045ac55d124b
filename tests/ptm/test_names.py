"""Names of sources: none is taken for a kind, and no two share a key of the dashboard."""

from __future__ import annotations

import re
from itertools import chain, product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptm.kinds.images import Options as ImagesSource
from ptm.names import NAME, catalog_key, dashboard_key, is_name
from ptm.prepare import tensorize
from ptm.registry import KINDS
from ptm.source import Source
from ptm.views import Drawn, load
from tasks.dashboard import view_keys
from tests.support.stores import table

FIXED = {"sources", "failures", "changes", "progress"}
names = st.from_regex(NAME, fullmatch=True).filter(is_name)
similar = st.from_regex(r"[ab01]([_-]{0,4}[ab01]){0,3}[_-]{0,4}", fullmatch=True)


def read(key: str) -> str:
    """The name that a key stands for, read from left to right."""
    bits = {"0": "_", "1": "-"}

    def run(dashes: re.Match[str]) -> str:
        return {"-": "_", "--": "-"}.get(dashes[0]) or "".join(bits[bit] for bit in dashes[1])

    return re.sub(r"---([01]+)-|-+", run, key)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("wine", "wine"),
        ("wine_threshold", "wine-threshold"),
        ("a_b_c", "a-b-c"),
        ("a-b", "a--b"),
        ("a__b", "a---00-b"),
        ("a-_b--", "a---10-b---11-"),
    ],
)
def test_keys(name: str, key: str) -> None:
    """One '_' is one dash, as ever; '-' is two; several that stand together are spelled."""
    assert dashboard_key(name) == key and read(key) == name


@given(st.one_of(names, similar))
def test_a_key_tells_its_name(name: str) -> None:
    """From each key its name can be read, so no two names share one; it is of a-z, 0-9 and '-'."""
    key = dashboard_key(name)
    assert read(key) == name and re.fullmatch(r"[a-z0-9-]+", key)
    assert len(key) <= 5 * len(name)


views = st.from_regex(r"[ab01]{1,2}(-[ab01]{1,2}){0,2}", fullmatch=True)


@given(st.lists(st.tuples(similar, views), unique=True, min_size=2, max_size=8))
def test_keys_of_views(shown: list[tuple[str, str]]) -> None:
    """No two views share a key, nor has one the key of a table of the run."""
    keys = view_keys(shown)
    assert len(set(keys)) == len(shown) and not FIXED & set(keys)
    assert all(re.fullmatch(r"[a-z0-9-]+", key) for key in keys)


def test_keys_of_views_that_read_alike() -> None:
    """The first of two has the plain key, whatever stands behind it; the second a digest."""
    first, second = view_keys([("a_b", "week"), ("a", "b-week")])
    assert first == "a-b-week" and re.fullmatch("a-b-week-[0-9a-f]{7}", second)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("book", "book"),
        ("my_books", "my--books"),
        ("my-books", "my---books"),
        ("a__b", "a----00-b"),
        ("a-", "a----1-"),
        ("Books 2", r"books---2---[0-9a-f]{8}"),
        ("Bücher.v1", r"b---cher---v1---[0-9a-f]{8}"),
        ("本", r"catalog---[0-9a-f]{8}"),
    ],
)
def test_keys_of_catalogs(name: str, key: str) -> None:
    """'_' is two dashes, '-' is three, several are spelled; other letters end in a digest."""
    assert re.fullmatch(key, catalog_key(name))


@given(similar, similar, st.one_of(names, similar), st.one_of(names, similar))
def test_catalogs_share_no_key(one: str, other: str, name: str, other_name: str) -> None:
    """What stands behind the name of one catalog is never taken for a part of another's."""
    key = f"{catalog_key(one)}-{dashboard_key(name)}-week"
    other_key = f"{catalog_key(other)}-{dashboard_key(other_name)}-week"
    assert (key == other_key) == ((one, name) == (other, other_name))


@given(st.text(min_size=1, max_size=80))
def test_any_name_of_a_file_is_fit(name: str) -> None:
    """Whatever a catalog's file is called, its key is of a-z, 0-9 and '-', and of no other name."""
    assert re.fullmatch(r"[a-z0-9-]+", catalog_key(name))
    assert catalog_key(name) != catalog_key(f"{name} ")


def test_all_short_catalogs() -> None:
    """The keys of all short names of catalogs with all short names behind them differ."""
    tails = chain.from_iterable(product("a0_-", repeat=length) for length in range(4))
    short = {"a" + "".join(tail) for tail in tails}
    keys = {f"{catalog_key(one)}-{dashboard_key(other)}" for one in short for other in short}
    assert len(keys) == len(short) ** 2


def test_all_short_names() -> None:
    """The 9,375 names of up to six of 'a', '0', '1', '_' and '-' have as many keys."""
    tails = chain.from_iterable(product("a01_-", repeat=length) for length in range(6))
    short = {head + "".join(tail) for tail in tails for head in "a01"}
    assert (
        len({dashboard_key(name) for name in short})
        == len(short)
        == 3 * sum(5**length for length in range(6))
    )


def shown(source: Source, root: Path) -> list[Drawn]:
    tensorize(source, root)
    return load(source.name, root).views


@pytest.mark.parametrize("name", [*KINDS, "wine-threshold"])
def test_a_table_that_is_called_like_a_kind(tmp_path: Path, name: str) -> None:
    """A table is shown as a table, whatever its name."""
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    views = shown(table(tmp_path, name), tmp_path / "store")
    assert [view.name for view in views] == ["columns", "histograms", "statistics"]


@pytest.mark.parametrize("name", [*KINDS, "sources", "report", "a-b", "a_b"])
def test_images_that_are_called_like_a_kind(tmp_path: Path, sample: Path, name: str) -> None:
    """Images are shown as images, whatever their name."""
    cats = ImagesSource(name=name, root=sample, kind="images", path="p1ch4/image-cats")
    sheet, _ = shown(cats, tmp_path)
    assert sheet.title == f"{name}: contact sheet" and sheet.file
