"""Sources of many parts, made by the store's own functions alone: no kind, no files, no runner."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from ptm import store
from ptm.learned import Learned
from ptm.model import ArtifactRef, PartRef, Whole
from ptm.scaling import Scaler

KEY = "0123456789abcdef" * 4
NO_FILES = {"sha256": hashlib.sha256(b"").hexdigest(), "files": 0, "bytes": 0}
ABOUT: dict[str, Any] = {
    "name": "planted",
    "key": KEY,
    "kind": "table",
    "inputs": NO_FILES,
    "options": {},
    "code": {},
    "packages": {},
}
SCHEMA = pa.schema([pa.field("a", pa.float64(), metadata={"unit": "mm"}), ("b", pa.string())])
LEARNED = Learned({"floats": Scaler("standard", ("a",), (0.1,), (3.0,))}).to_json()


def digest_of(*values: object) -> str:
    """A key like any other, told apart by what it is of."""
    return hashlib.sha256(repr(values).encode()).hexdigest()


def about(number: int, name: str = "planted", **entries: Any) -> dict[str, Any]:
    """The head of a manifest, under the key of that number."""
    return {**ABOUT, "name": name, "key": key_of(number), **entries}


def key_of(number: int) -> str:
    """A key like any other, told apart by its number."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def tensors(size: int = 6) -> dict[str, torch.Tensor]:
    """What the parts of `planted` come to: a tensor of each dtype that kinds make."""
    return {
        "floats": torch.arange(size, dtype=torch.float32) / 3,
        "bytes": torch.tensor([[0, 255], [1, 2]], dtype=torch.uint8),
        "ids": torch.tensor([-1, 2**40]),
        "flags": torch.tensor([True, False]),
        "none": torch.zeros(0, 3),
    }


def whole_tensors() -> dict[str, torch.Tensor]:
    """Those that are no parts'."""
    return {"line": torch.arange(3, dtype=torch.int16), "point": torch.tensor(1.5)}


