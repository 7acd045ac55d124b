"""Whatever happens to the files of an artifact is detected, or a miss, and the next run heals it.

Never another exception, never wrong data.
"""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import ptm
from ptm import store
from ptm.errors import ArtifactCorrupt, ArtifactMissing, StoreError
from ptm.kinds.table import Options as TableSource
from ptm.store.pointers import as_json, with_digest
from tests.support.stores import FAULTS, check, flip, heal, leftovers, make, shelf, table

PART, ROWS, MANIFEST = "part-00000.pt", "part-00000.parquet", "manifest.json"
HEALED = 1 if FAULTS >= 10 else 50  # of how many that are damaged, one is healed as well
LARGE = 60_000  # rows; some MB
# from one byte that is flipped to the next; 29 is prime, so that no field is left out
STEPS = pytest.mark.parametrize("step", [29, pytest.param(1, marks=pytest.mark.slow)])
pytestmark = pytest.mark.faults
Damage = Callable[[Path], str]


def flipped(raw: bytes, place: int) -> bytes:
    return raw[:place] + bytes([raw[place] ^ 1 << place % 8]) + raw[place + 1 :]


@STEPS
@pytest.mark.parametrize("name", [MANIFEST, PART, ROWS])
def test_every_byte_of_a_folder(source: TableSource, name: str, step: int) -> None:
    """A flipped bit in any byte of any file of the folder is ArtifactCorrupt and names the file."""
    place = Path(make(source).path) / name
    raw = place.read_bytes()
    for number in range(0, len(raw), step):
        place.write_bytes(flipped(raw, number))
        with pytest.raises(ArtifactCorrupt) as raised:
            ptm.load("t", source.root / "store")
        assert str(raised.value).startswith(f"t: {name}: expected sha256 ")
        if number % (step * HEALED) == 0:
            ref = heal(source)
            assert not ref.cached and ref.why.startswith(f"damaged: {name}: expected sha256 ")
            place = Path(ref.path) / name
            assert place.read_bytes() == raw
            store.gc(source.root / "store", keep=1)
        else:
            place.write_bytes(raw)
    check(source)


def test_every_byte_of_the_current_pointer(source: TableSource) -> None:
    """A flipped bit in current.json is ArtifactCorrupt and names it; nothing is made again."""
    make(source)
    place = shelf(source) / "current.json"
    raw = place.read_bytes()
    for number in range(len(raw)):
        place.write_bytes(flipped(raw, number))
        with pytest.raises(ArtifactCorrupt, match=r"t: current\.json: expected a pointer"):
            ptm.load("t", source.root / "store")
        if number % HEALED == 0:
            assert heal(source).cached


def test_every_byte_of_the_pointer_of_a_key(source: TableSource) -> None:
    """A flipped bit in keys/KEY.json is a miss: readers go on, the next run makes it again."""
    place = shelf(source) / "keys" / f"{make(source).key}.json"
    raw = place.read_bytes()
    for number in range(len(raw)):
        place.write_bytes(flipped(raw, number))
        assert store.read_pointer(place) is None
        if number % HEALED == 0:
            check(source)
            assert not heal(source).cached
            raw = place.read_bytes()


def test_positions_of_a_large_artifact(source: TableSource) -> None:
    """A flipped bit at any of 300 places in files of some MB is seen, and healed."""
    chance = random.Random(3)
    lines = (",".join(f"{chance.gauss(0, 1):.6f}" for _ in range(5)) for _ in range(LARGE))
    (source.root / "t.csv").write_text("\n".join(["a,b,c,d,e", *lines]))
    folder = Path(make(source).path)
    sizes = {name: (folder / name).stat().st_size for name in (PART, ROWS)}
    assert sum(sizes.values()) > 3_000_000
    for _ in range(300):
        [name] = chance.choices(list(sizes), list(sizes.values()))
        where = chance.randrange(sizes[name]), 1 << chance.randrange(8)
        flip(folder / name, *where)
        with pytest.raises(ArtifactCorrupt, match=name):
            ptm.load("t", source.root / "store")
        flip(folder / name, *where)
    flip(folder / PART, 12_345, 1)
    ref = make(source)
    assert not ref.cached and ref.why.startswith(f"damaged: {PART}: expected sha256 ")
    assert not [found for found in store.verify(source.root / "store") if found.error]


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
    other = place.with_name(ROWS if place.name == PART else PART)
    one, two = place.read_bytes(), other.read_bytes()
    place.write_bytes(two)
    other.write_bytes(one)
    return MANIFEST if place.name == MANIFEST else PART


def renamed(place: Path) -> str:
    place.rename(place.with_name("other"))
    return MANIFEST if place.name == MANIFEST else "other"


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


FILES = [MANIFEST, PART, ROWS]
DAMAGES = [truncated, emptied, extended, deleted, exchanged, renamed]
DAMAGES += [made_a_folder, made_a_link, made_a_pipe, joined_by_a_file, joined_by_a_folder]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_folder(source: TableSource, name: str, damage: Damage) -> None:
    """A file that is cut, longer, gone, another or no file is ArtifactCorrupt, and is healed."""
    named = damage(Path(make(source).path) / name)
    cure = re.escape(f"ptm run t --artifacts {source.root / 'store'}")
    with pytest.raises(ArtifactCorrupt, match=rf"^t: {named}: expected .* got .*{cure}$"):
        ptm.load("t", source.root / "store")
    ref = heal(source)
    assert not ref.cached and re.match(rf"damaged: {named}: expected ", ref.why)


