"""Where the fits of parallel tasks meet, so that one of them can train them all."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ._stopwatch import set_aside, spend

_QUIET = 0.005  # seconds without a new task before it is believed that no more are coming
_PATIENCE = 1.0  # seconds that those who wait give to tasks that do something else

_here = threading.local()


class PackAborted(BaseException):
    """The parallel call was given up while a fit waited or trained."""


@dataclass(eq=False)
class Job:
    """One fit at a meeting.

    Parameters
    ----------
    work : object
        What is to be trained.
    place : int, default=0
        Its place in a pack: the order in which the tasks were submitted, not the one in which they came.
    """

    work: Any
    place: int = 0
    trained: bool = False
    seconds: float = 0.0  # its share of the pack's
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Meeting:
    """Jobs wait here until every task that runs waits; then the first to have come trains them all.

    Parameters
    ----------
    train : callable
        ``train(jobs, aborted)`` trains jobs together and sets ``trained`` or ``error`` on each; ``aborted()``
        tells whether to give up.
    n_places : int
        How many tasks can run at a time.
    patience : float, default=1.0
        Seconds that those who wait give to tasks that do something else. Infinite: whoever trains, trains with
        all tasks that are not done, and the packs do not depend on time.

    Attributes
    ----------
    packs : list of int
        How many jobs each pack had.
    """

    def __init__(
        self,
        train: Callable[[Sequence[Job], Callable[[], bool]], None],
        n_places: int,
        patience: float = _PATIENCE,
    ):
        self.packs: list[int] = []
        self._train, self._n_places, self._patience = train, n_places, patience
        self._changed = threading.Condition()
        self._queued = self._running = self._submitted = 0
        self._waiting: list[Job] = []
        self._last_change = 0.0
        self._aborted = False

    def submitted(self) -> int:
        """A task was handed to the pool, and will run once a place is free; returns its number."""
        with self._changed:
            self._queued += 1
            self._submitted += 1
            self._touch()
            return self._submitted

    @contextmanager
    def attended(self, number: int = 0) -> Iterator[None]:
        """Run a task: fits inside it meet here."""
        with self._changed:
            self._queued -= 1
            self._running += 1
            self._touch()
        before = current_meeting(), getattr(_here, "number", 0)
        _here.meeting, _here.number = self, number
        try:
            yield
        finally:
            _here.meeting, _here.number = before
            with self._changed:
                self._running -= 1
                self._touch()

    @contextmanager
    def left(self) -> Iterator[None]:
        """Leave for a while: the others do not wait for this task meanwhile."""
        with self._changed:
            self._running -= 1
            self._touch()
        _here.meeting = None
        try:
            yield
        finally:
            _here.meeting = self
            with self._changed:
                self._running += 1
                self._touch()

    def join(self, work: Any) -> bool:
        """Wait until the work is trained, by this thread or another.

        Parameters
        ----------
        work : object
            What is to be trained.

        Returns
        -------
        bool
            False if it was found that it must be trained alone; nothing has happened to it then.

        Raises
        ------
        BaseException
            What went wrong with this work.
        PackAborted
            If the parallel call was given up.
        """
        job = Job(work, getattr(_here, "number", 0))
        with self._changed:
            if self._aborted:
                raise PackAborted
            self._waiting.append(job)
            hosts = len(self._waiting) == 1
            self._touch()
        if hosts:
            with set_aside():
                self._lead(self._gather())
        else:
            job.done.wait()
        spend(job.seconds)
        if job.error is not None:
            raise job.error
        return job.trained

    @property
    def aborted(self) -> bool:
        """Whether the parallel call was given up."""
        return self._aborted

    def abort(self) -> None:
        """Give up: whoever waits or trains raises :class:`PackAborted`."""
        with self._changed:
            self._aborted = True
            self._touch()

    def _gather(self) -> list[Job]:
        """Wait for the others, as long as it is worth it."""
        with self._changed:
            while not self._aborted:
                quiet = time.monotonic() - self._last_change
                everyone = len(self._waiting) >= self._running
                full = self._running >= self._n_places
                settled = not self._queued and (quiet >= _QUIET or self._patience == math.inf)
                if quiet >= self._patience or (everyone and (full or settled)):
                    break
                rest = max(1e-4, _QUIET - quiet) if everyone and not full else self._patience - quiet
                self._changed.wait(min(rest, threading.TIMEOUT_MAX))
            pack, self._waiting = sorted(self._waiting, key=lambda job: job.place), []
            self.packs.append(len(pack))
            return pack

    def _lead(self, pack: list[Job]) -> None:
        _here.meeting = None  # what trains inside must not wait here for itself
        try:
            if self._aborted:
                raise PackAborted
            self._train(pack, lambda: self._aborted)
        except BaseException as error:
            for job in pack:
                if not job.trained:
                    job.error = job.error or error
        finally:
            _here.meeting = self
            for job in pack:
                job.done.set()

    def _touch(self) -> None:
        self._last_change = time.monotonic()
        self._changed.notify_all()


def current_meeting() -> Meeting | None:
    """Return the meeting that the fits of this thread go to, if its task belongs to one."""
    return getattr(_here, "meeting", None)
