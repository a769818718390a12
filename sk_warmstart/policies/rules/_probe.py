"""Linear models of features, as the weights and bias of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_expit, log_softmax, logsumexp
from sklearn.linear_model import LogisticRegression, Ridge

_CHOICE_ROWS = 20_000


@dataclass(frozen=True)
class Sample:
    """Features with targets.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_features)
        What the head is given.
    targets : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Codes of classes, or numbers.
    weights : ndarray of shape (n_samples,)
        Positive, with mean 1.
    n_outputs : int
        Outputs of the head.
    """

    features: NDArray
    targets: NDArray
    weights: NDArray
    n_outputs: int

    def take(self, index: NDArray) -> Sample:
        """Return some of the rows."""
        return replace(
            self, features=self.features[index], targets=self.targets[index], weights=self.weights[index]
        )


class Fit(Protocol):
    """From rows and an inverse strength to the weight and bias of a head."""

    def __call__(self, sample: Sample, C: float, biased: bool, max_iter: int) -> tuple[NDArray, NDArray]: ...


@dataclass(frozen=True)
class Choice:
    """The strength that was chosen, and its score on held-out rows."""

    C: float
    score: float


def fit_classes(sample: Sample, C: float, biased: bool, max_iter: int) -> tuple[NDArray, NDArray]:
    """Fit a logistic regression.

    Parameters
    ----------
    sample : Sample
        The rows, with codes of classes.
    C : float
        Inverse strength of the regularisation.
    biased : bool
        Whether the head has a bias.
    max_iter : int
        Limit of the iterations.

    Returns
    -------
    weight, bias : ndarray
        Of shapes (n_outputs, n_features) and (n_outputs,).
    """
    n, d = sample.features.shape
    n_classes = max(2, sample.n_outputs)
    present = np.unique(sample.targets)
    weight, bias = np.zeros((n_classes, d)), np.zeros(n_classes)
    if len(present) > 1:
        Z, mean, scale = _standardised(sample, biased)
        model = LogisticRegression(C=C, fit_intercept=biased, max_iter=max_iter)
        model.fit(Z, sample.targets, sample_weight=sample.weights)
        coef, intercept = model.coef_, np.broadcast_to(model.intercept_, len(model.coef_))
        if len(present) == 2:
            coef, intercept = np.vstack([-coef, coef]) / 2, np.concatenate([-intercept, intercept]) / 2
        weight[present] = coef / scale
        bias[present] = intercept - weight[present] @ mean
    absent = np.setdiff1d(np.arange(n_classes), present)
    if biased and len(absent):
        # No more than one row's worth of probability for all of them, on any row.
        evidence = logsumexp(sample.features @ weight[present].T + bias[present], axis=1)
        bias[absent] = evidence.min() - np.log(n * len(absent))
    if sample.n_outputs == 1:
        weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
    return weight, bias


def fit_numbers(sample: Sample, C: float, biased: bool, max_iter: int) -> tuple[NDArray, NDArray]:
    """Fit a ridge regression; parameters and returns as for :func:`fit_classes`."""
    Z, mean, scale = _standardised(sample, biased)
    model = Ridge(alpha=1 / (2 * C), fit_intercept=biased)
    model.fit(Z, sample.targets, sample_weight=sample.weights)
    weight = np.atleast_2d(model.coef_) / scale
    return weight, np.broadcast_to(model.intercept_, len(weight)) - weight @ mean


def choose(
    fit: Fit,
    train: Sample,
    valid: Sample | None,
    Cs: Sequence[float],
    folds: int,
    generator: torch.Generator,
    biased: bool,
    max_iter: int,
) -> Choice:
    """Choose an inverse strength by rows that were not fitted.

    Parameters
    ----------
    fit : callable
        :func:`fit_classes` or :func:`fit_numbers`.
    train, valid : Sample
        The rows; without validation rows the training rows are cross-validated.
    Cs : sequence of float
        What there is to choose from; of equally good ones the first.
    folds : int
        Number of folds.
    generator : torch.Generator
        Draws the folds.
    biased, max_iter : bool, int
        As for :func:`fit_classes`.

    Returns
    -------
    Choice
        The best.
    """
    losses, scores = np.zeros(len(Cs)), np.zeros(len(Cs))
    n, n_held = len(train.features), 0
    for part, held in _splits(fit, train, valid, folds, generator):
        for i, C in enumerate(Cs):
            # As strong, beside the mean loss, as it is going to be on all rows.
            weight, bias = fit(part, C * n / len(part.features), biased, max_iter)
            loss, score = _judge(fit, held, held.features @ weight.T + bias)
            losses[i] += loss * len(held.features)
            scores[i] += score * len(held.features)
        n_held += len(held.features)
    best = int(losses.argmin())
    # Rounding must not lift a perfect score above 1.
    return Choice(float(Cs[best]), min(1.0, float(scores[best] / n_held)))


def _splits(
    fit: Fit, train: Sample, valid: Sample | None, folds: int, generator: torch.Generator
) -> list[tuple[Sample, Sample]]:
    n = len(train.features)
    order = torch.randperm(n, generator=generator).numpy()[:_CHOICE_ROWS]
    if valid is not None:
        return [(train if n <= _CHOICE_ROWS else train.take(order), valid)]
    if n == 1:
        return [(train, train)]
    if fit is fit_classes:
        # Dealt out class by class: every fold sees the same share of each, however rare it is.
        order = order[np.argsort(train.targets[order], kind="stable")]
    dealt = np.arange(len(order)) % min(folds, len(order))
    return [(train.take(order[dealt != k]), train.take(order[dealt == k])) for k in range(dealt.max() + 1)]


def _judge(fit: Fit, held: Sample, output: NDArray) -> tuple[float, float]:
    """Mean loss and score of outputs."""
    w = held.weights / held.weights.sum()
    if fit is fit_numbers:
        error = w @ (held.targets - output) ** 2
        spread = w @ (held.targets - w @ held.targets) ** 2
        # Columns in different units count alike.
        r2 = 1 - error / np.where(spread > 0, spread, 1)
        return float(-r2.mean()), float(r2.mean())
    if held.n_outputs == 1:
        signs = np.where(held.targets == 1, 1, -1)
        margin = signs * output[:, 0]
        return float(-(w @ log_expit(margin))), float(w @ ((output[:, 0] > 0) == (held.targets == 1)))
    log_p = log_softmax(output, axis=1)[np.arange(len(output)), held.targets]
    return float(-(w @ log_p)), float(w @ (output.argmax(1) == held.targets))


def _standardised(sample: Sample, biased: bool) -> tuple[NDArray, NDArray, NDArray]:
    """Features with weighted mean 0 (where a bias can take it up) and spread 1, and what undoes it."""
    F, w = sample.features, sample.weights / sample.weights.sum()
    mean = w @ F
    spread = np.sqrt(w @ (F - mean) ** 2)
    # A feature that does not vary, but for rounding, tells nothing.
    constant = spread <= 1e-10 * np.abs(F).max(axis=0, initial=0)
    if not biased:
        mean = np.zeros_like(mean)
        spread, constant = np.sqrt(w @ F**2), (F == 0).all(axis=0)
    scale = np.where(constant, np.inf, np.where(spread > 0, spread, 1.0))
    return (F - mean) / scale, mean, scale
