"""Race of the starts of one fit, trained for a while on its own rows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from skorch.history import History

from ...policies import CandidateScores
from ...state import NetState
from ...training import RandomStreams, Rows, child_seed, is_overridden, run_together, shaped_like
from .._learned import Learned
from .._protocol import WarmStartNet
from ..input._samples import Sample
from ..input._targets import targets_of
from ._evaluation import evaluate, outputs_of, own_losses_of
from ._run import Run, running

_HELD_OUT = 0.2  # of the rows, where the fit itself holds none out
_ENOUGH = 30  # unseen rows that are worth preferring to seen ones


class FitRace:
    """Candidates that train on the rows of a fit that is about to begin.

    Each has a network and an optimiser of its own, and no callbacks. All visit the rows in the same order. The
    net, freshly drawn, is not changed.
    """

    def __init__(
        self,
        net: WarmStartNet,
        learned: Learned,
        train: Rows,
        valid: Rows | None,
        starts: Mapping[str, NetState],
        new: torch.Tensor | None,
        seed: int,
    ):
        if valid is None:
            train, valid = _held_out(train, new)
        self._valid = valid
        self._racers = {name: _Racer(net, learned, state, train, seed) for name, state in starts.items()}

    def run(self, names: Sequence[str], n_epochs: int) -> dict[str, CandidateScores]:
        """Train some of them further; as a ``Race`` of the policies does."""
        found = run_together([partial(self._train, self._racers[name], n_epochs) for name in names])
        return {name: scores for name, scores in zip(names, found, strict=True) if scores is not None}

    def _train(self, racer: _Racer, n_epochs: int) -> CandidateScores | None:
        try:
            scores = racer.train(n_epochs, self._valid)
        except (ValueError, RuntimeError, FloatingPointError):
            return None  # it diverged, or cannot be trained: that is what a race is to find out
        return scores if bool(torch.isfinite(scores.losses).all()) else None


def scores_of(net: WarmStartNet, rows: Rows) -> CandidateScores:
    """Return score and loss of each row, in double precision, on the CPU."""
    assert rows.y is not None
    if targets_of(net).absent:
        losses = own_losses_of(net, rows)
        return CandidateScores(-losses, losses)
    output = outputs_of(net, rows)
    losses = _losses(net, output, rows).double().cpu()
    scores = targets_of(net).score_rows(net, rows.y.to(output.device), output, losses)
    return CandidateScores(scores.double().cpu(), losses)


def racing(
    net: WarmStartNet,
    learned: Learned,
    train: Rows | Sample | None,
    valid: Rows | Sample | None,
    new: Callable[[], torch.Tensor | None],
    seed: int,
) -> Callable[[Mapping[str, NetState]], FitRace] | None:
    """Return how the starts of a fit race, of a dataset on a sample of it, if its rows are known."""
    if train is None or (isinstance(train, Rows) and train.y is None):
        return None

    def race(starts: Mapping[str, NetState]) -> FitRace:
        rows, held_out = (side.rows if isinstance(side, Sample) else side for side in (train, valid))
        assert rows is not None
        return FitRace(net, learned, rows, held_out, starts, new(), child_seed(seed, "race"))

    return race


class _Racer:
    """A net that shares everything with the first one but what training changes."""

    def __init__(self, net: WarmStartNet, learned: Learned, state: NetState, train: Rows, seed: int):
        self.net: WarmStartNet = object.__new__(type(net))
        vars(self.net).update(vars(net))
        vars(self.net).update(
            module_=copy.deepcopy(net.module_),
            criterion_=copy.deepcopy(net.criterion_),
            callbacks_=[],
            history_=History(),
            train_split=None,
            verbose=0,
        )
        learned = replace(learned, streams=RandomStreams(seed), seed=seed, start=None)
        self._run = Run(learned, train=train, continues=True)
        state.load_into(self.net._network())
        self.net.initialize_optimizer()

    def train(self, n_epochs: int, valid: Rows) -> CandidateScores:
        """Train further, and judge."""
        with running(self.net, self._run):
            self.net.fit_loop(self._run.train, None, epochs=n_epochs)
            return scores_of(self.net, valid)


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


def _losses(net: WarmStartNet, output: torch.Tensor, rows: Rows) -> torch.Tensor:
    """The loss of each row; where nobody knows what it makes of one row, everybody's mean."""
    criterion, y = net.criterion_, rows.y
    kept = getattr(criterion, "reduction", None)
    if kept is None or is_overridden(net, "get_loss"):
        return torch.full((len(rows),), evaluate(net, rows)[0], dtype=torch.float64)
    criterion.reduction = "none"
    try:
        losses = net.get_loss(output, shaped_like(y, output, criterion), training=False).detach()
    finally:
        criterion.reduction = kept
    return losses.flatten(1).mean(1) if losses.ndim > 1 else losses
