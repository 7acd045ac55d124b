"""Artifacts on disk: whole or not at all, and verified when read."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import torch

import ptm
from ptm import store
from ptm.errors import ArtifactCorrupt, ArtifactMissing, PtmError, StoreError
from ptm.model import ROWS, ArtifactRef, Whole
from ptm.rechecking import problem_of_split
from ptm.store import opening
from ptm.store.pointers import as_json, read_pointer, with_digest
from tests.support.parts import (
    ABOUT,
    KEY,
    LEARNED,
    about,
    digest_of,
    inputs,
    paths,
    publish,
    tensors,
    whole,
    whole_tensors,
    write_halves,
)
from tests.support.stores import files, leftovers, listing, publications

LARGE = 1 << 20  # floats that take more than the store hashes in one go, in each of two parts


def part(root: Path, role: str, number: int = 0, name: str = "planted") -> Path:
    """A file of a part of the current artifact."""
    ref = store.current(name, root).manifest["parts"][number]
    return root / name / str(ref["files"][role][0])


def test_round_trip(tmp_path: Path, ref: ArtifactRef) -> None:
    """Tensors come back bit for bit with dtype and shape; so do table, units, scaler and facts."""
    wanted, loaded = {**tensors(), **whole_tensors()}, ptm.load("planted", tmp_path)
    assert loaded.path == Path(ref.path) and loaded.name == "planted"
    assert loaded.tensors.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert loaded.tensors[name].dtype == tensor.dtype
        assert torch.equal(loaded.tensors[name], tensor)
    assert loaded.table.to_dict("list") == {"a": [0.1, 2.0], "b": ["x", "ü"]}
    assert loaded.table.attrs["units"] == {"a": "mm"}
    assert loaded.scaler and loaded.scaler.to_json() == LEARNED["scalers"]["floats"]
    assert loaded.manifest["facts"] == whole().facts
    assert loaded.manifest["warnings"] == ["a warning"]
    assert loaded.tables["more"].to_dict("list") == {"c": [1]}
    assert dict(loaded.tables).keys() == {"rows", "more"}


def test_round_trip_by_part(tmp_path: Path, ref: ArtifactRef) -> None:
    """Part by part, in their order: the same values, and the rows with their units."""
    loaded = ptm.load("planted", tmp_path)
    assert [part.ref.to_json() for part in loaded.parts] == loaded.manifest["parts"]
    for name, tensor in tensors().items():
        assert torch.equal(torch.cat([part.tensors[name] for part in loaded.parts]), tensor)
    first, second = [part.rows for part in loaded.parts]
    assert first is not None and second is not None
    assert (first["b"].tolist(), second["b"].tolist()) == (["x"], ["ü"])
    assert first.attrs["units"] == {"a": "mm"}


def test_manifest_describes_the_files(tmp_path: Path, ref: ArtifactRef) -> None:
    """The manifest has each file's digest and size, each tensor's shape, dtype and axes."""
    manifest = ptm.load("planted", tmp_path).manifest
    assert {entry["file"] for entry in manifest["files"]} | {"manifest.json"} == files(
        Path(ref.path)
    )
    held = store.current("planted", tmp_path)
    assert {file.file: file.sha256 for file in store.files_of(held.manifest)} == ref.digests
    for place in paths(tmp_path, "planted"):
        if place.name != "manifest.json":
            digest = hashlib.sha256(place.read_bytes()).hexdigest()
            assert digest in ref.digests.values() and place.suffix in (".pt", ".parquet")
    assert ref.bytes == sum(p.stat().st_size for p in paths(tmp_path, "planted")) - len(
        (Path(ref.path) / "manifest.json").read_bytes()
    )
    assert manifest["tensors"]["bytes"] == {
        "shape": [2, 2],
        "dtype": "uint8",
        "axes": ["sample", "feature"],
        "file": None,
    }
    assert manifest["tensors"]["line"]["file"] == "whole.pt"
    assert manifest["tables"][ROWS] == {
        "rows": 2,
        "columns": [
            {"name": "a", "dtype": "double", "unit": "mm"},
            {"name": "b", "dtype": "string"},
        ],
        "file": None,
    }
    assert store.inputs_of(held) == inputs().to_pylist()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc to see the maps")
def test_tensors_are_memory_mapped(tmp_path: Path) -> None:
    """The file of the tensors of a part is mapped into memory, not read; of one part, for all."""
    publish(tmp_path, size=LARGE)
    loaded = ptm.load("planted", tmp_path)
    first = loaded.parts[0].tensors
    assert str(part(tmp_path, "tensors")) in Path("/proc/self/maps").read_text()
    assert torch.equal(first["floats"], tensors(LARGE)["floats"][: LARGE // 2])
    with store.writing(tmp_path, "one"):
        [ref, _] = write_halves(tmp_path, "one", LARGE)
        store.publish(tmp_path, {**ABOUT, "name": "one"}, [ref], whole(), 0.5)
    one = ptm.load("one", tmp_path).tensors["floats"]
    assert str(part(tmp_path, "tensors", name="one")) in Path("/proc/self/maps").read_text()
    assert torch.equal(one, first["floats"])


def test_writing_to_a_tensor_leaves_the_file(tmp_path: Path, ref: ArtifactRef) -> None:
    """Whoever changes a loaded tensor changes a copy of their own: the artifact stays whole."""
    loaded = ptm.load("planted", tmp_path)
    loaded.tensors["floats"].fill_(7)
    loaded.parts[0].tensors["floats"].fill_(7)
    assert torch.equal(ptm.load("planted", tmp_path).tensors["floats"], tensors()["floats"])


def test_tensors_load_as_plain_torch(tmp_path: Path, ref: ArtifactRef) -> None:
    """The file of a part is a plain dict of tensors for torch.load with weights_only."""
    loaded = torch.load(part(tmp_path, "tensors"), weights_only=True)
    assert type(loaded) is dict and torch.equal(loaded["ids"], tensors()["ids"][:1])


def test_too_large_to_join(
    tmp_path: Path, ref: ArtifactRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than the limit is not joined: the error names what to use instead, and that works."""
    monkeypatch.setattr(opening, "MOST_JOINED", 20)
    loaded = ptm.load("planted", tmp_path)
    with pytest.raises(PtmError, match=r"^planted: expected 'floats' .* 2 parts .*\.parts"):
        loaded.tensors["floats"]
    assert [len(part.tensors["floats"]) for part in loaded.parts] == [3, 3]
    assert loaded.tensors["bytes"].shape == (2, 2) and len(loaded.tensors["line"]) == 3


