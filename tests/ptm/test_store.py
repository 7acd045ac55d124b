"""Artifacts on disk: whole or not at all, and verified when loaded."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import ptm
from ptm import store
from ptm.errors import ArtifactMissing, StoreError
from ptm.model import ROWS, ArtifactRef, Block
from tests.support.stores import ABOUT, KEY, files, leftovers, listing, planted, publications

LARGE = 1 << 19  # floats that take more than the store hashes in one go


def test_round_trip(tmp_path: Path, ref: ArtifactRef) -> None:
    """Tensors come back bit for bit with dtype and shape; so do table, units, scaler and facts."""
    content, loaded = planted(), ptm.load("planted", tmp_path)
    assert loaded.path == Path(ref.path) and loaded.name == "planted"
    assert loaded.tensors.keys() == content.tensors.keys()
    for name, tensor in content.tensors.items():
        assert loaded.tensors[name].dtype == tensor.dtype
        assert torch.equal(loaded.tensors[name], tensor)
    assert loaded.table.to_dict("list") == {"a": [0.1, 2.0], "b": ["x", "ü"]}
    assert loaded.table.attrs["units"] == {"a": "mm"}
    assert loaded.scaler == content.scaler
    assert loaded.manifest["facts"] == content.facts
    assert loaded.manifest["warnings"] == ["a warning"]
    assert loaded.tables["more"].to_dict("list") == {"c": [1]}


def test_manifest_describes_the_files(tmp_path: Path, ref: ArtifactRef) -> None:
    """The manifest has each file's digest and size, each tensor's shape, dtype and axes."""
    manifest = ptm.load("planted", tmp_path).manifest
    listed = {part["file"]: part for part in manifest["parts"]}
    assert listed.keys() | {"manifest.json"} == files(Path(ref.path))
    for name, part in listed.items():
        raw = (Path(ref.path) / name).read_bytes()
        assert (part["sha256"], part["bytes"]) == (hashlib.sha256(raw).hexdigest(), len(raw))
    assert manifest["tensors"]["bytes"] == {
        "shape": [1, 2],
        "dtype": "uint8",
        "axes": ["sample", "feature"],
        "file": "part-00000.pt",
    }
    assert manifest["tables"][ROWS]["columns"] == [
        {"name": "a", "dtype": "double", "unit": "mm"},
        {"name": "b", "dtype": "string"},
    ]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc to see the maps")
def test_tensors_are_memory_mapped(tmp_path: Path) -> None:
    """The file of the tensors is mapped into memory, not read."""
    made = store.publish(tmp_path, ABOUT, planted(LARGE), 0.5)
    loaded = ptm.load("planted", tmp_path)
    assert f"{made.path}/part-00000.pt" in Path("/proc/self/maps").read_text()
    assert torch.equal(loaded.tensors["floats"], planted(LARGE).tensors["floats"])


def test_writing_to_a_tensor_leaves_the_file(tmp_path: Path, ref: ArtifactRef) -> None:
    """Whoever changes a loaded tensor changes a copy of their own: the artifact stays whole."""
    ptm.load("planted", tmp_path).tensors["floats"].fill_(7)
    assert torch.equal(ptm.load("planted", tmp_path).tensors["floats"], planted().tensors["floats"])


def test_tensors_load_as_plain_torch(ref: ArtifactRef) -> None:
    """The part file is a plain dict of tensors for torch.load with weights_only."""
    tensors = torch.load(Path(ref.path) / "part-00000.pt", weights_only=True)
    assert type(tensors) is dict and torch.equal(tensors["ids"], planted().tensors["ids"])


def test_missing(tmp_path: Path, ref: ArtifactRef) -> None:
    """What the store does not have is named, with what it has and how to make it."""
    with pytest.raises(ArtifactMissing, match=r"wine: .*there is: planted.*ptm run wine"):
        ptm.load("wine", tmp_path)
    with pytest.raises(ArtifactMissing, match="there is no such folder"):
        ptm.load("wine", tmp_path / "nowhere")


def test_a_published_folder_is_not_written_again(tmp_path: Path, ref: ArtifactRef) -> None:
    """Publishing the same key again takes the folder that is there, and leaves it as it was."""
    before = listing(Path(ref.path))
    again = store.publish(tmp_path, ABOUT, planted(), 0.5)
    assert again.path == ref.path and again.cached and not ref.cached
    assert listing(Path(ref.path)) == before
    assert publications(tmp_path) == {Path(ref.path).name} and leftovers(tmp_path) == []


def test_a_damaged_folder_is_not_written_again(tmp_path: Path, ref: ArtifactRef) -> None:
    """Publishing a key whose folder is damaged makes a new folder, and leaves the damaged one."""
    (Path(ref.path) / "part-00000.pt").write_bytes(b"damage")
    before = listing(Path(ref.path))
    again = store.publish(tmp_path, ABOUT, planted(), 0.5, healed="it was damaged")
    assert again.path != ref.path and not again.cached
    assert listing(Path(ref.path)) == before
    assert ptm.load("planted", tmp_path).path == Path(again.path)


def test_a_reader_keeps_its_tensors(tmp_path: Path, ref: ArtifactRef) -> None:
    """An artifact that is loaded stays as it is while the next one is published."""
    loaded = ptm.load("planted", tmp_path)
    store.publish(tmp_path, {**ABOUT, "key": KEY[::-1]}, planted(9), 0.5)
    assert torch.equal(loaded.tensors["floats"], planted().tensors["floats"])
    assert ptm.load("planted", tmp_path).tensors["floats"].shape == (9,)


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


def fsyncs(root: Path, content: Block) -> Iterator[int]:
    """1 ... the number of fsyncs that publishing takes."""
    count = 0
    real = os.fsync

    def counting(descriptor: int) -> None:
        nonlocal count
        count += 1
        real(descriptor)

    os.fsync = counting
    try:
        store.publish(root, ABOUT, content, 0.5)
    finally:
        os.fsync = real
    return iter(range(1, count + 1))


@pytest.mark.parametrize("size", [6, LARGE], ids=["small", "large"])
def test_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail_at: Callable[..., None], size: int
) -> None:
    """Whichever fsync finds the disk full: a StoreError that says so, nothing half-written."""
    content = planted(size)
    for number in fsyncs(tmp_path / "whole", content):
        root = tmp_path / str(number)
        fail_at(number)
        with pytest.raises(StoreError, match="No space left on device"):
            store.publish(root, ABOUT, content, 0.5)
        monkeypatch.undo()
        left = files(root)
        assert not [name for name in left if "/." in name]
        assert len({name for name in left if "/manifest.json" in name}) <= 1
        assert store.names(root) in ([], ["planted"])
        store.publish(root, ABOUT, content, 0.5)
        assert ptm.load("planted", root).tensors["floats"].shape == (size,)


def test_full_disk_before_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail_at: Callable[..., None]
) -> None:
    """A disk that fills up while the files are written leaves no file in the store."""
    fail_at(1)
    with pytest.raises(StoreError, match="No space left"):
        store.publish(tmp_path, ABOUT, planted(), 0.5)
    assert files(tmp_path) == set() and store.names(tmp_path) == []
    with pytest.raises(ArtifactMissing):
        ptm.load("planted", tmp_path)


def test_full_disk_keeps_the_artifact_before(
    tmp_path: Path, ref: ArtifactRef, monkeypatch: pytest.MonkeyPatch, fail_at: Callable[..., None]
) -> None:
    """When publishing fails, the artifact that was current still is, and loads."""
    fail_at(2)
    with pytest.raises(StoreError):
        store.publish(tmp_path, {**ABOUT, "key": KEY[::-1]}, planted(9), 0.5)
    assert ptm.load("planted", tmp_path).path == Path(ref.path)


def test_errors_that_pass_stay_themselves(tmp_path: Path, fail_at: Callable[..., None]) -> None:
    """An I/O error that may pass is no StoreError, so that it is tried again; nothing is left."""
    fail_at(1, errno.EIO)
    with pytest.raises(OSError, match="Input/output error") as raised:
        store.publish(tmp_path, ABOUT, planted(), 0.5)
    assert not isinstance(raised.value, StoreError) and files(tmp_path) == set()


def test_store_is_a_file(tmp_path: Path) -> None:
    """A store that is a file is a StoreError that names it."""
    (tmp_path / "artifacts").write_text("no folder")
    with pytest.raises(StoreError, match="artifacts"):
        store.publish(tmp_path / "artifacts", ABOUT, planted(), 0.5)
    assert (tmp_path / "artifacts").read_text() == "no folder"


def test_values_that_are_no_json(tmp_path: Path) -> None:
    """Facts that JSON cannot hold (NaN) are refused before anything is published."""
    content = planted()
    content.facts["mean"] = float("nan")
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.publish(tmp_path, ABOUT, content, 0.5)
    assert files(tmp_path) == set()


def test_status(tmp_path: Path, ref: ArtifactRef) -> None:
    """Status tells each artifact's kind, key, tensors and size; a damaged one has an error."""
    store.publish(tmp_path, {**ABOUT, "name": "other"}, planted(), 0.5)
    (Path(ref.path) / "manifest.json").write_text("garbage")
    other, damaged = store.status(tmp_path)
    assert (other["name"], other["kind"], other["key"]) == ("other", "table", KEY)
    assert other["bytes"] == ref.bytes and other["seconds"] == 0.5
    assert damaged["name"] == "planted" and "manifest.json" in damaged["error"]
