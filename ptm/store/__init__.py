"""Artifacts on disk: published whole or not at all, verified when read, never written again.

artifacts/wine/                      the shelf of a name
artifacts/wine/current.json          which publication is current; replaced atomically
artifacts/wine/pinned.json           which one is pinned (`ptm.store.pinning`)
artifacts/wine/keys/KEY.json         which publication a key has
artifacts/wine/parts/                the files of parts, which publications share (`ptm.store.pool`)
artifacts/wine/KEY-PUBLICATION/      manifest.json, and what belongs to a source as a whole
artifacts/wine/stat/                 what need not be read again (`ptm.store.memory`)
artifacts/wine/views/                what was drawn of it (`ptm.store.drawn`)
artifacts/wine/opened.jsonl          how often loaders opened its splits (`ptm.store.openings`)
artifacts/wine/.lease-ID             somebody is writing (`ptm.store.lease`)
artifacts/runs.d/                    how runs ended (`ptm.store.runs`)

Whatever else lies in a store is not its own: it is left alone, and looked at by nobody. Only in the
folder of a publication it is damage, unless it is stray (`ptm.names`).
"""

from ptm.command import KEEP
from ptm.store.collecting import Collected, gc
from ptm.store.files import remedy, verify_each
from ptm.store.lease import sweep
from ptm.store.manifest import FORMAT, MANIFEST, content, digests, files_of
from ptm.store.memory import Memory
from ptm.store.opening import StoredPart, opened
from ptm.store.openings import openings
from ptm.store.pinning import pin, pinned, pinned_of, unpin
from ptm.store.pointers import CURRENT, Pointer, pointers, publications, read_pointer
from ptm.store.pool import (
    Writing,
    find_part,
    part_column,
    read_part,
    with_rows,
    write_part,
    writing,
)
from ptm.store.publishing import find, look, publish
from ptm.store.reading import (
    Publication,
    current,
    inputs_of,
    kept,
    load,
    made_by_older,
    names,
    publication,
    shelves,
    status,
    verify_files,
)
from ptm.store.runs import record_run, recorded_runs
from ptm.store.verifying import Finding, verify

__all__ = [
    "CURRENT",
    "FORMAT",
    "KEEP",
    "MANIFEST",
    "Collected",
    "Finding",
    "Memory",
    "Pointer",
    "Publication",
    "StoredPart",
    "Writing",
    "content",
    "current",
    "digests",
    "files_of",
    "find",
    "find_part",
    "gc",
    "inputs_of",
    "kept",
    "load",
    "look",
    "made_by_older",
    "names",
    "opened",
    "openings",
    "part_column",
    "pin",
    "pinned",
    "pinned_of",
    "pointers",
    "publication",
    "publications",
    "publish",
    "read_part",
    "read_pointer",
    "record_run",
    "recorded_runs",
    "remedy",
    "shelves",
    "status",
    "sweep",
    "unpin",
    "verify",
    "verify_each",
    "verify_files",
    "with_rows",
    "write_part",
    "writing",
]
