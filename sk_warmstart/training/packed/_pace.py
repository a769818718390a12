"""How many threads share the operations of a pack's steps: more than one while the clock says that it pays."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_TRIAL = 4  # steps with one thread before more are tried
_SLOWER = 1.1  # times a step with one thread: more threads do not pay
_SHORT, _LONG = 32, 1024  # steps with one thread between two trials, twice as many each time


class Pace:
    """Threads for one step after the other.

    Threads wait for each other in every operation. While another program has one of the cores, that takes many
    times longer than the operations, so each step is timed, and one that was too slow is the last with many.
    """

    def __init__(self, most: int):
        self._most, self._threads, self._left, self._pause = most, 1, _TRIAL, _SHORT
        self._seconds: list[float] = []  # of the last steps with one thread
        self._one = self._mean = 0.0
        self._began: float | None = None

    @contextmanager
    def epoch(self) -> Iterator[None]:
        """Run steps; afterwards the thread has as many threads as before."""
        before = torch.get_num_threads()
        self._began = None
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def step(self) -> None:
        """Begin the next step, in an epoch."""
        if self._most == 1:
            return
        now = time.perf_counter()
        if self._began is not None:
            self._note(now - self._began)
        torch.set_num_threads(self._threads)
        self._began = now

    def _note(self, seconds: float) -> None:
        if self._threads == 1:
            self._seconds.append(seconds)
            self._left -= 1
            if self._left <= 0:
                self._one = self._mean = statistics.median(self._seconds[-_TRIAL:])
                self._seconds, self._threads = [], self._most
            return
        self._mean += (seconds - self._mean) / 4
        self._left -= 1
        if self._mean > _SLOWER * self._one:
            self._threads, self._left = 1, self._pause
            self._pause = min(2 * self._pause, _LONG)
        elif self._left < -_LONG:  # it has paid for long
            self._pause = _SHORT
