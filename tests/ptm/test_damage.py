"""Whatever happens to the files of an artifact is detected, or a miss, and the next run heals it.

Never another exception, never wrong data.
"""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

import ptm
from ptm import store
from ptm.errors import ArtifactCorrupt, ArtifactMissing, StoreError
from ptm.model import PartRef
from ptm.store.pointers import as_json, with_digest
from tests.support.parts import Source, check, everything, heal, leftovers, make, named
from tests.support.stores import FAULTS, flip

MANIFEST, TABLE, WHOLE, INPUTS = "manifest.json", "parts.parquet", "whole.pt", "inputs.parquet"
TENSORS, ROWS = "parts/….pt", "parts/….parquet"  # of the second part
FILES = [MANIFEST, TABLE, WHOLE, INPUTS, TENSORS, ROWS]
HEALED = 1 if FAULTS >= 10 else 50  # of how many that are damaged, one is healed as well
LARGE = 300_000  # columns; some MB
# from one byte that is flipped to the next; 29 is prime, so that no field is left out
STEPS = pytest.mark.parametrize("step", [29, pytest.param(1, marks=pytest.mark.slow)])
pytestmark = pytest.mark.faults
Damage = Callable[[Path], str]


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A source of two parts."""
    return Source(tmp_path / "store")


def place_of(source: Source, name: str) -> Path:
    """One of FILES of the current artifact."""
    held = store.current(source.name, source.root)
    if "/" not in name:
        return held.folder / name
    role = "tensors" if name == TENSORS else "rows"
    return source.shelf / str(held.manifest["parts"][1]["files"][role][0])


def read(source: Source) -> None:
    """Loads it and reads all of it."""
    everything(source.root, source.name)


def flipped(raw: bytes, place: int) -> bytes:
    return raw[:place] + bytes([raw[place] ^ 1 << place % 8]) + raw[place + 1 :]


@STEPS
@pytest.mark.parametrize("name", FILES)
def test_every_byte_of_a_file(source: Source, name: str, step: int) -> None:
    """A flipped bit in any byte of any file, of a part too, is ArtifactCorrupt and names it."""
    make(source)
    place = place_of(source, name)
    raw = place.read_bytes()
    for number in range(0, len(raw), step):
        place.write_bytes(flipped(raw, number))
        with pytest.raises(ArtifactCorrupt) as raised:
            read(source)
        assert str(raised.value).startswith(f"t: {place.name}: expected sha256 ")
        if number % (step * HEALED) == 0:
            ref = heal(source)
            assert not ref.cached and ref.why.startswith(f"damaged: {place.name}: expected sha256 ")
            place = place_of(source, name)
            assert place.read_bytes() == raw
            store.gc(source.root, keep=1)
        else:
            place.write_bytes(raw)
    check(source)


@STEPS
def test_every_byte_of_a_record(source: Source, step: int) -> None:
    """A flipped bit in the record of a part is a miss: the part is made again, the bytes equal."""
    make(source)
    before = named(source.root, "t")
    place = source.shelf / "parts" / f"{source.key(1)}.json"
    raw = place.read_bytes()
    memory = store.Memory(source.shelf)
    for number in range(0, len(raw), step):
        place.write_bytes(flipped(raw, number))
        assert store.find_part(source.root, "t", source.key(1), memory.parts) is None
        check(source)
    [finding] = [found for found in store.verify(source.root) if found.error]
    assert finding.pointer == f"parts/{place.name}" and finding.remedy.startswith("ptm gc")
    assert not make(source, force=True).cached and named(source.root, "t") == before
    assert store.find_part(source.root, "t", source.key(1), memory.parts)
    assert heal(source).cached


@STEPS
def test_every_byte_of_a_part_that_nobody_names(source: Source, step: int) -> None:
    """A flipped bit in an intermediate part is a miss, verify sees it, and it is written again."""
    with store.writing(source.root, "t"):
        ref = write_raw(source)
        place = source.shelf / ref.files["tensors"].file
        raw, memory = place.read_bytes(), store.Memory(source.shelf)
        assert store.find_part(source.root, "t", ref.key, memory.parts)
        for number in range(0, len(raw), step):
            place.write_bytes(flipped(raw, number))
            assert store.find_part(source.root, "t", ref.key, memory.parts) is None
            if number % (step * HEALED) == 0:
                [finding] = [found for found in store.verify(source.root, None) if found.error]
                assert finding.pointer == f"parts/{place.name}"
        assert write_raw(source) == ref and place.read_bytes() == raw
        assert store.find_part(source.root, "t", ref.key, memory.parts)
    assert not heal(source).cached


def write_raw(source: Source) -> PartRef:
    """A part that a run has read, and nothing names yet; the shelf has a pointer to be seen."""
    (source.shelf / "keys").mkdir(parents=True, exist_ok=True)
    values = {"x": torch.full((2, 2), 1.0)}
    return store.write_part(source.root, "t", "f" * 64, values, None, {"stats": [1.5, None]})


def test_every_byte_of_the_current_pointer(source: Source) -> None:
    """A flipped bit in current.json is ArtifactCorrupt and names it; nothing is made again."""
    make(source)
    place = source.shelf / "current.json"
    raw = place.read_bytes()
    for number in range(len(raw)):
        place.write_bytes(flipped(raw, number))
        with pytest.raises(ArtifactCorrupt, match=r"t: current\.json: expected a pointer"):
            ptm.load("t", source.root)
        if number % HEALED == 0:
            assert heal(source).cached


def test_every_byte_of_the_pointer_of_a_key(source: Source) -> None:
    """A flipped bit in keys/KEY.json is a miss: readers go on, the next run makes it again."""
    place = source.shelf / "keys" / f"{make(source).key}.json"
    raw = place.read_bytes()
    for number in range(len(raw)):
        place.write_bytes(flipped(raw, number))
        assert store.read_pointer(place) is None
        if number % HEALED == 0:
            check(source)
            assert not heal(source).cached
            raw = place.read_bytes()


@pytest.mark.slow
def test_positions_of_a_large_artifact(source: Source) -> None:
    """A flipped bit at any of 300 places in files of some MB is seen, and healed."""
    source, chance = replace(source, size=LARGE), random.Random(3)
    make(source)
    places = [place for place in map(partial(place_of, source), FILES) if place.suffix == ".pt"]
    sizes = [place.stat().st_size for place in places]
    assert sum(sizes) > 3_000_000
    for _ in range(300):
        [place] = chance.choices(places, sizes)
        where = chance.randrange(place.stat().st_size), 1 << chance.randrange(8)
        flip(place, *where)
        with pytest.raises(ArtifactCorrupt, match=place.name):
            read(source)
        flip(place, *where)
    flip(places[1], 12_345, 1)
    ref = make(source)
    assert not ref.cached and ref.why.startswith(f"damaged: {places[1].name}: expected sha256 ")
    assert not [found for found in store.verify(source.root) if found.error]


def truncated(place: Path) -> str:
    place.write_bytes(place.read_bytes()[:-1])
    return place.name


def emptied(place: Path) -> str:
    place.write_bytes(b"")
    return place.name


def extended(place: Path) -> str:
    place.write_bytes(place.read_bytes() + b"\0")
    return place.name


def deleted(place: Path) -> str:
    place.unlink()
    return place.name


def exchanged(place: Path) -> str:
    """Its bytes for those of a neighbour."""
    beside = (path for path in sorted(place.parent.iterdir()) if path.suffix == ".parquet")
    other = next(path for path in beside if path != place)
    one, two = place.read_bytes(), other.read_bytes()
    place.write_bytes(two)
    other.write_bytes(one)
    return MANIFEST if place.name == MANIFEST else f"({place.name}|{other.name})"


def renamed(place: Path) -> str:
    place.rename(place.with_name("other"))
    return place.name if place.name == MANIFEST or place.parent.name == "parts" else "other"


def made_a_folder(place: Path) -> str:
    place.unlink()
    place.mkdir()
    return place.name


def made_a_link(place: Path) -> str:
    """A symbolic link to an identical copy outside the folder."""
    copy = place.parents[2] / "copy"
    shutil.copy(place, copy)
    place.unlink()
    place.symlink_to(copy)
    return place.name


def made_a_pipe(place: Path) -> str:
    place.unlink()
    os.mkfifo(place)
    return place.name


def joined_by_a_file(place: Path) -> str:
    place.with_name(".extra").write_bytes(b"")
    return r"\.extra"


def joined_by_a_folder(place: Path) -> str:
    place.with_name("extra").mkdir()
    return "extra"


DAMAGES = [truncated, emptied, extended, deleted, exchanged, renamed]
DAMAGES += [made_a_folder, made_a_link, made_a_pipe]
JOINED = [joined_by_a_file, joined_by_a_folder]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", FILES)
def test_a_file(source: Source, name: str, damage: Damage) -> None:
    """A file that is cut, longer, gone, another or no file is ArtifactCorrupt, and is healed."""
    make(source)
    expect_healed(source, damage(place_of(source, name)))


@pytest.mark.parametrize("damage", JOINED, ids=lambda damage: damage.__name__)
def test_one_more_file(source: Source, damage: Damage) -> None:
    """One more in the folder of a publication is damage; beside parts it is nobody's."""
    make(source)
    expect_healed(source, damage(place_of(source, MANIFEST)))
    place_of(source, ROWS).with_name("extra").write_bytes(b"")
    assert heal(source).cached