def test_what_is_not_asked_for_is_not_read(tmp_path: Path, ref: ArtifactRef) -> None:
    """Loading and one tensor read nothing of the rows, though their bytes are damaged."""
    rows = part(tmp_path, "rows")
    rows.write_bytes(bytes(rows.stat().st_size))
    loaded = ptm.load("planted", tmp_path)
    assert len(loaded.tensors["floats"]) == 6 and "rows" in loaded.tables
    assert "floats" in repr(loaded) and "floats" in loaded._repr_html_()
    with pytest.raises(ArtifactCorrupt, match=rows.name):
        len(loaded.table)


def test_an_artifact_can_be_pickled(tmp_path: Path, ref: ArtifactRef) -> None:
    """A copy of an artifact in another process reads the same."""
    copy = pickle.loads(pickle.dumps(ptm.load("planted", tmp_path)))
    assert torch.equal(copy.tensors["floats"], tensors()["floats"]) and len(copy.table) == 2


def test_missing(tmp_path: Path, ref: ArtifactRef) -> None:
    """What the store does not have is named, with what it has and how to make it."""
    with pytest.raises(ArtifactMissing, match=r"wine: .*there is: planted.*ptm run wine"):
        ptm.load("wine", tmp_path)
    with pytest.raises(ArtifactMissing, match="there is no such folder"):
        ptm.load("wine", tmp_path / "nowhere")


