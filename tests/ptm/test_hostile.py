"""An artifact that somebody made up, with digests that fit, is refused or is what it says."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ptm
from ptm import store
from ptm.errors import ArtifactCorrupt, StoreError
from ptm.explain import compare, explain
from ptm.model import ArtifactRef
from ptm.store import pool
from tests.support.parts import about, digest_of, everything, publish, tensors, whole_tensors
from tests.support.stores import FAULTS, files, repoint

WHOLE = "whole.pt"
NAMES = [
    *("../x", "..", ".", "", "/etc/passwd", "a/b", ".hidden", "manifest.json", "a\0b", "é", "a b"),
    *("a\n", "..\\x", "x" * 5000, "more.parquet", "parts/x", "parts/../x", f"parts/{'0' * 64}.pt"),
]
Manifest = dict[str, Any]


def manifest_of(ref: ArtifactRef) -> Manifest:
    manifest: Manifest = json.loads((Path(ref.path) / "manifest.json").read_bytes())
    return manifest


def put(ref: ArtifactRef, manifest: Any) -> None:
    repoint(Path(ref.path), json.dumps(manifest).encode())


def part(ref: ArtifactRef, role: str = "tensors") -> Path:
    """The file of the first part."""
    return Path(ref.path).parent / str(manifest_of(ref)["parts"][0]["files"][role][0])


def refit(ref: ArtifactRef, place: Path) -> Path:
    """Makes manifest and pointers, and the name of a part, fit a file as it is now; its place."""
    manifest, raw = manifest_of(ref), place.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if place.parent.name == "parts":
        role = "tensors" if place.suffix == ".pt" else "rows"
        fresh = place.with_name(f"{digest}{place.suffix}")
        place.rename(fresh)
        manifest["parts"][0]["files"][role] = [f"parts/{fresh.name}", digest, len(raw)]
    else:
        fresh = place
        [entry] = [one for one in manifest["files"] if one["file"] == place.name]
        entry |= {"sha256": digest, "bytes": len(raw)}
    put(ref, manifest)
    return fresh


def load(root: Path) -> None:
    """Loads it and reads all of it."""
    everything(root, "planted")


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name)[:20])
@pytest.mark.parametrize("entry", ["files", "tensors", "tables", "part tensors", "part rows"])
def test_names_that_leave_the_folder(
    tmp_path: Path, ref: ArtifactRef, entry: str, name: str
) -> None:
    """A file name that leaves its folder, hides in it, comes twice or is not listed is refused."""
    folder, manifest = Path(ref.path), manifest_of(ref)
    digest = hashlib.sha256(b"x").hexdigest()
    (folder.parent / "x").write_bytes(b"x")  # its bytes are where some of the names lead
    (folder.parent / "parts" / "x").write_bytes(b"x")
    if entry == "files":
        manifest["files"].append({"file": name, "sha256": digest, "bytes": 1})
    elif entry.startswith("part "):
        manifest["parts"][0]["files"][entry.split()[1]] = [name, digest, 1]
    else:
        named = {"tensors": "line", "tables": "more"}[entry]
        manifest[entry][named]["file"] = name if name != "more.parquet" else "more.parquet "
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
    ("a digest that is none", lambda m: m["files"][0].update(sha256="0" * 63)),
    ("a negative shape", lambda m: m["tensors"]["floats"].update(shape=[-1])),
    ("another shape", lambda m: m["tensors"]["floats"].update(shape=[7])),
    ("another shape of the whole", lambda m: m["tensors"]["line"].update(shape=[1])),
    ("another type", lambda m: m["tensors"]["floats"].update(dtype="float64")),
    ("a tensor more", lambda m: m["tensors"].update(more=m["tensors"]["floats"])),
    ("a tensor less", lambda m: m["tensors"].pop("floats")),
    ("no parts", lambda m: m.update(parts=[])),
    ("a part less", lambda m: m["parts"].pop(1)),
    ("a part twice", lambda m: m["parts"].append(m["parts"][0])),
    ("a part without tensors", lambda m: m["parts"][0].update(tensors={})),
    ("a part with other tensors", lambda m: m["parts"][0]["tensors"].pop("ids")),
    ("a part of another shape", lambda m: m["parts"][0]["tensors"]["none"].update(shape=[0, 4])),
    ("a part with more rows", lambda m: m["parts"][0].update(rows=2)),
    ("a part with other columns", lambda m: m["parts"][0]["columns"].pop()),
    ("a part with no columns", lambda m: m["parts"][0].update(columns=None)),
    ("a part with a file of another role", lambda m: swap_roles(m["parts"][0]["files"])),
    ("a part with an entry more", lambda m: m["parts"][0].update(more=1)),
    ("rows that are more", lambda m: m["tables"]["rows"].update(rows=9)),
    ("inputs without a digest", lambda m: m["inputs"].update(sha256="x")),
    ("a scaler of nothing", lambda m: m["learned"]["scalers"].update(floats={})),
    ("a scaler of text", lambda m: m["learned"]["scalers"]["floats"].update(shift=["x"])),
    ("a scaler too short", lambda m: m["learned"]["scalers"]["floats"].update(shift=[])),
]


def swap_roles(files: dict[str, Any]) -> None:
    files["tensors"], files["rows"] = files["rows"], files["tensors"]


@pytest.mark.parametrize("change", [change for _, change in WRONG], ids=[name for name, _ in WRONG])
def test_manifests_that_are_wrong(
    tmp_path: Path, ref: ArtifactRef, change: Callable[[Manifest], object]
) -> None:
    """What a manifest says of version, name, key, digests, shapes, types or scaler has to hold."""
    manifest = manifest_of(ref)
    change(manifest)
    put(ref, manifest)
    with pytest.raises(ArtifactCorrupt, match=r"^planted: .* expected .* got .*ptm run planted"):
        load(tmp_path)


def test_a_manifest_is_checked_in_linear_time(tmp_path: Path, ref: ArtifactRef) -> None:
    """Ten thousand parts are checked in a second or two."""
    manifest = manifest_of(ref)
    one = manifest["parts"][0]
    manifest["parts"] = [one] * 10_000
    manifest["tables"]["rows"]["rows"] = 10_000
    for name, entry in manifest["tensors"].items():
        if entry["file"] is None:
            entry["shape"][0] = 10_000 * one["tensors"][name]["shape"][0]
    put(ref, manifest)
    start = time.perf_counter()
    loaded = ptm.load("planted", tmp_path)
    assert len(loaded.parts) == 10_000 and time.perf_counter() - start < 5


@pytest.mark.parametrize("role", ["tensors", "rows"])
def test_a_link_in_the_pool(tmp_path: Path, ref: ArtifactRef, role: str) -> None:
    """A symbolic link in place of a part is refused, and replaced when the part is made again."""
    place, away = part(ref, role), tmp_path / "away"
    place.rename(away)
    place.symlink_to(away)
    with pytest.raises(ArtifactCorrupt, match=rf"{place.name}: expected a file"):
        ptm.load("planted", tmp_path)
    raw = away.read_bytes()
    publish(tmp_path, healed="a link")
    load(tmp_path)
    assert away.read_bytes() == raw and not place.is_symlink()


RECORDS: list[Callable[[Manifest], object]] = [
    lambda r: r["ref"]["files"].update(tensors=["../x", "0" * 64, 1]),
    lambda r: r["ref"]["files"].update(tensors=[f"parts/{'0' * 64}.pt", "0" * 64, 1]),
    lambda r: r["ref"].update(key="0" * 64),
    lambda r: r["ref"].update(tensors={}),
    lambda r: r.update(seen=[["x"]]),
    lambda r: r.update(ref=[]),
    lambda r: r.pop("record"),
]


@pytest.mark.parametrize("change", RECORDS)
def test_records_that_are_wrong(tmp_path: Path, change: Callable[[Manifest], object]) -> None:
    """What a record says has to hold, though its own digest fits; else the part is not found."""
    ref = store.write_part(tmp_path, "t", digest_of(1), tensors(), None, {"a": 1})
    memory, place = store.Memory(tmp_path / "t"), tmp_path / "t" / "parts" / f"{ref.key}.json"
    assert store.find_part(tmp_path, "t", ref.key, memory.parts) == (ref, {"a": 1})
    record = json.loads(place.read_bytes())
    change(record)
    place.write_bytes(json.dumps({**record, "check": pool._check(record)}).encode())
    assert store.find_part(tmp_path, "t", ref.key, memory.parts) is None
    again = store.write_part(tmp_path, "t", ref.key, tensors(), None, {"a": 1})
    assert store.find_part(tmp_path, "t", ref.key, memory.parts) == (again, {"a": 1})


class Payload:
    """Pickled, this creates a file when it is loaded by an unwary reader."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.place,)


