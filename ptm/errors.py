"""The errors that ptm raises: each says what, where, what was expected and what came."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType


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


class BadInput(PtmError):
    """What readers and kinds raise: an input is not what it should be. They do not know its source.

    Attributes:
        where: place in the file ("row 17, column 'alcohol'", "header", "series"), or "".
        expected: what should have been there.
        got: what was there.
        file: its path, or its path below the source; "" when no single file is at fault.
        counted: of what all samples must have the same and have not, how many have which; see
            `uniform` of `ptm.Block`.
        alone: gives what is wrong with each sample of a block that by itself is at fault, by its
            place: they can be set aside. None of other faults, and in other processes.
    """

    counted: Mapping[str, Mapping[str, int]] = MappingProxyType({})
    alone: Callable[[], dict[int, BadInput]] | None = None

    def __init__(self, where: str = "", expected: str = "", got: str = "", file: str = "") -> None:
        self.where, self.expected, self.got, self.file = where, expected, got, file
        super().__init__(self.fault)

    @property
    def fault(self) -> str:
        """The message without the name of a source."""
        place = f"{self.where}: " if self.where else ""
        name = f" ({self.file})" if self.file else ""
        return f"{place}expected {self.expected}, got {self.got}{name}"

    @property
    def faults(self) -> tuple[BadInput, ...]:
        """Every one that is told, where there are several; else this error alone."""
        return (self,)

    @property
    def count(self) -> int:
        """How many there are, told or not."""
        return 1

    @property
    def head(self) -> str:
        """Of several what they come to, where that is more than their number; else ""."""
        return ""

    def of_source(self, source: str, shown: Callable[[str], str] = str) -> InputError:
        """The same with the name of the source.

        Args:
            source: its name.
            shown: how messages name a file.
        """
        error = InputError(
            source,
            where=self.where,
            expected=self.expected,
            got=self.got,
            file=self.file and shown(self.file),
        )
        if self.counted:
            error.counted = self.counted
        return error

    def __reduce__(self) -> tuple[object, ...]:
        return BadInput, (self.where, self.expected, self.got, self.file), self._state

    @property
    def _state(self) -> dict[str, object]:
        """What pickling keeps beside the arguments."""
        return {"counted": self.counted} if self.counted else {}


class _Several:
    """What errors have that tell several faults; the fields are those of the first."""

    _faults: tuple[BadInput, ...]
    _count: int
    _head: str

    @property
    def faults(self) -> tuple[BadInput, ...]:
        """See BadInput."""
        return self._faults

    @property
    def count(self) -> int:
        """See BadInput."""
        return self._count

    @property
    def head(self) -> str:
        """See BadInput."""
        return self._head


class BadInputs(_Several, BadInput):
    """Several faults told together; the fields are those of the first."""

    def __init__(self, faults: Sequence[BadInput], count: int, head: str = "") -> None:
        self._faults, self._count, self._head = tuple(faults), count, head
        first = faults[0]
        super().__init__(first.where, first.expected, first.got, first.file)
        self.args = (_told(faults, count, head),)

    def of_source(self, source: str, shown: Callable[[str], str] = str) -> InputErrors:
        """See BadInput."""
        named = [fault.of_source(source, shown) for fault in self._faults]
        errors = InputErrors(named, self._count, self._head)
        if self.counted:
            errors.counted = self.counted
        return errors

    def __reduce__(self) -> tuple[object, ...]:
        return BadInputs, (self._faults, self._count, self._head), self._state


class InputError(BadInput):
    """An input of a source is not what the source says it is.

    Attributes:
        source: name of the source.
        where, expected, got: as of BadInput.
        file: path below the data root, or "" when no single file is at fault.
    """

    def __init__(
        self, source: str, *, expected: str, got: str, where: str = "", file: str = ""
    ) -> None:
        super().__init__(where, expected, got, file)
        self.source = source
        self.args = (f"{source}: {self.fault}",)

    def __reduce__(self) -> tuple[object, ...]:
        # keyword-only fields do not survive the default pickling, and errors cross processes
        fields = self.source, self.expected, self.got, self.where, self.file
        return _input_error, fields, self._state


def changed(name: str, file: str) -> InputError:
    """That a file of a source was not the same all the time."""
    return InputError(
        name,
        expected="a file that stays as it is while it is read",
        got="a change (run again when it is complete)",
        file=file,
    )


class InputErrors(_Several, InputError):
    """Several faults of one source, told together; the fields are those of the first."""

    def __init__(self, faults: Sequence[InputError], count: int, head: str = "") -> None:
        first = faults[0]
        super().__init__(
            first.source,
            expected=first.expected,
            got=first.got,
            where=first.where,
            file=first.file,
        )
        self._faults, self._count, self._head = tuple(faults), count, head
        self.args = (f"{first.source}: {_told(faults, count, head)}",)

    def __reduce__(self) -> tuple[object, ...]:
        return InputErrors, (self._faults, self._count, self._head), self._state


class Faults:
    """Gathers what is wrong with an input, so that one run tells all of it.

    Attributes:
        count: of all that were added; the first MOST_TOLD are kept.
    """

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[BadInput] = []

    def add(self, error: BadInput) -> None:
        """One more; of an error that tells several, each of them."""
        self.count += error.count
        self._kept += error.faults[: max(MOST_TOLD - len(self._kept), 0)]

    def check(self, counted: Mapping[str, Mapping[str, int]] | None = None, head: str = "") -> None:
        """Raises what was added, if anything was.

        Args:
            counted, head: see `BadInput`.

        Raises:
            BadInput: the one that was added, or a BadInputs of all.
        """
        if self.count:
            alone = self.count == 1 and not head
            error = self._kept[0] if alone else BadInputs(self._kept, self.count, head)
            if counted:
                error.counted = counted
            raise error


def _told(faults: Sequence[BadInput], count: int, head: str) -> str:
    lines = [head or f"{count} faults", *(fault.fault for fault in faults)]
    more = count - len(faults)
    return "\n  ".join(lines + ([f"… and {more} more"] if more else []))


def _input_error(source: str, expected: str, got: str, where: str, file: str) -> InputError:
    return InputError(source, expected=expected, got=got, where=where, file=file)
