"""Pointers: small files that say which publication counts.

current.json      the publication that readers get
keys/KEY.json     the publication of a key
pinned.json       the publication that stays until another is pinned (`ptm.store.pinning`)
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from types import NoneType
from typing import TypedDict

from ptm.errors import StoreError
from ptm.system_errors import NO_FILE

CURRENT = "current.json"
PINNED = "pinned.json"
LASTING = (CURRENT, PINNED)  # what they name is not collected
KEYS = "keys"
TEXTS = ("made", "work", "since", "healed")
PUBLICATION = re.compile(r"[0-9a-f]{12}-[0-9a-f]{12}")
DIGEST = re.compile(r"[0-9a-f]{64}")
OF_KEY = re.compile(rf"{DIGEST.pattern}\.json")


class Pointer(TypedDict, total=False):
    """What a pointer holds.

    `publication` is the name of the folder, `manifest_sha256` the digest of its manifest, `made`
    the UTC time in ISO 8601, `seconds` how long making it took, `work` what was done of it (or "").
    In `current.json` also: `since`, when it became current (in `pinned.json` when it was pinned),
    `previous`, the publication that was current before (or null), `healed`, what was wrong with
    the artifact in whose place it was made (or ""), and `forced`,
    that it was made although there was one. `check` is the digest of the rest.
    """

    publication: str
    manifest_sha256: str
    made: str
    seconds: float
    work: str
    since: str
    previous: str | None
    healed: str
    forced: bool
    check: str


def read_pointer(place: Path) -> Pointer | None:
    """The pointer; None where it is missing or is not one.

    Raises:
        StoreError: the store may not be read.
        OSError: what may pass, as too many open files.
    """
    try:
        # a pipe would be waited for
        return pointer_of(place.read_bytes() if place.is_file() else None)
    except PermissionError as error:
        raise StoreError(f"cannot read {place}: {error.strerror}") from error
    except OSError as error:
        if error.errno not in NO_FILE:
            raise
        return None


def pointer_of(raw: bytes | None) -> Pointer | None:
    """The pointer that a file holds; None where there is no file, or it holds something else."""
    try:
        pointer: Pointer = json.loads(raw or b"")
        whole = (
            PUBLICATION.fullmatch(pointer["publication"])
            and DIGEST.fullmatch(pointer["manifest_sha256"])
            and pointer == with_digest(pointer)
            and all(isinstance(pointer.get(entry, ""), str) for entry in TEXTS)
            and isinstance(pointer.get("previous"), (str, NoneType))
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return pointer if whole else None


def with_digest(pointer: Pointer) -> Pointer:
    """The pointer with the digest of all else that it holds, so that damage shows."""
    rest: Pointer = {**pointer}
    rest.pop("check", None)
    return {**rest, "check": hashlib.sha256(as_json(rest)).hexdigest()}


def pointers(shelf: Path) -> dict[str, Pointer | None]:
    """Every pointer of a shelf by its path there, the current one first; None where it is none."""
    places = [place for place in LASTING if (shelf / place).exists()]
    if (shelf / KEYS).is_dir():
        keys = sorted(name for name in os.listdir(shelf / KEYS) if OF_KEY.fullmatch(name))
        places += [f"{KEYS}/{name}" for name in keys]
    return {place: read_pointer(shelf / place) for place in places}


def pointed(shelf: Path) -> set[str]:
    """The publications that pointers name."""
    return {pointer["publication"] for pointer in pointers(shelf).values() if pointer}


def publications(shelf: Path) -> list[str]:
    """The publications that pointers name, the newest first."""
    found = [pointer for pointer in pointers(shelf).values() if pointer]
    found.sort(key=lambda pointer: pointer.get("made", ""), reverse=True)
    return list(dict.fromkeys(pointer["publication"] for pointer in found))


def as_json(value: object) -> bytes:
    """JSON as the store writes it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"
