"""Arrays that are mapped from files."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

import numpy as np

_POPULATE_READ = 22  # of Linux 5.14; Python's mmap does not name it


def touch(array: Any) -> None:
    """Bring the pages of a mapped array into the process at once, where the system can.

    Page by page, as they are met, takes many times as long. A file that would not fit into half of the memory is
    left alone: its pages come and go anyway.

    Parameters
    ----------
    array : object
        Anything; only what lies in a mapped file in one piece is touched.
    """
    base = _mapping(array)
    if base is None or sys.platform != "linux" or not (array.flags.c_contiguous or array.flags.f_contiguous):
        return
    if array.nbytes > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2 or not array.nbytes:
        return
    start = array.__array_interface__["data"][0] - np.frombuffer(base, np.uint8).__array_interface__["data"][0]
    page = start % os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):  # an older kernel
        base.madvise(_POPULATE_READ, start - page, array.nbytes + page)


def _mapping(array: Any) -> Any:
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return array._mmap  # type: ignore[attr-defined]
        array = array.base
    return None