def test_a_published_folder_is_not_written_again(tmp_path: Path, ref: ArtifactRef) -> None:
    """Publishing the same key again takes the folder that is there, and leaves it as it was."""
    before = listing(Path(ref.path)), {p: p.stat() for p in paths(tmp_path, "planted")}
    again = publish(tmp_path)
    assert again.path == ref.path and again.cached and not ref.cached
    after = listing(Path(ref.path)), {p: p.stat() for p in before[1]}
    assert [s.st_ctime_ns for s in after[1].values()] == [s.st_ctime_ns for s in before[1].values()]
    assert after[0] == before[0]
    assert publications(tmp_path) == {Path(ref.path).name} and leftovers(tmp_path) == []


def test_a_damaged_folder_is_not_written_again(tmp_path: Path, ref: ArtifactRef) -> None:
    """Publishing a key whose folder is damaged makes a new folder, and leaves the damaged one."""
    (Path(ref.path) / "more.parquet").write_bytes(b"damage")
    before = listing(Path(ref.path))
    again = publish(tmp_path, healed="it was damaged")
    assert again.path != ref.path and not again.cached
    assert listing(Path(ref.path)) == before
    assert ptm.load("planted", tmp_path).path == Path(again.path)


def test_a_damaged_part_is_replaced(tmp_path: Path, ref: ArtifactRef) -> None:
    """A damaged file of a part is replaced, never written into: who has it mapped keeps it."""
    place = part(tmp_path, "tensors")
    mapped = ptm.load("planted", tmp_path).parts[0].tensors["floats"]
    inode, kept = place.stat().st_ino, tmp_path / "kept"
    kept.hardlink_to(place)
    raw = place.read_bytes()
    place.write_bytes(raw[:-1] + b"!")
    again = publish(tmp_path, healed="it was damaged")
    assert again.path != ref.path and not again.cached
    assert place.read_bytes() == raw and place.stat().st_ino != inode
    assert kept.read_bytes() == raw[:-1] + b"!" and len(mapped) == 3
    assert torch.equal(ptm.load("planted", tmp_path).tensors["floats"], tensors()["floats"])


def test_a_reader_keeps_its_tensors(tmp_path: Path, ref: ArtifactRef) -> None:
    """An artifact that is loaded stays as it is while the next one is published and collected."""
    loaded = ptm.load("planted", tmp_path)
    publish(tmp_path, {**ABOUT, "key": KEY[::-1]}, 9)
    store.gc(tmp_path, keep=1)
    assert torch.equal(loaded.tensors["floats"], tensors()["floats"])
    assert ptm.load("planted", tmp_path).tensors["floats"].shape == (9,)


def test_a_part_that_is_missing(tmp_path: Path) -> None:
    """What names a part that the pool does not have is not published."""
    refs = write_halves(tmp_path)
    (tmp_path / "planted" / refs[1].files["rows"].file).unlink()
    with pytest.raises(ArtifactCorrupt, match=r"^planted: .*\.parquet: expected a file"):
        store.publish(tmp_path, ABOUT, refs, whole(), 0.5)
    assert publications(tmp_path) == set() and leftovers(tmp_path) == []


def test_parts_that_do_not_agree(tmp_path: Path) -> None:
    """Parts of other tensors, dtypes, sizes or columns are refused; an empty one does not count."""
    one = {"x": torch.zeros(2, 3)}
    rows = pa.table({"a": [1, 2]})
    first = store.write_part(tmp_path, "planted", "", one, rows)
    others = [
        ({"y": torch.zeros(2, 3)}, rows),
        ({"x": torch.zeros(2, 4)}, rows),
        ({"x": torch.zeros(2, 3, dtype=torch.float64)}, rows),
        ({"x": torch.zeros(())}, rows),
        (one, pa.table({"b": [1, 2]})),
        (one, pa.table({"a": [1.0, 2.0]})),
        (one, None),
    ]
    named = Whole(axes={"x": ("sample", "feature")})
    for number, other in enumerate(others):
        second = store.write_part(tmp_path, "planted", digest_of(number), *other)
        with pytest.raises(PtmError, match=r"^planted: expected .* in every part"):
            store.publish(tmp_path, ABOUT, [first, second], named, 0.5)
    assert publications(tmp_path) == set() and leftovers(tmp_path) == []
    empty = store.write_part(tmp_path, "planted", "", {}, None)
    store.publish(tmp_path, ABOUT, [empty, first, empty], named, 0.5)
    loaded = ptm.load("planted", tmp_path)
    assert loaded.tensors["x"].shape == (2, 3) and len(loaded.table) == 2
    assert [part.rows is None for part in loaded.parts] == [True, False, True]


