"""What one process does between two steps of another: each case at the step where it counts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ptm
from ptm import store
from ptm.model import ArtifactRef
from ptm.store import collecting, disk, publishing, reading, verifying
from tests.support.stores import (
    about,
    flip,
    key_of,
    leftovers,
    make,
    planted,
    publications,
    shelf,
    table,
)

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
            if of and arguments[0].parent.name != of:
                return real(*arguments)
            monkeypatch.setattr(module, name, real)
            result = real(*arguments) if after else None
            others()
            return result if after else real(*arguments)

        monkeypatch.setattr(module, name, interrupted)

    return between


def publish(root: Path, number: int, healed: str = "") -> ArtifactRef:
    return store.publish(root, about(number), planted(number + 1), 0.5, healed=healed)


def pointer_of(root: Path, number: int) -> str:
    pointer = store.read_pointer(root / "planted" / "keys" / f"{key_of(number)}.json")
    return pointer["publication"] if pointer else ""


def collect(root: Path) -> list[store.Collected]:
    return store.gc(root, keep=1)


def test_published_meanwhile(tmp_path: Path, between: Between) -> None:
    """Of two runs that make one key, the second takes what the first published."""
    first: list[ArtifactRef] = []
    between(disk, "link", lambda: first.append(publish(tmp_path, 1)))
    second = publish(tmp_path, 1)
    assert second.path == first[0].path and second.cached and not first[0].cached
    assert publications(tmp_path) == {Path(second.path).name} and leftovers(tmp_path) == []


def test_published_damaged_meanwhile(tmp_path: Path, between: Between) -> None:
    """What another run published, but is damaged already, is not taken."""

    def damaged() -> None:
        flip(Path(publish(tmp_path, 1).path) / "part-00000.pt", 9, 1)

    between(disk, "link", damaged)
    ref = publish(tmp_path, 1)
    assert not ref.cached and pointer_of(tmp_path, 1) == Path(ref.path).name
    assert ptm.load("planted", tmp_path).path == Path(ref.path)


def test_collecting_while_publishing(tmp_path: Path, between: Between) -> None:
    """A folder that is in place, but that no pointer names yet, is left to its writer."""
    collected: list[store.Collected] = []
    between(disk, "link", lambda: collected.extend(collect(tmp_path)))
    ref = publish(tmp_path, 1)
    [thing] = collected
    assert (thing.what, thing.stays) == (Path(ref.path).name, "it is being published")
    assert ptm.load("planted", tmp_path).path == Path(ref.path)


def test_sweeping_while_publishing(tmp_path: Path, between: Between) -> None:
    """What a living writer stages is not swept, at whichever step."""
    for step in ("write", "sync", "rename", "sync_folder", "link", "replace"):
        swept: list[str] = []
        between(disk, step, lambda swept=swept: swept.extend(store.sweep(tmp_path / "planted")))
        ref = publish(tmp_path / "at" / step, 1)
        assert swept == [] and ptm.load("planted", tmp_path / "at" / step).path == Path(ref.path)


def test_healed_while_it_is_collected(tmp_path: Path, between: Between) -> None:
    """A pointer that a run gave to a whole artifact, just when the damaged one goes, stays."""
    damaged = publish(tmp_path, 1)
    publish(tmp_path, 2)
    flip(Path(damaged.path) / "part-00000.pt", 9, 1)
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
        assert [thing.stays for thing in collect(tmp_path)] == [""]

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
    flip(Path(damaged.path) / "part-00000.pt", 9, 1)
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


def test_the_shelf_is_deleted_while_it_is_read(source: ptm.Source, between: Between) -> None:
    """A shelf that somebody deletes under a reader is a named error, and is made again."""
    make(source)
    between(reading, "verify_files", lambda: shutil.rmtree(shelf(source)))
    with pytest.raises(ptm.PtmError, match=r"^t: "):
        ptm.load("t", source.root / "store")
    assert not make(source).cached and make(table(source.root)).cached
