"""The pool of parts: files named by the digest of their own bytes, as git has objects.

artifacts/wine/parts/SHA256.pt, SHA256.parquet   objects, never written again
artifacts/wine/parts/KEY.json                    a record: which of them are the part of that key

Two writers of one part cannot harm each other, what is equal is there once, and damage shows by the
name alone. Records are a cache of finished work: no publication needs one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm.errors import StoreError
from ptm.index import FileDigest, StatIndex, written
from ptm.model import PartFile, PartRef
from ptm.store import disk
from ptm.store.backend import Backend, Fill
from ptm.store.files import (
    checked,
    frame_columns,
    mapped,
    read_table,
    tensor_entry,
    verify_each,
)
from ptm.store.holding import collecting, hold
from ptm.store.lease import lease
from ptm.store.manifest import (
    MANIFEST,
    POOL,
    SUFFIXES,
    is_older,
    parse,
    part_problems,
    problem,
    refs_of,
)
from ptm.store.pointers import OF_KEY, PUBLICATION
from ptm.store.posix import Posix, named_errors
from ptm.system_errors import NO_FILE

if TYPE_CHECKING:
    import pyarrow as pa
    import torch

OBJECT = re.compile(r"[0-9a-f]{64}\.(pt|parquet)")
MOST_FRESH = 10_000
# what this process wrote, by path, until it is published: a file that was just hashed is not read
_fresh: dict[str, FileDigest] = {}


def write_part(
    root: Path,
    name: str,
    key: str,
    tensors: Mapping[str, torch.Tensor],
    rows: pa.Table | None,
    record: Mapping[str, Any] | None = None,
    kept: PartFile | None = None,
    of: str = "",
    uncached: bool = False,
) -> PartRef:
    """Writes a part into the pool; it is durable when this returns. Any process may call it.

    Args:
        root: the store.
        name: of the artifact.
        key: digest of all that decides the content; "" of a part that nobody looks for.
        tensors: by name.
        rows: of the samples, or None.
        record: JSON values that `find_part` gives back with it; None for none, and then it is not
            found by its key.
        kept: the file of the rows, which is in the pool already.
        of: key of the part that it was made of. What is recorded of that one is kept as long as
            this one is, if this one has all of its files.
        uncached: keep nothing of it in the page cache.

    Raises:
        StoreError: no space, or no permission.
    """
    shelf = root / name
    with named_errors(root):
        make_pool(shelf)
        with lease(shelf) as number:
            backend, fresh = Posix(shelf, number, uncached), {}
            if tensors:
                fresh["tensors"] = _keep(backend, "tensors", partial(_save, tensors))
            if rows is not None and not kept:
                fresh["rows"] = _keep(backend, "rows", partial(write_table, rows))
            backend.sync(POOL)
            files = {role: PartFile(one.name, one.sha256, one.bytes) for role, one in fresh.items()}
            ref = _described(key, tensors, rows, files | ({"rows": kept} if kept else {}), shelf)
            _remember(fresh.values())
            if record is not None and key:
                mine = (_fresh.get(str(shelf / file.file)) for file in ref.files.values())
                _write_record(backend, ref, record, of, [one for one in mine if one])
    return ref


def with_rows(
    root: Path, name: str, ref: PartRef, key: str, rows: pa.Table, record: Mapping[str, Any]
) -> PartRef:
    """Writes a part that has the tensors of another, which is in the pool, and rows of its own.

    Args:
        root, name, key, rows, record: as of `write_part`.
        ref: the other.

    Raises:
        StoreError: no space, or no permission.
    """
    shelf = root / name
    with named_errors(root), lease(shelf) as number:
        backend = Posix(shelf, number)
        fresh = _keep(backend, "rows", partial(write_table, rows))
        backend.sync(POOL)
        _remember([fresh])
        files = ref.files | {"rows": PartFile(fresh.name, fresh.sha256, fresh.bytes)}
        found = PartRef(key, ref.tensors, frame_columns(rows.schema), rows.num_rows, files)
        seen = (_fresh.get(str(shelf / file.file)) for file in files.values())
        _write_record(backend, found, record, ref.key, [one for one in seen if one])
    return found


def find_part(
    root: Path, name: str, key: str, parts_index: StatIndex
) -> tuple[PartRef, dict[str, Any]] | None:
    """The part of a key and what was recorded with it, if the pool has it whole.

    Args:
        root: the store.
        name: of the artifact.
        key: of the part.
        parts_index: of the shelf (`Memory.parts`): what it knows is not read again.

    Raises:
        StoreError: the store may not be read.
    """
    shelf = root / name
    found = read_record(shelf, f"{key}.json")
    if found is None:
        return None
    for entry in found.seen:
        parts_index.put(entry)
    with suppress(StoreError):
        verify_each(shelf, [(shelf / one.file, one) for one in found.files()], parts_index)
        return found.ref, found.record
    return None


def read_part(
    root: Path, name: str, ref: PartRef
) -> tuple[dict[str, torch.Tensor], pa.Table | None]:
    """The memory-mapped tensors of a part, and its rows. Their digests are not checked again.

    Raises:
        ArtifactCorrupt: a file is not there, or is no file of such a part.
        StoreError: it may not be read.
    """
    return part_tensors(root / name, ref), part_rows(root / name, ref)


def part_tensors(shelf: Path, ref: PartRef) -> dict[str, torch.Tensor]:
    """The memory-mapped tensors of a part; see `read_part`."""
    if "tensors" not in ref.files:
        return {}
    place = shelf / ref.files["tensors"].file
    return mapped(place, ref.tensors, shelf.name)


def part_rows(shelf: Path, ref: PartRef) -> pa.Table | None:
    """The rows of a part; see `read_part`."""
    if "rows" not in ref.files:
        return None
    return read_table(shelf / ref.files["rows"].file, ref.rows, ref.columns, shelf.name)


def part_column(shelf: Path, ref: PartRef, column: str) -> pa.ChunkedArray:
    """One column of the rows of a part, which has it; see `read_part`."""
    import pyarrow.parquet as pq

    return pq.read_table(shelf / ref.files["rows"].file, columns=[column])[column]


class Writing:
    """A writer of many parts, which holds the pool of its shelf (`writing`)."""

    def __init__(self, shelf: Path, number: str) -> None:
        self._shelf, self._number = shelf, number

    def forget(self, parts: Iterable[str | PartRef]) -> None:
        """Takes away records of parts, and files that then nobody names, if no other writer lives.

        What cannot be taken away now is left to `gc`.

        Args:
            parts: as `write_part` returned them, or their keys.
        """
        shelf = self._shelf
        with (
            suppress(OSError, StoreError),
            lease(shelf) as number,
            collecting(shelf / POOL, number, {self._number}) as collector,
        ):
            known = named(shelf)
            if collector.stays or known is None:
                return
            files, needed = set[str](), _needed(shelf, known)
            for one in parts:
                key = one if isinstance(one, str) else one.key
                record = read_record(shelf, f"{key}.json")
                ref = record.ref if record else None if isinstance(one, str) else one
                files |= {file.file for file in ref.files.values()} if ref else set()
                if record and f"{POOL}/{key}.json" not in needed:
                    collector.take(f"{key}.json")
            recorded = (read_record(shelf, one) for one in records(shelf))
            files -= {file.file for one in recorded if one for file in one.files()}
            for file in sorted(files - known.files):
                collector.take(file.removeprefix(f"{POOL}/"))


@contextmanager
def writing(root: Path, name: str) -> Iterator[Writing]:
    """While the body runs, `gc` leaves all parts of a name alone: finished ones outlive a kill.

    Raises:
        StoreError: the store cannot be written.
    """
    shelf = root / name
    is_new = not shelf.is_dir()
    try:
        with ExitStack() as stack:
            with named_errors(root):
                make_pool(shelf)
                number = stack.enter_context(lease(shelf))
                stack.enter_context(hold(shelf, number))
            yield Writing(shelf, number)
    except BaseException:
        if is_new:
            _tidy(shelf)
        raise


def _tidy(shelf: Path) -> None:
    """Takes away the folders of a writer that wrote nothing, unless another is there."""
    with suppress(OSError):
        if os.listdir(shelf) == [POOL]:
            disk.remove_folder(shelf / POOL)
            disk.remove_folder(shelf)


def make_pool(shelf: Path) -> None:
    """The folder of the parts, if it is not there; its name is on the disk when this returns."""
    if not (shelf / POOL).is_dir():
        disk.make_folders(shelf / POOL)


class Record(NamedTuple):
    """What a record says: the part, what was given with it, the key of the part that it was made
    of, and how its files were seen.
    """

    ref: PartRef
    record: dict[str, Any]
    of: str
    seen: list[FileDigest]

    def files(self) -> Collection[PartFile]:
        """Those of the part."""
        return self.ref.files.values()


def read_record(shelf: Path, name: str) -> Record | None:
    """A record of the pool by its file name; None where it is missing or is none.

    Raises:
        OSError: what may pass, as too many open files.
    """
    place = shelf / POOL / name
    try:
        values = json.loads(place.read_bytes() if place.is_file() else b"")
        ref = PartRef.from_json(values["ref"])
        whole = (
            values["check"] == _check(values)
            and f"{ref.key}.json" == name
            and not any(part_problems(ref))
        )
        seen = [
            FileDigest(file, str(shelf / file), sha256, size, stat, trusted=True)
            for file, sha256, size, stat in values["seen"]
        ]
        record = Record(ref, values["record"], values["of"], seen)
    except PermissionError as error:
        raise StoreError(f"cannot read {place}: {error.strerror}") from error
    except OSError as error:
        if error.errno not in NO_FILE:
            raise
        return None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return record if whole else None


def records(shelf: Path) -> list[str]:
    """The names of all records of a pool, whole or not."""
    return [name for name in pool_names(shelf) if OF_KEY.fullmatch(name)]


def pool_names(shelf: Path) -> list[str]:
    """The names of objects and records of a pool, sorted; whatever else is there is not its own."""
    try:
        found = os.listdir(shelf / POOL)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name for name in found if OBJECT.fullmatch(name) or OF_KEY.fullmatch(name))


class Named(NamedTuple):
    """The files of a pool that publications name, as "parts/…", and the keys of their parts."""

    files: set[str]
    keys: set[str]


def named(shelf: Path, but: Collection[str] = ()) -> Named | None:
    """What the publications of a shelf name; None where a manifest is damaged, so that none knows.

    Args:
        shelf: the folder of one name in the store.
        but: publications that do not count.
    """
    found = Named(set(), set())
    for folder in os.listdir(shelf):
        if not PUBLICATION.fullmatch(folder) or folder in but:
            continue
        place = shelf / folder / MANIFEST
        try:
            # without one nobody can read it; a pipe would be waited for
            text = place.read_bytes() if place.is_file() else None
        except FileNotFoundError:
            continue
        manifest = parse(text or b"")
        if text is None or is_older(manifest):
            continue
        if problem(manifest, shelf.name):
            return None
        for ref in refs_of(manifest):
            found.keys.add(ref.key)
            found.files.update(file.file for file in ref.files.values())
    return found


def _needed(shelf: Path, known: Named) -> set[str]:
    """The files of the records that spare work, and their own: of parts that publications have, and
    of those that they were made of; but of none that has tensors beside theirs.
    """
    found = (read_record(shelf, name) for name in records(shelf))
    some = {one.ref.key: one for one in found if one and _is_named(one, known)}
    published = some.keys() & known.keys
    needed = published | (some.keys() & {some[key].of for key in published})
    files = {file.file for key in needed for file in some[key].files()}
    return files | {f"{POOL}/{key}.json" for key in needed}


def _is_named(record: Record, known: Named) -> bool:
    """Whether publications name the tensors of a part; all of its files, if it has no tensors."""
    files = record.ref.files
    some = [files["tensors"]] if "tensors" in files else files.values()
    return {file.file for file in some} <= known.files


def garbage(shelf: Path, but: Collection[str] = ()) -> dict[str, int] | None:
    """Names and bytes of all in a pool that no publication needs, records first.

    Args, Returns: as `named`.
    """
    known = named(shelf, but)
    if known is None:
        return None
    needed = known.files | _needed(shelf, known)
    found = {}
    for name in pool_names(shelf):
        if f"{POOL}/{name}" not in needed:
            with suppress(FileNotFoundError):
                found[name] = (shelf / POOL / name).lstat().st_size
    return dict(sorted(found.items(), key=lambda one: (not one[0].endswith(".json"), one[0])))


def expect_parts(shelf: Path, refs: Sequence[PartRef]) -> None:
    """Looks whether the pool has all files of parts, by their sizes; they are read by others.

    Raises:
        ArtifactCorrupt: it has not.
        StoreError: it may not be read.
    """
    for ref in refs:
        for file in ref.files.values():
            checked(shelf / file.file, file, shelf.name)


def seen_entries(shelf: Path, refs: Sequence[PartRef]) -> tuple[list[FileDigest], list[FileDigest]]:
    """How the files of parts were seen: those that this process wrote, and those of records."""
    fresh, recorded = list[FileDigest](), list[FileDigest]()
    for ref in refs:
        mine = [_fresh.pop(str(shelf / file.file), None) for file in ref.files.values()]
        fresh += [one for one in mine if one]
        if None in mine and ref.key:
            record = read_record(shelf, f"{ref.key}.json")
            recorded += record.seen if record else []
    return fresh, recorded


def _remember(fresh: Iterable[FileDigest]) -> None:
    if len(_fresh) > MOST_FRESH:  # a worker that never publishes; costs others a look
        _fresh.clear()
    _fresh.update((one.path, one) for one in fresh)


def _keep(backend: Backend, role: str, fill: Fill) -> FileDigest:
    return backend.keep(POOL, SUFFIXES[role], fill)


def _save(tensors: Mapping[str, torch.Tensor], file: Any) -> None:
    import torch

    torch.save(plain(tensors), file)


def plain(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same values, each tensor with memory of its own, so that equal content is equal bytes."""
    found, taken = dict[str, Any](), set[int]()
    for name, tensor in tensors.items():
        one = tensor.detach().contiguous()
        storage = one.untyped_storage()
        if storage.nbytes() != one.nbytes or storage.data_ptr() in taken:
            one = one.clone()
        taken.add(one.untyped_storage().data_ptr())
        found[name] = one
    return found


