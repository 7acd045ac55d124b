"""What a kind makes of files or artifacts, without key and store; errors as a run names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ptm.agreement import agreed
from ptm.blocks import whole
from ptm.catalog import load_catalog, with_options
from ptm.errors import BadInput
from ptm.learned import Learned
from ptm.listing import list_files
from ptm.making import completed
from ptm.model import ROWS, Artifact, ArtifactRef, Block, File, Part, Whole
from ptm.prepare import tensorize
from ptm.registry import kind_of
from ptm.source import Source
from ptm.store import publish, write_part
from ptm.work import Job, Made
from tests.support.stores import BOOK


def block_of(source: Source, paths: Sequence[Path] | None = None) -> Block:
    """What the kind of a source makes of its files, as one part, or of those that are given."""
    listed = [source.root / name for name in list_files(source).names] if paths is None else paths
    place = source.root / source.path
    files = tuple(
        File(path.name if path == place else path.relative_to(place).as_posix(), str(path))
        for path in listed
    )

    def shown(file: str) -> str:
        path = Path(file)
        inside = path.is_absolute() and path.is_relative_to(source.root)
        return path.relative_to(source.root).as_posix() if inside else file

    try:
        read = whole(kind_of(source).code.read(source, Part(0, files)), source.kind)
        encoded, beside = completed(Job(source, Path("nowhere")), read)
        made: Made | BadInput = Made(None, beside, read.uniform)
    except BadInput as bad:
        made = bad.of_source(source.name, shown)
    agreed(source.name, [made], (), source.way_out)
    tables = dict(beside.tables)
    rows = tables.pop(ROWS, encoded.rows)
    return Block(
        {**encoded.tensors, **beside.tensors},
        beside.axes,
        rows,
        tables,
        Learned.from_json(beside.learned).scaler,
        facts=beside.facts,
        notes=beside.notes,
    )


def analyze(
    name: str, artifacts: Path, options: Mapping[str, Any] | None = None, **how: Any
) -> ArtifactRef:
    """One of the book's analyses, with other options, on what a store has."""
    return tensorize(with_options(load_catalog(BOOK)[name], options or {}), artifacts, **how)


def analysis_of(source: Source, artifact: Artifact) -> Block:
    """What the kind of an entry makes of an artifact, with errors named as a run names them."""
    try:
        return whole(kind_of(source).code.analyze(source, {artifact.name: artifact}), source.kind)
    except BadInput as bad:
        raise bad.of_source(source.name) from bad


def artifact_of(block: Block, name: str, kind: str, **options: Any) -> Artifact:
    """What a block would be once it was stored under that name, and loaded."""
    tables = dict(block.tables) if block.rows is None else {ROWS: block.rows, **block.tables}
    files = {f"{table}.parquet": _parquet(content) for table, content in tables.items()}
    learned = Learned({"features": block.scaler} if block.scaler else {})
    manifest = {
        "kind": kind,
        "learned": learned.to_json(),
        "options": options,
        "facts": dict(block.facts),
        "split": {},
        "tables": {table: {"file": f"{table}.parquet"} for table in tables},
    }

    def file(wanted: str) -> Any:
        return BytesIO(files[wanted])

    return Artifact(name, Path(name), manifest, block.tensors, learned, file)


def _parquet(table: Any) -> bytes:
    file = BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def published(root: Path, about: Mapping[str, Any], block: Block, **how: Any) -> ArtifactRef:
    """A block as one part, published under that head of a manifest."""
    learned = Learned({"": block.scaler} if block.scaler else {}).to_json()
    beside = Whole(block.axes, {}, block.tables, learned, {}, block.facts, block.notes)
    parts = []
    if block.tensors or block.rows is not None:
        parts = [write_part(root, about["name"], "", block.tensors, block.rows)]
    return publish(root, about, parts, beside, 0.5, **how)
