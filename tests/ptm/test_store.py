"""Artifacts on disk: whole or not at all, verified when loaded, the same bytes every time."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pydicom
import pytest
import torch
from PIL import Image

import ptm
from ptm import store
from ptm.catalog import load_catalog
from ptm.content import ROWS, ArtifactRef, Content
from ptm.errors import ArtifactCorrupt, ArtifactMissing, StoreError
from ptm.prepare import analyze, tensorize
from ptm.sample import PATIENT_ID, PATIENT_NAME
from ptm.scaling import Scaler

BOOK = Path(__file__).parents[2] / "data" / "catalog.toml"
CT = "p1ch4/volumetric-dicom/2-LUNG 3.0  B70f-04083"
KEY = "0123456789abcdef" * 4
ABOUT = {"name": "planted", "key": KEY, "kind": "table", "inputs": []}
LARGE = 1 << 19  # floats that take more than the store hashes in one go


def planted(size: int = 6) -> Content:
    """A tensor of each dtype that rooms make, a table with units, a picture, a scaler, facts."""
    tensors = {
        "floats": torch.arange(size, dtype=torch.float32) / 3,
        "bytes": torch.tensor([[0, 255]], dtype=torch.uint8),
        "ids": torch.tensor([-1, 2**40]),
        "flags": torch.tensor([True, False]),
        "none": torch.zeros(0, 3),
    }
    schema = pa.schema([pa.field("a", pa.float64(), metadata={"unit": "mm"}), ("b", pa.string())])
    return Content(
        tensors,
        {name: ("sample", "feature")[: tensor.dim()] for name, tensor in tensors.items()},
        {ROWS: pa.table([[0.1, 2.0], ["x", "ü"]], schema=schema)},
        Scaler("standard", ("a",), (0.1,), (3.0,)),
        {"answer": 42, "names": ["x", "ü"]},
        ("a warning",),
        {"picture": b"\x89PNG planted"},
    )


@pytest.fixture
def ref(tmp_path: Path) -> ArtifactRef:
    return store.publish(tmp_path, ABOUT, planted(), 0.5)


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def digests(root: Path) -> dict[str, str]:
    """Of each part file: source, file name, digest."""
    return {
        f"{path.parent.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.glob("*/*/*"))
        if path.parent.name != "keys" and path.name != "manifest.json"
    }


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
    assert (loaded.path / "picture.png").read_bytes() == content.pictures["picture"]


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


class Payload:
    """Pickled, this creates a file when it is loaded by an unwary reader."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.place,)


def test_pickled_code_is_not_run(tmp_path: Path, ref: ArtifactRef) -> None:
    """A part file that would run code, listed with its true digest, is refused and not run."""
    part = Path(ref.path) / "part-00000.pt"
    torch.save({"floats": Payload(tmp_path / "ran")}, part)
    manifest = json.loads((Path(ref.path) / "manifest.json").read_text())
    for entry in manifest["parts"]:
        if entry["file"] == part.name:
            entry["sha256"] = hashlib.sha256(part.read_bytes()).hexdigest()
    text = json.dumps(manifest).encode()
    (Path(ref.path) / "manifest.json").write_bytes(text)
    pointer = json.loads((tmp_path / "planted/current.json").read_text())
    pointer["manifest_sha256"] = hashlib.sha256(text).hexdigest()
    (tmp_path / "planted/current.json").write_text(json.dumps(pointer))
    with pytest.raises((StoreError, pickle.UnpicklingError)):
        ptm.load("planted", tmp_path)
    assert not (tmp_path / "ran").exists()
    torch.load(part, weights_only=False)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name", ["manifest.json", "part-00000.pt", "part-00000.parquet", "picture.png"]
)
def test_a_flipped_bit_anywhere(tmp_path: Path, ref: ArtifactRef, name: str) -> None:
    """One flipped bit, wherever in whichever file, is ArtifactCorrupt and names the file."""
    path = Path(ref.path) / name
    raw = path.read_bytes()
    for place in {0, len(raw) - 1, *range(0, len(raw), 97)}:
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        with pytest.raises(ArtifactCorrupt) as raised:
            ptm.load("planted", tmp_path)
        message = str(raised.value)
        assert message.startswith("planted: ") and name in message
    path.write_bytes(raw)
    ptm.load("planted", tmp_path)


