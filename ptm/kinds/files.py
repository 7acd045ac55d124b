"""Which files a source has, and their bytes as text: what the rooms of all kinds share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ptm.errors import InputError

if TYPE_CHECKING:
    from ptm.catalog import Source


def list_files(source: Source) -> list[Path]:
    """The files of a source, sorted by name; none where its rows stand in the catalog.

    In a folder these are the files that match the source's `pattern`; hidden ones are left out.

    Raises:
        InputError: nothing is there, or nothing that matches.
    """
    if not source.path:
        return []
    place = source.root / source.path
    if place.is_file():
        return [place]
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
    found = sorted(p for p in place.glob(pattern) if p.is_file() and not p.name.startswith("."))
    if not found:
        raise InputError(
            source.name,
            expected=f"at least one file that matches '{pattern}'",
            got="none",
            file=source.path,
        )
    return found


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
