"""Scores of labels as functions of confusion matrices, true by predicted, for stacks of them at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def counts_per_label(matrices: Floats) -> tuple[Floats, Floats, Floats]:
    """Return for each label how often it was right, how often it is true and how often predicted."""
    return np.diagonal(matrices, axis1=1, axis2=2), matrices.sum(axis=2), matrices.sum(axis=1)


def averaged_score(matrices: Floats, kind: str, average: str, beta: float = 1.0, positive: int = 1) -> Floats:
    """Return precision, recall, F-beta or the Jaccard index (``kind``), averaged over labels as in scikit-learn.

    NaN where it is not defined and that of the first matrix is.
    """
    right, true, predicted = counts_per_label(matrices)
    present = true + predicted > 0
    if average == "binary":
        right, true, predicted = (values[:, [positive]] for values in (right, true, predicted))
        present = np.ones_like(true, dtype=bool)
    elif average == "micro":
        right, true, predicted = (values.sum(axis=1, keepdims=True) for values in (right, true, predicted))
        present = np.ones_like(true, dtype=bool)
    above, below = {
        "precision": lambda: (right, predicted),
        "recall": lambda: (right, true),
        "f": lambda: ((1 + beta**2) * right, beta**2 * true + predicted),
        "jaccard": lambda: (right, true + predicted - right),
    }[kind]()
    undefined = (present & (below == 0)).any(axis=1)
    scores = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    weights = true if average == "weighted" else present.astype(np.float64)
    averaged = (weights * scores).sum(axis=1) / weights.sum(axis=1)
    return np.where(undefined & ~undefined[0], np.nan, averaged)


def balanced_accuracy(matrices: Floats) -> Floats:
    """Return the mean recall of the labels that are there."""
    right, true, _ = counts_per_label(matrices)
    there = true > 0
    recall = np.divide(right, true, out=np.zeros_like(right), where=there)
    return recall.sum(axis=1) / there.sum(axis=1)


def matthews_correlation(matrices: Floats) -> Floats:
    """Return Matthews' correlation coefficient; 0 where there is one label only."""
    right, true, predicted = counts_per_label(matrices)
    n = true.sum(axis=1)
    above = right.sum(axis=1) * n - (true * predicted).sum(axis=1)
    below = (n**2 - (predicted**2).sum(axis=1)) * (n**2 - (true**2).sum(axis=1))
    return np.divide(above, np.sqrt(below), out=np.zeros_like(above), where=below > 0)
