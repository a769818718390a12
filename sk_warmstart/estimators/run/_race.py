"""Let starts of one fit train side by side for a while, on its own rows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from skorch.history import History

from ...policies import CandidateScores
from ...state import NetState
from ...training import RandomStreams, Rows, child_seed, is_own, run_together, shaped_like
from ..input._targets import targets_of
from ._run import Session

_HELD_OUT = 0.2  # of the rows, where the fit itself holds none out
_ENOUGH = 30  # unseen rows that are worth preferring to seen ones


class FitRace:
    """Candidates that train on the rows of a fit that is about to begin.

    Each has a network and an optimiser of its own, and no callbacks: nobody hears of a race. All visit the rows
    in the same order.

    Parameters
    ----------
    net : WarmStartMixin
        The net, freshly drawn, its rows on the device; not changed.
    starts : mapping of str to NetState
        Where each candidate starts.
    new : Tensor of bool or None
        Which training rows no donor has seen.
    seed : int
        Seed of the order of the rows, and of what networks draw.
    """

    def __init__(self, net: Any, starts: Mapping[str, NetState], new: torch.Tensor | None, seed: int):
        session = net.session_
        if session.valid is not None:
            train, self._valid = session.train, session.valid
        else:
            train, self._valid = _held_out(session.train, new)
        self._racers = {name: _racer(net, state, train, seed) for name, state in starts.items()}

    def run(self, names: Sequence[str], n_epochs: int) -> dict[str, CandidateScores]:
        """Train some of them further; see :class:`sk_warmstart.policies.Race`."""
        found = run_together([partial(self._go, self._racers[name], n_epochs) for name in names])
        return {name: merit for name, merit in zip(names, found, strict=True) if merit is not None}

    def _go(self, racer: Any, epochs: int) -> CandidateScores | None:
        session = racer.session_
        train = session.train
        try:
            racer.fit_loop(train, None, epochs=epochs)
            merit = merit_of(racer, self._valid)
        except (ValueError, RuntimeError, FloatingPointError):
            return None  # it diverged, or cannot be trained: that is what a race is to find out
        return merit if bool(torch.isfinite(merit.losses).all()) else None


def merit_of(net: Any, rows: Rows) -> CandidateScores:
    """Return score and loss of each row.

    Parameters
    ----------
    net : WarmStartMixin
        The net.
    rows : Rows
        The rows.

    Returns
    -------
    CandidateScores
        In double precision, on the CPU.
    """
    assert rows.y is not None
    output = net._outputs_of(rows)
    losses = _losses(net, output, rows).double().cpu()
    return CandidateScores(targets_of(net).score_rows(net, rows.y, output).double().cpu(), losses)


def racing(
    net: Any, new: Callable[[], torch.Tensor | None], seed: int
) -> Callable[[Mapping[str, NetState]], FitRace] | None:
    """Return how the starts of a fit race, if its rows are known as tensors."""
    if net.session_.train is None or net.session_.train.y is None:
        return None
    return lambda starts: FitRace(net, starts, new(), child_seed(seed, "race"))


def _racer(net: Any, state: NetState, train: Rows, seed: int) -> Any:
    """A net that shares everything with the first one but what training changes."""
    racer = object.__new__(type(net))
    racer.__dict__.update(net.__dict__)
    racer.__dict__.update(
        module_=copy.deepcopy(net.module_),
        criterion_=copy.deepcopy(net.criterion_),
        callbacks_=[],
        history_=History(),
        train_split=None,
        verbose=0,
        session_=Session(RandomStreams(seed), warm=True, train=train, began=True, seed=seed),
    )
    state.load_into(racer._network())
    racer.initialize_optimizer()
    return racer


def _held_out(rows: Rows, new: torch.Tensor | None) -> tuple[Rows, Rows]:
    n = len(rows)
    n_valid = max(1, round(n * _HELD_OUT))
    pool = np.arange(n)
    if new is not None and int(new.sum()) >= 2 * _ENOUGH:
        pool = np.flatnonzero(new.numpy())
        n_valid = min(n_valid, len(pool) // 2)
    mask = np.zeros(n, dtype=bool)
    mask[pool[np.linspace(0, len(pool) - 1, n_valid).round().astype(int)]] = True
    if mask.all():
        raise ValueError(f"a race needs rows to train on and rows to judge by; there are {n}")
    chosen = torch.from_numpy(mask)
    return rows.take(~chosen), rows.take(chosen)


def _losses(net: Any, output: torch.Tensor, rows: Rows) -> torch.Tensor:
    """The loss of each row; where nobody knows what it makes of one row, everybody's mean."""
    criterion, y = net.criterion_, rows.y
    kept = getattr(criterion, "reduction", None)
    if kept is None or is_own(net, "get_loss"):
        return torch.full((len(rows),), net._evaluate(rows)[0], dtype=torch.float64)
    criterion.reduction = "none"
    try:
        losses = net.get_loss(output, shaped_like(y, output, criterion), training=False).detach()
    finally:
        criterion.reduction = kept
    return losses.flatten(1).mean(1) if losses.ndim > 1 else losses
