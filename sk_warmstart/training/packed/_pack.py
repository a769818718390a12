"""Packs: fits of one architecture, trained as one tensor program."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager

import torch

from .._random import child_seed, seeded
from ..rows._parts import row_size
from ._data import PackData
from ._engines import make_engine
from ._member import Losses, Member
from ._rendezvous import PackAborted
from ._state import PackState
from ._vmap import why_unpackable

log = logging.getLogger(__name__)

# A pack holds parameters, gradients, two moments and activations; beyond this it is cut into several.
_LIMIT = 2 * 2**30


def train_together(members: Sequence[Member], aborted: Callable[[], bool]) -> None:
    """Train members in packs of those that are alike, and give each an outcome; one alone gets none."""
    groups: dict[Hashable, list[Member]] = {}
    for member in members:
        groups.setdefault(member.key(), []).append(member)
    for group in groups.values():
        size = _fitting(group[0], len(group))
        for first in range(0, len(group), size):
            pack = group[first : first + size]
            if len(pack) > 1:  # one alone is trained by its own thread, with the loop that is fastest for one
                try:
                    _train_pack(pack, aborted)
                except Exception as error:  # it is this pack's alone
                    for member in pack:
                        member.fail(error)


def _train_pack(members: list[Member], aborted: Callable[[], bool]) -> None:
    """Train members in step, if torch can."""
    first = members[0]
    refusal = why_unpackable(first.network, first.criterion, first.rows.batch(slice(0, 2)))
    if refusal is not None:
        log.info("%d fits run alone: %s", len(members), refusal)
        return
    _train_on([member for member in members if _advance(member, None)], 0, aborted)


def _train_on(members: list[Member], n_epochs: int, aborted: Callable[[], bool]) -> None:
    """Train members that have begun; whenever some have ended, the others form a smaller pack.

    Where an epoch fails, those it fails for are looked for by halves. One that is found goes on by its own loop,
    which says what is wrong.
    """
    while members:
        with _shared(members):
            pack = Pack(members, n_epochs)
        going, failure = members, None
        try:
            while len(going) == len(members):
                if aborted():
                    raise PackAborted
                try:
                    with _shared(members):
                        losses = pack.epoch()
                except Exception as error:
                    failure = error
                    break
                n_epochs += 1
                going = [member for member, its in zip(members, losses, strict=True) if _advance(member, its)]
        finally:
            with _shared(members):
                pack.dissolve()
        if failure is not None:
            log.info("an epoch of %d fits failed, so they part ways: %r", len(members), failure)
            half = len(members) // 2
            for part in (members[:half], members[half:]):
                if len(part) > 1:
                    _train_on(part, n_epochs, aborted)
            return
        members = going


def _advance(member: Member, losses: Losses | None) -> bool:
    """Send a member what its epoch brought; False if it wants no further one."""
    with _shared([member]):
        try:
            next(member.course) if losses is None else member.course.send(losses)
        except StopIteration:
            member.outcome.set_result(True)
            return False
        except BaseException as error:
            member.fail(error)
            return False
    return True


@contextmanager
def _shared(members: Sequence[Member]) -> Iterator[None]:
    """Count the time that something takes to members, in equal shares."""
    began = time.perf_counter()
    try:
        yield
    finally:
        share = (time.perf_counter() - began) / len(members)
        for member in members:
            member.seconds += share


class Pack:
    """Members that train in step until one of them leaves."""

    def __init__(self, members: Sequence[Member], first_epoch: int):
        self._state = PackState([(member.network, member.optimizer) for member in members])
        self._engine = make_engine(members, self._state)
        self._data = PackData(
            [member.batches for member in members],
            self._state.flat.dtype,
            augmentations=[member.augmentation for member in members],
        )
        self._members, self._layers = members, [list(member.network.modules()) for member in members]
        self._seed, self._epochs = members[0].forward_seed, first_epoch

    def epoch(self) -> list[Losses]:
        """Train one epoch; the losses of each member. One that fails leaves everything as it was."""
        for layers in self._layers:
            if not all(layer.training for layer in layers):
                layers[0].train()
        undo = [self._state.copied(), *(member.drawn() for member in self._members)]
        seed = None if self._seed is None else child_seed(self._seed, "forward", self._epochs)
        self._epochs += 1
        try:
            with seeded(seed):
                losses = self._engine.epoch(self._data.epoch())
        except Exception:
            for put_back in undo:
                put_back()
            raise
        self._state.update_optimizers()
        rows = torch.stack(losses, 1).tolist()
        return [(row[: len(sizes)], sizes) for row, sizes in zip(rows, self._data.sizes, strict=True)]

    def dissolve(self) -> None:
        """Give every member tensors of its own."""
        self._state.dissolve()


def _fitting(member: Member, n_members: int) -> int:
    """How many members fit into the memory that a pack may take."""
    parameters = list(member.network.parameters())
    numbers = sum(p.numel() for p in parameters) * 6
    batch = member.batches.batch_size * (row_size(member.rows.X) + 1) * 4
    each = (numbers + batch) * parameters[0].dtype.itemsize
    return max(2, min(n_members, _LIMIT // max(1, each)))
