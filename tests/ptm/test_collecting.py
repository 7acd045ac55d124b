"""Collecting takes what nobody needs, tells what it takes, and leaves all else alone."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ptm
from ptm import store
from ptm.errors import InputError
from ptm.model import ArtifactRef, Whole
from ptm.store import Collected
from ptm.store.pointers import as_json, with_digest
from tests.support.parts import (
    ABOUT,
    Source,
    about,
    check,
    digest_of,
    heal,
    make,
    named,
    objects,
    records,
    tensors,
)
from tests.support.parts import publish as publish_planted
from tests.support.photos import write_photos
from tests.support.stores import flip, listing, publications

PARTS = "parts"


def publish(root: Path, *numbers: int, name: str = "planted") -> list[ArtifactRef]:
    """Publishes an artifact for each number, one after another; each has parts of its own."""
    return [publish_planted(root, about(number, name), 6 + 2 * number) for number in numbers]


def folders(refs: list[ArtifactRef]) -> set[str]:
    return {Path(ref.path).name for ref in refs}


def size(root: Path) -> int:
    """Bytes of all files, as another program counts them."""
    out = subprocess.run(
        ["find", str(root), "-type", "f", "-printf", "%s\n"], capture_output=True, check=True
    )
    return sum(map(int, out.stdout.split()))


def whats(collected: list[Collected]) -> set[str]:
    return {thing.what for thing in collected}


@pytest.mark.parametrize("keep", [0, 1, 3, 5, 9])
def test_the_last_stay(tmp_path: Path, keep: int) -> None:
    """The last that were made stay, as many as are asked for; always the current one."""
    refs = publish(tmp_path, *range(6))
    collected = store.gc(tmp_path, keep=keep)
    left = refs[-max(keep, 1) :]
    assert publications(tmp_path) == folders(left)
    gone = folders(refs) - folders(left)
    assert whats(collected) == gone | ({PARTS} if gone else set())
    reasons = {thing.reason for thing in collected if thing.what != PARTS}
    assert reasons <= {"old"}
    assert sorted(path.stem for path in (tmp_path / "planted" / "keys").iterdir()) == sorted(
        ref.key for ref in left
    )


@pytest.mark.parametrize("keep", [1, 3])
def test_their_parts_stay(tmp_path: Path, keep: int) -> None:
    """Files and records of the parts that publications name stay, and no others."""
    refs = publish(tmp_path, *range(5))
    shelf = tmp_path / "planted"
    before = objects(shelf), records(shelf)
    store.gc(tmp_path, keep=keep)
    # those of the rows are the same in every publication
    assert len(objects(shelf)) == 2 * keep + 2 and objects(shelf) < before[0]
    assert len(records(shelf)) == 2 * keep and records(shelf) < before[1]
    assert objects(shelf) >= named(tmp_path, "planted")
    for ref in refs[-keep:]:
        found, damage = store.find(tmp_path, "planted", ref.key, store.Memory(shelf))
        assert found and not damage
        assert ptm.load("planted", tmp_path).tensors["floats"].shape[0] in (6, 8, 10, 12, 14)
    assert [found.error for found in store.verify(tmp_path) if found.error] == []


def test_what_is_shared_stays(tmp_path: Path) -> None:
    """A part that two publications name stays as long as one of them does."""
    first = Source(tmp_path)
    make(first)
    second = replace(first, values=(*first.values, 3.0))
    make(second)
    shared = objects(first.shelf)
    store.gc(tmp_path, keep=1)
    check(second)
    assert objects(first.shelf) == shared == named(tmp_path, "t")
    # an analysis or a part that is looked for finds them by their keys
    memory = store.Memory(first.shelf)
    assert all(store.find_part(tmp_path, "t", second.key(n), memory.parts) for n in range(3))
    make(replace(first, values=(9.0,)))
    store.gc(tmp_path, keep=1)
    assert objects(first.shelf) == named(tmp_path, "t") and not shared & objects(first.shelf)


def test_three_by_default(tmp_path: Path) -> None:
    """Without a number, three stay."""
    publish(tmp_path, *range(5))
    assert len(store.gc(tmp_path)) == 3 and store.KEEP == 3


def test_what_is_current_stays(tmp_path: Path) -> None:
    """The current artifact stays, even if it is the oldest of all: an option was put back."""
    refs = publish(tmp_path, *range(5))
    found, _ = store.find(tmp_path, "planted", refs[0].key, store.Memory(tmp_path / "planted"))
    assert found and found.path == refs[0].path
    store.gc(tmp_path, keep=2)
    assert publications(tmp_path) == folders([refs[0], *refs[3:]])
    assert ptm.load("planted", tmp_path).path == Path(refs[0].path)
    assert len(ptm.load("planted", tmp_path).tensors["floats"]) == 6


def analyze(root: Path, of: str, number: int) -> ArtifactRef:
    """An analysis of the current artifact of a name."""
    inputs = {of: store.digests(store.current(of, root).manifest)}
    head: dict[str, Any] = {**ABOUT, "name": "analysis", "key": digest_of(number, inputs)}
    content = Whole({"x": ("sample",)}, {"x": tensors()["ids"] + number})
    return store.publish(root, head | {"inputs": inputs}, [], content, 0.5)


def test_what_analyses_were_made_of_stays(tmp_path: Path) -> None:
    """A source that a kept analysis was made of stays, however old it is, with its parts."""
    [read] = publish(tmp_path, 0)
    analysis = analyze(tmp_path, "planted", 0)
    others = publish(tmp_path, *range(1, 5))
    collected = store.gc(tmp_path, keep=1)
    assert publications(tmp_path, "planted") == folders([read, others[-1]])
    assert whats(collected) == folders(others[:-1]) | {PARTS}
    held = store.publication(
        tmp_path / "planted",
        next(p for p in store.pointers(tmp_path / "planted").values() if p and named_by(p, read)),
    )
    store.verify_files(held, store.Memory(tmp_path / "planted").parts)
    del held
    # when the analysis goes, so may what it was made of
    for number in range(2):
        analyze(tmp_path, "planted", number)
    store.gc(tmp_path, keep=1)
    assert publications(tmp_path, "analysis") != folders([analysis])
    assert publications(tmp_path, "planted") == folders([others[-1]])
    assert objects(tmp_path / "planted") == named(tmp_path, "planted")


def named_by(pointer: store.Pointer, ref: ArtifactRef) -> bool:
    return pointer["publication"] == Path(ref.path).name


def test_a_dry_run_tells_the_same(tmp_path: Path) -> None:
    """A dry run changes nothing, and tells the things and bytes that the real one takes."""
    refs = publish(tmp_path, *range(6))
    mess(tmp_path, refs)
    before = listing(tmp_path)
    told = store.gc(tmp_path, keep=2, dry_run=True)
    assert listing(tmp_path) == before
    taken = store.gc(tmp_path, keep=2)
    assert sorted(told) == sorted(taken) and len(told) > 6
    assert sum(thing.bytes for thing in told) > 0


def mess(root: Path, refs: list[ArtifactRef]) -> None:
    """Damage, garbage and leftovers of all kinds, beside artifacts that are whole."""
    shelf = root / "planted"
    flip(Path(refs[-2].path) / "more.parquet", 50, 1)
    (Path(refs[-3].path) / "manifest.json").unlink()
    (shelf / "keys" / f"{'0' * 64}.json").write_bytes(b"garbage")
    (shelf / "parts" / f"{'0' * 64}.json").write_bytes(b"garbage")
    (shelf / "parts" / f"{'0' * 64}.pt").write_bytes(b"garbage")
    shutil.copytree(refs[0].path, shelf / "0123456789ab-0123456789ab")
    (shelf / "0123456789ab-aaaaaaaaaaaa").mkdir()
    (shelf / ".staging-0123456789ff").mkdir()
    (shelf / ".staging-0123456789ff" / "whole.pt").write_bytes(bytes(1000))
    (shelf / ".lease-0123456789ff").touch()
    (shelf / ".hold-0123456789ff").touch()
    (shelf / ".collect-0123456789fd").mkdir()
    (shelf / ".pointer-0123456789fe").write_bytes(b"{")
    (shelf / ".part-0123456789fe").write_bytes(b"PK")


def test_what_is_damaged_goes(tmp_path: Path) -> None:
    """What is damaged and not current, garbage pointers and folders without a pointer go."""
    refs = publish(tmp_path, *range(4))
    mess(tmp_path, refs)
    reasons = {thing.what: thing.reason for thing in store.gc(tmp_path, keep=9)}
    assert reasons == {
        Path(refs[-2].path).name: "damaged",
        Path(refs[-3].path).name: "damaged",
        f"keys/{'0' * 64}.json": "not a pointer",
        "0123456789ab-0123456789ab": "no pointer names it",
        "0123456789ab-aaaaaaaaaaaa": "no pointer names it",
        ".staging-0123456789ff": "left by a writer that died",
        ".collect-0123456789fd": "left by a writer that died",
        ".pointer-0123456789fe": "left by a writer that died",
        ".part-0123456789fe": "left by a writer that died",
        PARTS: "10 files that no publication names",  # of both: tensors and records; and garbage
    }
    assert publications(tmp_path) == folders([refs[0], refs[3]])
    assert not [found for found in store.verify(tmp_path) if found.error]
    left = {path.split("/")[0] for path in listing(tmp_path / "planted")}
    assert left == {"current.json", "keys", "parts", "stat", *folders([refs[0], refs[3]])}


def test_what_is_current_and_damaged_stays(tmp_path: Path) -> None:
    """A damaged artifact that is current is left for the next run to heal, and say so."""
    source = Source(tmp_path / "store")
    for file in ("parts.parquet", "parts/"):
        make(source)
        place = Path(make(source).path) / file
        if file == "parts/":
            place = source.shelf / "parts" / min(named(source.root, "t"))
        before = objects(source.shelf)
        flip(place, 50, 1)
        assert store.gc(source.root, keep=1) == []
        assert objects(source.shelf) == before
        assert heal(source).why.startswith(f"damaged: {place.name}")
        [thing] = store.gc(source.root, keep=1)
        assert thing.reason == "no pointer names it" and objects(source.shelf) == before
        assert heal(source).cached


def test_a_damaged_manifest_keeps_the_pool(tmp_path: Path) -> None:
    """What a damaged manifest names nobody knows: until it is healed all parts stay."""
    source = Source(tmp_path)
    make(replace(source, scale=2.0))
    ref = make(source)
    before = objects(source.shelf)
    flip(Path(ref.path) / "manifest.json", 20, 1)
    for dry_run in (True, False):
        assert PARTS not in whats(store.gc(tmp_path, keep=1, dry_run=dry_run))
    assert objects(source.shelf) == before
    assert heal(source).why.startswith("damaged: manifest.json")
    assert PARTS in whats(store.gc(tmp_path, keep=1)) and objects(source.shelf) < before
    check(source)


def test_parts_of_what_was_never_published(tmp_path: Path) -> None:
    """Of an entry with a broken file the parts that were read stay while it is made, then go."""
    photos, root = write_photos(tmp_path / "data", 12, 32, 3 * 32 * 32 * 3), tmp_path / "store"
    broken = photos.folder / "00004.png"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(InputError, match=r"00004\.png"):
        ptm.tensorize(photos.source("raw"), root)
    shelf = root / "raw"
    there = objects(shelf)
    assert len(there) > 2 and publications(root, "raw") == set() and not store.names(root)
    verified = store.verify(root)
    assert [(one.pointer, one.error) for one in verified] == [(PARTS, "")]
    with store.writing(root, "raw"):
        [thing] = store.gc(root)
        assert (thing.what, thing.bytes) == (PARTS, 0) and thing.stays
        assert objects(shelf) == there
    told, before = store.gc(root, dry_run=True), size(shelf / PARTS)
    assert [(one.what, one.bytes, one.stays) for one in told] == [(PARTS, before, "")]
    assert store.gc(root) == told and store.gc(root) == []
    assert objects(shelf) == set() == records(shelf)


def test_it_frees_what_it_says(tmp_path: Path) -> None:
    """The bytes that it says are those that the folders take less, pointers and memory apart."""
    publish(tmp_path, *range(6))
    before, pointers = size(tmp_path), size(tmp_path / "planted" / "keys")
    collected = store.gc(tmp_path, keep=2)
    shutil.rmtree(tmp_path / "planted" / "stat")
    freed = before - size(tmp_path) - (pointers - size(tmp_path / "planted" / "keys"))
    assert sum(thing.bytes for thing in collected) == freed
    folders_alone = sum(thing.bytes for thing in collected if thing.what != PARTS)
    assert 0 < folders_alone < freed


def test_the_second_time_takes_nothing(tmp_path: Path) -> None:
    """When all is collected, there is nothing more to collect."""
    mess(tmp_path, publish(tmp_path, *range(6)))
    assert store.gc(tmp_path, keep=2) != []
    assert store.gc(tmp_path, keep=2) == []
    assert store.gc(tmp_path, keep=2, dry_run=True) == []


def test_each_name_for_itself(tmp_path: Path) -> None:
    """The last of each name stay; what is told carries the name."""
    publish(tmp_path, *range(3), name="a")
    publish(tmp_path, *range(2), name="b")
    collected = store.gc(tmp_path, keep=1)
    assert [thing.name for thing in collected] == ["a", "a", "a", "b", "b"]
    assert [thing.what for thing in collected if thing.what == PARTS] == [PARTS] * 2


@pytest.mark.parametrize("there", [False, True])
def test_nothing_there(tmp_path: Path, there: bool) -> None:
    """A store that is missing or empty has nothing to collect, and is not made."""
    root = tmp_path / "store"
    if there:
        root.mkdir()
    assert store.gc(root) == [] == store.gc(root, dry_run=True)
    assert root.exists() == there


def test_strangers_stay(tmp_path: Path) -> None:
    """What is not of the store (notes, other folders) is left alone, in it and in its shelves."""
    publish(tmp_path, 1, 2)
    (tmp_path / "notes").mkdir()
    strangers = [
        *("notes/x", "README", "planted/README", "planted/.hidden", "planted/keys/note"),
        *("planted/parts/note", "planted/parts/.hidden", f"planted/parts/{'0' * 64}.txt"),
    ]
    for place in strangers:
        (tmp_path / place).write_text("mine")
    (tmp_path / "planted" / "0123").mkdir()
    store.gc(tmp_path, keep=1)
    for place in strangers:
        assert (tmp_path / place).read_text() == "mine"
    assert (tmp_path / "planted" / "0123").is_dir()


def test_what_was_collected_is_made_again(tmp_path: Path) -> None:
    """After collecting, an option put back is no hit any more: it is made again, and right."""
    source = Source(tmp_path)
    first = make(source)
    make(replace(source, scale=2.0))
    store.gc(tmp_path, keep=1)
    assert not Path(first.path).exists() and first.path not in str(listing(source.shelf))
    again = heal(source)
    assert not again.cached and again.key == first.key


OLD = '{"format": 1, "name": "t", "key": "%s", "parts": [{"file": "part-00000.pt"}]}' % ("0" * 64)


def write_old(shelf: Path) -> str:
    """An artifact as an older version left it: its parts in its own folder, and no pool."""
    folder = shelf / "000000000000-0123456789ab"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(OLD)
    (folder / "part-00000.pt").write_bytes(b"tensors")
    digest = hashlib.sha256(OLD.encode()).hexdigest()
    pointer: store.Pointer = {"publication": folder.name, "manifest_sha256": digest, "made": "2026"}
    (shelf / "keys").mkdir()
    for place in (shelf / "current.json", shelf / "keys" / f"{'0' * 64}.json"):
        place.write_bytes(as_json(with_digest(pointer)))
    return folder.name


def test_a_store_of_an_older_version(tmp_path: Path) -> None:
    """It is said plainly; it stays until it is made again, and then it is old."""
    source = Source(tmp_path)
    old = write_old(source.shelf)
    with pytest.raises(ptm.PtmError, match=r"got format 1: an older version.*ptm run t"):
        ptm.load("t", tmp_path)
    assert "format 1" in store.status(tmp_path)[0]["error"]
    [finding] = store.verify(tmp_path)
    assert "format 1" in finding.error and finding.remedy.startswith("ptm run t")
    assert store.gc(tmp_path, keep=1) == [] == store.gc(tmp_path, dry_run=True)
    assert not make(source).cached
    check(source)
    for dry_run in (True, False):
        [thing] = store.gc(tmp_path, keep=1, dry_run=dry_run)
        assert (thing.what, thing.reason, thing.stays) == (old, "old", "")
    assert heal(source).cached
