"""The pool of parts: named by content, durable, shared, found again; two writers do no harm."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from ptm import store
from ptm.errors import ArtifactCorrupt
from ptm.model import PartRef
from ptm.store import posix
from ptm.store.backend import Backend
from ptm.store.holding import holders
from ptm.store.lease import lease
from ptm.store.manifest import joined
from tests.support.parts import (
    SCHEMA,
    Source,
    check,
    digest_of,
    halves,
    heal,
    leftovers,
    make,
    named,
    objects,
    records,
    write_halves,
    write_raw,
)
from tests.support.stores import flip

KEY, NAME = "a" * 64, "t"
ROWS = pa.table({"a": [1.0, 2.0], "b": ["x", None]})
TENSORS = {"x": torch.arange(6.0).reshape(2, 3), "y": torch.tensor([True, False])}


def write(root: Path, key: str = KEY, **options: object) -> PartRef:
    return store.write_part(root, NAME, key, TENSORS, ROWS, {"n": 1}, **options)  # type: ignore[arg-type]


def find(root: Path, key: str = KEY) -> PartRef | None:
    found = store.find_part(root, NAME, key, store.Memory(root / NAME).parts)
    return found[0] if found else None


def test_round_trip(tmp_path: Path) -> None:
    """Tensors and rows come back as they were, with their metadata, and what was recorded."""
    [one, _] = halves()
    ref = store.write_part(tmp_path, NAME, KEY, *one, {"stats": {"mean": 0.1}, "bad": []})
    found = store.find_part(tmp_path, NAME, KEY, store.Memory(tmp_path / NAME).parts)
    assert found == (ref, {"stats": {"mean": 0.1}, "bad": []})
    tensors, rows = store.read_part(tmp_path, NAME, ref)
    assert tensors.keys() == one[0].keys()
    assert all(torch.equal(tensors[name], one[0][name]) for name in tensors)
    assert rows is not None and rows.equals(one[1]) and rows.schema.equals(SCHEMA, True)
    assert PartRef.from_json(ref.to_json()) == ref
    assert leftovers(tmp_path) == []


def test_named_by_their_bytes(tmp_path: Path) -> None:
    """Each object is called by the digest of its bytes, and that is what the reference says."""
    ref = write(tmp_path)
    for role, suffix in (("tensors", ".pt"), ("rows", ".parquet")):
        file, digest, size = ref.files[role]
        raw = (tmp_path / NAME / file).read_bytes()
        assert (digest, size) == (hashlib.sha256(raw).hexdigest(), len(raw))
        assert file == f"parts/{digest}{suffix}"
    assert ref.rows == 2 and ref.tensors["x"] == {"shape": [2, 3], "dtype": "float32"}
    assert ref.columns == [{"name": "a", "dtype": "double"}, {"name": "b", "dtype": "string"}]


def test_same_content_same_bytes(tmp_path: Path) -> None:
    """However the values lie in memory: slices, views of one memory, transposed, in chunks."""
    ref = write(tmp_path)
    large = torch.arange(100.0)
    both = torch.stack([torch.arange(6.0), torch.zeros(6)])
    for x in (large[:6].reshape(2, 3), torch.arange(6.0).reshape(2, 3).t().contiguous().t(), both):
        one = x if x.shape == (2, 3) else x[0].reshape(2, 3)
        chunks = pa.concat_tables([ROWS.slice(0, 1), ROWS.slice(1)])
        tensors = {"x": one.requires_grad_(one.is_leaf), "y": TENSORS["y"]}
        again = store.write_part(tmp_path, NAME, digest_of(id(x)), tensors, chunks)
        assert again.files == ref.files
    shared = torch.arange(4.0)
    one = store.write_part(tmp_path, NAME, "", {"a": shared, "b": shared}, None)
    other = store.write_part(tmp_path, NAME, "", {"a": shared, "b": shared.clone()}, None)
    assert one == other


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    """The file of an equal part is not touched, whatever its key; it is there once."""
    ref = write(tmp_path)
    places = [tmp_path / NAME / file.file for file in ref.files.values()]
    before = [(place.stat().st_ino, place.stat().st_ctime_ns) for place in places]
    other = write(tmp_path, "b" * 64)
    assert replace(other, key=KEY) == ref and len(objects(tmp_path / NAME)) == 2
    assert [(place.stat().st_ino, place.stat().st_ctime_ns) for place in places] == before
    assert records(tmp_path / NAME) == {KEY, "b" * 64}


def test_a_damaged_one_is_replaced(tmp_path: Path) -> None:
    """In one step, by a file of its own: who has mapped the old one keeps it."""
    ref = write(tmp_path)
    place = tmp_path / NAME / ref.files["tensors"].file
    inode = place.stat().st_ino
    mapped, _ = store.read_part(tmp_path, NAME, ref)
    flip(place, place.stat().st_size // 2, 1)
    assert find(tmp_path) is None
    assert write(tmp_path) == ref == find(tmp_path) and place.stat().st_ino != inode
    assert len(mapped["y"]) == 2


def test_rows_that_are_kept(tmp_path: Path) -> None:
    """Rows that the pool has already are named, not written, whether they are given or not."""
    raw = write(tmp_path)
    scaled = {"x": TENSORS["x"] / 2}
    for rows in (ROWS, None):
        ref = store.write_part(tmp_path, NAME, "b" * 64, scaled, rows, {}, kept=raw.files["rows"])
        assert ref.files["rows"] == raw.files["rows"]
        assert (ref.rows, ref.columns) == (raw.rows, raw.columns)
        assert find(tmp_path, "b" * 64) == ref
    assert len(objects(tmp_path / NAME)) == 3


def test_without_tensors_rows_or_record(tmp_path: Path) -> None:
    """A part has the files that it needs; without a record nobody finds it by its key."""
    only_rows = store.write_part(tmp_path, NAME, KEY, {}, ROWS)
    assert only_rows.files.keys() == {"rows"} and find(tmp_path) is None
    only_tensors = store.write_part(tmp_path, NAME, "", TENSORS, None, {})
    assert only_tensors.files.keys() == {"tensors"} and only_tensors.rows is None
    nothing = store.write_part(tmp_path, NAME, "c" * 64, {}, None, {})
    assert nothing.files == {} and find(tmp_path, "c" * 64) == nothing
    assert store.read_part(tmp_path, NAME, nothing) == ({}, None)
    assert store.read_part(tmp_path, NAME, only_rows)[0] == {}
    assert store.read_part(tmp_path, NAME, only_tensors)[1] is None
    assert joined([nothing, only_tensors])[0]["x"]["shape"] == [2, 3]


def truncate(place: Path) -> None:
    place.write_bytes(place.read_bytes()[:-1])


def link(place: Path) -> None:
    place.rename(place.with_suffix(".away"))
    place.symlink_to(place.with_suffix(".away"))


def folder(place: Path) -> None:
    place.unlink()
    place.mkdir()


HARMS: list[Callable[[Path], object]] = [Path.unlink, truncate, link, folder]


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("role", ["tensors", "rows"])
def test_a_part_that_is_not_whole(
    tmp_path: Path, role: str, harm: Callable[[Path], object]
) -> None:
    """It is not found, and reading it is ArtifactCorrupt; written again it is whole."""
    ref = write(tmp_path)
    harm(tmp_path / NAME / ref.files[role].file)
    assert find(tmp_path) is None
    if harm is not link:  # the bytes are right
        with pytest.raises(ArtifactCorrupt, match=r"^t: "):
            store.read_part(tmp_path, NAME, ref)
    assert write(tmp_path) == ref == find(tmp_path)
    assert len(store.read_part(tmp_path, NAME, ref)[0]) == 2 and leftovers(tmp_path) == []


def test_a_part_of_another_content(tmp_path: Path) -> None:
    """Reading is refused where a file holds other tensors or rows than the reference says."""
    ref = write(tmp_path)
    pq.write_table(ROWS.slice(0, 1), tmp_path / NAME / ref.files["rows"].file)
    with pytest.raises(ArtifactCorrupt, match="expected 2 rows, got 1"):
        store.read_part(tmp_path, NAME, ref)
    torch.save({"x": torch.zeros(1)}, tmp_path / NAME / ref.files["tensors"].file)
    with pytest.raises(ArtifactCorrupt, match=r"'x' float32 \[2, 3\], got float32 \[1\]"):
        store.read_part(tmp_path, NAME, ref)


def test_many_writers_at_once(tmp_path: Path) -> None:
    """Threads that write equal and other parts of one name: all are there, nothing is left."""

    def work(number: int) -> PartRef:
        tensors = {"x": torch.full((1000,), number % 4)}
        return store.write_part(tmp_path, NAME, digest_of(number % 4), tensors, ROWS, {})

    with ThreadPoolExecutor(8) as pool:
        refs = list(pool.map(work, range(40)))
    assert len({str(ref) for ref in refs}) == 4 and len(objects(tmp_path / NAME)) == 5
    assert all(find(tmp_path, digest_of(number)) == refs[number] for number in range(4))
    assert leftovers(tmp_path) == []


def test_a_run_that_resumes(tmp_path: Path) -> None:
    """What a killed driver had finished is not made again, and the bytes are those of one run."""
    source, calm = Source(tmp_path / "one"), Source(tmp_path / "two")
    with pytest.raises(KeyboardInterrupt), store.writing(source.root, NAME):
        done = write_raw(source, 0)
        raise KeyboardInterrupt
    place = source.shelf / done.files["rows"].file
    before = place.stat()
    make(source)
    make(calm)
    assert named(source.root, NAME) == named(calm.root, NAME) == objects(source.shelf)
    assert place.stat().st_ctime_ns == before.st_ctime_ns
    check(source)
    assert heal(source).cached


def test_a_source_that_grows(tmp_path: Path) -> None:
    """Of a source with one part more, the others stay the files that they are."""
    source = Source(tmp_path)
    make(source)
    before = {name: (source.shelf / "parts" / name).stat() for name in named(tmp_path, NAME)}
    make(replace(source, values=(*source.values, 3.0)))
    for name, stat in before.items():
        now = (source.shelf / "parts" / name).stat()
        assert (now.st_ino, now.st_ctime_ns) == (stat.st_ino, stat.st_ctime_ns)
    assert len(named(tmp_path, NAME)) == len(before) + 2


def test_parts_that_no_publication_names_verify_clean(tmp_path: Path) -> None:
    """What a killed driver left is whole, and verify says so; with damage it names the file."""
    source = Source(tmp_path)
    make(source)
    refs = write_halves(tmp_path, NAME)
    clean = store.verify(tmp_path)
    assert [found.error for found in clean] == ["", ""] and clean[-1].pointer == "parts"
    assert clean[-1].bytes == sum(file.bytes for ref in refs for file in ref.files.values())
    flip(source.shelf / refs[0].files["rows"].file, 100, 1)
    [wrong] = [found for found in store.verify(tmp_path) if found.error]
    assert wrong.pointer == refs[0].files["rows"].file and wrong.remedy.startswith("ptm gc")
    store.gc(tmp_path)
    assert [found.error for found in store.verify(tmp_path)] == [""]


def test_intermediate_parts_are_forgotten(tmp_path: Path) -> None:
    """After a run only what is published is there, and the rows that both share."""
    source = Source(tmp_path)
    make(source)
    assert records(source.shelf) == {source.key(0), source.key(1)}
    assert objects(source.shelf) == named(tmp_path, NAME)
    make(source, force=True)
    assert records(source.shelf) == {source.key(0), source.key(1)}
    assert objects(source.shelf) == named(tmp_path, NAME)


def test_what_a_backend_promises(tmp_path: Path) -> None:
    """Each verb: what it makes, what it refuses, and that what it refuses changes nothing."""
    (tmp_path / "shelf").mkdir()
    with lease(tmp_path / "shelf") as number:
        backend: Backend = posix.Posix(tmp_path / "shelf", number)
        made = backend.create("folder/file", partial(posix.filled, b"one"))
        assert (made.name, made.bytes) == ("folder/file", 3)
        with pytest.raises(FileExistsError):
            backend.create("folder/file", partial(posix.filled, b"two"))
        assert backend.read("folder/file") == b"one" == backend.open("folder/file").read_bytes()
        kept = [backend.keep("folder", ".x", partial(posix.filled, b"two")) for _ in range(2)]
        assert kept[0].name == kept[1].name == f"folder/{kept[0].sha256}.x"
        backend.sync("folder")
        assert backend.list("folder") == sorted(["file", f"{kept[0].sha256}.x"])
        assert backend.list("nowhere") == backend.list("folder/file") == []
        assert backend.read("nowhere") is None is backend.read("folder")
        backend.remove("folder/file")
        backend.remove("folder/file")
        with backend.hold():
            assert holders(tmp_path / "shelf") and not holders(tmp_path / "shelf", {number})
        assert not holders(tmp_path / "shelf")
    assert leftovers(tmp_path) == []
