"""The files of a source as rooms of all kinds read and name them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ptm.errors import InputError

if TYPE_CHECKING:
    from ptm.catalog import Source


def relative(source: Source, path: Path) -> str:
    """The path below the data root, with forward slashes: how messages and manifests name it."""
    return path.relative_to(source.root).as_posix()


def below_source(source: Source, path: Path) -> str:
    """The path below the source, with forward slashes: how rows name it; a lone file's own name."""
    place = source.root / source.path
    return path.name if path == place else path.relative_to(place).as_posix()


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
