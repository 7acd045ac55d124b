"""Where kind, key and store meet: is the artifact up to date? If not, make it and publish it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm import store
from ptm.analyses import ANALYSES
from ptm.content import ArtifactRef, Content
from ptm.errors import CatalogError, InputError
from ptm.key import Input, code_digests, hash_files, make_key, package_versions

if TYPE_CHECKING:
    from ptm.catalog import Source


def tensorize(source: Source, artifacts: str | Path = "artifacts") -> ArtifactRef:
    """Makes the tensors and tables of a source, unless the store has them already.

    Args:
        source: an entry of a catalog.
        artifacts: the store.

    Returns:
        A reference to the current artifact; `cached` says whether nothing had to be made.

    Raises:
        InputError: the input is not what the source says; nothing is published.
        StoreError: the store cannot be written; nothing is published.
    """
    from ptm.kinds.files import list_files, relative

    start = time.perf_counter()
    root = Path(artifacts)
    room = import_module(source.room)
    paths = list_files(source)
    inputs = hash_files(paths)
    decides = {
        "kind": source.kind,
        "format": store.FORMAT,
        "inputs": [[i.path.name if room.NAMES_MATTER else "", i.sha256] for i in inputs],
        "options": source.options(),
        "code": code_digests(source.room),
        "packages": package_versions(room.PACKAGES),
    }
    key = make_key(decides)
    found = store.find(root, source.name, key)
    if found:
        return replace(found, cached=True, seconds=time.perf_counter() - start)
    start += _import_seconds()
    content: Content = room.tensorize(source, paths)
    _check_unchanged(source, inputs)
    listed = [
        {"path": relative(source, i.path), "sha256": i.sha256, "bytes": i.bytes} for i in inputs
    ]
    about = {"name": source.name, "key": key, **decides, "inputs": listed}
    ref = store.publish(root, about, content, time.perf_counter() - start)
    return replace(ref, seconds=time.perf_counter() - start)


def analyze(
    name: str, artifacts: str | Path = "artifacts", options: Mapping[str, Any] | None = None
) -> ArtifactRef:
    """Runs an analysis on artifacts of the store, unless the store has its result already.

    Args:
        name: "wine_threshold" or "temperature_fits".
        artifacts: the store, which is read and written.
        options: of the analysis, see `Options` in its room; the book's where left out.

    Raises:
        CatalogError: no such analysis, or an option that is not valid.
        ArtifactMissing, ArtifactCorrupt: what it reads is not in the store, or damaged.
        InputError: what it reads cannot be analysed; nothing is published.
    """
    from pydantic import ValidationError

    start = time.perf_counter()
    root = Path(artifacts)
    if name not in ANALYSES:
        raise CatalogError(f"no analysis '{name}': expected one of {', '.join(ANALYSES)}")
    room = import_module(ANALYSES[name].room)
    try:
        chosen = room.Options(**{"source": ANALYSES[name].source, **(options or {})})
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise CatalogError(f"{name}: " + "; ".join(problems)) from error
    _, upstream = store.read_manifest(chosen.source, root)
    decides = {
        "kind": "analysis",
        "format": store.FORMAT,
        "inputs": {chosen.source: {part["file"]: part["sha256"] for part in upstream["parts"]}},
        "options": chosen.model_dump(mode="json"),
        "code": code_digests(ANALYSES[name].room),
        "packages": package_versions(room.PACKAGES),
    }
    key = make_key(decides)
    found = store.find(root, name, key)
    if found:
        return replace(found, cached=True, seconds=time.perf_counter() - start)
    start += _import_seconds()
    content: Content = room.analyze({chosen.source: store.load(chosen.source, root)}, chosen)
    about = {"name": name, "key": key, **decides}
    ref = store.publish(root, about, content, time.perf_counter() - start)
    return replace(ref, seconds=time.perf_counter() - start)


def _import_seconds() -> float:
    """Imports what making anything needs; the seconds are not the artifact's, so they are told."""
    start = time.perf_counter()
    import pyarrow.parquet  # noqa: F401
    import torch  # noqa: F401

    return time.perf_counter() - start


def _check_unchanged(source: Source, inputs: list[Input]) -> None:
    for entry in inputs:
        if not entry.unchanged():
            raise InputError(
                source.name,
                expected="a file that stays as it is while it is read",
                got="a change (run again when it is complete)",
                file=entry.path.relative_to(source.root).as_posix(),
            )
