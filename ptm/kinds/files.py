"""Which files a source has, and their bytes as text: what the rooms of all kinds share."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ptm.errors import InputError

if TYPE_CHECKING:
    from ptm.catalog import Source


def list_files(source: Source) -> list[str]:
    """The files of a source as paths below its data root, sorted; none where its rows stand in it.

    In a folder these are the files that match the source's `pattern`; hidden ones are left out.

    Raises:
        InputError: nothing is there, or nothing that matches.
    """
    if not source.path:
        return []
    place = source.root / source.path
    name = place.relative_to(source.root).as_posix()
    if place.is_file():
        return [name]
    if not place.is_dir():
        raise InputError(
            source.name,
            expected="a file or folder in the data root",
            got="nothing (get the book's data with: ptm data pull)",
            file=source.path,
        )
    pattern = getattr(source, "pattern", None)
    if pattern is None:
        raise InputError(source.name, expected="a file", got="a folder", file=source.path)
    parts = PurePosixPath(pattern).parts
    found = set(_matches(str(place), "" if name == "." else f"{name}/", parts))
    if not found:
        raise InputError(
            source.name,
            expected=f"at least one file that matches '{pattern}'",
            got="none",
            file=source.path,
        )
    return sorted(found, key=lambda path: path.split("/")) if len(parts) > 1 else sorted(found)


def _matches(folder: str, prefix: str, parts: tuple[str, ...]) -> Iterator[str]:
    """The files below a folder that match the parts of a pattern, each behind the prefix."""
    first, rest = parts[0], parts[1:]
    if first == "**" and rest:
        yield from _matches(folder, prefix, rest)
    accepts = re.compile(fnmatch.translate("*" if first == "**" else first)).match
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name[0] == "." or not accepts(name):
                continue
            if first == "**":  # a link to a folder could lead back up
                if rest and entry.is_dir(follow_symlinks=False):
                    yield from _matches(entry.path, f"{prefix}{name}/", parts)
            elif rest:
                if entry.is_dir():
                    yield from _matches(entry.path, f"{prefix}{name}/", rest)
            elif entry.is_file():
                yield f"{prefix}{name}"


def relative(source: Source, path: Path) -> str:
    """The path below the data root, with forward slashes: how messages and manifests name it."""
    return path.relative_to(source.root).as_posix()


def read_text(source: Source, path: Path, encoding: str) -> str:
    """The text of a file, line ends as they are.

    Raises:
        InputError: the file is empty, or not text in that encoding; the line is named.
    """
    raw = path.read_bytes()
    if not raw:
        raise InputError(
            source.name, expected="text", got="an empty file", file=relative(source, path)
        )
    try:
        return raw.decode(encoding)
    except (LookupError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise _not_text(source, path, raw, encoding, error) from error
        raise InputError(
            source.name,
            where="encoding",
            expected="an encoding that Python knows",
            got=f"'{encoding}'",
        ) from error


def _not_text(
    source: Source, path: Path, raw: bytes, encoding: str, error: UnicodeDecodeError
) -> InputError:
    line = raw.count(b"\n", 0, error.start) + 1
    return InputError(
        source.name,
        where=f"line {line}, byte {error.start}",
        expected=f"{encoding} text",
        got=f"the byte 0x{raw[error.start]:02x}",
        file=relative(source, path),
    )