def halves(size: int = 6) -> list[tuple[dict[str, torch.Tensor], pa.Table]]:
    """Tensors and rows of the two parts."""
    rows = pa.table([[0.1, 2.0], ["x", "ü"]], schema=SCHEMA)
    cut = {name: len(tensor) // 2 for name, tensor in tensors(size).items()}
    first = {name: tensor[: cut[name]] for name, tensor in tensors(size).items()}
    second = {name: tensor[cut[name] :] for name, tensor in tensors(size).items()}
    return [(first, rows.slice(0, 1)), (second, rows.slice(1))]


def whole(size: int = 6) -> Whole:
    """What belongs to `planted` as a whole."""
    named = {**tensors(size), **whole_tensors()}
    return Whole(
        axes={name: ("sample", "feature")[: tensor.dim()] for name, tensor in named.items()},
        tensors=whole_tensors(),
        tables={"more": pa.table({"c": [1]})},
        learned=LEARNED,
        stats={"samples": 2},
        facts={"answer": 42, "names": ["x", "ü"]},
        notes=("a warning",),
    )


def inputs() -> pa.Table:
    """A list of input files."""
    return pa.table({"path": ["x.csv"], "sha256": ["0" * 64], "bytes": [3]})


def write_halves(root: Path, name: str = "planted", size: int = 6) -> list[PartRef]:
    """Both parts, in the pool; the key of each is recorded."""
    return [
        store.write_part(root, name, digest_of(size, number), *half, record={"number": number})
        for number, half in enumerate(halves(size))
    ]


def publish(
    root: Path, head: dict[str, Any] | None = None, size: int = 6, **options: Any
) -> ArtifactRef:
    """The planted artifact: two parts, and a table and tensors that are the whole's."""
    head = head or ABOUT
    with store.writing(root, head["name"]):
        refs = write_halves(root, head["name"], size)
        return store.publish(root, head, refs, whole(size), 0.5, inputs=inputs(), **options)


ROWS_OF_PART = 2


@dataclass(frozen=True)
class Source:
    """A source that is made as a run makes it: raw parts, then those that are published.

    Attributes:
        root: the store.
        name: of the artifact.
        values: of each part, the number that its rows hold.
        scale: by which they are divided: changes the parts that are published, not the raw ones.
        size: columns of the tensor.
    """

    root: Path
    name: str = "t"
    values: tuple[float, ...] = (1.0, 2.0)
    scale: float = 1.0
    size: int = 2

    @property
    def shelf(self) -> Path:
        """Where the store keeps it."""
        return self.root / self.name

    @property
    def head(self) -> dict[str, Any]:
        """The head of its manifest."""
        options = {"values": list(self.values), "scale": self.scale, "size": self.size}
        key = digest_of(self.values, self.scale, self.size)
        return {**ABOUT, "name": self.name, "key": key, "options": options}

    def raw_key(self, number: int) -> str:
        """Of a part as it is read."""
        return digest_of("raw", number, self.values[number], self.size)

    def key(self, number: int) -> str:
        """Of a part as it is published."""
        return digest_of("encoded", self.raw_key(number), self.scale)


def make(source: Source, force: bool = False, rehash: bool = False) -> ArtifactRef:
    """What a run does about a source; `why` is the damage that was healed, if any was."""
    root, name, head = source.root, source.name, source.head
    memory = store.Memory(source.shelf, rehash)
    with suppress(OSError):
        store.sweep(source.shelf)
    before = store.read_pointer(source.shelf / store.CURRENT)
    found, damage = None, ""
    if force:
        damage = store.look(root, name, head["key"], memory)[1]
    else:
        found, damage = store.find(root, name, head["key"], memory)
    if found:
        memory.save()
        same = before is not None and before["publication"] == found.publication
        return replace(found, cached=True, why="" if same else "put back")
    with store.writing(root, name) as writer:
        raw = [_raw(source, number, memory, force) for number in range(len(source.values))]
        refs = [_encoded(source, number, ref, memory, force) for number, ref in enumerate(raw)]
        ref = store.publish(
            root,
            head,
            refs,
            _beside(source),
            0.5,
            inputs=inputs(),
            memory=memory,
            healed=damage,
            forced=force,
        )
        writer.forget(raw)
    memory.save()
    why = f"damaged: {damage}" if damage and not ref.cached else ""
    return replace(ref, why=why)


def _raw(source: Source, number: int, memory: store.Memory, force: bool) -> PartRef:
    key = source.raw_key(number)
    kept = None if force else store.find_part(source.root, source.name, key, memory.parts)
    if kept:
        assert kept[1] == {"number": number}
        return kept[0]
    return write_raw(source, number)


def write_raw(source: Source, number: int) -> PartRef:
    """Writes a part as it is read; the next run finds it."""
    key, value = source.raw_key(number), source.values[number]
    features = torch.full((ROWS_OF_PART, source.size), value)
    features[:, 1::2] *= -1
    rows = pa.table({"a": [value] * ROWS_OF_PART, "b": [str(number)] * ROWS_OF_PART})
    record = {"number": number}
    return store.write_part(source.root, source.name, key, {"x": features}, rows, record)


def _encoded(
    source: Source, number: int, raw: PartRef, memory: store.Memory, force: bool
) -> PartRef:
    key, kept = source.key(number), raw.files["rows"]
    found = None if force else store.find_part(source.root, source.name, key, memory.parts)
    if found:
        return found[0]
    features, rows = store.read_part(source.root, source.name, raw)
    scaled = {"x": features["x"] / source.scale + 0.5}
    return store.write_part(source.root, source.name, key, scaled, rows, {}, kept=kept)


def _beside(source: Source) -> Whole:
    """A tensor and a table that are the whole's, large for the store where `size` is."""
    return Whole(
        axes={"x": ("sample", "feature"), "all": ("feature",)},
        tensors={"all": torch.full((source.size,), source.scale)},
        tables={"parts": pa.table({"value": list(source.values)})},
        learned={},
        facts={"scale": source.scale},
    )


def expected(source: Source) -> list[list[float]]:
    """The values of the tensor."""
    signs = [1.0 if column % 2 == 0 else -1.0 for column in range(source.size)]
    return [
        [value * sign / source.scale + 0.5 for sign in signs]
        for value in source.values
        for _ in range(ROWS_OF_PART)
    ]


def check(source: Source) -> None:
    """What loads is right, to the last value: joined, part by part, and all tables."""
    loaded = store.load(source.name, source.root)
    assert loaded.tensors["x"].tolist() == expected(source)
    assert loaded.tensors["all"].tolist() == [source.scale] * source.size
    assert loaded.table["a"].tolist() == [v for v in source.values for _ in range(ROWS_OF_PART)]
    assert loaded.tables["parts"]["value"].tolist() == list(source.values)
    by_part = [row for part in loaded.parts for row in part.tensors["x"].tolist()]
    assert by_part == expected(source)
    assert [len(part.rows) for part in loaded.parts] == [ROWS_OF_PART] * len(source.values)


def everything(root: Path, name: str) -> None:
    """Reads all of an artifact: every tensor, table and file, as somebody would who uses it all."""
    loaded = store.load(name, root)
    for tensor in loaded.manifest["tensors"]:
        loaded.tensors[tensor].sum()
    for table in loaded.manifest["tables"]:
        len(loaded.tables[table])
    for part in loaded.parts:
        len(part.tensors), part.rows
    for file in store.files_of(loaded.manifest):
        loaded.file(file.file)


def heal(source: Source) -> ArtifactRef:
    """The next run: what is current after it is right, deep down, and nothing is left over."""
    ref = make(source)
    check(source)
    assert [found.error for found in store.verify(source.root) if found.error] == []
    assert leftovers(source.root) == []
    return ref


def leftovers(root: Path) -> list[str]:
    """What stands in the store under a hidden name: leases and all that is staged."""
    folders = ("", "*/", "*/keys/", "*/stat/", "*/parts/")
    found = [path for folder in folders for path in root.glob(f"{folder}.*")]
    return sorted(str(path.relative_to(root)) for path in found)


def objects(shelf: Path) -> set[str]:
    """The files of parts in a pool."""
    return {name for name in os.listdir(shelf / "parts") if not name.endswith(".json")}


def records(shelf: Path) -> set[str]:
    """The keys that are recorded in a pool."""
    return {name[:-5] for name in os.listdir(shelf / "parts") if name.endswith(".json")}


def named(root: Path, name: str) -> set[str]:
    """The files of parts that the current artifact names."""
    refs = store.current(name, root).manifest["parts"]
    return {file.rpartition("/")[2] for ref in refs for file, _, _ in ref["files"].values()}


def needed(shelf: Path) -> set[str]:
    """The files of parts that any publication names whose manifest is there."""
    refs = (
        part
        for place in shelf.glob("*-*/manifest.json")
        for part in json.loads(place.read_bytes())["parts"]
    )
    return {file.rpartition("/")[2] for ref in refs for file, _, _ in ref["files"].values()}


def paths(root: Path, name: str) -> Iterator[Path]:
    """Every file of the current artifact, its manifest too."""
    held = store.current(name, root)
    yield held.folder / store.MANIFEST
    for file in store.files_of(held.manifest):
        yield place_of(held.folder, file.file)


place_of = partial(lambda folder, file: folder.parent / file if "/" in file else folder / file)
