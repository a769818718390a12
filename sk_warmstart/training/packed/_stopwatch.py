"""What one fit costs, where many run at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_here = threading.local()


class Stopwatch:
    """Seconds of one fit.

    Alone these are seconds on the wall. Beside others, in a pack, it is the processor time of the fit's own
    thread and its share of the time that the pack trained; time that it waited, or trained for the others, does
    not count.

    Parameters
    ----------
    shared : bool
        Whether other fits run beside it.
    """

    def __init__(self, shared: bool):
        self._clock = time.thread_time if shared else time.perf_counter
        self._shared = shared
        self._began, self._extra = self._clock(), _extra()

    @property
    def seconds(self) -> float:
        """Seconds since it was made, in the same thread."""
        own = self._clock() - self._began
        return own + _extra() - self._extra if self._shared else own


@contextmanager
def set_aside() -> Iterator[None]:
    """Do work that belongs to other fits too: what it takes is told by :func:`spend`."""
    began = time.thread_time()
    try:
        yield
    finally:
        spend(began - time.thread_time())


def spend(seconds: float) -> None:
    """Count seconds to the fit of this thread that its own clock does not see; or, negative, too many."""
    _here.extra = _extra() + seconds


def _extra() -> float:
    return getattr(_here, "extra", 0.0)
