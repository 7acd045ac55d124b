"""What is remembered saves time and decides nothing; verify believes the bytes alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import ptm
from ptm import key, store
from ptm.errors import ArtifactCorrupt, ArtifactMissing
from ptm.index import FileDigest, StatIndex, signature
from ptm.kinds.table import Options as TableSource
from tests.support.stores import check, flip, heal, make, shelf, table

PART, ROWS, MANIFEST = "part-00000.pt", "part-00000.parquet", "manifest.json"


class Forgetful(dict[Any, Any]):
    """Keeps nothing: each run reads the code as a process of its own would."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Forgets it."""


@pytest.fixture(autouse=True)
def _each_run_reads_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key, "_codes", Forgetful())


GARBAGE = [b"", b"garbage", b"\xff\xfe\x00", b"[]", b"{}", b"[" * 100_000, b"\n" * 100]


@pytest.mark.parametrize("name", ["inputs", "parts", "code"])
@pytest.mark.parametrize("garbage", [*GARBAGE, None, "folder"], ids=lambda raw: repr(raw)[:40])
def test_garbage_in_the_memory(source: TableSource, name: str, garbage: bytes | str | None) -> None:
    """A memory that holds garbage, or is gone, costs time only: all is read again, and right."""
    ref = make(source)
    place = shelf(source) / "stat" / name
    place.unlink()
    if garbage == "folder":
        place.mkdir()
    elif isinstance(garbage, bytes):
        place.write_bytes(garbage)
    check(source)
    assert heal(source).path == ref.path
    assert garbage == "folder" or place.stat().st_size > 64


def test_a_stale_memory(source: TableSource) -> None:
    """The memory of before an edit, or of another store, is believed in nothing that changed."""
    ref = make(source)
    shutil.copytree(shelf(source) / "stat", source.root / "stale")
    (source.root / "t.csv").write_text("a,b\n1,2\n3,5\n")
    other = make(source)
    assert other.key != ref.key
    shutil.copytree(source.root / "stale", shelf(source) / "stat", dirs_exist_ok=True)
    assert make(source).key == other.key
    (source.root / "t.csv").write_text("a,b\n1,2\n3,4\n")
    assert heal(source).path == ref.path


@pytest.mark.parametrize("times", ["now", "put back"])
def test_damage_right_after_a_check(source: TableSource, times: str) -> None:
    """What was found whole an instant ago is read again once it changed, whatever its mtime."""
    for attempt in range(20):
        place = Path(make(source).path) / PART
        check(source)
        before = place.stat()
        flip(place, 100 + attempt, 1)
        if times == "put back":
            os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(ArtifactCorrupt, match=PART):
            ptm.load("t", source.root / "store")
        assert not heal(source).cached


def lie(place: Path, sha256: str) -> None:
    """Makes the memory swear that a file holds what it does not."""
    stat = place.stat()
    index = StatIndex()
    name = f"{place.parent.name}/{place.name}"
    index.put(FileDigest(name, str(place), sha256, stat.st_size, signature(stat), trusted=True))
    (place.parents[1] / "stat" / "parts").write_bytes(index.to_bytes())


def test_verify_reads_the_bytes(source: TableSource) -> None:
    """verify and rehash believe the bytes, not the memory, even if that says all is well."""
    folder = Path(make(source).path)
    parts = ptm.load("t", source.root / "store").manifest["parts"]
    sha256 = next(part["sha256"] for part in parts if part["file"] == PART)
    flip(folder / PART, 1000, 4)
    lie(folder / PART, sha256)
    assert make(source).cached
    [found] = store.verify(source.root / "store")
    assert found.error.startswith(f"t: {PART}: expected sha256 {sha256}, got ")
    assert (found.publication, found.remedy) == (
        folder.name,
        f"ptm run t --artifacts {source.root / 'store'}",
    )
    assert not make(source, rehash=True).cached
    assert heal(source).cached


def test_verify_lists_each_problem(source: TableSource) -> None:
    """verify goes on after a problem, calls for each thing checked, and raises nothing."""
    root = source.root / "store"
    make(source)
    old = make(source.model_copy(update={"standardize": True}))
    damaged = make(table(source.root, "u"))
    make(table(source.root, "v"))
    flip(Path(old.path) / ROWS, 10, 1)
    flip(Path(damaged.path) / MANIFEST, 10, 1)
    make(source)
    (root / "t" / "keys" / f"{'0' * 64}.json").write_bytes(b"garbage")
    seen: list[store.Finding] = []
    findings = store.verify(root, progress=seen.append)
    assert findings == seen
    assert [(found.name, bool(found.error)) for found in findings] == [
        ("t", False),
        ("t", True),
        ("t", True),
        ("u", True),
        ("v", False),
    ]
    remedies = ["", "ptm gc", "ptm gc", "ptm run u", ""]
    here = f" --artifacts {root}"
    assert [found.remedy for found in findings] == [text and text + here for text in remedies]
    assert all(found.bytes > 2000 for found in findings if not found.error)
    assert [row["name"] for row in store.status(root) if "error" in row] == ["u"]
    assert [found.name for found in store.verify(root, ["v"])] == ["v"]
    with pytest.raises(ArtifactMissing, match="nowhere"):
        store.verify(root, ["nowhere"])
