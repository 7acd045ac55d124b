"""What is remembered saves time and decides nothing; verify believes the bytes alone."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ptm import index, key, store
from ptm.errors import ArtifactCorrupt, ArtifactMissing
from ptm.index import FileDigest, StatIndex, signature
from ptm.kinds.table import Options as TableSource
from tests.support.parts import Source, check, heal, make, named
from tests.support.stores import check as check_table
from tests.support.stores import flip, shelf
from tests.support.stores import heal as heal_table
from tests.support.stores import make as make_table

TABLE, MANIFEST = "parts.parquet", "manifest.json"
GARBAGE = [b"", b"garbage", b"\xff\xfe\x00", b"[]", b"{}", b"[" * 100_000, b"\n" * 100]
GARBAGE_IN = pytest.mark.parametrize(
    "garbage", [*GARBAGE, None, "folder"], ids=lambda raw: repr(raw)[:40]
)


class Forgetful(dict[Any, Any]):
    """Keeps nothing: each run reads the code as a process of its own would."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Forgets it."""


@pytest.fixture(autouse=True)
def _each_run_reads_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key, "_codes", Forgetful())


@pytest.fixture
def parts(tmp_path: Path) -> Source:
    """A source of two parts, in a store of its own."""
    return Source(tmp_path / "parts-store")


def spoil(place: Path, garbage: bytes | str | None) -> None:
    place.unlink()
    if garbage == "folder":
        place.mkdir()
    elif isinstance(garbage, bytes):
        place.write_bytes(garbage)


@GARBAGE_IN
def test_garbage_in_the_memory(parts: Source, garbage: bytes | str | None) -> None:
    """A memory that holds garbage, or is gone, costs time only: all is read again, and right."""
    ref, place = make(parts), parts.shelf / "stat" / "parts"
    spoil(place, garbage)
    check(parts)
    assert heal(parts).path == ref.path
    assert garbage == "folder" or place.stat().st_size > 64


@pytest.mark.parametrize("name", ["inputs", "code"])
@GARBAGE_IN
def test_garbage_in_the_memory_of_inputs(
    source: TableSource, name: str, garbage: bytes | str | None
) -> None:
    """The same of what is remembered of input files and code."""
    ref, place = make_table(source), shelf(source) / "stat" / name
    spoil(place, garbage)
    check_table(source)
    assert heal_table(source).path == ref.path


def test_a_stale_memory(source: TableSource) -> None:
    """The memory of before an edit, or of another store, is believed in nothing that changed."""
    ref = make_table(source)
    shutil.copytree(shelf(source) / "stat", source.root / "stale")
    (source.root / "t.csv").write_text("a,b\n1,2\n3,5\n")
    other = make_table(source)
    assert other.key != ref.key
    shutil.copytree(source.root / "stale", shelf(source) / "stat", dirs_exist_ok=True)
    assert make_table(source).key == other.key
    (source.root / "t.csv").write_text("a,b\n1,2\n3,4\n")
    assert heal_table(source).path == ref.path


def place_of(source: Source, role: str) -> Path:
    """A file of the first part, or of the folder."""
    held = store.current(source.name, source.root)
    if role == "table":
        return held.folder / TABLE
    return source.shelf / str(held.manifest["parts"][0]["files"][role][0])