def expect_healed(source: Source, named: str) -> None:
    cure = re.escape(f"ptm run t --artifacts {source.root}")
    with pytest.raises(ArtifactCorrupt, match=rf"^t: {named}: expected .* got .*{cure}$"):
        read(source)
    ref = heal(source)
    assert not ref.cached and re.match(rf"damaged: {named}: expected ", ref.why)


@pytest.mark.parametrize("kind", ["gone", "file", "link"])
def test_the_folder(source: Source, kind: str) -> None:
    """A folder that is gone, a file, or a link to its own copy is ArtifactCorrupt; it is healed."""
    folder = Path(make(source).path)
    away = source.root.parent / "away"
    folder.rename(away)
    if kind == "file":
        folder.write_text("no folder")
    if kind == "link":
        folder.symlink_to(away, target_is_directory=True)
    with pytest.raises(ArtifactCorrupt, match=rf"^t: .*{folder.name}"):
        ptm.load("t", source.root)
    ref = heal(source)
    assert not ref.cached and ref.why.startswith("damaged: ")


def swap(one: Path, other: Path) -> None:
    one.rename(one.with_name("between"))
    other.rename(one)
    one.with_name("between").rename(other)


def test_folders_exchanged(source: Source) -> None:
    """Two publications that changed places are both refused, and both healed."""
    other = replace(source, scale=4.0)
    swap(Path(make(other).path), Path(make(source).path))
    with pytest.raises(ArtifactCorrupt, match=r"manifest\.json: expected sha256"):
        ptm.load("t", source.root)
    assert "damaged: manifest.json: expected sha256" in make(source).why
    assert "damaged: manifest.json: expected sha256" in make(other).why
    assert make(source).cached and heal(source).cached


