"""The samples of a part as its kind reads them, their splits, and what is wrong with them."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ptm import defaults, quarantine
from ptm.assigning import Some, Splits, without_misfits
from ptm.blocks import whole
from ptm.errors import BadInput, InputError, changed
from ptm.index import FileDigest
from ptm.model import Block, Part
from ptm.registry import Kind
from ptm.telling import of_source
from ptm.work import Job, Work


def read(job: Job, kind: Kind, work: Work) -> tuple[Block, Splits | None] | BadInput:
    """The samples of a part and their splits; what is wrong with them, with the entry's name."""
    part, entries = work.unpacked()
    aside = job.source.on_bad == "quarantine"
    try:
        block = whole(kind.code.read(job.source, part), f"kind '{kind.name}'", aside=aside)
        block, splits = without_misfits(job.source, part, block, _some_of(job, kind))
        if block.bad:
            block = _with_names(part, block)
    except InputError as bad:
        return bad
    except BadInput as bad:
        return of_source(job, bad, part)
    for entry in entries:
        if not _unchanged(entry, part):
            raise changed(job.name, entry.name)
    return block, splits


def _some_of(job: Job, kind: Kind) -> Some | None:
    """What makes a block of some samples of another, where the kind has its own."""
    hook = getattr(kind.code, "without_bad", None)
    if hook is None:
        return None
    who = f"kind '{kind.name}'"
    return lambda block, left: whole(hook(job.source, block, left), who, aside=True)


def _with_names(part: Part, block: Block) -> Block:
    """A block whose bad samples are in their order, with their files as the source names them;
    without any other there is nothing else in it.
    """
    names = {file.url: file.name for file in part.files}
    named = [one._replace(file=names.get(one.file, one.file)) for one in block.bad]
    bad = quarantine.in_order(named, [file.name for file in part.files])
    left_out = block.left_out
    return (
        replace(block, bad=bad) if defaults.samples_of(block) else Block(bad=bad, left_out=left_out)
    )


def _unchanged(entry: FileDigest, part: Part) -> bool:
    """Whether a file still holds what was hashed: of one that many parts share, this part."""
    if not (entry.trusted or part.span is None):
        with suppress(OSError), Path(entry.path).open("rb") as file:
            digest = hashlib.sha256(file.read(part.head))
            file.seek(part.span[0])
            digest.update(file.read(part.span[1] - part.span[0]))
            if digest.hexdigest() == part.digest:
                return True
    return entry.unchanged()
