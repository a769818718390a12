"""Rendezvous of parallel tasks: who runs, who waits to train, and when the first to wait trains them all."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ._turns import Turns

_QUIET = 0.005  # seconds without a new task before it is believed that those that ended bring no further ones
_PATIENCE = 1.0  # seconds that those who wait give to tasks that do something else


class PackAborted(BaseException):
    """The parallel call was given up while a fit waited or trained."""


@dataclass(eq=False, kw_only=True)
class Participant:
    """Work that waits to be done with others: its place among them, its share of the seconds, how it ended.

    Places follow the order in which tasks were added, not the one in which they came. The outcome tells whether
    the work was done; otherwise nothing has happened to it, and it is to be done alone.
    """

    place: int = 0
    seconds: float = 0.0
    outcome: Future[bool] = field(default_factory=Future, repr=False)

    def fail(self, error: BaseException) -> None:
        """Let the work end with an error, unless it has ended."""
        if not self.outcome.done():
            self.outcome.set_exception(error)


@dataclass
class Task:
    """What runs in one thread: where its fits go, its place there, and seconds that the thread's clock misses."""

    rendezvous: Rendezvous | None
    place: int
    seconds: float = 0.0
    has_turn: bool = False


_TASK: ContextVar[Task | None] = ContextVar("task", default=None)


class Rendezvous:
    """Participants wait here until every task that runs waits; then the first to have come does all their work.

    ``train(participants, aborted)`` does it, and gives each an outcome; ``aborted()`` tells whether to give up.
    ``n_places`` tasks can run at a time. Those who wait give ``patience`` seconds to tasks that do something else,
    or that are not added yet: after :meth:`all_added` there are no more but what tasks that end may bring. Where
    the patience is infinite, what trains together does not depend on time. ``packs`` counts who came each time.
    """

    def __init__(
        self,
        train: Callable[[Sequence[Any], Callable[[], bool]], None],
        n_places: int,
        patience: float = _PATIENCE,
    ):
        self.packs: list[int] = []
        self._train, self._n_places, self._patience = train, n_places, patience
        self._turns = Turns()
        self._changed = threading.Condition()
        self._n_queued = self._n_running = self._n_added = 0
        self._waiting: list[Participant] = []
        self._released: Future[None] = Future()  # of those who wait now
        self._last_change = 0.0
        self._aborted = False
        self._all_added = False

    def add_task(self) -> int:
        """Expect a task that will run once a place is free, and return its place in the packs."""
        with self._changed:
            self._n_queued += 1
            self._n_added += 1
            self._touch()
            return self._n_added

    @contextmanager
    def all_added(self) -> Iterator[None]:
        """Expect no more tasks, for a while, but those that follow on one that ends."""
        self._expect(all_added=True)
        try:
            yield
        finally:
            self._expect(all_added=False)

    def admit(self) -> None:
        """Wait until one more task may begin, which has a turn then."""
        self._turns.take(for_good=True)

    @contextmanager
    def running_task(self, place: int = 0, admitted: bool = False) -> Iterator[None]:
        """Run a task: what trains inside it comes here."""
        self._count(queued=-1, running=+1)
        task = Task(self, place)
        token = _TASK.set(task)
        try:
            task.has_turn = admitted or self._turns.take()
            yield
        finally:
            self._end_turn(task)
            _TASK.reset(token)
            self._count(running=-1)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Do something else for a while: the others do not wait for this task meanwhile."""
        self._count(running=-1)
        try:
            with self._out_of_reach(), self._without_turn():
                yield
        finally:
            self._count(running=+1)

    def join(self, participant: Participant) -> bool:
        """Wait until the work is done, by this thread or another; False if it must be done alone.

        What went wrong with the work is raised here, or :class:`PackAborted`.
        """
        task = _TASK.get()
        participant.place = 0 if task is None else task.place
        with self._changed:
            if self._aborted:
                raise PackAborted
            self._waiting.append(participant)
            leads, released = len(self._waiting) == 1, self._released
            self._touch()
        with self._without_turn():
            if leads:
                with set_aside():
                    self._lead(self._gather())
                released.set_result(None)
            else:
                released.result()
        spend(participant.seconds)
        return participant.outcome.result()

    @property
    def aborted(self) -> bool:
        """Whether the parallel call was given up."""
        return self._aborted

    def abort(self) -> None:
        """Give up: tasks that wait or train raise :class:`PackAborted`."""
        with self._changed:
            self._aborted = True
            self._touch()

    def _gather(self) -> list[Participant]:
        """Wait for the others, as long as it is worth it."""
        with self._changed:
            while not self._aborted:
                quiet = time.monotonic() - self._last_change
                everyone = len(self._waiting) >= self._n_running
                full = self._n_running >= self._n_places
                needed = 0.0 if self._patience == math.inf else _QUIET if self._all_added else self._patience
                settled = not self._n_queued and quiet >= needed
                if quiet >= self._patience or (everyone and (full or settled)):
                    break
                rest = (needed if everyone and not self._n_queued else self._patience) - quiet
                self._changed.wait(min(max(1e-4, rest), threading.TIMEOUT_MAX))
            pack, self._waiting = sorted(self._waiting, key=lambda each: each.place), []
            self._released = Future()
            self.packs.append(len(pack))
            return pack

    def _lead(self, pack: list[Participant]) -> None:
        """Do the work of all; they are released together, at its end."""
        with self._out_of_reach():  # what trains inside must not wait here for itself
            try:
                if self._aborted:
                    raise PackAborted
                self._train(pack, lambda: self._aborted)
            except BaseException as error:
                for each in pack:
                    each.fail(error)
        for each in pack:
            if not each.outcome.done():
                each.outcome.set_result(False)

    def _count(self, queued: int = 0, running: int = 0) -> None:
        """Change, at once, how many tasks are queued and how many run."""
        with self._changed:
            self._n_queued += queued
            self._n_running += running
            self._touch()

    def _expect(self, all_added: bool) -> None:
        with self._changed:
            self._all_added = all_added
            self._touch()

    @contextmanager
    def _out_of_reach(self) -> Iterator[None]:
        """Let what this thread's task trains go nowhere."""
        task = _TASK.get()
        if task is None:
            yield
            return
        task.rendezvous = None
        try:
            yield
        finally:
            task.rendezvous = self

    @contextmanager
    def _without_turn(self) -> Iterator[None]:
        """Wait, or do what is not the task's own: another task has its turn meanwhile."""
        task = _TASK.get()
        if task is None:
            yield
            return
        self._end_turn(task)
        try:
            yield
        finally:
            task.has_turn = self._turns.take()

    def _end_turn(self, task: Task) -> None:
        if task.has_turn:
            task.has_turn = False
            self._turns.give_back()

    def _touch(self) -> None:
        self._last_change = time.monotonic()
        self._changed.notify_all()


def current_rendezvous() -> Rendezvous | None:
    """Return where the fits of this thread meet others; None if its task trains alone."""
    task = _TASK.get()
    return None if task is None else task.rendezvous


@contextmanager
def set_aside() -> Iterator[None]:
    """Do work that belongs to other tasks too: each counts its share by :func:`spend`."""
    began = time.thread_time()
    try:
        yield
    finally:
        spend(began - time.thread_time())


def spend(seconds: float) -> None:
    """Count seconds to the task of this thread that its clock does not see; or, negative, too many."""
    task = _TASK.get()
    if task is not None:
        task.seconds += seconds


def seconds_missed() -> float:
    """Return the seconds that the clock of this thread has missed of its task."""
    task = _TASK.get()
    return 0.0 if task is None else task.seconds
