"""Peak memory of a fit, and memory that many threads have freed."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_MEGABYTE = 1e6


class PeakMemory:
    """Memory beyond what was in use when it was made, in MB.

    On a GPU that of the GPU's tensors, else the resident memory of the process where the system tells its peak
    (Linux).
    """

    def __init__(self, on_gpu: bool = False):
        self._on_gpu = on_gpu and torch.cuda.is_available()
        if self._on_gpu:
            torch.cuda.reset_peak_memory_stats()
            self._before: float | None = float(torch.cuda.memory_allocated())
        else:
            self._before = _resident("VmRSS") if _forget_peak() else None

    @property
    def peak(self) -> float:
        """The peak so far; NaN where the system does not tell it."""
        if self._before is None:
            return float("nan")
        now = float(torch.cuda.max_memory_allocated()) if self._on_gpu else _resident("VmHWM")
        return float("nan") if now is None else max(0.0, now - self._before) / _MEGABYTE


def return_freed() -> None:
    """Return freed memory to the system, where its C library keeps it: that of glibc does for each thread."""
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], int] | None:
    try:
        return getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (OSError, TypeError):  # as on Windows
        return None


def _forget_peak() -> bool:
    try:
        _CLEAR.write_text("5")
    except OSError:
        return False
    return True


def _resident(name: str) -> float | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return 1024.0 * int(found[0]) if found else None
