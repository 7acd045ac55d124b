"""Every bad input has an error that says what, where, expected and got; nothing is published."""

from __future__ import annotations

import pickle
import re
import threading
from pathlib import Path

import pytest

import ptm
from ptm.errors import CatalogError, InputError
from tests.support.bad_inputs import (
    BAD_BY_OPTION,
    BAD_INPUTS,
    BAD_PHOTOS,
    CATALOG_MISTAKES,
    OPTION_MISTAKES,
    TABLE,
    WINE,
    BadInput,
    CatalogMistake,
    file,
)


def load(root: Path, catalog: str) -> ptm.Source:
    """The one source of a catalog."""
    (root / "catalog.toml").write_text(catalog, encoding="utf-8")
    return next(iter(ptm.load_catalog(root / "catalog.toml", root).values()))


def published(store: Path) -> list[str]:
    """Every file and folder that a reader of the store could take for something that was made."""
    return sorted(path.relative_to(store).as_posix() for path in store.rglob("*"))


@pytest.mark.parametrize("bad", BAD_INPUTS + BAD_BY_OPTION, ids=lambda bad: bad.name)
def test_bad_input_is_named_and_nothing_is_published(bad: BadInput, tmp_path: Path) -> None:
    """A bad input raises an InputError with file, place, expected, got; nothing is published."""
    source = load(tmp_path, bad.write(tmp_path))
    store = tmp_path / "store"
    threads = set(threading.enumerate())
    with pytest.raises(InputError) as caught:
        ptm.tensorize(source, store)
    message = str(caught.value)
    assert message.startswith(f"{bad.name}: ")
    for piece in bad.says:
        assert piece in message
    lines = message.splitlines()
    assert len(lines) == bad.lines, "one for each fault"
    assert max(map(len, lines)) < 400, "lines that fit a terminal"
    assert str(tmp_path) not in message, "the file is named below the data root"
    assert not re.search("pillow|plugin|Error", message), "in words of the data, not of the code"
    assert published(store) == []
    assert set(threading.enumerate()) <= threads, "no worker waits for the error to be forgotten"


@pytest.mark.parametrize("bad", [BAD_INPUTS[0], BAD_INPUTS[-1]], ids=lambda bad: bad.name)
def test_error_crosses_processes(bad: BadInput, tmp_path: Path) -> None:
    """An InputError that was pickled says the same as before."""
    with pytest.raises(InputError) as caught:
        ptm.tensorize(load(tmp_path, bad.write(tmp_path)), tmp_path / "store")
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert vars(again) == vars(caught.value)


@pytest.mark.parametrize(
    "bad",
    [bad for bad in BAD_PHOTOS if "-mixed-" in bad.name or bad.name == "float-and-8-bit"],
    ids=lambda bad: bad.name,
)
def test_no_way_out_that_is_none(bad: BadInput, tmp_path: Path) -> None:
    """Where all images have one size, or are brought to one, no `resize` is recommended."""
    with pytest.raises(InputError) as caught:
        ptm.tensorize(load(tmp_path, bad.write(tmp_path)), tmp_path / "store")
    assert "(or resize" not in str(caught.value)


def test_what_was_made_before_stays(tmp_path: Path) -> None:
    """When an input turns bad, the artifact that was made of it before stays as it was."""
    good = BadInput("wine", file("wine.csv", TABLE), WINE, ())
    source = load(tmp_path, good.write(tmp_path))
    store = tmp_path / "store"
    before = ptm.tensorize(source, store)
    files = published(store)
    (tmp_path / "wine" / "wine.csv").write_text(TABLE + "nan,1,1\n")
    with pytest.raises(InputError, match=r"row 4.*finite"):
        ptm.tensorize(source, store)
    assert published(store) == files
    assert str(ptm.load("wine", store).path) == before.path


@pytest.mark.parametrize(
    "mistake", CATALOG_MISTAKES + OPTION_MISTAKES, ids=lambda mistake: mistake.name
)
def test_catalog_mistake_is_named(mistake: CatalogMistake, tmp_path: Path) -> None:
    """A mistake in a catalog raises a CatalogError with file, entry, option, expected and got."""
    place = tmp_path / "catalog.toml"
    if isinstance(mistake.catalog, bytes):
        place.write_bytes(mistake.catalog)
    elif mistake.catalog is not None:
        place.write_text(mistake.catalog, encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        ptm.load_catalog(place, tmp_path)
    for piece in ("catalog.toml", *mistake.says):
        assert piece in str(caught.value)


def test_every_mistake_is_listed(tmp_path: Path) -> None:
    """A catalog with several mistakes raises one error that lists each of them."""
    place = tmp_path / "catalog.toml"
    place.write_text('[a]\nkind = "text"\n[b]\nkind = "x"\n[c]\nkind = "text"\npath = "/c"\n')
    with pytest.raises(CatalogError) as caught:
        ptm.load_catalog(place, tmp_path)
    for piece in ("[a] path", "[b] kind", "[c] path"):
        assert piece in str(caught.value)


def test_a_name_that_is_not_there_has_a_hint(tmp_path: Path) -> None:
    """A name that no entry has raises a CatalogError that guesses the one that was meant."""
    place = tmp_path / "catalog.toml"
    place.write_text('[wine]\nkind = "table"\npath = "wine.csv"\n')
    with pytest.raises(CatalogError, match=r"no source 'wien'.*did you mean 'wine'"):
        ptm.load_catalog(place, tmp_path)["wien"]
