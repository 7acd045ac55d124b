"""What one process does between two steps of another: each case at the step where it counts."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import ptm
from ptm import store
from ptm.model import ArtifactRef, Whole
from ptm.store import collecting, disk, posix, publishing, reading, verifying
from tests.support.parts import Source, about, check, heal, key_of, leftovers, make, named, objects
from tests.support.parts import publish as publish_planted
from tests.support.stores import flip, publications

Between = Callable[..., None]


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Between:
    """between(module, name, others): before the next call of a function others do something.

    With `after`: after that call, before what it returned is used. With `of`: not before the next
    call at all, but before the next for a path in a folder of that name.
    """

    def between(
        module: object, name: str, others: Callable[[], object], after: bool = False, of: str = ""
    ) -> None:
        real = getattr(module, name)

        def interrupted(*arguments: Any) -> object:
            if of and of not in {path.parent.name for path in arguments}:
                return real(*arguments)
            monkeypatch.setattr(module, name, real)
            result = real(*arguments) if after else None
            others()
            return result if after else real(*arguments)

        monkeypatch.setattr(module, name, interrupted)

    return between


def publish(root: Path, number: int, healed: str = "") -> ArtifactRef:
    return publish_planted(root, about(number), 2 * number + 2, healed=healed)


def pointer_of(root: Path, number: int) -> str:
    pointer = store.read_pointer(root / "planted" / "keys" / f"{key_of(number)}.json")
    return pointer["publication"] if pointer else ""


def collect(root: Path) -> list[store.Collected]:
    return store.gc(root, keep=1)


def test_published_meanwhile(tmp_path: Path, between: Between) -> None:
    """Of two runs that make one key, the second takes what the first published."""
    first: list[ArtifactRef] = []
    between(disk, "link", lambda: first.append(publish(tmp_path, 1)), of="keys")
    second = publish(tmp_path, 1)
    assert second.path == first[0].path and second.cached and not first[0].cached
    assert publications(tmp_path) == {Path(second.path).name} and leftovers(tmp_path) == []


def test_published_damaged_meanwhile(tmp_path: Path, between: Between) -> None:
    """What another run published, but is damaged already, is not taken."""

    def damaged() -> None:
        flip(Path(publish(tmp_path, 1).path) / "more.parquet", 9, 1)

    between(disk, "link", damaged, of="keys")
    ref = publish(tmp_path, 1)
    assert not ref.cached and pointer_of(tmp_path, 1) == Path(ref.path).name
    assert ptm.load("planted", tmp_path).path == Path(ref.path)


def test_collecting_while_publishing(tmp_path: Path, between: Between) -> None:
    """A folder that is in place, but that no pointer names yet, is left to its writer."""
    collected: list[store.Collected] = []
    between(disk, "link", lambda: collected.extend(collect(tmp_path)), of="keys")
    ref = publish(tmp_path, 1)
    [thing] = collected
    assert (thing.what, thing.stays) == (Path(ref.path).name, "it is being published")
    assert ptm.load("planted", tmp_path).path == Path(ref.path)


def test_sweeping_while_publishing(tmp_path: Path, between: Between) -> None:
    """What a living writer stages is not swept, at whichever step."""
    for step in ("write", "sync", "make_folder", "sync_folder", "link", "replace"):
        swept: list[str] = []
        between(disk, step, lambda swept=swept: swept.extend(store.sweep(tmp_path / "planted")))
        ref = publish(tmp_path / "at" / step, 1)
        assert swept == [] and ptm.load("planted", tmp_path / "at" / step).path == Path(ref.path)


def test_healed_while_it_is_collected(tmp_path: Path, between: Between) -> None:
    """A pointer that a run gave to a whole artifact, just when the damaged one goes, stays."""
    damaged = publish(tmp_path, 1)
    publish(tmp_path, 2)
    flip(Path(damaged.path) / "more.parquet", 9, 1)
    healed: list[ArtifactRef] = []
    between(disk, "replace", lambda: healed.append(publish(tmp_path, 1, "damage")), of="keys")
    [thing] = [thing for thing in collect(tmp_path) if thing.reason == "damaged"]
    assert thing.what == Path(damaged.path).name and not thing.stays
    assert pointer_of(tmp_path, 1) == Path(healed[0].path).name
    assert not [found for found in store.verify(tmp_path) if found.error]
    assert leftovers(tmp_path) == []


def test_put_back_while_it_is_collected(tmp_path: Path, between: Between) -> None:
    """What became current again just before it would go stays."""
    old, _ = publish(tmp_path, 1), publish(tmp_path, 2)
    memory = store.Memory(tmp_path / "planted")
    between(collecting, "_collect", lambda: store.find(tmp_path, "planted", old.key, memory))
    stays = {thing.what: thing.stays for thing in collect(tmp_path)}
    assert ptm.load("planted", tmp_path).path == Path(old.path)
    assert stays[Path(old.path).name] == "it is current again"


def test_collected_while_it_is_loaded(tmp_path: Path, between: Between) -> None:
    """A reader whose artifact was replaced and collected under it gets the one of now."""
    old = publish(tmp_path, 1)

    def replaced() -> None:
        publish(tmp_path, 2)
        assert [thing.stays for thing in collect(tmp_path)] == ["", ""]

    between(reading, "read_pointer", replaced, after=True)
    assert ptm.load("planted", tmp_path).manifest["key"] == key_of(2)
    assert not Path(old.path).exists()


def test_collected_while_it_is_looked_for(tmp_path: Path, between: Between) -> None:
    """What is collected while a run looks for it is missing, not damaged."""
    publish(tmp_path, 1)
    publish(tmp_path, 2)
    between(publishing, "read_pointer", lambda: collect(tmp_path), after=True)
    memory = store.Memory(tmp_path / "planted")
    assert store.look(tmp_path, "planted", key_of(1), memory) == (None, "")


def test_healed_while_it_is_verified(tmp_path: Path, between: Between) -> None:
    """What was damaged when verify read its pointer, and is healed since, is no finding."""
    damaged = publish(tmp_path, 1)
    flip(Path(damaged.path) / "more.parquet", 9, 1)
    between(verifying, "verify_files", lambda: publish(tmp_path, 1, "damage"))
    assert [found.error for found in store.verify(tmp_path) if found.error] == []


def test_a_key_is_pointed_to_while_garbage_is_collected(tmp_path: Path, between: Between) -> None:
    """A pointer that a run put in place of garbage, just when that goes, stays."""
    publish(tmp_path, 1)
    (tmp_path / "planted" / "keys" / f"{key_of(1)}.json").write_bytes(b"garbage")
    between(disk, "replace", lambda: publish(tmp_path, 1), of="keys")
    collect(tmp_path)
    assert pointer_of(tmp_path, 1) in publications(tmp_path)
    assert store.verify(tmp_path)[0].error == "" and leftovers(tmp_path) == []


def test_the_shelf_is_deleted_while_it_is_read(tmp_path: Path, between: Between) -> None:
    """A shelf that somebody deletes under a reader is a named error, and is made again."""
    source = Source(tmp_path)
    make(source)
    between(reading, "look_at_files", lambda: shutil.rmtree(source.shelf))
    with pytest.raises(ptm.PtmError, match=r"^t: "):
        ptm.load("t", tmp_path)
    assert not make(source).cached and make(source).cached


@pytest.mark.parametrize("number", range(6))
def test_a_writer_comes_while_parts_are_collected(tmp_path: Path, number: int) -> None:
    """From the moment that a writer holds the pool not one more part goes, at whichever file."""
    source, taken, real = Source(tmp_path), list[str](), disk.replace
    make(source)
    make(replace(source, values=(5.0, 6.0)))
    with ExitStack() as stack:

        def replaced(one: Path, other: Path) -> None:
            collected = ".collect" in other.parent.name
            if collected and len(taken) == number:
                stack.enter_context(store.writing(tmp_path, "t"))
            real(one, other)
            taken.extend([one.name] if collected else [])

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(disk, "replace", replaced)
            told = [one for one in store.gc(tmp_path, keep=1) if one.what == "parts"]
        assert len(taken) == number
        assert [bool(one.stays) for one in told] == ([False] if number else []) + [True]
        memory = store.Memory(source.shelf)
        found = [store.find_part(tmp_path, "t", source.key(n), memory.parts) for n in (0, 1)]
        assert number or all(found)
        assert not heal_quietly(source).cached
    store.gc(tmp_path, keep=1)
    assert objects(source.shelf) == named(tmp_path, "t") and leftovers(tmp_path) == []


def heal_quietly(source: Source) -> ArtifactRef:
    ref = make(source)
    check(source)
    assert [found.error for found in store.verify(source.root) if found.error] == []
    return ref


def test_published_while_parts_are_collected(tmp_path: Path, between: Between) -> None:
    """A run that publishes with parts that nobody named, just when they go, has them."""
    source = Source(tmp_path)
    make(source)
    make(replace(source, values=(5.0, 6.0)))
    refs: list[ArtifactRef] = []
    between(collecting, "collecting", lambda: refs.append(make(source)))
    store.gc(tmp_path, keep=1)
    check(source)
    assert heal(source).cached and len(refs) == 1


def test_forgotten_while_another_writes(tmp_path: Path) -> None:
    """Parts that another writer may look for are left to the collector."""
    source = Source(tmp_path)
    with store.writing(tmp_path, "t") as one, store.writing(tmp_path, "t"):
        ref = store.write_part(tmp_path, "t", "a" * 64, {"x": torch.zeros(2)}, None, {})
        one.forget([ref])
        assert objects(source.shelf)
    with store.writing(tmp_path, "t") as one:
        one.forget([ref.key])
        assert not objects(source.shelf) and leftovers(tmp_path) != []
    assert leftovers(tmp_path) == []


def test_what_is_shared_is_not_forgotten(tmp_path: Path) -> None:
    """A file that another record or a publication names stays, and so does its record."""
    tensors = {"x": torch.zeros(2)}
    with store.writing(tmp_path, "t") as writer:
        one = store.write_part(tmp_path, "t", "a" * 64, tensors, None, {})
        other = store.write_part(tmp_path, "t", "b" * 64, tensors, None, {})
        assert one.files == other.files
        writer.forget([one])
        memory = store.Memory(tmp_path / "t")
        assert not store.find_part(tmp_path, "t", "a" * 64, memory.parts)
        assert store.find_part(tmp_path, "t", "b" * 64, memory.parts)
        whole = Whole({"x": ("sample",)})
        store.publish(tmp_path, about(1, "t"), [other], whole, 0.5)
        writer.forget([other, "b" * 64, "c" * 64])
        assert store.find_part(tmp_path, "t", "b" * 64, memory.parts)


def test_a_pointer_whose_holder_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was stopped while it replaced a pointer holds nobody up for long; both are whole."""
    monkeypatch.setattr(posix, "SWAPPING", 0.05)
    publish(tmp_path, 1)
    with (tmp_path / "planted" / "current.json").open("r+b") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        ref = publish(tmp_path, 2)
    assert ptm.load("planted", tmp_path).path == Path(ref.path)


def test_two_swap_a_pointer(tmp_path: Path, between: Between) -> None:
    """Of two that replace one content only one does; the other is told, and changes nothing."""
    publish(tmp_path, 1)
    backend = posix.Posix(tmp_path / "planted", "0" * 12)
    before = backend.read("current.json")
    assert before and backend.swap("current.json", b"one", before)
    assert not backend.swap("current.json", b"two", before)
    assert not backend.swap("current.json", b"two", None)
    assert backend.read("current.json") == b"one" and leftovers(tmp_path) == []
    assert backend.swap("keys/x", b"one", None) and backend.read("keys/x") == b"one"
