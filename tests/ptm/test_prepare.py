"""What is up to date is found, what is not is made, and what cannot be made leaves no trace."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import ptm
from ptm import store
from ptm.catalog import load_catalog
from ptm.errors import ArtifactCorrupt, ArtifactMissing, CatalogError, InputError
from ptm.key import code_of
from ptm.kinds import table
from ptm.kinds.table import Options as TableSource
from ptm.model import ArtifactRef, Block, Part
from ptm.prepare import tensorize
from ptm.registry import kind_named
from ptm.source import Source
from tests.support.kinds import analyze
from tests.support.machine import part_file
from tests.support.parts import NO_FILES, everything
from tests.support.stores import BOOK, listing, publications, python


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A table of two rows, to be edited."""
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    return tmp_path


@pytest.fixture
def make(data: Path) -> Callable[..., ArtifactRef]:
    """Tensors of that table: make(**options)."""

    def make(**options: Any) -> ArtifactRef:
        source = TableSource(name="t", root=data, kind="table", path="t.csv", **options)
        return tensorize(source, data / "store")

    return make


def test_second_call_is_cached(make: Callable[..., ArtifactRef], data: Path) -> None:
    """Nothing changed, nothing made: the same publication, said to be cached."""
    first, second = make(), make()
    assert not first.cached and second.cached
    assert first.path == second.path and first.key == second.key
    assert len(publications(data / "store", "t")) == 1


