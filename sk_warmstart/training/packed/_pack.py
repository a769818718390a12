"""Many fits of one architecture, trained as one tensor program."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager

import torch

from .._random import child_seed, seeded
from ._data import PackData
from ._engines import make_engine, why_unpackable
from ._member import Losses, Member
from ._rendezvous import Job, PackAborted
from ._state import PackState

log = logging.getLogger(__name__)

# A pack holds parameters, gradients, two moments and activations; beyond this it is cut into several.
_LIMIT = 2 * 2**30


def train_together(jobs: Sequence[Job], aborted: Callable[[], bool]) -> None:
    """Train the members that can be packed in packs, and the others one by one.

    Parameters
    ----------
    jobs : sequence of Job
        With a :class:`Member` each; ``trained`` or ``error`` is set on each.
    aborted : callable
        Tells whether to give up.
    """
    groups: dict[Hashable, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.work.key(), []).append(job)
    for group in groups.values():
        size = _fitting(group[0].work, len(group))
        for first in range(0, len(group), size):
            pack = group[first : first + size]
            if len(pack) > 1:  # one alone is trained by its own thread, with the loop that is fastest for one
                try:
                    _train_pack(pack, aborted)
                except Exception as error:  # it is this pack's alone
                    for job in pack:
                        job.error = job.error or (None if job.trained else error)


def _train_pack(jobs: list[Job], aborted: Callable[[], bool]) -> None:
    first = jobs[0].work
    refusal = why_unpackable(first.network, first.criterion, first.rows.batch(slice(0, 2)))
    if refusal is not None:
        log.info("%d fits run alone: %s", len(jobs), refusal)
        return
    attending, epochs = [job for job in jobs if _advance(job, None)], 0
    while attending:
        with _shared(attending):
            pack = _Pack([job.work for job in attending], epochs)
        left: list[Job] = []
        try:
            while not left:
                if aborted():
                    raise PackAborted
                with _shared(attending):
                    losses = pack.epoch()
                epochs += 1
                left = [job for job, its in zip(attending, losses, strict=True) if not _advance(job, its)]
        finally:
            with _shared(attending):
                pack.dissolve()
        attending = [job for job in attending if job not in left]


def _advance(job: Job, losses: Losses | None) -> bool:
    """Tell a member what its epoch brought; False if it wants no further one."""
    with _shared([job]):
        try:
            job.work.course.send(losses)
        except StopIteration:
            job.trained = True
            return False
        except BaseException as error:
            job.error = error
            return False
    return True


@contextmanager
def _shared(jobs: list[Job]) -> Iterator[None]:
    """Count the time that something takes to jobs, in equal shares."""
    began = time.perf_counter()
    try:
        yield
    finally:
        share = (time.perf_counter() - began) / len(jobs)
        for job in jobs:
            job.seconds += share


class _Pack:
    """Members that train in step until one of them leaves."""

    def __init__(self, members: list[Member], first_epoch: int):
        self._state = PackState([(member.network, member.optimizer) for member in members])
        self._engine = make_engine(members, self._state)
        self._data = PackData([member.batches for member in members], ones=self._engine.ones)
        self._networks = [member.network for member in members]
        self._seed, self._epochs = members[0].forward_seed, first_epoch

    def epoch(self) -> list[Losses]:
        """Train one epoch; the losses of each member."""
        for network in self._networks:
            network.train()
        seed = None if self._seed is None else child_seed(self._seed, "forward", self._epochs)
        self._epochs += 1
        with seeded(seed):
            losses = self._engine.epoch(self._data.epoch())
        self._state.tell_optimizers()
        rows = torch.stack(losses, 1).tolist()
        return [(row[: len(sizes)], sizes) for row, sizes in zip(rows, self._data.sizes, strict=True)]

    def dissolve(self) -> None:
        """Give every member tensors of its own."""
        self._state.dissolve()


def _fitting(member: Member, n_members: int) -> int:
    """How many members fit into the memory that a pack may take."""
    numbers = sum(p.numel() for p in member.network.parameters()) * 6
    batch = member.batches.batch_size * (member.rows.X[0].numel() + 1) * 4
    each = (numbers + batch) * member.rows.X.dtype.itemsize
    return max(2, min(n_members, _LIMIT // max(1, each)))