@pytest.mark.parametrize("file", ["part", "whole"])
def test_pickled_code_is_not_run(tmp_path: Path, ref: ArtifactRef, file: str) -> None:
    """A file of tensors that would run code, listed with its true digest, is refused, not run."""
    place = part(ref) if file == "part" else Path(ref.path) / WHOLE
    torch.save({"floats": Payload(tmp_path / "ran")}, place)
    place = refit(ref, place)
    with pytest.raises(ArtifactCorrupt, match=rf"{place.name}: expected tensors, got .*refuses"):
        load(tmp_path)
    with pytest.raises(ArtifactCorrupt, match=r"expected tensors, got .*refuses"):
        if file == "part":
            store.read_part(tmp_path, "planted", ptm.load("planted", tmp_path).parts[0].ref)
        load(tmp_path)
    assert not (tmp_path / "ran").exists()
    torch.load(place, weights_only=False)
    assert (tmp_path / "ran").exists()


FIRST = {name: tensor[: len(tensor) // 2] for name, tensor in tensors().items()}
OTHERS: dict[str, Any] = {
    "other shapes": {**FIRST, "floats": torch.zeros(2, 3)},
    "other types": {**FIRST, "floats": torch.zeros(3, dtype=torch.float64)},
    "a tensor less": {"floats": FIRST["floats"]},
    "a list": [torch.zeros(6)],
    "a tensor": torch.zeros(6),
    "numbers": {"floats": 6},
    "none": None,
}


@pytest.mark.parametrize("saved", OTHERS.values(), ids=OTHERS.keys())
def test_tensors_that_are_others(tmp_path: Path, ref: ArtifactRef, saved: Any) -> None:
    """A file of tensors with other shapes or types than the manifest says is refused."""
    place = part(ref)
    torch.save(saved, place)
    place = refit(ref, place)
    with pytest.raises(ArtifactCorrupt, match=rf"^planted: {place.name}: expected .* got "):
        load(tmp_path)


RAW = [b"", b"garbage", b"PK\3\4", b"\x80\2.", b"PAR1PAR1"]


@pytest.mark.parametrize("raw", RAW, ids=repr)
@pytest.mark.parametrize("role", ["tensors", "rows"])
def test_bytes_that_are_no_part(tmp_path: Path, ref: ArtifactRef, raw: bytes, role: str) -> None:
    """A file that torch or Arrow cannot read is refused, though its digest fits."""
    place = part(ref, role)
    place.write_bytes(raw)
    place = refit(ref, place)
    what = "tensors" if role == "tensors" else "a table"
    with pytest.raises(ArtifactCorrupt, match=rf"^planted: {place.name}: expected {what}, got "):
        load(tmp_path)


@pytest.mark.parametrize("table", [{"a": [0.1], "c": ["x"]}, {"a": [1], "b": ["x"]}, {"a": []}])
def test_rows_that_are_others(tmp_path: Path, ref: ArtifactRef, table: dict[str, Any]) -> None:
    """Rows with other columns, types or of another number than the manifest says are refused."""
    place = part(ref, "rows")
    pq.write_table(pa.table(table), place)
    place = refit(ref, place)
    with pytest.raises(ArtifactCorrupt, match=rf"^planted: {place.name}: expected .* got "):
        load(tmp_path)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([WHOLE, "more.parquet", "parts", "tensors", "rows", "planted"]),
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
    head = about(1, options={"a": 1, "b": {"c": 2}}, code={"ptm.x": "0"}, packages={"torch": "2"})
    ref = publish(tmp_path_factory.mktemp("store"), head)
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
            assert torch.equal(tensor, {**tensors(), **whole_tensors()}[name])
        explain("planted", root)
        compare("planted", "planted", root)
    except StoreError:
        pass
    store.status(root)
    store.verify(root)
    store.gc(root, dry_run=True)