@pytest.mark.parametrize("role", ["tensors", "rows", "table"])
@pytest.mark.parametrize("times", ["now", "put back"])
def test_damage_right_after_a_check(parts: Source, times: str, role: str) -> None:
    """What was found whole an instant ago is read again once it changed, whatever its mtime."""
    for attempt in range(10):
        make(parts)
        place = place_of(parts, role)
        check(parts)
        before = place.stat()
        flip(place, 100 + attempt, 1)
        if times == "put back":
            os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(ArtifactCorrupt, match=place.name):
            check(parts)
        assert not heal(parts).cached


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files that are read to be hashed."""
    names: list[str] = []
    real = index._hash

    def noted(name: str, path: str, clock: int) -> FileDigest:
        names.append(name)
        return real(name, path, clock)

    monkeypatch.setattr(index, "_hash", noted)
    return names


def test_what_was_written_is_not_read_again(parts: Source, hashed: list[str]) -> None:
    """Neither when it is found again, nor when a part is looked for, nor when it is loaded."""
    make(parts)
    make(parts)
    check(parts)
    memory = store.Memory(parts.shelf)
    assert store.find_part(parts.root, "t", parts.key(0), memory.parts)
    assert hashed == []


def test_a_record_vouches_for_its_files(parts: Source, hashed: list[str]) -> None:
    """A driver that comes after one that was killed finds its parts without reading them."""
    make(parts)
    shutil.rmtree(parts.shelf / "stat")
    memory = store.Memory(parts.shelf)
    found = [store.find_part(parts.root, "t", parts.key(n), memory.parts) for n in range(2)]
    assert all(found)
    assert hashed == []


def test_what_is_read_is_remembered(parts: Source, hashed: list[str]) -> None:
    """What one process has checked while it read, the next one need not."""
    make(parts)
    shutil.rmtree(parts.shelf / "stat")
    check(parts)
    assert sorted(name.partition("/")[0] == "parts" for name in hashed) == [False] * 2 + [True] * 4
    hashed.clear()
    check(parts)
    assert hashed == []


def lie(source: Source, place: Path, sha256: str) -> None:
    """Makes the memory swear that a file holds what it does not."""
    stat = place.stat()
    known = StatIndex()
    name = f"{place.parent.name}/{place.name}"
    known.put(FileDigest(name, str(place), sha256, stat.st_size, signature(stat), trusted=True))
    (source.shelf / "stat" / "parts").write_bytes(known.to_bytes())


def test_verify_reads_the_bytes(parts: Source) -> None:
    """verify and rehash believe the bytes, not the memory, even if that says all is well."""
    folder = Path(make(parts).path)
    place = place_of(parts, "tensors")
    flip(place, 1000, 4)
    lie(parts, place, place.stem)
    assert make(parts).cached
    [found] = store.verify(parts.root)
    assert found.error.startswith(f"t: {place.name}: expected sha256 {place.stem}, got ")
    assert (found.publication, found.remedy) == (
        folder.name,
        f"ptm run t --artifacts {parts.root}",
    )
    assert not make(parts, rehash=True).cached
    assert heal(parts).cached


def test_verify_reads_each_file_once(parts: Source, hashed: list[str]) -> None:
    """Those that two publications share too, and those that none names."""
    make(parts)
    make(replace(parts, values=(1.0, 2.0, 3.0)))
    store.write_part(parts.root, "t", "", {"x": torch.arange(5)}, None)
    hashed.clear()
    findings = store.verify(parts.root)
    assert [found.error for found in findings] == ["", "", ""]
    assert findings[-1].pointer == "parts" and findings[-1].bytes > 500
    assert len(hashed) == len(set(hashed)) == 7 + 2 * 3


def test_verify_lists_each_problem(parts: Source) -> None:
    """verify goes on after a problem, calls for each thing checked, and raises nothing."""
    root = parts.root
    make(parts)
    old = make(replace(parts, scale=3.0))
    damaged = make(replace(parts, name="u"))
    make(replace(parts, name="v"))
    flip(Path(old.path) / TABLE, 10, 1)
    flip(Path(damaged.path) / MANIFEST, 10, 1)
    make(parts)
    (parts.shelf / "keys" / f"{'0' * 64}.json").write_bytes(b"garbage")
    (parts.shelf / "parts" / f"{'0' * 64}.json").write_bytes(b"garbage")
    (parts.shelf / "parts" / f"{'0' * 64}.pt").write_bytes(b"garbage")
    seen: list[store.Finding] = []
    findings = store.verify(root, progress=seen.append)
    assert findings == seen
    assert [(found.name, bool(found.error)) for found in findings] == [
        ("t", False),
        *[("t", True)] * 4,
        ("u", True),
        ("u", False),  # the parts, which no whole manifest names
        ("v", False),
    ]
    remedies = ["", *["ptm gc"] * 4, "ptm run u", "", ""]
    here = f" --artifacts {root}"
    assert [found.remedy for found in findings] == [text and text + here for text in remedies]
    assert all(found.bytes > 2000 for found in findings if not found.error)
    assert [row["name"] for row in store.status(root) if "error" in row] == ["u"]
    assert [found.name for found in store.verify(root, ["v"])] == ["v"]
    assert len(named(root, "v")) == 4
    with pytest.raises(ArtifactMissing, match="nowhere"):
        store.verify(root, ["nowhere"])
