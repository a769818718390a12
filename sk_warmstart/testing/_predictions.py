"""Predictions of a fitted estimator, and comparisons of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from ._errors import refusal_fails


def predictions(fitted: Any, X: NDArray) -> list[NDArray]:
    """Return what the estimator predicts: probabilities or decisions where it has them, and predictions last."""
    outputs = []
    for method in ("predict_proba", "decision_function"):
        if is_classifier(fitted) and hasattr(fitted, method):
            outputs.append(np.array(getattr(fitted, method)(X)))
            break
    return [*outputs, np.array(fitted.predict(X))]


def n_scores(fitted: Any, X: NDArray) -> int | None:
    """Return the number of columns of probabilities; None where there are none."""
    scores = predictions(fitted, X)[0]
    return scores.shape[1] if scores.ndim == 2 else None


def largest_gap(before: list[NDArray], after: list[NDArray]) -> float:
    """Return the largest difference; infinite where they cannot be compared."""
    gap, labels_differ = 0.0, False
    for old, new in zip(before, after, strict=True):
        if old.shape != new.shape:
            return float("inf")
        if old.dtype.kind != "f" or new.dtype.kind != "f":
            labels_differ |= not np.array_equal(old, new)
        elif not np.array_equal(old, new, equal_nan=True):
            largest = float(np.max(np.abs(old.astype(float) - new.astype(float))))
            gap = max(gap, largest if np.isfinite(largest) else float("inf"))
    return float("inf") if labels_differ and gap == 0 else gap


def assert_same(before: list[NDArray], after: list[NDArray], what: str, tolerance: float = 0.0) -> None:
    """Fail if predictions differ by more than the tolerance, and say by how much."""
    gap = largest_gap(before, after)
    if gap <= tolerance:
        return
    shapes = [each.shape for each in before], [each.shape for each in after]
    if shapes[0] != shapes[1]:
        raise AssertionError(f"{what} changes the shape of predictions from {shapes[0]} to {shapes[1]}")
    by = f"by up to {gap:.3g}" if np.isfinite(gap) else "beyond comparison"
    allowed = f" (allowed: {tolerance:g})" if tolerance else ""
    moved = float(np.mean(np.any(np.reshape(before[0] != after[0], (len(before[0]), -1)), axis=1)))
    raise AssertionError(f"{what} changes predictions of {moved:.0%} of the rows, {by}{allowed}")


def assert_kept(before: list[NDArray], fitted: Any, X: NDArray, what: str) -> None:
    """Fail if, after a refusal, predictions are not what they were."""
    with refusal_fails(f"{what} was refused, and then predict"):
        after = predictions(fitted, X)
    assert_same(before, after, f"{what} was refused, which")
