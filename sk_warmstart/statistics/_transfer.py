"""Transfer, forgetting and flipped predictions: how new data change what was learned before."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def average_accuracy(scores: ArrayLike) -> float:
    """Return the mean of the last phase's scores on the test rows of all phases [1]_.

    Parameters
    ----------
    scores : array-like of shape (n_phases, n_phases)
        ``R[i, j]``: score after phase i on the test rows of phase j.

    Returns
    -------
    float
        ``ACC = 1/T sum_j R[T, j]``, section 2 of the paper.

    Raises
    ------
    ValueError
        If the scores are no square.

    References
    ----------
    .. [1] Lopez-Paz and Ranzato, "Gradient Episodic Memory for Continual Learning", NeurIPS 2017.

    Examples
    --------
    >>> from sk_warmstart.statistics import average_accuracy
    >>> round(average_accuracy([[0.9, 0.5], [0.7, 0.8]]), 3)
    0.75
    """
    return float(_square(scores, 1)[-1].mean())


def backward_transfer(scores: ArrayLike) -> float:
    """Return how much later phases changed the score on the test rows of earlier ones [1]_.

    Parameters
    ----------
    scores : array-like of shape (n_phases, n_phases)
        ``R[i, j]``: score after phase i on the test rows of phase j. What is above the diagonal is not used.

    Returns
    -------
    float
        ``BWT = 1/(T-1) sum_{j<T} (R[T, j] - R[j, j])``, section 2 of the paper; below 0 where knowledge was lost.

    Raises
    ------
    ValueError
        If the scores are no square, or there is one phase only.

    References
    ----------
    .. [1] Lopez-Paz and Ranzato, "Gradient Episodic Memory for Continual Learning", NeurIPS 2017.

    Examples
    --------
    >>> from sk_warmstart.statistics import backward_transfer
    >>> round(backward_transfer([[0.9, 0.5], [0.7, 0.8]]), 3)
    -0.2
    """
    r = _square(scores, 2)
    return float((r[-1] - np.diagonal(r))[:-1].mean())


def forward_transfer(scores: ArrayLike, baseline: ArrayLike) -> float:
    """Return how much earlier phases are worth on the test rows of the next, before it is trained on [1]_.

    Parameters
    ----------
    scores : array-like of shape (n_phases, n_phases)
        ``R[i, j]``: score after phase i on the test rows of phase j.
    baseline : float or array-like of shape (n_phases,)
        Score of an untrained network on the test rows of each phase; that of the first is not used.

    Returns
    -------
    float
        ``FWT = 1/(T-1) sum_{j>1} (R[j-1, j] - b[j])``, section 2 of the paper.

    Raises
    ------
    ValueError
        If the scores are no square, there is one phase only, or the baseline is of another length.

    References
    ----------
    .. [1] Lopez-Paz and Ranzato, "Gradient Episodic Memory for Continual Learning", NeurIPS 2017.

    Examples
    --------
    >>> from sk_warmstart.statistics import forward_transfer
    >>> round(forward_transfer([[0.9, 0.5], [0.7, 0.8]], baseline=0.1), 3)
    0.4
    """
    r, b = _square(scores, 2), np.asarray(baseline, dtype=float)
    if b.ndim and b.shape != (len(r),):
        raise ValueError(f"baseline must be one number or one for each of the {len(r)} phases, got {b.shape}")
    return float((np.diagonal(r, offset=1) - (b[1:] if b.ndim else b)).mean())


def forgetting(scores: ArrayLike) -> float:
    """Return how far the scores on earlier test rows are below the best that they ever were [1]_.

    Parameters
    ----------
    scores : array-like of shape (n_phases, n_phases)
        ``R[i, j]``: score after phase i on the test rows of phase j; NaN where that was not measured, such as
        above the diagonal.

    Returns
    -------
    float
        ``F = 1/(T-1) sum_{j<T} (max_{l<T} R[l, j] - R[T, j])``, the measure of forgetting.

    Raises
    ------
    ValueError
        If the scores are no square, there is one phase only, or a column has no score before the last.

    References
    ----------
    .. [1] Chaudhry, Dokania, Ajanthan and Torr, "Riemannian Walk for Incremental Learning: Understanding
       Forgetting and Intransigence", ECCV 2018.

    Examples
    --------
    >>> from sk_warmstart.statistics import forgetting
    >>> round(forgetting([[0.9, 0.5], [0.7, 0.8]]), 3)
    0.2
    """
    r = _square(scores, 2)
    before = r[:-1, :-1]
    if np.isnan(before).all(axis=0).any():
        raise ValueError("scores must have at least one number above the last in each column but the last")
    return float((np.nanmax(before, axis=0) - r[-1, :-1]).mean())


def negative_flip_rate(y_true: ArrayLike, before: ArrayLike, after: ArrayLike) -> float:
    """Return the share of rows that were right before and are wrong after [1]_.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        The labels.
    before, after : array-like of shape (n_samples,)
        Predictions of the donor and of its successor.

    Returns
    -------
    float
        ``NFR = 1/N sum_i 1(before_i = y_i, after_i != y_i)``.

    Raises
    ------
    ValueError
        If lengths differ or are 0.

    References
    ----------
    .. [1] Yan, Xiong, Kundu, Yang, Deng, Wang, Xia and Soatto, "Positive-Congruent Training: Towards
       Regression-Free Model Updates", CVPR 2021.

    Examples
    --------
    >>> from sk_warmstart.statistics import negative_flip_rate
    >>> negative_flip_rate([0, 0, 1, 1], before=[0, 0, 1, 0], after=[0, 1, 1, 1])
    0.25
    """
    was, now = _right(y_true, before, after)
    return float((was & ~now).mean())


def positive_flip_rate(y_true: ArrayLike, before: ArrayLike, after: ArrayLike) -> float:
    """Return the share of rows that were wrong before and are right after [1]_.

    Less :func:`negative_flip_rate` it is the gain in accuracy.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        The labels.
    before, after : array-like of shape (n_samples,)
        Predictions of the donor and of its successor.

    Returns
    -------
    float
        ``PFR = 1/N sum_i 1(before_i != y_i, after_i = y_i)``.

    Raises
    ------
    ValueError
        If lengths differ or are 0.

    References
    ----------
    .. [1] Yan, Xiong, Kundu, Yang, Deng, Wang, Xia and Soatto, "Positive-Congruent Training: Towards
       Regression-Free Model Updates", CVPR 2021.

    Examples
    --------
    >>> from sk_warmstart.statistics import positive_flip_rate
    >>> positive_flip_rate([0, 0, 1, 1], before=[0, 0, 1, 0], after=[0, 1, 1, 1])
    0.25
    """
    was, now = _right(y_true, before, after)
    return float((~was & now).mean())


def retained_accuracy(y_true: ArrayLike, before: ArrayLike, after: ArrayLike) -> float:
    """Return the share of the rows that were right before that still are.

    It is ``1 - NFR / accuracy before``, with :func:`negative_flip_rate` for NFR. The name also stands for the
    accuracy on the previous data during training, which needs no predictions from before.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        The labels.
    before, after : array-like of shape (n_samples,)
        Predictions of the donor and of its successor.

    Returns
    -------
    float
        The share; NaN where no row was right before.

    Raises
    ------
    ValueError
        If lengths differ or are 0.

    Examples
    --------
    >>> from sk_warmstart.statistics import retained_accuracy
    >>> round(retained_accuracy([0, 0, 1, 1], before=[0, 0, 1, 0], after=[0, 1, 1, 1]), 3)
    0.667
    """
    was, now = _right(y_true, before, after)
    return float(now[was].mean()) if was.any() else float("nan")


def average_incremental_accuracy(accuracies: ArrayLike) -> float:
    """Return the mean over the phases of the accuracy on the classes seen by then [1]_.

    Parameters
    ----------
    accuracies : array-like of shape (n_phases,)
        Accuracy after each phase on the test rows of the classes that had arrived by then. A prediction may be
        any class: taking a class for one that is yet to come is a mistake.

    Returns
    -------
    float
        The mean.

    Raises
    ------
    ValueError
        If there are none.

    References
    ----------
    .. [1] Rebuffi, Kolesnikov, Sperl and Lampert, "iCaRL: Incremental Classifier and Representation
       Learning", CVPR 2017.

    Examples
    --------
    >>> from sk_warmstart.statistics import average_incremental_accuracy
    >>> average_incremental_accuracy([1.0, 0.75, 0.5])
    0.75
    """
    values = np.asarray(accuracies, dtype=float)
    if values.ndim != 1 or not values.size:
        raise ValueError("accuracies must be a list of numbers, one for each phase")
    return float(values.mean())


def _square(scores: ArrayLike, least: int) -> NDArray[np.float64]:
    r = np.asarray(scores, dtype=float)
    if r.ndim != 2 or r.shape[0] != r.shape[1]:
        raise ValueError(f"scores must have one row and one column for each phase, got the shape {r.shape}")
    if len(r) < least:
        raise ValueError(f"scores must be those of at least {least} {'phase' if least == 1 else 'phases'}")
    return r


def _right(y_true: Any, *predictions: Any) -> list[NDArray[np.bool_]]:
    """Return for each list of predictions which are right."""
    y = np.asarray(y_true)
    if y.ndim != 1 or not y.size:
        raise ValueError("y_true must be a list of labels, and at least one")
    lengths = [np.shape(prediction) for prediction in predictions]
    if set(lengths) != {y.shape}:
        raise ValueError(f"there are {len(y)} labels, but predictions have the shape {lengths}")
    return [np.asarray(np.asarray(prediction) == y, dtype=bool) for prediction in predictions]