@pytest.mark.parametrize("name", ["manifest.json", "part-00000.pt", "part-00000.parquet"])
@pytest.mark.parametrize("damage", ["missing", "empty", "longer", "a folder"])
def test_damaged_files(tmp_path: Path, ref: ArtifactRef, name: str, damage: str) -> None:
    """A file that is missing, cut, longer, or no file is ArtifactCorrupt and names it."""
    path = Path(ref.path) / name
    raw = path.read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes(b"" if damage == "empty" else raw + b"\n")
    with pytest.raises(ArtifactCorrupt, match=name) as raised:
        ptm.load("planted", tmp_path)
    assert "planted" in str(raised.value)


GARBAGE = [
    b"",
    b"garbage",
    b"\xff\xfe\x00",
    b"[]",
    b"null",
    b"5",
    b"{}",
    b'{"publication": 5, "manifest_sha256": "0"}',
    b'{"publication": "", "manifest_sha256": "0"}',
    b'{"publication": "/", "manifest_sha256": "0"}',
    b'{"publication": "..", "manifest_sha256": "0"}',
    b'{"publication": "../../x", "manifest_sha256": "0"}',
    b'{"publication": "keys", "manifest_sha256": "0"}',
    b'{"publication": "gone", "manifest_sha256": null}',
    b'{"publication": "a\\u0000b", "manifest_sha256": "0"}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda raw: repr(raw[:60]))
def test_garbage_in_a_pointer(tmp_path: Path, garbage: bytes) -> None:
    """Whatever stands in a pointer is a miss or a named error, and the next run heals it."""
    root = tmp_path / "store"
    (tmp_path / "c.toml").write_text('[t]\nkind = "table"\ncolumns = ["a"]\nrows = [[1], [2]]\n')
    source = load_catalog(tmp_path / "c.toml", tmp_path)["t"]
    for pointer in ("current.json", f"keys/{tensorize(source, root).key}.json"):
        (root / "t" / pointer).write_bytes(garbage)
        if pointer == "current.json":
            with pytest.raises(StoreError):
                ptm.load("t", root)
            store.status(root)
        tensorize(source, root)
        assert ptm.load("t", root).tensors["features"].shape == (2, 1)


def test_missing(tmp_path: Path, ref: ArtifactRef) -> None:
    """What the store does not have is named, with what it has and how to make it."""
    with pytest.raises(ArtifactMissing, match=r"wine: .*there is: planted.*ptm run wine"):
        ptm.load("wine", tmp_path)
    with pytest.raises(ArtifactMissing, match="nothing yet"):
        ptm.load("wine", tmp_path / "nowhere")


def test_a_published_folder_is_not_written_again(tmp_path: Path, ref: ArtifactRef) -> None:
    """Publishing the same key again makes a new folder and leaves the first as it was."""
    before = {path: path.stat().st_mtime_ns for path in Path(ref.path).iterdir()}
    again = store.publish(tmp_path, ABOUT, planted(), 0.5)
    assert again.path != ref.path
    assert before == {path: path.stat().st_mtime_ns for path in Path(ref.path).iterdir()}
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


def fsyncs(root: Path, content: Content) -> Iterator[int]:
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


def make_all(data: Path, artifacts: Path) -> None:
    for source in load_catalog(BOOK, data).values():
        tensorize(source, artifacts)
    analyze("wine_threshold", artifacts)


OTHERWISE = """
import sys
from pathlib import Path
import torch
from ptm.catalog import load_catalog
from ptm.prepare import analyze, tensorize
torch.set_num_threads(1)
data, catalog = map(Path, sys.argv[1:])
for source in load_catalog(catalog, data).values():
    tensorize(source, "artifacts")
analyze("wine_threshold", "artifacts")
"""


@pytest.fixture(scope="module")
def sample_store(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every source of the sample, made in this process."""
    root = tmp_path_factory.mktemp("here") / "artifacts"
    make_all(sample, root)
    return root


def test_same_bytes_elsewhere(sample: Path, sample_store: Path, tmp_path: Path) -> None:
    """Another process, hash seed, thread count, folder, zone and time give the same part files."""
    env = {**os.environ, "PYTHONHASHSEED": "1234", "OMP_NUM_THREADS": "1", "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-c", OTHERWISE, str(sample), str(BOOK)]
    subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True)
    here, there = digests(sample_store), digests(tmp_path / "artifacts")
    assert here == there and len(here) > 14
    for manifest in sample_store.glob("*/*/manifest.json"):
        name = manifest.parent.parent.name
        [other] = (tmp_path / "artifacts" / name).glob("*/manifest.json")
        assert other.read_bytes() == manifest.read_bytes()


def test_same_bytes_of_the_book(book: Path, tmp_path: Path) -> None:
    """Two runs on the book's data into two stores give byte-identical part files."""
    for store_name in ("one", "two"):
        make_all(book, tmp_path / store_name)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def written(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a store as it stands there, and every table and picture decoded as well."""
    for name in sorted(files(root)):
        raw = (root / name).read_bytes()
        yield name, raw
        if name.endswith(".parquet"):
            table = pq.read_table(root / name)
            yield f"{name}, decoded", f"{table.schema.metadata}{table.to_pydict()}".encode()
        if name.endswith(".png"):
            with Image.open(root / name) as image:
                yield f"{name}, decoded", str(image.info).encode()


def leaks(root: Path, secrets: set[str]) -> list[tuple[str, str]]:
    return [
        (name, secret)
        for name, raw in written(root)
        for secret in secrets
        if any(secret.encode(code) in raw for code in ("utf-8", "utf-16-le"))
    ]


def test_no_patient_of_the_sample(sample_store: Path, sample: Path) -> None:
    """Neither the patient's name nor the identifier gets into a file of the store."""
    headers = b"".join(path.read_bytes() for path in (sample / CT).iterdir())
    assert PATIENT_NAME.encode() in headers and PATIENT_ID.encode() in headers
    assert leaks(sample_store, {PATIENT_NAME, PATIENT_ID, *PATIENT_NAME.split("^")}) == []


def patient(folder: Path) -> set[str]:
    """Whatever the headers say of the patient and of who examined him, in five letters or more."""
    values = set()
    for path in folder.iterdir():
        for element in pydicom.dcmread(path, stop_before_pixels=True):
            person = element.tag.group == 0x0010 or element.VR == "PN"
            if person and element.VR not in ("SQ", "DA", "AS", "CS"):
                values.add(str(element.value))
    return {value for value in values if len(value) > 4}


def test_no_patient_of_the_book(book: Path, tmp_path: Path) -> None:
    """No name or identifier that the book's headers hold gets into a file of the store."""
    headers = pydicom.dcmread(next((book / CT).iterdir()), stop_before_pixels=True)
    secrets = {str(headers.PatientName), str(headers.PatientID)}
    assert all(len(secret) > 4 for secret in secrets)
    tensorize(load_catalog(BOOK, book)["ct"], tmp_path)
    assert leaks(tmp_path, secrets | patient(book / CT)) == []


def test_no_place_user_or_host(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No absolute path, user name or host name gets into a file of the store."""
    for variable in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(variable, "planted-user")
    monkeypatch.setattr(socket, "gethostname", lambda: "planted-host")
    root = tmp_path / "planted-store"
    make_all(sample, root)
    places = {"planted-user", "planted-host", "planted-store", str(tmp_path), str(sample)}
    places |= {str(BOOK.parent.parent), str(Path(store.__file__).parent), os.uname().nodename}
    assert leaks(root, {place for place in places if len(place) > 4}) == []