def write_table(table: pa.Table, file: Any) -> None:
    """Writes an Arrow table as Parquet, the same bytes however it is cut in chunks."""
    import pyarrow.parquet as pq

    pq.write_table(table.combine_chunks(), file)


def _described(
    key: str,
    tensors: Mapping[str, torch.Tensor],
    rows: pa.Table | None,
    files: dict[str, PartFile],
    shelf: Path,
) -> PartRef:
    """What is said of a part; of rows that are kept, and were not given, by their file."""
    import pyarrow.parquet as pq

    entries = {name: tensor_entry(tensor) for name, tensor in tensors.items()}
    if rows is not None:
        return PartRef(key, entries, frame_columns(rows.schema), rows.num_rows, files)
    if "rows" not in files:
        return PartRef(key, entries, None, None, files)
    with pq.ParquetFile(shelf / files["rows"].file) as file:
        columns, count = frame_columns(file.schema_arrow), file.metadata.num_rows
    return PartRef(key, entries, columns, count, files)


def _write_record(
    backend: Posix, ref: PartRef, record: Mapping[str, Any], of: str, fresh: list[FileDigest]
) -> None:
    """Writes what is only durable after the files that it names."""
    seen = [
        [one.name, one.sha256, one.bytes, one.signature]
        for one in written(fresh, backend.shelf)
        if one.trusted
    ]
    values = {"ref": ref.to_json(), "record": dict(record), "of": of, "seen": seen}
    name = f"{POOL}/{ref.key}.json"
    text = _json({**values, "check": _check(values)})
    backend.swap(name, text, backend.read(name))  # another's is as good


def _check(values: Mapping[str, Any]) -> str:
    """Digest of all else that a record holds, so that damage shows."""
    rest = {entry: value for entry, value in values.items() if entry != "check"}
    return hashlib.sha256(_json(rest)).hexdigest()


def _json(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, allow_nan=False).encode()