def test_pointers_exchanged_between_keys(source: Source) -> None:
    """A pointer of a key that names the artifact of another is refused: it is made again."""
    other = replace(source, scale=4.0)
    keys = [source.shelf / "keys" / f"{make(one).key}.json" for one in (other, source)]
    swap(*keys)
    check(source)
    errors = [found.error for found in store.verify(source.root)]
    assert sum("expected an artifact of that key, got " in error for error in errors) == 2
    ref = make(source)
    assert not ref.cached and ref.why.endswith(".json: expected its own artifact, got another")
    check(source)
    assert not make(other).cached and heal(source).cached


@pytest.mark.parametrize("pointer", ["current.json", "keys"])
def test_pointers_exchanged_between_names(source: Source, pointer: str) -> None:
    """A pointer of another name, even for the same key, is refused and healed."""
    other = replace(source, name="u")
    assert make(other).key == make(source).key
    swap(source.shelf / pointer, other.shelf / pointer)
    for one in (source, other):
        if pointer == "current.json":
            with pytest.raises(ArtifactCorrupt, match=f"^{one.name}: "):
                ptm.load(one.name, source.root)
        heal_one = make(one)
        assert heal_one.cached == (pointer == "current.json")
    for one in (source, other):
        assert heal(one).cached


def test_a_shelf_exchanged(source: Source) -> None:
    """A whole shelf under another name, with pointers that fit, is refused: the name is wrong."""
    make(source)
    source.shelf.rename(source.root / "u")
    with pytest.raises(ArtifactCorrupt, match="expected the manifest of u, got that of 't'"):
        ptm.load("u", source.root)
    ref = heal(replace(source, name="u"))
    assert not ref.cached and "got that of 't'" in ref.why


