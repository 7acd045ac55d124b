"""The key changes with all that decides the content, and with nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ptm import key
from ptm.catalog import load_catalog
from ptm.key import Input, code_digests, hash_files, make_key, package_versions
from ptm.prepare import tensorize

ROOM = "ptm.kinds.tables"
Digest = Callable[[], dict[str, str]]
Edit = Callable[[str, str, str], None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the library's source, which is digested instead of the library."""
    copy = tmp_path / "ptm"
    shutil.copytree(key.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(key, "PACKAGE", copy)
    return copy


@pytest.fixture
def digest(package: Path) -> Digest:
    """Digests of the table room in the copy, as it is now."""
    return lambda: code_digests.__wrapped__(ROOM)


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
    assert {ROOM, "ptm.encoding", "ptm.kinds.delimited", "ptm.kinds.files", "ptm.scaling"} <= set(
        digest()
    )
    assert not {"ptm.store", "ptm.prepare", "ptm.kinds.images", "ptm.plots"} & set(digest())


def test_code_that_all_rooms_share() -> None:
    """Each room's digests hold its own module and the shared ones, not what only types need."""
    for kind in ("images", "volumes", "tables", "timeseries", "text"):
        digests = code_digests(f"ptm.kinds.{kind}")
        assert {"ptm.content", "ptm.errors", "ptm.kinds.files", f"ptm.kinds.{kind}"} <= set(digests)
        assert "ptm.catalog" not in digests
    assert "ptm.kinds.dicom" in code_digests("ptm.kinds.volumes")


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
    edit("kinds/tables.py", 'f"{column}={category}"', 'f"{column}:{category}"')
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


def test_another_module_changes_nothing(digest: Digest, edit: Edit) -> None:
    """Work on the store or on another kind leaves a room's digests, and its artifacts, alone."""
    before = digest()
    edit("store.py", 'PART = "part-00000"', 'PART = "part-1"')
    edit("kinds/text.py", "ASCII = 128", "ASCII = 256")
    assert digest() == before


def test_digest_is_of_the_bytes(tmp_path: Path) -> None:
    """A file's SHA-256 and size are those of its bytes; for 'abc' the standard's test vector."""
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    [entry] = hash_files([path])
    assert entry.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert entry.bytes == 3 and entry.unchanged()


def test_many_files_in_order(tmp_path: Path) -> None:
    """Many files are hashed in the order in which they are given, whatever the threads do."""
    paths = [tmp_path / str(number) for number in range(50)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes(number * 1000))
    assert [entry.bytes for entry in hash_files(paths[::-1])] == list(range(49_000, -1, -1000))
    assert hash_files([]) == []


def _same_size(path: Path) -> None:
    path.write_bytes(b"abd")


def _replaced(path: Path) -> None:
    stat = path.stat()
    path.with_name("new").write_bytes(b"abd")
    os.utime(path.with_name("new"), ns=(stat.st_atime_ns, stat.st_mtime_ns))
    path.with_name("new").replace(path)


@pytest.mark.parametrize("change", [_same_size, _replaced])
def test_a_change_since_is_seen(tmp_path: Path, change: Callable[[Path], None]) -> None:
    """A file rewritten at the same size, or replaced with its old time, is no longer as hashed."""
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    os.utime(path, ns=(0, 0))
    [entry] = hash_files([path])
    change(path)
    assert not entry.unchanged()


def test_key_of_values() -> None:
    """Equal values have an equal key, 64 hex digits; another value or order has another."""
    assert make_key({"a": 1, "b": [1, 2]}) == make_key({"a": 1, "b": [1, 2]})
    keys = {
        make_key(value)
        for value in ({"a": [1, 2]}, {"a": [2, 1]}, {"a": [1, "2"]}, {"a": [12]}, {"a": ["ä"]})
    }
    assert len(keys) == 5 and all(len(k) == 64 and int(k, 16) for k in keys)


def test_package_versions() -> None:
    """The versions are those installed, in order of name."""
    import torch

    versions = package_versions(("torch", "numpy"))
    assert list(versions) == ["numpy", "torch"] and versions["torch"] == torch.__version__


BASE = {"kind": "table", "path": "t.csv", "measures": {"b": "ordinal"}, "units": {"a": "mm"}}
OPTIONS: list[dict[str, Any]] = [
    {"standardize": False},
    {"columns": ["a", "b"]},
    {"columns": ["b", "a"]},
    {"target": "b"},
    {"target": "b", "classes": 5},
    {"target": "b", "classes": 6},
    {"measures": {"a": "ordinal"}},
    {"units": {"a": "cm"}},
    {"encoding": "latin-1"},
]


@pytest.fixture
def key_of(tmp_path: Path) -> Callable[..., str]:
    """The key of a small table, made with options of the catalog."""
    import json

    def key_of(data: Path = tmp_path, **options: Any) -> str:
        (tmp_path / "t.csv").exists() or (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
        catalog = tmp_path / "c.toml"
        entry = (f"{name} = {_toml(value)}" for name, value in {**BASE, **options}.items())
        catalog.write_text("[t]\n" + "\n".join(entry) + "\n")
        return tensorize(load_catalog(catalog, data)["t"], tmp_path / "store").key

    def _toml(value: Any) -> str:
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
        return json.dumps(value)

    return key_of


def test_every_option_counts(key_of: Callable[..., str]) -> None:
    """Each change of an option, even of the order of columns, is another key."""
    keys = [key_of(), *(key_of(**options) for options in OPTIONS)]
    assert len(set(keys)) == len(keys)


def test_touch_changes_nothing(key_of: Callable[..., str], tmp_path: Path) -> None:
    """A file with another time but the same bytes has the same key."""
    before = key_of()
    os.utime(tmp_path / "t.csv", ns=(1, 1))
    assert key_of() == before


def test_one_byte_counts(key_of: Callable[..., str], tmp_path: Path) -> None:
    """One changed byte of the input is another key."""
    before = key_of()
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,5\n")
    assert key_of() != before


def test_place_and_name_of_a_table_do_not_count(key_of: Callable[..., str], tmp_path: Path) -> None:
    """The same bytes in another data root, or under another name, have the same key."""
    before = key_of()
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(tmp_path / "t.csv", other / "u.csv")
    assert key_of(other, path="u.csv") == before


def test_names_of_images_count(tmp_path: Path) -> None:
    """Images carry their names into the table, so another name is another key."""
    from PIL import Image

    keys = []
    for name in ("a.png", "b.png"):
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        Image.new("RGB", (3, 3)).save(folder / name)
        (tmp_path / "c.toml").write_text(f'[x]\nkind = "images"\npath = "{folder.name}"\n')
        source = load_catalog(tmp_path / "c.toml", tmp_path)["x"]
        keys.append(tensorize(source, tmp_path / "store").key)
    assert keys[0] != keys[1]


def test_input_is_a_value() -> None:
    """Two equal readings of one file are equal."""
    one = Input(Path("a"), "0", 1, (1, 2))
    assert one == Input(Path("a"), "0", 1, (1, 2))
