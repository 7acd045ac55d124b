"""An artifact that somebody made up, with digests that fit, is refused or is what it says."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ptm
from ptm import store
from ptm.errors import ArtifactCorrupt, StoreError
from ptm.explain import compare, explain
from ptm.model import ArtifactRef
from tests.support.stores import ABOUT, FAULTS, files, planted, repoint

PART = "part-00000.pt"
NAMES = [
    "../x",
    "..",
    ".",
    "",
    "/etc/passwd",
    "a/b",
    ".hidden",
    "manifest.json",
    "a\0b",
    "é",
    "a b",
]
NAMES += ["a\n", "..\\x", "x" * 5000, "part-00000.parquet"]
Manifest = dict[str, Any]


def manifest_of(ref: ArtifactRef) -> Manifest:
    manifest: Manifest = json.loads((Path(ref.path) / "manifest.json").read_bytes())
    return manifest


def put(ref: ArtifactRef, manifest: Any) -> None:
    repoint(Path(ref.path), json.dumps(manifest).encode())


def refit(ref: ArtifactRef) -> None:
    """Makes the manifest and the pointers fit the part of the tensors as it is now."""
    manifest = manifest_of(ref)
    [entry] = [part for part in manifest["parts"] if part["file"] == PART]
    raw = (Path(ref.path) / PART).read_bytes()
    entry |= {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
    put(ref, manifest)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name)[:20])
@pytest.mark.parametrize("entry", ["parts", "tensors", "tables"])
def test_names_that_leave_the_folder(
    tmp_path: Path, ref: ArtifactRef, entry: str, name: str
) -> None:
    """A file name that leaves the folder, hides in it, comes twice or is not listed is refused."""
    folder, manifest = Path(ref.path), manifest_of(ref)
    if entry == "parts":
        # no tensor or table stands in it, and its bytes are where the name leads
        (folder.parent / "x").write_bytes(b"x")
        digest = hashlib.sha256(b"x").hexdigest()
        manifest["parts"].append({"file": name, "sha256": digest, "bytes": 1, "rows": None})
    else:
        first = next(iter(manifest[entry].values()))
        first["file"] = name if name != "part-00000.parquet" else "more.parquet "
    put(ref, manifest)
    before = files(tmp_path)
    with pytest.raises(ArtifactCorrupt, match=r"^planted: .*expected .* file.*, got "):
        ptm.load("planted", tmp_path)
    assert files(tmp_path) == before


WRONG: list[tuple[str, Callable[[Manifest], object]]] = [
    ("another version", lambda m: m.update(format=99)),
    ("no version", lambda m: m.pop("format")),
    ("another name", lambda m: m.update(name="other")),
    ("no key", lambda m: m.update(key="0")),
    ("a digest that is none", lambda m: m["parts"][0].update(sha256="0" * 63)),
    ("a negative shape", lambda m: m["tensors"]["floats"].update(shape=[-1])),
    ("another shape", lambda m: m["tensors"]["floats"].update(shape=[2, 3])),
    ("another type", lambda m: m["tensors"]["floats"].update(dtype="float64")),
    ("a tensor more", lambda m: m["tensors"].update(more=m["tensors"]["floats"])),
    ("no parts", lambda m: m.update(parts=[])),
    ("a part less", lambda m: m["parts"].pop(1)),
    ("a scaler of nothing", lambda m: m.update(scaler={})),
    ("a scaler of text", lambda m: m["scaler"].update(shift=["x"])),
]


@pytest.mark.parametrize("change", [change for _, change in WRONG], ids=[name for name, _ in WRONG])
def test_manifests_that_are_wrong(
    tmp_path: Path, ref: ArtifactRef, change: Callable[[Manifest], object]
) -> None:
    """What a manifest says of version, name, key, digests, shapes, types or scaler has to hold."""
    manifest = manifest_of(ref)
    change(manifest)
    put(ref, manifest)
    with pytest.raises(ArtifactCorrupt, match=r"^planted: .* expected .* got .*ptm run planted"):
        ptm.load("planted", tmp_path)


class Payload:
    """Pickled, this creates a file when it is loaded by an unwary reader."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.place,)