@pytest.fixture
def fail_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """fail_at(n, code): the n-th fsync from now fails once with that error."""

    def fail_at(number: int, code: int = errno.ENOSPC) -> None:
        calls = iter(range(1, 1000))
        real = os.fsync

        def fsync(descriptor: int) -> None:
            if next(calls) == number:
                raise OSError(code, os.strerror(code))
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)

    return fail_at


def fsyncs(root: Path, size: int) -> Iterator[int]:
    """1 ... the number of fsyncs that publishing takes, and its parts."""
    count = 0
    real = os.fsync

    def counting(descriptor: int) -> None:
        nonlocal count
        count += 1
        real(descriptor)

    os.fsync = counting
    try:
        publish(root, size=size)
    finally:
        os.fsync = real
    return iter(range(1, count + 1))


@pytest.mark.parametrize(
    "size", [6, pytest.param(LARGE, marks=pytest.mark.slow)], ids=["small", "large"]
)
def test_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail_at: Callable[..., None], size: int
) -> None:
    """Whichever fsync finds the disk full: a StoreError that says so, nothing half-written."""
    for number in fsyncs(tmp_path / "whole", size):
        root = tmp_path / str(number)
        fail_at(number)
        with pytest.raises(StoreError, match="No space left on device"):
            publish(root, size=size)
        monkeypatch.undo()
        left = files(root)
        assert not [name for name in left if "/." in name]
        assert len({name for name in left if "/manifest.json" in name}) <= 1
        assert store.names(root) in ([], ["planted"])
        assert [found.error for found in store.verify(root) if found.error] == []
        publish(root, size=size)
        assert ptm.load("planted", root).tensors["floats"].shape == (size,)


def test_full_disk_before_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail_at: Callable[..., None]
) -> None:
    """A disk that fills up while the files are written leaves nothing but finished parts."""
    refs = write_halves(tmp_path)
    before = files(tmp_path)
    fail_at(2)
    with pytest.raises(StoreError, match="No space left"):
        store.publish(tmp_path, ABOUT, refs, whole(), 0.5)
    assert files(tmp_path) == before and store.names(tmp_path) == []
    with pytest.raises(ArtifactMissing):
        ptm.load("planted", tmp_path)
    monkeypatch.undo()
    fail_at(1)
    with pytest.raises(StoreError, match="No space left"):
        store.write_part(tmp_path, "other", "", tensors(), None)
    assert files(tmp_path) == before


def test_full_disk_keeps_the_artifact_before(
    tmp_path: Path, ref: ArtifactRef, monkeypatch: pytest.MonkeyPatch, fail_at: Callable[..., None]
) -> None:
    """When publishing fails, the artifact that was current still is, and loads."""
    fail_at(2)
    with pytest.raises(StoreError):
        publish(tmp_path, {**ABOUT, "key": KEY[::-1]}, 9)
    assert ptm.load("planted", tmp_path).path == Path(ref.path)


def test_errors_that_pass_stay_themselves(tmp_path: Path, fail_at: Callable[..., None]) -> None:
    """An I/O error that may pass is no StoreError, so that it is tried again; nothing is left."""
    fail_at(1, errno.EIO)
    with pytest.raises(OSError, match="Input/output error") as raised:
        publish(tmp_path)
    assert not isinstance(raised.value, StoreError) and files(tmp_path) == set()


