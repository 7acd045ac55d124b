"""The errors that ptm raises: each says what, where, what was expected and what came."""

from __future__ import annotations

from collections.abc import Sequence


class PtmError(Exception):
    """Base of every error that ptm raises on purpose. Trying again does not help."""

    def _render_traceback_(self) -> list[str]:
        """What IPython and Jupyter show: the message. The way there is Prefect's, and long."""
        return [f"{type(self).__name__}: {self}"]


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


MOST_TOLD = 20  # faults of one source that are told; of more, how many there are


class InputError(PtmError):
    """An input of a source is not what the source says it is.

    Attributes:
        source: name of the source.
        where: place in the file ("row 17, column 'alcohol'", "header", "series"), or "".
        expected: what should have been there.
        got: what was there.
        file: path relative to the data root, or "" when no single file is at fault.
        faults: every one that is told, where a source has several; else this error alone.
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
        super().__init__(f"{source}: {self.fault}")

    @property
    def fault(self) -> str:
        """The message without the name of the source."""
        place = f"{self.where}: " if self.where else ""
        name = f" ({self.file})" if self.file else ""
        return f"{place}expected {self.expected}, got {self.got}{name}"

    @property
    def faults(self) -> tuple[InputError, ...]:
        """See the class."""
        return (self,)

    def __reduce__(self) -> tuple[object, ...]:
        # keyword-only fields do not survive the default pickling, and errors cross processes
        return _input_error, (self.source, self.expected, self.got, self.where, self.file)


class InputErrors(InputError):
    """Several faults of one source, told together; the fields are those of the first."""

    def __init__(self, faults: Sequence[InputError], count: int) -> None:
        first = faults[0]
        super().__init__(
            first.source,
            expected=first.expected,
            got=first.got,
            where=first.where,
            file=first.file,
        )
        self._faults, self._count = tuple(faults), count
        lines = [f"{first.source}: {count} faults", *(fault.fault for fault in faults)]
        if count > len(faults):
            lines.append(f"… and {count - len(faults)} more")
        self.args = ("\n  ".join(lines),)

    @property
    def faults(self) -> tuple[InputError, ...]:
        """See the class."""
        return self._faults

    def __reduce__(self) -> tuple[object, ...]:
        return InputErrors, (self._faults, self._count)


class Faults:
    """Gathers what is wrong with a source, so that one run tells all of it.

    Attributes:
        count: of all that were added; the first MOST_TOLD are kept.
    """

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[InputError] = []

    def add(self, error: InputError) -> None:
        """One more; of an error that tells several, each of them."""
        told = error.faults
        self.count += error._count if isinstance(error, InputErrors) else 1
        self._kept += told[: max(MOST_TOLD - len(self._kept), 0)]

    def check(self) -> None:
        """Raises what was added, if anything was.

        Raises:
            InputError: the one that was added, or an InputErrors of all.
        """
        if self.count == 1:
            raise self._kept[0]
        if self.count:
            raise InputErrors(self._kept, self.count)


def _input_error(source: str, expected: str, got: str, where: str, file: str) -> InputError:
    return InputError(source, expected=expected, got=got, where=where, file=file)