def test_pickled_code_is_not_run(tmp_path: Path, ref: ArtifactRef) -> None:
    """A part file that would run code, listed with its true digest, is refused and not run."""
    part = Path(ref.path) / PART
    torch.save({"floats": Payload(tmp_path / "ran")}, part)
    refit(ref)
    with pytest.raises(ArtifactCorrupt, match=r"part-00000\.pt: expected tensors, got .*refuses"):
        ptm.load("planted", tmp_path)
    assert not (tmp_path / "ran").exists()
    torch.load(part, weights_only=False)
    assert (tmp_path / "ran").exists()


OTHERS: dict[str, Any] = {
    "other shapes": {**planted().tensors, "floats": torch.zeros(2, 3)},
    "other types": {**planted().tensors, "floats": torch.zeros(6, dtype=torch.float64)},
    "a tensor less": {"floats": planted().tensors["floats"]},
    "a list": [torch.zeros(6)],
    "a tensor": torch.zeros(6),
    "numbers": {"floats": 6},
    "none": None,
}


@pytest.mark.parametrize("saved", OTHERS.values(), ids=OTHERS.keys())
def test_tensors_that_are_others(tmp_path: Path, ref: ArtifactRef, saved: Any) -> None:
    """A file of tensors with other shapes or types than the manifest says is refused."""
    torch.save(saved, Path(ref.path) / PART)
    refit(ref)
    with pytest.raises(ArtifactCorrupt, match=rf"^planted: {PART}: expected .* got "):
        ptm.load("planted", tmp_path)


@pytest.mark.parametrize("raw", [b"", b"garbage", b"PK\3\4", b"\x80\2."], ids=repr)
def test_bytes_that_are_no_tensors(tmp_path: Path, ref: ArtifactRef, raw: bytes) -> None:
    """A file of tensors that torch cannot read is refused, though its digest fits."""
    (Path(ref.path) / PART).write_bytes(raw)
    refit(ref)
    with pytest.raises(ArtifactCorrupt, match=rf"^planted: {PART}: expected tensors, got "):
        ptm.load("planted", tmp_path)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([PART, "part-00000.parquet", "picture.png", "manifest.json", "planted"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a JSON value something can stand."""
    yield path
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def replaced(manifest: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copied = copy.deepcopy(manifest)
    inner = copied
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copied


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> tuple[ArtifactRef, Manifest]:
    """An artifact to be lied about, and its true manifest."""
    head = {**ABOUT, "inputs": [{"path": "t.csv", "sha256": "0" * 64, "bytes": 3}]}
    head |= {"options": {"a": 1, "b": {"c": 2}}, "code": {"ptm.x": "0"}, "packages": {"torch": "2"}}
    ref = store.publish(tmp_path_factory.mktemp("store"), head, planted(), 0.5)
    return ref, manifest_of(ref)


@settings(max_examples=3000 if FAULTS >= 10 else 300, deadline=None)
@given(data=st.data())
def test_any_value_in_any_place(victim: tuple[ArtifactRef, Manifest], data: st.DataObject) -> None:
    """Any JSON in any place of a manifest is a StoreError, or the right tensors; no traceback."""
    ref, manifest = victim
    place = data.draw(st.sampled_from(list(places(manifest))), label="place")
    put(ref, replaced(manifest, place, data.draw(JSON, label="value")))
    root = Path(ref.path).parents[1]
    try:
        loaded = ptm.load("planted", root)
        for name, tensor in loaded.tensors.items():
            assert torch.equal(tensor, planted().tensors[name])
        explain("planted", root)
        compare("planted", "planted", root)
    except StoreError:
        pass
    store.status(root)
    store.verify(root)
    store.gc(root, dry_run=True)
