"""That the memory of a part is given back when the part is made, and that of what is written.

An allocator keeps what was freed, for the next that asks: that of glibc keeps blocks of up to
32 MiB once one was freed, for each thread, and Arrow's usual one about three times what a table
takes. With parts in several threads a process so grows with their number. And what is written stays
in the page cache of the system, as far as there is room.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from functools import cache

# parameters of mallopt, see malloc.h of glibc
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
OF_ITS_OWN = 4 << 20  # bytes from which on a block is mapped by itself, and unmapped when freed
AT_THE_END = 4 << 20  # bytes that may stay free behind all others
SHARE = 16  # of the memory, what one entry may leave in the page cache


@cache
def give_back() -> None:
    """From here on this process gives freed memory back, where its allocators can be told to.

    It holds for the whole process, and costs nothing that could be measured.
    """
    import pyarrow as pa

    with suppress(OSError, AttributeError):  # another C library
        library = ctypes.CDLL(None)
        library.mallopt(MMAP_THRESHOLD, OF_ITS_OWN)
        library.mallopt(TRIM_THRESHOLD, AT_THE_END)
    if "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())


def fits_page_cache(size: int) -> bool:
    """Whether so many bytes that are written once may stay in the page cache of this machine.

    Where they are many, the next reader finds few of them there, and finding room for each costs
    more than to write it: three times as much on a virtual machine.
    """
    return size * SHARE <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def give_back_now() -> None:
    """Gives back what is free now, after many small things were freed."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