@pytest.mark.parametrize("kind", ["gone", "file", "link"])
def test_the_folder(source: TableSource, kind: str) -> None:
    """A folder that is gone, a file, or a link to its own copy is ArtifactCorrupt; it is healed."""
    folder = Path(make(source).path)
    folder.rename(source.root / "away")
    if kind == "file":
        folder.write_text("no folder")
    if kind == "link":
        folder.symlink_to(source.root / "away", target_is_directory=True)
    with pytest.raises(ArtifactCorrupt, match=rf"^t: .*{folder.name}"):
        ptm.load("t", source.root / "store")
    ref = heal(source)
    assert not ref.cached and ref.why.startswith("damaged: ")


def swap(one: Path, other: Path) -> None:
    one.rename(one.with_name("between"))
    other.rename(one)
    one.with_name("between").rename(other)


def test_folders_exchanged(source: TableSource) -> None:
    """Two publications that changed places are both refused, and both healed."""
    other = source.model_copy(update={"units": {"a": "mm"}})
    swap(Path(make(other).path), Path(make(source).path))
    with pytest.raises(ArtifactCorrupt, match=r"manifest\.json: expected sha256"):
        ptm.load("t", source.root / "store")
    assert "damaged: manifest.json: expected sha256" in make(source).why
    assert "damaged: manifest.json: expected sha256" in make(other).why
    assert make(source).cached and heal(source).cached


def test_pointers_exchanged_between_keys(source: TableSource) -> None:
    """A pointer of a key that names the artifact of another is refused: it is made again."""
    other = source.model_copy(update={"standardize": True})
    keys = [shelf(source) / "keys" / f"{make(one).key}.json" for one in (other, source)]
    swap(*keys)
    check(source)
    errors = [found.error for found in store.verify(source.root / "store")]
    assert sum("expected an artifact of that key, got " in error for error in errors) == 2
    ref = make(source)
    assert not ref.cached and ref.why.endswith("….json: expected its own artifact, got another")
    check(source)
    assert not make(other).cached and heal(source).cached


@pytest.mark.parametrize("pointer", ["current.json", "keys"])
def test_pointers_exchanged_between_names(source: TableSource, pointer: str) -> None:
    """A pointer of another name, even for the same key, is refused and healed."""
    other = table(source.root, "u")
    assert make(other).key == make(source).key
    swap(shelf(source) / pointer, shelf(other) / pointer)
    for one in (source, other):
        if pointer == "current.json":
            with pytest.raises(ArtifactCorrupt, match=f"^{one.name}: "):
                ptm.load(one.name, source.root / "store")
        heal_one = make(one)
        assert heal_one.cached == (pointer == "current.json")
    for one in (source, other):
        assert heal(one).cached


def test_a_shelf_exchanged(source: TableSource) -> None:
    """A whole shelf under another name, with pointers that fit, is refused: the name is wrong."""
    make(source)
    shelf(source).rename(source.root / "store" / "u")
    with pytest.raises(ArtifactCorrupt, match="expected the manifest of u, got that of 't'"):
        ptm.load("u", source.root / "store")
    ref = heal(table(source.root, "u"))
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
def test_garbage_in_a_pointer(source: TableSource, garbage: bytes) -> None:
    """Whatever stands in a pointer is ArtifactCorrupt or a miss, and the next run heals it."""
    key = make(source).key
    for pointer in ("current.json", f"keys/{key}.json"):
        (shelf(source) / pointer).write_bytes(garbage)
        if pointer == "current.json":
            with pytest.raises(ArtifactCorrupt, match=r"^t: "):
                ptm.load("t", source.root / "store")
        [row] = store.status(source.root / "store")
        assert ("error" in row) == (pointer == "current.json")
        assert store.names(source.root / "store") == ["t"]
        assert heal(source).cached == (pointer == "current.json")


@pytest.mark.parametrize("pointer", ["current.json", "keys"])
def test_a_pipe_for_a_pointer(source: TableSource, pointer: str) -> None:
    """A pipe in place of a pointer is no pointer; nobody waits for it, and it is healed."""
    key = make(source).key
    place = shelf(source) / (f"keys/{key}.json" if pointer == "keys" else pointer)
    made_a_pipe(place)
    if pointer == "current.json":
        with pytest.raises(ArtifactCorrupt, match=r"t: current\.json: expected a pointer"):
            ptm.load("t", source.root / "store")
    assert heal(source).cached == (pointer == "current.json")


@pytest.mark.parametrize("pointer", ["current.json", "keys"])
def test_a_folder_for_a_pointer(source: TableSource, pointer: str) -> None:
    """A folder in place of a pointer is a StoreError that names it; without it, all is well."""
    ref = make(source)
    place = shelf(source) / (f"keys/{ref.key}.json" if pointer == "keys" else pointer)
    made_a_folder(place)
    with pytest.raises(StoreError, match=rf"cannot write .*{place.name}: Is a directory"):
        make(source)
    assert leftovers(source.root / "store") == []
    place.rmdir()
    assert heal(source).cached == (pointer == "current.json")


@pytest.mark.parametrize("gone", ["keys", "current.json", "folder", "keys and current.json"])
def test_deleted(source: TableSource, gone: str) -> None:
    """Pointers or folders that were deleted are a miss or ArtifactCorrupt, and are healed."""
    ref = make(source)
    if "keys" in gone:
        shutil.rmtree(shelf(source) / "keys")
    if "current.json" in gone:
        (shelf(source) / "current.json").unlink()
        with pytest.raises(ArtifactMissing, match="ptm run t"):
            ptm.load("t", source.root / "store")
    if gone == "folder":
        shutil.rmtree(ref.path)
        with pytest.raises(ArtifactCorrupt, match=r"^t: manifest\.json: expected a file"):
            ptm.load("t", source.root / "store")
    again = heal(source)
    assert again.cached == (gone == "current.json")
    assert again.why.startswith("damaged: ") == (gone == "folder")
