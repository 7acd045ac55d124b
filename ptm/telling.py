"""Errors of an entry: with its name, and where the code is its own with the line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ptm.errors import BadInput, InputError, PtmError
from ptm.model import File, Part
from ptm.registry import Kind, kind_of
from ptm.system_errors import NO_FILE
from ptm.work import Job


def of_source(job: Job, bad: BadInput, part: Part | None = None) -> InputError:
    """Bad input with the name of the entry, and the files of a part by their names there."""
    files = (*part.files, *part.beside) if part else ()
    names = {file.url: file.name for file in files}
    known = {*names.values()}

    def shown(file: str) -> str:
        name = names.get(str(file), str(file))
        return f"{job.above}{name}" if name in known else file

    return bad.of_source(job.name, shown)


@contextmanager
def told(job: Job, kind: Kind | None = None, files: Sequence[File] = ()) -> Iterator[None]:
    """Gives errors the name of the entry, and those of own code the line; says of memory so.

    Args:
        job: of the entry.
        kind: of it.
        files: of it, that readers name by their places.
    """
    name, kind = job.name, kind or kind_of(job.source)
    try:
        yield
    except InputError:
        raise
    except BadInput as bad:
        # of all parts together: their files are told by the names that these have in the source
        names = {file.url: file.name for file in files}
        raise bad.of_source(name, lambda file: f"{job.above}{names.get(file, file)}") from bad
    except OSError as error:
        if kind.own and error.errno in NO_FILE:
            raise PtmError(f"{name}: {kind.own.told(error)}") from error
        raise  # may pass
    except PtmError as error:
        if type(error) is not PtmError or str(error).startswith(f"{name}: "):
            raise  # says enough
        raise PtmError(f"{name}: {error}") from error
    except (Exception, SystemExit) as error:
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
            raise PtmError(
                f"{name}: expected memory to make it in, got none left "
                "(fewer sources at once, smaller 'part_bytes', or a larger machine)"
            ) from error
        if not kind.own:
            raise
        raise PtmError(f"{name}: {kind.own.told(error)}") from error
