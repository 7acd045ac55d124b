"""Locks on files, which go with the process, and which some file systems do not have."""

from __future__ import annotations

import fcntl

from ptm.system_errors import NO_LOCKS


def lock_exclusive(descriptor: int) -> bool | None:
    """Whether nobody else has a lock on the file, nor gets one; None where there are no locks.

    The file must be open for writing: network disks ask for that.
    """
    return _lock(descriptor, fcntl.LOCK_EX)


def lock_shared(descriptor: int) -> bool | None:
    """Whether nobody has an exclusive lock on the file, nor gets one; None as above."""
    return _lock(descriptor, fcntl.LOCK_SH)


def _lock(descriptor: int, kind: int) -> bool | None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return None
    return True