def test_nothing_is_decoded_when_cached(
    make: Callable[..., ArtifactRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cached artifact is found without the kind being called."""
    make()
    monkeypatch.setattr(table, "read", None)
    assert make().cached


def test_edited_input_is_made_again(make: Callable[..., ArtifactRef], data: Path) -> None:
    """After an edit, even of the same size, the artifact is made of the new bytes."""
    before = make(standardize=False)
    (data / "t.csv").write_text("a,b\n1,2\n3,7\n")
    after = make(standardize=False)
    assert not after.cached and after.key != before.key
    loaded = ptm.load("t", data / "store")
    assert loaded.tensors["features"].tolist() == [[1, 2], [3, 7]]
    assert loaded.path == Path(after.path)


def test_option_put_back(make: Callable[..., ArtifactRef], data: Path) -> None:
    """An option changed and put back is found again, is current again, and is not made again."""
    first, other, back = make(), make(standardize=False), make()
    assert (first.cached, other.cached, back.cached) == (False, False, True)
    assert back.path == first.path != other.path
    assert ptm.load("t", data / "store").path == Path(first.path)
    assert len(publications(data / "store", "t")) == 2


def test_file_put_back(make: Callable[..., ArtifactRef], data: Path) -> None:
    """A file edited and put back is found again as well."""
    first = make()
    (data / "t.csv").write_text("a,b\n9,9\n3,4\n")
    make()
    (data / "t.csv").write_text("a,b\n1,2\n3,4\n")
    again = make()
    assert again.cached and again.path == first.path


def test_ref(make: Callable[..., ArtifactRef], data: Path) -> None:
    """A reference is small, survives pickling, and says name, kind, shapes and size."""
    ref = make(target="b")
    assert pickle.loads(pickle.dumps(ref)) == ref and len(pickle.dumps(ref)) < 2000
    assert (ref.name, ref.kind) == ("t", "table")
    assert ref.tensors["features"]["shape"] == [2, 1]
    assert ref.tensors["target"]["dtype"] == "float32"
    own = {path.name: path for path in Path(ref.path).iterdir() if path.name != "manifest.json"}
    of_part = [part_file(ref.path), part_file(ref.path, "rows")]
    files = {f"parts/{path.name}": path for path in of_part} | own
    assert ref.bytes == sum(path.stat().st_size for path in files.values())
    assert ref.digests == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()
    }


def test_two_sources_of_the_same_content(data: Path) -> None:
    """Two sources with equal files and options have one key, and an artifact each."""
    refs = [
        tensorize(TableSource(name=name, root=data, kind="table", path="t.csv"), data / "store")
        for name in ("t", "u")
    ]
    assert refs[0].key == refs[1].key and not refs[1].cached
    assert ptm.load("u", data / "store").manifest["name"] == "u"


def test_changed_while_reading(
    make: Callable[..., ArtifactRef], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that changes while it is read is an error that names it; nothing is published."""
    real = table.read

    def meanwhile(options: TableSource, part: Part) -> Block:
        content = real(options, part)
        (data / "t.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
        return content

    monkeypatch.setattr(table, "read", meanwhile)
    with pytest.raises(InputError, match=r"got a change.*\(t\.csv\)"):
        make()
    assert not publications(data / "store", "t")
    monkeypatch.undo()
    assert make().tensors["features"]["shape"] == [3, 2]


def test_bad_input_leaves_the_current_artifact(
    make: Callable[..., ArtifactRef], data: Path
) -> None:
    """When the new input is bad, the artifact of the old one stays the current one."""
    before = make()
    (data / "t.csv").write_text("a,b\n1,x\n")
    with pytest.raises(InputError, match=r"t: row 1, column 'b': expected a number, got 'x'"):
        make()
    assert ptm.load("t", data / "store").path == Path(before.path)
    assert len(publications(data / "store", "t")) == 1


def test_missing_input(data: Path) -> None:
    """A file that is not there is an error that names it, relative to the data root."""
    source = TableSource(name="t", root=data, kind="table", path="sub/none.csv")
    with pytest.raises(InputError, match=r"got nothing.*\(sub/none\.csv\)") as raised:
        tensorize(source, data / "store")
    assert str(data) not in str(raised.value) and not (data / "store").exists()


@pytest.mark.parametrize("damage", ["missing", "truncated", "extended", "flipped"])
@pytest.mark.parametrize("name", ["tensors", "rows", "inputs.parquet", "manifest.json"])
def test_damage_is_healed(
    make: Callable[..., ArtifactRef], data: Path, name: str, damage: str
) -> None:
    """An artifact with a damaged file is not up to date: it is made again, and loads."""
    ref = make()
    path = Path(ref.path) / name if "." in name else part_file(ref.path, name)
    raw = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        flipped = raw[:99] + bytes([raw[99] ^ 1]) + raw[100:]
        path.write_bytes(
            {"truncated": raw[:-1], "extended": raw + b"\0", "flipped": flipped}[damage]
        )
    with pytest.raises(ArtifactCorrupt, match=path.name):
        everything(data / "store", "t")
    again = make()
    assert not again.cached and again.key == ref.key
    assert ptm.load("t", data / "store").tensors["features"].shape == (2, 2)
    everything(data / "store", "t")


def test_inline_rows_need_no_file(tmp_path: Path) -> None:
    """A source whose rows stand in the catalog has no inputs; its options decide alone."""
    source = TableSource(
        name="t", root=tmp_path / "none", kind="table", columns=("a",), rows=((1.0,), (2.0,))
    )
    ref = tensorize(source, tmp_path / "store")
    manifest = ptm.load("t", tmp_path / "store").manifest
    assert manifest["inputs"] == NO_FILES
    assert store.inputs_of(store.current("t", tmp_path / "store")) == []
    assert tensorize(source, tmp_path / "store").path == ref.path


def test_manifest(make: Callable[..., ArtifactRef], data: Path) -> None:
    """The manifest says what decided the content: inputs, options, code, versions."""
    ref = make(units={"a": "mm"})
    manifest = ptm.load("t", data / "store").manifest
    assert (manifest["inputs"]["files"], manifest["inputs"]["bytes"]) == (1, 12)
    assert len(manifest["inputs"]["sha256"]) == 64
    digest = hashlib.sha256((data / "t.csv").read_bytes()).hexdigest()
    listed = {"path": "t.csv", "sha256": digest, "bytes": 12}
    assert store.inputs_of(store.current("t", data / "store")) == [listed]
    assert manifest["options"]["units"] == {"a": "mm"}
    assert "ptm.kinds.table" in manifest["code"] and "torch" in manifest["packages"]
    assert (manifest["name"], manifest["kind"], manifest["format"]) == ("t", "table", 2)
    assert manifest["warnings"] == []
    [part] = manifest["parts"]
    assert (part["rows"], part["tensors"]["features"]["shape"]) == (2, [2, 2])
    assert {role: file[0] for role, file in part["files"].items()} == {
        role: f"parts/{part_file(ref.path, role).name}" for role in ("tensors", "rows")
    }
    assert [file["file"] for file in manifest["files"]] == [
        "inputs.parquet",
        "statistics.parquet",
    ]


@pytest.fixture(scope="module")
def wine(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the sample's wine, and its analysis."""
    store = tmp_path_factory.mktemp("store")
    tensorize(load_catalog(BOOK, sample)["wine"], store)
    assert not analyze("wine_threshold", store).cached
    return store


def test_analysis_is_cached(wine: Path) -> None:
    """An analysis of the same artifact with the same options is found, not made."""
    assert analyze("wine_threshold", wine).cached


def test_analysis_option_put_back(wine: Path) -> None:
    """Another option is another result, and put back it is found again."""
    first = analyze("wine_threshold", wine)
    other = analyze("wine_threshold", wine, {"threshold": 100.0})
    assert not other.cached and other.key != first.key
    back = analyze("wine_threshold", wine)
    assert back.cached and back.path == first.path


def test_analysis_of_a_changed_source(tmp_path: Path, sample: Path) -> None:
    """When the artifact that it reads changes, an analysis is made again."""
    source = load_catalog(BOOK, sample)["wine"]
    tensorize(source, tmp_path)
    first = analyze("wine_threshold", tmp_path)
    tensorize(source.model_copy(update={"standardize": False}), tmp_path)
    assert analyze("wine_threshold", tmp_path).key != first.key


def test_unknown_analysis(wine: Path) -> None:
    """An entry that there is not is an error with the names of those that there are."""
    with pytest.raises(CatalogError, match=r"'wines'.*wine"):
        analyze("wines", wine)


def test_wrong_option_of_an_analysis(wine: Path) -> None:
    """An option that an analysis does not have, or of the wrong kind, is named."""
    with pytest.raises(
        CatalogError,
        match=r"\[wine_threshold\] treshold: unknown option \(did you mean 'threshold'",
    ):
        analyze("wine_threshold", wine, {"treshold": 3})
    with pytest.raises(CatalogError, match=r"\[wine_threshold\] threshold"):
        analyze("wine_threshold", wine, {"threshold": "high"})


def test_analysis_without_its_source(tmp_path: Path) -> None:
    """An analysis of an artifact that the store lacks says which, and how to make it."""
    with pytest.raises(ArtifactMissing, match=r"wine: .*ptm run wine"):
        analyze("wine_threshold", tmp_path)


def test_analysis_of_a_damaged_artifact(tmp_path: Path, sample: Path) -> None:
    """An analysis refuses an artifact that is damaged, and publishes nothing."""
    ref = tensorize(load_catalog(BOOK, sample)["wine"], tmp_path)
    path = part_file(ref.path, "rows")
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ArtifactCorrupt, match=path.name):
        analyze("wine_threshold", tmp_path)
    assert not publications(tmp_path, "wine_threshold")


def test_every_kind(sample: Path, tmp_path: Path) -> None:
    """Every source of the book's catalog is made from sample data, and cached the second time."""
    catalog = load_catalog(BOOK, sample)

    def run(source: Source) -> bool:
        return tensorize(source, tmp_path).cached

    assert [run(source) for source in catalog.values()] == [False] * 9
    assert [run(source) for source in catalog.values()] == [True] * 9
    for name in catalog:
        artifact = ptm.load(name, tmp_path)
        for tensor in artifact.tensors.values():
            assert not tensor.is_floating_point() or torch.isfinite(tensor).all()


WARM = """
import json, os, sys
from pathlib import Path
from ptm.catalog import load_catalog, with_options
from ptm.prepare import tensorize

book, data, store = sys.argv[1:]
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = ("os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link", "os.symlink", "os.truncate",
           "os.utime", "os.chmod", "os.chown", "os.setxattr")
seen = {"read": [], "written": [], "checked": 0}

def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        place = os.fsdecode(arguments[0])
        if place.startswith(data):
            seen["read"].append(place)
        if place.startswith(store):
            seen["checked"] += 1
            if arguments[2] & WRITES:
                seen["written"].append(place)
    elif event in CHANGES:
        seen["written"].append(f"{event} {arguments}")

sys.addaudithook(hook)
catalog = dict(load_catalog(book, data))
fits = catalog["temperature_fits"]  # one of many: it takes long
catalog["temperature_fits"] = with_options(fits, {"fits": fits.fits[:1]})
refs = [tensorize(source, store) for source in catalog.values()]
seen["cached"] = [ref.cached for ref in refs]
seen["heavy"] = sorted({"torch", "pandas", "pyarrow", "matplotlib"} & sys.modules.keys())
print(json.dumps(seen))
"""


def test_a_warm_run_reads_and_writes_nothing(sample: Path, tmp_path: Path) -> None:
    """When nothing changed, no input is opened, nothing written in the store, torch not loaded."""
    root = tmp_path / "store"
    first = json.loads(python(WARM, BOOK, sample, root))
    assert not any(first["cached"]) and first["read"] and first["written"]
    before = listing(root)
    warm = json.loads(python(WARM, BOOK, sample, root))
    assert warm["cached"] == [True] * 9
    assert (warm["read"], warm["written"], warm["heavy"]) == ([], [], [])
    assert warm["checked"] >= 9 and listing(root) == before


# as imports name them, what each kind uses to make a content; found by looking through the code
PACKAGES = {
    "images": {"torch", "numpy", "imageio", "pillow", "pillow_heif", "simplejpeg", "pyarrow"},
    "volume": {"torch", "numpy", "pydicom", "pillow", "simplejpeg", "pyarrow"},
    "table": {"torch", "numpy", "pyarrow"},
    "timeseries": {"torch", "numpy", "pyarrow"},
    "text": {"torch", "numpy", "pyarrow"},
    "threshold": {"torch", "numpy", "pandas", "pyarrow"},
    "fits": {"torch", "numpy", "pandas", "pyarrow"},
}


@pytest.mark.parametrize("kind", PACKAGES)
def test_packages_of_a_kind(kind: str) -> None:
    """The packages that a kind imports, itself or through what it imports, are in its key."""
    assert set(code_of(kind_named(kind)).packages) == PACKAGES[kind]
