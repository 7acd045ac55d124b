"""Collecting takes what nobody needs, tells what it takes, and leaves all else alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import ptm
from ptm import store
from ptm.catalog import load_catalog
from ptm.model import ArtifactRef
from ptm.prepare import tensorize
from ptm.store import Collected
from tests.support.kinds import analyze
from tests.support.stores import (
    BOOK,
    about,
    flip,
    heal,
    listing,
    make,
    planted,
    publications,
    shelf,
    table,
)


def publish(root: Path, *numbers: int, name: str = "planted") -> list[ArtifactRef]:
    """Publishes an artifact for each number, one after another."""
    return [store.publish(root, about(number, name), planted(), 0.5) for number in numbers]


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
    assert whats(collected) == folders(refs) - folders(left)
    assert {thing.reason for thing in collected} <= {"old"}
    assert sorted(path.stem for path in (tmp_path / "planted" / "keys").iterdir()) == sorted(
        ref.key for ref in left
    )


def test_three_by_default(tmp_path: Path) -> None:
    """Without a number, three stay."""
    publish(tmp_path, *range(5))
    assert len(store.gc(tmp_path)) == 2 and store.KEEP == 3


def test_what_is_current_stays(tmp_path: Path) -> None:
    """The current artifact stays, even if it is the oldest of all: an option was put back."""
    refs = publish(tmp_path, *range(5))
    found, _ = store.find(tmp_path, "planted", refs[0].key, store.Memory(tmp_path / "planted"))
    assert found and found.path == refs[0].path
    store.gc(tmp_path, keep=2)
    assert publications(tmp_path) == folders([refs[0], *refs[3:]])
    assert ptm.load("planted", tmp_path).path == Path(refs[0].path)


def test_what_analyses_were_made_of_stays(tmp_path: Path, sample: Path) -> None:
    """A source that a kept analysis was made of stays, however old it is."""
    wine = load_catalog(BOOK, sample)["wine"]
    read = tensorize(wine, tmp_path)
    analysis = analyze("wine_threshold", tmp_path)
    units = [wine.model_copy(update={"units": {"pH": str(number)}}) for number in range(4)]
    others = [tensorize(one, tmp_path) for one in units]
    collected = store.gc(tmp_path, keep=1)
    assert publications(tmp_path, "wine") == folders([read, others[-1]])
    assert whats(collected) == folders(others[:-1])
    # when the analysis goes, so may what it was made of
    for _ in range(2):
        analyze("wine_threshold", tmp_path)
    store.gc(tmp_path, keep=1)
    assert publications(tmp_path, "wine_threshold") != folders([analysis])
    assert publications(tmp_path, "wine") == folders([others[-1]])


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
    flip(Path(refs[-2].path) / "part-00000.pt", 50, 1)
    (Path(refs[-3].path) / "manifest.json").unlink()
    (shelf / "keys" / f"{'0' * 64}.json").write_bytes(b"garbage")
    shutil.copytree(refs[0].path, shelf / "0123456789ab-0123456789ab")
    (shelf / "0123456789ab-aaaaaaaaaaaa").mkdir()
    (shelf / ".staging-0123456789ff").mkdir()
    (shelf / ".staging-0123456789ff" / "part-00000.pt").write_bytes(bytes(1000))
    (shelf / ".lease-0123456789ff").touch()
    (shelf / ".pointer-0123456789fe").write_bytes(b"{")


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
        ".pointer-0123456789fe": "left by a writer that died",
    }
    assert publications(tmp_path) == folders([refs[0], refs[3]])
    assert not [found for found in store.verify(tmp_path) if found.error]
    left = {path.split("/")[0] for path in listing(tmp_path / "planted")}
    assert left == {"current.json", "keys", "stat", *folders([refs[0], refs[3]])}


def test_what_is_current_and_damaged_stays(tmp_path: Path) -> None:
    """A damaged artifact that is current is left for the next run to heal, and say so."""
    source = write_table(tmp_path)
    ref = make(source)
    flip(Path(ref.path) / "part-00000.pt", 50, 1)
    assert store.gc(tmp_path / "store", keep=1) == []
    healed = heal(source)
    assert healed.why.startswith("damaged: part-00000.pt")
    [thing] = store.gc(tmp_path / "store", keep=1)
    assert (thing.what, thing.reason) == (Path(ref.path).name, "no pointer names it")
    assert heal(source).cached


def write_table(root: Path) -> ptm.Source:
    (root / "t.csv").write_text("a,b\n1,2\n3,4\n")
    return table(root)


def test_it_frees_what_it_says(tmp_path: Path) -> None:
    """The bytes that it says are those that the folders take less, pointers and memory apart."""
    refs = publish(tmp_path, *range(6))
    ptm.load("planted", tmp_path)
    shutil.rmtree(tmp_path / "planted" / "stat")
    before, pointers = size(tmp_path), size(tmp_path / "planted" / "keys")
    collected = store.gc(tmp_path, keep=2)
    shutil.rmtree(tmp_path / "planted" / "stat")
    freed = before - size(tmp_path) - (pointers - size(tmp_path / "planted" / "keys"))
    assert sum(thing.bytes for thing in collected) == freed
    assert freed == sum(ref.bytes for ref in refs[:4]) + 4 * manifest_size(refs[-1])


def manifest_size(ref: ArtifactRef) -> int:
    return (Path(ref.path) / "manifest.json").stat().st_size


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
    assert [thing.name for thing in store.gc(tmp_path, keep=1)] == ["a", "a", "b"]


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
    for place in ("notes/x", "README", "planted/README", "planted/.hidden", "planted/keys/note"):
        (tmp_path / place).write_text("mine")
    (tmp_path / "planted" / "0123").mkdir()
    store.gc(tmp_path, keep=1)
    for place in ("notes/x", "README", "planted/README", "planted/.hidden", "planted/keys/note"):
        assert (tmp_path / place).read_text() == "mine"
    assert (tmp_path / "planted" / "0123").is_dir()


def test_what_was_collected_is_made_again(tmp_path: Path) -> None:
    """After collecting, an option put back is no hit any more: it is made again, and right."""
    source = write_table(tmp_path)
    first = make(source)
    make(table(tmp_path, standardize=True))
    store.gc(tmp_path / "store", keep=1)
    assert not Path(first.path).exists() and first.path not in str(listing(shelf(source)))
    again = heal(source)
    assert not again.cached and again.key == first.key
    assert again.why == "option standardize changed from true to false"