NOWHERE = {"manifest_sha256": "0" * 64}
GARBAGE = [
    b"",
    b"garbage",
    b"\xff\xfe\x00",
    b"[]",
    b"null",
    b"5",
    b"{}",
    b'{"publication": 5, "manifest_sha256": "0"}',
    b"[" * 100_000,
    b"9" * 10_000,
    as_json(with_digest({"publication": "../../t-away", **NOWHERE})),  # type: ignore[typeddict-item]
    as_json(with_digest({"publication": "0123456789ab-0123456789ab"})),
    as_json(with_digest({"publication": "0123456789ab-0123456789ab", **NOWHERE})),  # type: ignore[typeddict-item]
    as_json(with_digest({"publication": "keys", **NOWHERE})),  # type: ignore[typeddict-item]
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda raw: repr(raw[:40]))
def test_garbage_in_a_pointer(source: Source, garbage: bytes) -> None:
    """Whatever stands in a pointer is ArtifactCorrupt or a miss, and the next run heals it."""
    key = make(source).key
    for pointer in ("current.json", f"keys/{key}.json"):
        (source.shelf / pointer).write_bytes(garbage)
        if pointer == "current.json":
            with pytest.raises(ArtifactCorrupt, match=r"^t: "):
                ptm.load("t", source.root)
        [row] = store.status(source.root)
        assert ("error" in row) == (pointer == "current.json")
        assert store.names(source.root) == ["t"]
        assert heal(source).cached == (pointer == "current.json")


@pytest.mark.parametrize("pointer", ["current.json", "keys"])
def test_a_pipe_for_a_pointer(source: Source, pointer: str) -> None:
    """A pipe in place of a pointer is no pointer; nobody waits for it, and it is healed."""
    key = make(source).key
    place = source.shelf / (f"keys/{key}.json" if pointer == "keys" else pointer)
    made_a_pipe(place)
    if pointer == "current.json":
        with pytest.raises(ArtifactCorrupt, match=r"t: current\.json: expected a pointer"):
            ptm.load("t", source.root)
    assert heal(source).cached == (pointer == "current.json")


@pytest.mark.parametrize("pointer", ["current.json", "keys"])
def test_a_folder_for_a_pointer(source: Source, pointer: str) -> None:
    """A folder in place of a pointer is a StoreError that names it; without it, all is well."""
    ref = make(source)
    place = source.shelf / (f"keys/{ref.key}.json" if pointer == "keys" else pointer)
    made_a_folder(place)
    with pytest.raises(StoreError, match=rf"cannot write .*{place.name}: Is a directory"):
        make(source)
    assert leftovers(source.root) == []
    place.rmdir()
    assert heal(source).cached == (pointer == "current.json")


@pytest.mark.parametrize("gone", ["keys", "current.json", "folder", "keys and current.json"])
def test_deleted(source: Source, gone: str) -> None:
    """Pointers or folders that were deleted are a miss or ArtifactCorrupt, and are healed."""
    ref = make(source)
    if "keys" in gone:
        shutil.rmtree(source.shelf / "keys")
    if "current.json" in gone:
        (source.shelf / "current.json").unlink()
        with pytest.raises(ArtifactMissing, match="ptm run t"):
            ptm.load("t", source.root)
    if gone == "folder":
        shutil.rmtree(ref.path)
        with pytest.raises(ArtifactCorrupt, match=r"^t: manifest\.json: expected a file"):
            ptm.load("t", source.root)
    again = heal(source)
    assert again.cached == (gone == "current.json")
    assert again.why.startswith("damaged: ") == (gone == "folder")
