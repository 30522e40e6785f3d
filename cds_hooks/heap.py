"""The memory of a process that loads much once and then answers calls for as long as it lives."""

from __future__ import annotations

import contextlib
import ctypes
import gc

__all__ = ["settle"]

ARENA_MAX = -8  # M_ARENA_MAX of glibc's mallopt
ARENAS = 1  # with one for each thread a worker holds some MB more of freed memory; threads take turns anyway


def settle() -> None:
    """After loading: what is there need not be looked at by the collector during calls, and stays shared with copies of this process."""
    gc.collect()
    gc.freeze()
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(ARENA_MAX, ARENAS)
