"""The code that decides a content is in the key, transitively; what cannot be followed is told."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ptm import key
from ptm.key import Code, code_of
from ptm.registry import KINDS, kind_named
from tests.support.stores import python

ROOM = "ptm.kinds.table"
Digest = Callable[[], dict[str, str]]
Edit = Callable[[str, str, str], None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the library's source, which is digested instead of the library."""
    copy = tmp_path / "ptm"
    shutil.copytree(key.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(key, "PACKAGE", copy)
    monkeypatch.setattr(key, "_modules", {})
    monkeypatch.setattr(key, "_codes", {})
    key._file_of.cache_clear()
    yield copy
    key._file_of.cache_clear()


def code(kind: str = "table", memo: dict[str, Any] | None = None) -> Code:
    """The code of a kind as it is on the disk now: a run of its own would find that."""
    key._modules.clear()
    key._codes.clear()
    key._file_of.cache_clear()
    return code_of(kind_named(kind), lambda: {} if memo is None else memo)


@pytest.fixture
def digest(package: Path) -> Digest:
    """Digests of the table room in the copy, as it is now."""
    return lambda: code().digests


@pytest.fixture
def edit(package: Path) -> Edit:
    def edit(module: str, old: str, new: str) -> None:
        path = package / module
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")

    return edit


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_code_of_a_room_and_its_imports(digest: Digest) -> None:
    """The room's own module, what it imports, and what that imports are digested; no more."""
    assert {
        ROOM,
        "ptm.encoding",
        "ptm.readers.delimited.columns",
        "ptm.readers.text",
        "ptm.scaling",
    } <= set(digest())
    assert not {"ptm.store", "ptm.prepare", "ptm.kinds.images", "ptm.draw"} & set(digest())


def test_code_of_each_kind() -> None:
    """Each kind's digests hold its own module and what it imports, and no other kind."""
    for kind in KINDS:
        digests = code_of(kind_named(kind)).digests
        assert KINDS[kind] in digests
        assert not {"ptm.catalog", "ptm.model", "ptm.errors", "ptm.source"} & set(digests)
        others = set(KINDS.values()) - {KINDS[kind]}
        assert not others & set(digests)
        assert not any(name.startswith("ptm.draw") for name in digests)
    assert "ptm.readers.dicom.slices" in code_of(kind_named("volume")).digests


def test_what_draws_decides_nothing(digest: Digest, edit: Edit, package: Path) -> None:
    """The views of a kind, what only they use and the code that draws are in no digest."""
    before = digest()
    edit("kinds/table/__init__.py", '"rows")', '"wines")')
    edit("draw/figures.py", "#c0392b", "#ff0000")
    edit(
        "kinds/table/__init__.py",
        "def views(",
        "COLOUR = 'red'\n\n\ndef _shade():\n    return COLOUR\n\n\ndef views(",
    )
    edit(
        "kinds/table/__init__.py",
        "    yield columns_view(artifact)\n",
        "    _shade()\n    yield columns_view(artifact)\n",
    )
    assert digest() == before
    edit("kinds/table/__init__.py", "    path = part.files", "    _shade()\n    path = part.files")
    assert changed(before, digest()) == {ROOM}


def test_what_nothing_uses_counts(digest: Digest, edit: Edit) -> None:
    """A definition that neither reading nor drawing uses may decide in a way that does not show."""
    before = digest()
    edit("kinds/table/__init__.py", 'COLUMN = "column"', 'UNUSED = 1\nCOLUMN = "column"')
    assert changed(before, digest()) == {ROOM}


def test_comments_docstrings_and_formatting_change_nothing(digest: Digest, edit: Edit) -> None:
    """A comment, another docstring, a line break and white space leave the digests as they are."""
    before = digest()
    edit("encoding.py", '"""Encodings that several kinds share."""', '"""Another.\n\nWord."""\n')
    edit("encoding.py", "    return torch.zeros(*ids", "    # why\n\n    return torch.zeros(  *ids")
    edit("encoding.py", "    Raises:\n", "    Errors:\n")
    assert digest() == before


def test_imports_for_type_checkers_change_nothing(digest: Digest, edit: Edit) -> None:
    """Imports under TYPE_CHECKING never run, so they decide nothing, nor does what they import."""
    before = digest()
    edit(
        "encoding.py",
        "if TYPE_CHECKING:\n",
        "if TYPE_CHECKING:\n    from ptm.store import load\n    import numpy\n",
    )
    assert digest() == before


def test_code_changes_the_digest(digest: Digest, edit: Edit) -> None:
    """One number in a function of an imported module changes that module's digest, and no other."""
    before = digest()
    edit("encoding.py", "unsqueeze(-1), 1.0)", "unsqueeze(-1), 0.1)")
    assert changed(before, digest()) == {"ptm.encoding"}


def test_strings_that_are_no_docstrings_change_the_digest(digest: Digest, edit: Edit) -> None:
    """Text in code, as a format or a message, is code."""
    before = digest()
    edit("kinds/table/__init__.py", 'f"a class from 0 to', 'f"a class of 0 to')
    assert changed(before, digest()) == {ROOM}


def test_a_new_import_is_followed(digest: Digest, edit: Edit, package: Path) -> None:
    """A module that the code begins to import, even inside a function, is digested from then on."""
    (package / "fresh.py").write_text("SIZE = 3\n")
    before = digest()
    edit(
        "encoding.py",
        "    import torch\n\n    return",
        "    from ptm.fresh import SIZE as _\n    import torch\n\n    return",
    )
    assert changed(before, digest()) == {"ptm.encoding", "ptm.fresh"}
    before = digest()
    (package / "fresh.py").write_text("SIZE = 4\n")
    assert changed(before, digest()) == {"ptm.fresh"}


def test_code_is_remembered_by_its_source(
    digest: Digest, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a memory nothing is parsed again but what was edited; the digests are the same."""
    memo: dict[str, Any] = {}
    assert code(memo=memo).digests == digest() and len(memo) >= len(digest())
    parsed: list[bytes] = []
    real = key.statements
    monkeypatch.setattr(key, "statements", lambda raw: parsed.append(raw) or real(raw))
    assert code(memo=memo).digests == code(memo=memo).digests and parsed == []
    edit("encoding.py", "unsqueeze(-1), 1.0)", "unsqueeze(-1), 0.1)")
    known = len(memo)
    assert (
        code(memo=memo).digests["ptm.encoding"] and len(parsed) == 1 and b"def one_hot" in parsed[0]
    )
    assert len(memo) == known
    parsed.clear()
    assert code(memo={}).digests == code(memo=memo).digests


def test_a_module_edited_after_it_was_loaded(tmp_path: Path) -> None:
    """Code that was edited since it was loaded is not what runs: an error that says so."""
    shutil.copytree(key.PACKAGE, tmp_path / "ptm", ignore=shutil.ignore_patterns("__pycache__"))
    program = """
import os, sys, time
from pathlib import Path
from ptm.key import code_of
from ptm.registry import kind_named
import ptm.kinds.table, ptm.errors
time.sleep(0.02)
place = Path(ptm.encoding.__file__)
assert place.is_relative_to(sys.argv[1])
place.write_text(place.read_text() + "X = 1\\n")
try:
    code_of(kind_named("table"))
except ptm.errors.PtmError as error:
    print(error)
"""
    message = python(program, tmp_path, PYTHONPATH=str(tmp_path))
    assert "ptm.encoding: expected the code that was loaded" in message
    assert "start Python again (ptm/encoding.py)" in message


HARMLESS = [
    "from ptm import fresh",
    "import ptm.fresh as other",
    "from ptm.fresh import SIZE",
    "from ptm.fresh import *",
    "from . import fresh",
    "from .fresh import SIZE",
    "from .. import ptm\nfrom ..ptm.fresh import SIZE",
    "import importlib\nimportlib.import_module('ptm.fresh')",
    "from importlib import import_module\nimport_module('ptm.fresh')",
    "def later():\n    from ptm.fresh import SIZE",
    "try:\n    from ptm import fresh\nexcept ImportError:\n    pass",
]


@pytest.mark.parametrize("statement", HARMLESS)
def test_every_way_to_import_is_followed(
    digest: Digest, edit: Edit, package: Path, statement: str
) -> None:
    """However a module is imported, by an absolute or a relative name, its code counts."""
    (package / "fresh.py").write_text("SIZE = 3\n")
    edit("encoding.py", "\n\ndef one_hot", f"\n\n{statement}\n\n\ndef one_hot")
    found = code()
    assert found.unresolved == () and "ptm.fresh" in found.digests
    assert "ptm.kinds.images" not in found.digests


@pytest.fixture(scope="module")
def parsed() -> dict[str, Any]:
    """What is known of every module, so that a test parses only the one that it edits."""
    return {}


UNRESOLVED = [
    "import importlib\nimportlib.import_module(f'ptm.{NAME}')",
    "from importlib import import_module\nimport_module(NAME)",
    "from importlib import import_module as load\nload(NAME)",
    "import importlib as i\ni.import_module(NAME)",
    "__import__(NAME)",
    "load = __import__\nload(NAME)",
    "import importlib\nload = importlib.import_module\nload(NAME)",
    "import builtins\nbuiltins.exec(NAME)",
    "from importlib import import_module\nimport_module('.fresh', 'ptm')",
    "__import__('ptm', fromlist=[NAME])",
    "import ptm.fresh\nptm.load(NAME)",
    "exec(NAME)",
    "run = exec\nrun(NAME)",
    "eval(NAME)",
    "import runpy\nrunpy.run_module(NAME)",
    "from importlib.util import spec_from_file_location\nspec_from_file_location(NAME, NAME)",
    "import pkgutil\npkgutil.resolve_name(NAME)",
    "from builtins import exec as run\nrun(NAME)",
    "import importlib\ngetattr(importlib, 'import_' + 'module')(NAME)",
]


@pytest.mark.parametrize("statement", UNRESOLVED)
def test_an_import_by_a_computed_name_is_reported(
    parsed: dict[str, Any], package: Path, edit: Edit, statement: str
) -> None:
    """Where only running shows what is imported, that is told, and every module of ptm counts."""
    edit("encoding.py", "\n\ndef one_hot", f"\n\nNAME = 'x'\n{statement}\n\n\ndef one_hot")
    found = code(memo=parsed)
    assert found.unresolved and all(", line " in place for place in found.unresolved)
    places = (p.relative_to(package.parent).with_suffix("") for p in package.rglob("*.py"))
    names = {".".join(place.parts).removesuffix(".__init__") for place in places}
    empty = {name for name in names if name not in found.digests}
    assert all(not key._read(n, key._file_of(n).read_bytes(), {}, ()).found for n in empty)


def test_a_module_that_may_be_imported_counts(digest: Digest, edit: Edit) -> None:
    """Where an import cannot be followed, an edit of any module of ptm changes the digests."""
    edit("encoding.py", "\n\ndef one_hot", "\n\nexec('')\n\n\ndef one_hot")
    before = digest()
    edit("kinds/images/__init__.py", "NOTED = 20", "NOTED = 21")
    assert changed(before, digest()) == {"ptm.kinds.images"}


def test_another_module_changes_nothing(digest: Digest, edit: Edit) -> None:
    """Work on the store or on another kind leaves a room's digests, and its artifacts, alone."""
    before = digest()
    edit("store/publishing.py", "import annotations", "import annotations, division")
    edit("kinds/text.py", "ASCII = 128", "ASCII = 256")
    assert digest() == before
