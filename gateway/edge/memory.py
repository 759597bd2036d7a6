"""Memory that was freed is given back: what one large mail took must not stay with the process.

glibc keeps freed blocks of up to 32 MiB for later (its limit grows with what is freed), so a daemon that has once
handled forty megabytes stays large. With a fixed limit, larger blocks go back to the system at once.
"""

from __future__ import annotations

import ctypes
import gc

LARGE = 256 * 1024  # octets
IN_CHILD = {"MALLOC_MMAP_THRESHOLD_": str(LARGE), "MALLOC_ARENA_MAX": "2"}  # the same for a process to be started
YOUNG = 10_000  # objects made until those since the last look are looked at for cycles
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h


def give_back() -> None:
    """For this process. Another C library than glibc knows nothing of it: nothing happens."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_M_MMAP_THRESHOLD, LARGE)
    mallopt(_M_ARENA_MAX, 2)


def settle() -> None:
    """What is there now stays: it is not looked at for cycles again.

    A hundred thousand objects of code, templates and rules take 70 ms to look at, and meanwhile nobody is answered.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
