"""Stopwatch of one fit, where many run at a time."""

from __future__ import annotations

import time

from ._rendezvous import seconds_missed


class Stopwatch:
    """Seconds of one fit: on the wall, or, where it is ``shared`` with others, what is its own.

    In a pack these are the processor time of the fit's own thread and its share of the time that the pack trained;
    time that it waited, or trained for the others, does not count.
    """

    def __init__(self, shared: bool):
        self._clock = time.thread_time if shared else time.perf_counter
        self._shared = shared
        self._began, self._missed = self._clock(), seconds_missed()

    @property
    def seconds(self) -> float:
        """Seconds since it was made, in the same thread."""
        own = self._clock() - self._began
        return own + seconds_missed() - self._missed if self._shared else own