def test_store_is_a_file(tmp_path: Path) -> None:
    """A store that is a file is a StoreError that names it."""
    (tmp_path / "artifacts").write_text("no folder")
    with pytest.raises(StoreError, match="artifacts"):
        publish(tmp_path / "artifacts")
    with pytest.raises(StoreError, match="artifacts"):
        store.write_part(tmp_path / "artifacts", "planted", "", tensors(), None)
    with pytest.raises(StoreError, match="artifacts"):
        store.publish(tmp_path / "artifacts", ABOUT, [], whole(), 0.5)
    assert (tmp_path / "artifacts").read_text() == "no folder"


def test_values_that_are_no_json(tmp_path: Path) -> None:
    """Facts that JSON cannot hold (NaN) are refused before anything is published."""
    refs = write_halves(tmp_path)
    before = files(tmp_path)
    content = whole()
    content.facts["mean"] = float("nan")  # type: ignore[index]
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.publish(tmp_path, ABOUT, refs, content, 0.5)
    assert files(tmp_path) == before


def test_status(tmp_path: Path, ref: ArtifactRef) -> None:
    """Status tells each artifact's kind, key, tensors and size; a damaged one has an error."""
    publish(tmp_path, {**ABOUT, "name": "other"})
    (Path(ref.path) / "manifest.json").write_text("garbage")
    other, damaged = store.status(tmp_path)
    assert (other["name"], other["kind"], other["key"]) == ("other", "table", KEY)
    assert other["bytes"] == ref.bytes and other["seconds"] == 0.5
    assert damaged["name"] == "planted" and "manifest.json" in damaged["error"]


def test_digests_of_an_artifact(tmp_path: Path, ref: ArtifactRef) -> None:
    """What an analysis gets changes with content and order; not with options, inputs, measures."""
    manifest = store.current("planted", tmp_path).manifest
    same = {**manifest, "options": {"x": 1}, "stats": {}, "inputs": {}, "key": "0" * 64}
    assert store.digests(same) == store.digests(manifest)
    own = {file for file in ref.digests if "/" not in file} - {"inputs.parquet"}
    assert store.digests(manifest).keys() == {*own, "tensors", "rows", "manifest.json"}
    turned = {**manifest, "parts": manifest["parts"][::-1]}
    assert store.digests(turned) != store.digests(manifest)
    assert store.digests({**manifest, "facts": {}}) != store.digests(manifest)
    assert store.content(manifest).keys() == {
        *("name", "parts", "kind", "tensors", "tables", "learned", "split", "facts", "warnings")
    }
    assert about(1)["key"] != ABOUT["key"]


def test_what_was_published_before_there_were_splits(tmp_path: Path, ref: ArtifactRef) -> None:
    """It is as whole as it was: loaded, listed, verified, and all of it is train."""
    shelf, place = tmp_path / "planted", Path(ref.path) / "manifest.json"
    manifest = json.loads(place.read_bytes())
    assert manifest.pop("split") == {}
    place.chmod(0o644)
    place.write_bytes(text := as_json(manifest))
    for name in ("current.json", f"keys/{ref.key}.json"):
        pointer = read_pointer(shelf / name)
        assert pointer
        digest = hashlib.sha256(text).hexdigest()
        (shelf / name).write_bytes(as_json(with_digest({**pointer, "manifest_sha256": digest})))
    assert store.load("planted", tmp_path).manifest["split"] == {}
    [row] = store.status(tmp_path)
    assert "error" not in row
    assert [one.error for one in store.verify(tmp_path, check=problem_of_split)] == [""]


def test_columns_one_at_a_time(tmp_path: Path) -> None:
    """Each is that of the table, also of several parts; a name that is none is told."""
    publish(tmp_path)
    loaded = store.load("planted", tmp_path)
    assert len(loaded.parts) == 2 and loaded.columns.columns == ["a", "b"]
    for name in ("a", "b"):
        assert loaded.columns[name].equals(loaded.table[name])
    assert loaded.columns.attrs == loaded.table.attrs
    with pytest.raises(KeyError, match="none of the columns a, b"):
        loaded.columns["c"]
    alone = replace(loaded, manifest={**loaded.manifest, "tables": {"more": {}}})
    with pytest.raises(AttributeError, match="planted has no rows"):
        len(alone.columns)
