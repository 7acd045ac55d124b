"""Which files a source has: what matches its pattern, and what was left out and why."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from fnmatch import translate
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from ptm.errors import InputError
from ptm.hints import in_folder, link_text, not_there, unmatched
from ptm.names import is_stray

if TYPE_CHECKING:
    from ptm.source import Source


class Listing(NamedTuple):
    """The files of a source.

    Attributes:
        names: paths below the data root, with forward slashes, sorted.
        above: what each name begins with, up to the source; the rest is its path below the source.
        notes: sentences on what matches, or lies on the way, and was left out.
        beside: paths of files that are inputs and no samples (`Source.beside`), sorted.
    """

    names: list[str]
    above: str = ""
    notes: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


def list_files(source: Source) -> Listing:
    """The files of a source; none where its rows stand in it.

    In a folder these are the files that match the source's `pattern`, upper and lower case being
    the same; hidden ones, and those that systems leave wherever they look, are left out. So are
    those that are `beside` its samples, which are listed by themselves.

    Raises:
        InputError: nothing is there, or nothing that matches; or a link that matches leads nowhere,
            or a name is not UTF-8.
        OSError: a folder cannot be read.
    """
    if not source.path:
        return Listing([])
    place = source.root / source.path
    name = place.relative_to(source.root).as_posix()
    pattern = getattr(source, "pattern", "*" if source.takes_folders else None)
    if place.is_file():
        above = name[: name.rfind("/") + 1]
        return Listing([name], above, (), tuple(_beside(source, place.parent, above)))
    if pattern is None or not place.is_dir():
        raise _no_file(source, place)
    above = "" if name == "." else f"{name}/"
    walk = _walked(source, place, above, pattern)
    beside = _beside(source, place, above)
    # the list of the splits is no sample either
    found = set(walk.found) - {f"{above}{source.split.get('file', '')}", *beside}
    if beside and not found:
        raise InputError(
            source.name,
            expected=f"at least one file that matches '{pattern}', and none of those beside it",
            got=f"{len(set(walk.found))} files that all match one of {', '.join(source.beside)}",
            file=source.path,
        )
    names = sorted(found, key=lambda path: path.split("/")) if walk.deep else sorted(found)
    return Listing(names, above, walk.notes(pattern), tuple(beside))


def _beside(source: Source, place: Path, above: str) -> list[str]:
    """The files below a folder that are beside the samples of a source."""
    found = {
        one for pattern in source.beside for one in _walked(source, place, above, pattern).found
    }
    return sorted(found)


def _walked(source: Source, place: Path, above: str, pattern: str) -> _Walk:
    """What a folder has that matches a pattern.

    Raises:
        InputError: nothing; or a link that leads nowhere, or a name that is not UTF-8.
    """
    walk = _Walk(PurePosixPath(pattern).parts)
    walk.through(str(place), above)
    _check_names(source, walk.found)
    if walk.nowhere:
        raise _links_to_nothing(source, walk)
    if not walk.found:
        raise InputError(
            source.name,
            expected=f"at least one file that matches '{pattern}'",
            got=unmatched(place),
            file=source.path,
        )
    return walk


def _no_file(source: Source, place: Path) -> InputError:
    if place.is_dir():
        expected, got = "a file", f"a folder ('path' has to name a file): it {in_folder(place)}"
    else:
        expected = "a file or folder in the data root"
        got = not_there(source.root, source.path)
    return InputError(source.name, expected=expected, got=got, file=source.path)


def _links_to_nothing(source: Source, walk: _Walk) -> InputError:
    first = min(walk.nowhere)
    count = len(set(walk.nowhere))
    links = "1 link" if count == 1 else f"{count} links"
    return InputError(
        source.name,
        expected="the content of every file that matches",
        got=f"{links} to nothing beside {len(set(walk.found))} files"
        f" (as {link_text(source.root / first)}): their content has to be fetched",
        file=first,
    )


def _check_names(source: Source, names: Sequence[str]) -> None:
    """Names that are not UTF-8 have no place in a table; Python hands them on half decoded."""
    try:
        "\n".join(names).encode()
    except UnicodeEncodeError:
        bad = sorted(name for name in names if not _is_utf8(name))
        raw = bad[0].rpartition("/")[2].encode("utf-8", "surrogateescape")
        got = f"{raw!r}{f' and {len(bad) - 1} more' if len(bad) > 1 else ''}"
        if sys.getfilesystemencoding() != "utf-8":  # then no name is wrong but Python's reading
            got = f"{got} read as {sys.getfilesystemencoding()} (set PYTHONUTF8=1)"
        raise InputError(
            source.name, expected="names of files in UTF-8", got=got, file=source.path
        ) from None


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Walk:
    """A way through a folder by the parts of a pattern, and what it meets.

    Attributes:
        parts: of the pattern; `deep` says that there are several.
        found: files that match, maybe several times.
        nowhere: links that match and lead nowhere.
        folders: those that the last part matches, and that are not looked into.
        linked: links to folders that '**' does not follow: one could lead back up.
        lost: links to nothing on the way, which may have led to folders.
    """

    def __init__(self, parts: tuple[str, ...]) -> None:
        self.parts, self.deep = parts, len(parts) > 1
        self.found: list[str] = []
        self.nowhere: list[str] = []
        self.folders: set[str] = set()
        self.linked: set[str] = set()
        self.lost: set[str] = set()
        wanted = ["*" if part == "**" else part for part in parts]
        self._accepts = [re.compile(translate(part), re.IGNORECASE).match for part in wanted]

    def through(self, folder: str, prefix: str) -> None:
        """Looks through a folder and those below it; what it meets stands behind the prefix."""
        waiting = [(folder, prefix, 0)]  # no recursion: folders may lie deeper than Python's stack
        while waiting:
            waiting += self._look(*waiting.pop())

    def notes(self, pattern: str) -> tuple[str, ...]:
        """Sentences on what was left out."""
        notes = []
        if self.folders and "**" not in self.parts:
            deeper = str(PurePosixPath(*self.parts[:-1], "**", self.parts[-1]))
            notes.append(
                f"{_counted(self.folders, 'folder')} left out by the pattern '{pattern}'; "
                f"'{deeper}' takes the files in folders too"
            )
        if self.linked:
            notes.append(f"{_counted(self.linked, 'linked folder')} left out: '**' follows none")
        lost = self.lost - set(self.nowhere)
        if lost:
            notes.append(f"{_counted(lost, 'link')} to nothing, left out: a folder may be missing")
        return tuple(notes)

    def _look(self, folder: str, prefix: str, number: int) -> Iterator[tuple[str, str, int]]:
        """Takes in the entries of one folder for one part; the folders, and parts, to look at."""
        last = number == len(self.parts) - 1
        if self.parts[number] == "**" and not last:
            yield folder, prefix, number + 1
        accepts = self._accepts[number]
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name[0] == "." or not accepts(entry.name) or is_stray(entry.name):
                    continue
                if last:
                    self._take(entry, f"{prefix}{entry.name}")
                elif self._leads_on(entry, prefix, deep=self.parts[number] == "**"):
                    step = 0 if self.parts[number] == "**" else 1
                    yield entry.path, f"{prefix}{entry.name}/", number + step

    def _take(self, entry: os.DirEntry[str], name: str) -> None:
        if _leads_to(entry.is_file):
            self.found.append(name)
        elif _leads_to(entry.is_dir):
            self.folders.add(name)
        elif entry.is_symlink():
            self.nowhere.append(name)

    def _leads_on(self, entry: os.DirEntry[str], prefix: str, deep: bool) -> bool:
        folder = _leads_to(entry.is_dir)
        if not entry.is_symlink():
            return folder
        if folder and deep:
            self.linked.add(f"{prefix}{entry.name}")
        elif not folder and not _leads_to(entry.is_file):
            self.lost.add(f"{prefix}{entry.name}")
        return folder and not deep


def _leads_to(what: Callable[[], bool]) -> bool:
    """What an entry says of itself; a link that leads to itself leads to nothing."""
    try:
        return what()
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return False


def _counted(places: Collection[str], what: str) -> str:
    """How many there are, and the first of them."""
    first = min(places).rpartition("/")[2]
    one = len(places) == 1
    return f"{len(places)} {what}{'' if one else 's'} (as '{first}') {'was' if one else 'were'}"
