"""Whether the disk of a store has room for what is to be made there.

What will come of a source is not known before it is read. The size of its inputs is the estimate,
and is said to be one.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ptm.errors import PtmError, StoreError
from ptm.listing import list_files
from ptm.shown import readable_size
from ptm.store import CURRENT, current

if TYPE_CHECKING:
    from ptm.source import Source


def expect_room(name: str, size: int, root: Path) -> None:
    """Looks whether a disk has as much free as the inputs of a source have bytes.

    Args:
        name: of the source.
        size: of its inputs, in bytes.
        root: the store, which need not be there yet.

    Raises:
        StoreError: it has less.
    """
    free = _free(root)
    if free is not None and free < size:
        raise StoreError(
            f"{name}: expected about {readable_size(size)} free in {root} (the size of its "
            f"inputs, as an estimate), got {readable_size(free)}"
        )


def shortage(
    sources: Iterable[Source], artifacts: str | Path, *, force: Collection[str] = ()
) -> str:
    """That not all of these may fit on the disk of the store, before any is made.

    Args:
        sources: entries of a catalog; those that the store has an artifact of are not counted.
        artifacts: the store.
        force: names of those to count all the same.

    Returns:
        A sentence; "" where all fit, or nobody can tell.
    """
    root = Path(artifacts)
    new = [one for one in sources if one.name in force or is_new(one.name, root)]
    size, free = sum(map(_size, new)), _free(root)
    if free is None or free >= size:
        return ""
    return (
        f"expected about {readable_size(size)} free in {root} for {len(new)} sources (the size of "
        f"their inputs, as an estimate), got {readable_size(free)}: not all of them may fit"
    )


def is_new(name: str, root: Path) -> bool:
    """Whether a store has no artifact of that name; one that cannot be looked for is none such."""
    with suppress(OSError):
        return not (root / name / CURRENT).exists()
    return False


def input_bytes(source: Source, root: Path) -> int:
    """Bytes of the inputs of a source, about: as they were when it was made, or as they are."""
    with suppress(PtmError, OSError, KeyError, TypeError):
        return int(current(source.name, root).manifest["inputs"]["bytes"])
    return _size(source)


def _size(source: Source) -> int:
    """Bytes of the inputs; 0 where they cannot be read, which making it will tell of."""
    with suppress(PtmError, OSError):
        listed = list_files(source)
        names = (*listed.names, *listed.beside)
        return sum((source.root / name).stat().st_size for name in names)
    return 0


def _free(root: Path) -> int | None:
    """Bytes that the disk of a folder has free; None where it does not say."""
    there = next(place for place in (root.absolute(), *root.absolute().parents) if place.is_dir())
    with suppress(OSError):
        usage = shutil.disk_usage(there)
        return usage.free if usage.total else None
    return None
