"""What errors of the system mean to ptm: sets of their numbers (`errno`), each under one name."""

from __future__ import annotations

import errno

# nothing is there, or no file
NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG}
DENIED = {errno.EACCES, errno.EPERM}
# of a file that somebody named: their mistake, not the disk's
UNREADABLE = NO_FILE | DENIED
# until somebody gives permission, makes room, or clears the way
UNWRITABLE = DENIED | {
    *(errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    *(errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG),
}
# what was said to be a place in a file is none: its bytes are damaged, not the disk
NO_PLACE = {errno.EINVAL, errno.EOVERFLOW}
# a task that ended so would end so again
NO_USE_TO_RETRY = UNREADABLE | {errno.EINVAL, errno.ENOSPC, errno.EROFS}
# of a folder that is taken away: a file in it is open on a network disk, or has just come
IN_USE = {errno.EBUSY, errno.ENOTEMPTY, errno.EEXIST}
# of a disk that has no locks on files, no hard links, or none more to a file
NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS}
NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
# the reader of a stream is gone: of a pipe, of a terminal
NOBODY_READS = {errno.EPIPE, errno.EIO}


def is_of_disk(error: BaseException) -> bool:
    """Whether a file cannot be read now, whatever its bytes are."""
    return isinstance(error, OSError) and bool(error.errno) and error.errno not in NO_PLACE
