"""Evidence on a donor and on the rows of a phase: skill, drift, new rows, dormant units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from ...diagnostics import classifier_two_sample, dormant_fraction, population_stability
from ...modules import call, first_output, n_rows, parts_of, some_rows
from ...state import NetState
from .._context import DonorContext, PolicyContext
from .._phase import PhaseData, RowSource

_ROWS = 10_000  # more rows make no estimate better
_FEW = 30  # fewer rows allow none
_TWO_SAMPLE = 400  # rows of each side that a classifier is to tell apart


@dataclass(frozen=True)
class DonorScore:
    """How well a donor predicts rows that it has not trained on.

    ``score`` and ``trivial`` are mean scores (accuracy, or the negative squared error) of the donor and of the
    best constant prediction; ``z`` is their paired difference in standard errors and ``error`` the standard
    error of ``score``; ``loss`` and ``fresh_loss`` are mean losses of the donor and of the fresh network.
    """

    score: float
    trivial: float
    z: float
    error: float
    loss: float
    fresh_loss: float
    n_rows: int


def score_donor(previous: NetState, fresh: NetState, context: PolicyContext) -> DonorScore:
    """Score a donor on validation rows, or else on the training rows that are new to it, or on all."""
    data = context.phase_data()
    rows = _rows_to_score_on(data)
    n = min(len(rows), _ROWS)
    index = torch.linspace(0, len(rows) - 1, n).round().long()
    X, y, weight = rows.batch(index.to(_device_of(rows)))
    assert y is not None
    networks = [context.network(state) for state in (previous, fresh)]
    with torch.no_grad():
        outputs = [_output(network, X, data) for network in networks]
        loss, fresh_loss = (float(data.loss(output, y, weight)) for output in outputs)
    if data.scored_by_loss:  # what is trivial is then the fresh network
        scores, constant = np.full(n, -loss), np.full(n, -fresh_loss)
    else:
        scores = _scores(first_output(outputs[0]), y, data)
        constant = _constant_scores(y, data)
    difference = scores - constant
    error = float(difference.std(ddof=1) / math.sqrt(n)) if n > 1 else math.inf
    mean = float(difference.mean())
    z = mean / error if error > 0 else math.copysign(math.inf, mean) if mean else 0.0
    spread = float(scores.std(ddof=1) / math.sqrt(n)) if n > 1 else math.inf
    return DonorScore(float(scores.mean()), float(constant.mean()), z, spread, loss, fresh_loss, n)


def kept_skill(previous: NetState, donor: DonorContext, context: PolicyContext) -> tuple[float, float] | None:
    """Return the share of its lead over a constant prediction that a donor keeps on new rows, and its error.

    The lead, in accuracy or R2, is that on old rows, or by the validation score that the donor ended with where
    that is less. None where it had no lead, or there are too few rows to tell.
    """
    data = context.phase_data()
    sides = None if data.scored_by_loss else _old_and_new(data, _ROWS)
    if sides is None:
        return None
    network = context.network(previous)
    leads = []
    for X, y, _ in sides:
        with torch.no_grad():
            scores = _scores(first_output(_output(network, X, data)), y, data)
        constant = _constant_scores(y, data)
        unit = 1.0 if data.classifies else float(-constant.mean())
        lead = (scores - constant) / unit if unit > 0 else np.zeros(len(scores))
        leads.append((float(lead.mean()), float(lead.std(ddof=1) / math.sqrt(len(lead))), float(constant.mean())))
    (old, _, old_constant), (new, error, _) = leads
    own = donor.lineage.scoring is None  # of another scorer's unit nothing is known
    ended = donor.lineage.scores.get("valid_score") if own else None
    if ended is not None and not math.isnan(ended):
        old = min(old, ended - old_constant if data.classifies else ended)
    return None if old <= 0.01 else (new / old, error / old)


def share_of_new(data: PhaseData) -> float | None:
    """Return the share of the training rows that the donor has not seen; None where that is not known."""
    new = data.new
    return None if new is None else float(new.double().mean())


def drifted_columns(donor: DonorContext) -> tuple[list[Any], int]:
    """Return the columns that drifted by more than chance (Holm), and how many columns there are."""
    rows = None if donor.rows is None else donor.rows()
    if donor.features is None or rows is None or donor.columns_added or donor.columns_dropped:
        return [], 0
    try:
        found = population_stability(donor.features, rows)
    except ValueError:  # too few rows to tell
        return [], 0
    p_values = np.nan_to_num(np.asarray(found.p_value, dtype=float), nan=1.0)
    order = np.argsort(p_values)
    steps = p_values[order] * (len(p_values) - np.arange(len(p_values)))
    rejected = order[: int(np.argmax(np.append(steps, 1.0) > 0.01))]
    # With many rows the slightest shift is certain: a change is to matter, too.
    return sorted(int(i) for i in rejected if np.asarray(found.value)[i] > 0.1), len(p_values)


def old_from_new(data: PhaseData, generator: torch.Generator) -> float | None:
    """Return the p-value of a classifier that tells new rows from rows that the donor has seen."""
    sides = _old_and_new(data, _TWO_SAMPLE)
    if sides is None:
        return None
    old, new = (_table(side[0]) for side in sides)
    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    return float(classifier_two_sample(old, new, rng=seed).p_value)


def label_shift(data: PhaseData) -> float | None:
    """Return the p-value of equal targets in old and new rows: chi-squared, or Kolmogorov-Smirnov for numbers."""
    sides = None if data.without_targets else _old_and_new(data, _ROWS)
    if sides is None:
        return None
    old, new = (_column(side[1]) for side in sides)
    if not data.classifies:
        return float(stats.ks_2samp(old, new).pvalue)
    labels = np.unique(np.concatenate([old, new]))
    counts = np.array([[np.sum(side == label) for label in labels] for side in (old, new)])
    return 1.0 if len(labels) < 2 else float(stats.chi2_contingency(counts).pvalue)


def dormant_share(network: nn.Module, data: PhaseData) -> float:
    """Return the share of hidden units that are silent on a sample of the rows."""
    return float(dormant_fraction(network, data.sample(min(512, data.at_once or 512))[0]))


def _rows_to_score_on(data: PhaseData) -> RowSource:
    if data.valid is not None:
        return data.valid
    new = data.new
    if new is not None and int(new.sum()) >= _FEW:
        return _Subset(data.rows, new.nonzero()[:, 0])
    return data.rows


@dataclass(frozen=True)
class _Subset:
    rows: RowSource
    index: Tensor

    def __len__(self) -> int:
        return len(self.index)

    def batch(self, index: Tensor | slice) -> Any:
        chosen = self.index[index.cpu() if isinstance(index, Tensor) else index]
        return self.rows.batch(chosen.to(_device_of(self.rows)))


def _device_of(rows: RowSource) -> torch.device:
    inner = rows.rows if isinstance(rows, _Subset) else rows
    return next(parts_of(inner.batch(slice(0, 1))[0])).device


def _old_and_new(data: PhaseData, n: int) -> tuple[Any, Any] | None:
    new = data.new
    if new is None:
        return None
    sides = []
    for mask in (~new, new):
        index = mask.nonzero()[:, 0]
        if len(index) < _FEW:
            return None
        chosen = index[torch.linspace(0, len(index) - 1, min(n, len(index))).round().long()]
        sides.append(data.rows.batch(chosen.to(_device_of(data.rows))))
    return sides[0], sides[1]


def _output(network: nn.Module, X: Any, data: PhaseData) -> Any:
    """What a network puts out for rows, no more of them at a time than may be."""
    n, size = n_rows(X), data.at_once
    if size is None or n <= size:
        return call(network, X)
    pieces = (some_rows(X, slice(first, first + size)) for first in range(0, n, size))
    return torch.cat([first_output(call(network, piece)) for piece in pieces])


def _table(X: Any) -> NDArray[np.float64]:
    """All numbers of each row in a line."""
    lines = [part.reshape(len(part), -1).double() for part in parts_of(X)]
    return torch.cat(lines, 1).cpu().numpy()


def _column(y: Tensor) -> NDArray:
    return y.reshape(len(y), -1)[:, 0].cpu().numpy()


def _scores(output: Tensor, y: Tensor, data: PhaseData) -> NDArray[np.float64]:
    if not data.classifies:
        output = output if data.predict is None else data.predict(output)
        return -((output.double().reshape(y.shape) - y.double()) ** 2).flatten(1).mean(1).cpu().numpy()
    one_logit = output.numel() == len(y)
    guess = (output.reshape(-1) > 0).long() if one_logit else output.argmax(-1)
    return (guess == y.reshape(guess.shape)).double().reshape(len(y), -1).mean(1).cpu().numpy()


def _constant_scores(y: Tensor, data: PhaseData) -> NDArray[np.float64]:
    """Scores of the constant prediction that is best on a sample of the training rows."""
    sample = data.sample(_ROWS)[1]
    assert sample is not None
    if not data.classifies:
        return -((y.double() - sample.double().mean(0)) ** 2).flatten(1).mean(1).cpu().numpy()
    labels, counts = torch.unique(sample, return_counts=True)
    return (y == labels[counts.argmax()]).double().reshape(len(y), -1).mean(1).cpu().numpy()
