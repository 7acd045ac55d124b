"""The errors that ptm raises: each says what, where, what was expected and what came."""

from __future__ import annotations


class PtmError(Exception):
    """Base of every error that ptm raises on purpose. Trying again does not help."""


class CatalogError(PtmError):
    """The catalog, or an option in it, is not valid. Nothing was run."""


class DownloadError(PtmError):
    """A data file could not be fetched, or did not have the expected digest."""


class StoreError(PtmError):
    """The store cannot be read or written."""


class ArtifactMissing(StoreError):
    """No artifact of that name is in the store."""


class ArtifactCorrupt(StoreError):
    """A file of an artifact is not what its manifest says.

    Attributes:
        damage: the file, what was expected of it and what it is; names no place outside the store.
    """

    def __init__(self, name: str, damage: str, place: str, remedy: str) -> None:
        self.damage = damage
        self._parts = name, damage, place, remedy
        super().__init__(f"{name}: {damage} ({place}); make it again with: {remedy}")

    def __reduce__(self) -> tuple[object, ...]:
        return ArtifactCorrupt, self._parts


class InputError(PtmError):
    """An input of a source is not what the source says it is.

    Attributes:
        source: name of the source in the catalog.
        where: the place inside the input ("row 312, column 'alcohol'"), or "".
        expected: what should have been there.
        got: what was there.
        file: path relative to the data root, or "" when no single file is at fault.
    """

    def __init__(
        self, source: str, *, expected: str, got: str, where: str = "", file: str = ""
    ) -> None:
        self.source, self.where, self.expected, self.got, self.file = (
            source,
            where,
            expected,
            got,
            file,
        )
        place = f"{where}: " if where else ""
        name = f" ({file})" if file else ""
        super().__init__(f"{source}: {place}expected {expected}, got {got}{name}")

    def __reduce__(self) -> tuple[object, ...]:
        # keyword-only fields do not survive the default pickling, and errors cross processes
        return _input_error, (self.source, self.expected, self.got, self.where, self.file)


def _input_error(source: str, expected: str, got: str, where: str, file: str) -> InputError:
    return InputError(source, expected=expected, got=got, where=where, file=file)
